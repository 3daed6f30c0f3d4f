"""The encoder-decoder of docs/math/seq2seq.md in plain differentiable PyTorch, written from the equations: one sequence
after the other, one step after the other, nothing batched.

    E steps of source, then the answers; x [T] ids or [T,I] values; h, c, z [H]; states [E,H]; y [T,O]

Must not know: the C code's structure, the program.
"""

import math

import torch

GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def parameter_shapes(config, shape):
    """The table of tensors: shape by name, in order."""
    H, A, I, O = config["hidden"], config["attention_width"] or config["hidden"], shape["I"], shape["O"]
    rows = GATES[config["cell"]] * H
    table = {}
    for side in ("encoder", "decoder"):
        table[f"{side}.weight_ih_l0"] = (rows, I)
        table[f"{side}.weight_hh_l0"] = (rows, H)
        table[f"{side}.bias_ih_l0"] = (rows,)
        table[f"{side}.bias_hh_l0"] = (rows,)
    table["decoder.weight_answer"] = (rows, O)
    if config["decoder_attention"]:
        table["decoder.weight_context"] = (rows, H)
        if config["score"] == "release2019":
            table["attention.w"] = (2 * H,)
        else:
            table["attention.W1"] = (H, A)
            table["attention.W2"] = (H, A)
        if config["score"] == "mlp":
            table["attention.w3"] = (A,)
    table["V1"] = (H, O)
    if config["decoder_attention"]:
        table["V2"] = (H, O)
    table["b"] = (O,)
    return table


def cell_step(cell, gates_x, gates_h, h, c):
    """(h, c) from gates_x = W x + b_ih and gates_h = U h + b_hh."""
    if cell == "rnn":
        return torch.tanh(gates_x + gates_h), c
    if cell == "lstm":
        i, f, g, o = (gates_x + gates_h).chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
    (xr, xz, xn), (hr, hz, hn) = gates_x.chunk(3), gates_h.chunk(3)
    r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
    return (1 - z) * torch.tanh(xn + r * hn) + z * h, c


def scores(kind, parameters, states, h, limit):
    """([E] scores of the states for the decoder's state h, [E] the sums of the sizes of their terms). Keys and queries
    of the mlp score are clipped to the limit."""
    if kind == "release2019":
        both = torch.cat([h.expand_as(states), states], dim=1)
        return torch.tanh(both) @ parameters["attention.w"], parameters["attention.w"].abs().sum().expand(len(states))
    keys, query = states @ parameters["attention.W1"], h @ parameters["attention.W2"]
    if kind == "dot":
        return (keys * query).sum(1) / math.sqrt(len(query)), (keys * query).abs().sum(1) / math.sqrt(len(query))
    keys, query = torch.clamp(keys, -limit, limit), torch.clamp(query, -limit, limit)
    return (torch.tanh(keys + query) @ parameters["attention.w3"],
            parameters["attention.w3"].abs().sum().expand(len(states)))


def source_steps(scored, length):
    """Steps before the first scored one."""
    for t in range(length):
        if scored[t]:
            return t
    return length


def sequence(config, parameters, x, labels, weight, scored, length, fed, diagnostics, error):
    """Outputs [length,O] of one sequence. fed: "labels", or "own" answers."""
    cell, H = config["cell"], config["hidden"]
    one_hot = torch.eye(parameters["decoder.weight_ih_l0"].shape[1], dtype=parameters["b"].dtype)
    h, c = parameters["b"].new_zeros(H), parameters["b"].new_zeros(H)
    source, states, outputs = source_steps(scored, length), [], []
    for t in range(length):
        side = "encoder" if t < source else "decoder"
        inputs = x[t] if x.dim() == 2 else one_hot[x[t]]
        gates_x = parameters[f"{side}.weight_ih_l0"] @ inputs + parameters[f"{side}.bias_ih_l0"]
        context = None
        if side == "decoder":
            if t > source and weight[t - 1] > 0:
                answer = int(labels[t - 1])
                if fed == "own":
                    ranked = torch.sort(outputs[-1].detach(), descending=True).values
                    if len(ranked) > 1:
                        diagnostics.margin = min(diagnostics.margin, float(ranked[0] - ranked[1]))
                    answer = int(outputs[-1].argmax())
                gates_x = gates_x + parameters["decoder.weight_answer"][:, answer]
            if config["decoder_attention"]:
                context = torch.zeros_like(h)
                if states:
                    a, size = scores(config["score"], parameters, torch.stack(states), h, config["key_limit"])
                    if error is not None:
                        a = a + error(size.detach())
                    alpha = torch.softmax(a, dim=0)
                    context = alpha @ torch.stack(states)
                    diagnostics.reads.append((0, t + 1, a.detach(), alpha.detach()))
                gates_x = gates_x + parameters["decoder.weight_context"] @ context
        gates_h = parameters[f"{side}.weight_hh_l0"] @ h + parameters[f"{side}.bias_hh_l0"]
        h, c = cell_step(cell, gates_x, gates_h, h, c)
        y = h @ parameters["V1"] + parameters["b"]
        if context is not None:
            y = y + context @ parameters["V2"]
        if side == "encoder":
            states.append(h)
        outputs.append(y)
    return torch.stack(outputs)


def forward(config, parameters, x, labels, weight, scored, lengths, fed, diagnostics, error=None):
    """outputs [T,B,O], 0 past the ends."""
    T, B = weight.shape
    outputs = []
    for b in range(B):
        y = sequence(config, parameters, x[:, b], labels[:, b], weight[:, b], scored[:, b], int(lengths[b]), fed,
                     diagnostics, error)
        outputs.append(torch.cat([y, y.new_zeros(T - len(y), y.shape[1])]))
    return torch.stack(outputs, dim=1)
