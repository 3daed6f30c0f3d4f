"""The model of DESIGN section 2 in plain differentiable PyTorch: what the C library is compared with.

Written from the equations and include/sab.h, never from the C code. A whole-sequence forward pass builds the graph,
cut by detach() at exactly the places docs/math/credit.md lists; loss.backward() does the rest. Slow and plain on
purpose: nothing here is cached, fused or reused between steps.

    T steps, B sequences, I inputs, H hidden, A attention width, O outputs, N memories, K = k_top
    tensors: x [T,B] ids or [T,B,I] values; hh, h, c, s, m [B,H]; memory [B,N,H]; a, alpha [B,N]; y [T,B,O]

Must not know: the C code's structure, the program, files: those are problems.py's.
"""

import math

import numpy as np
import torch

import seq2seq_oracle
import transformer_oracle

GATES = {"lstm": 4, "gru": 3, "rnn": 1}


# ---- the shape of a model -----------------------------------------------------------------------------------------

def resolve(config, T):
    """The configuration with its credit preset spelled out: k_top, k_trunc, forward, backward."""
    config = dict(config)
    credit = config["credit"]
    if credit in ("tbptt", "bptt"):
        config["k_top"] = 0
    if credit in ("bptt", "attention"):
        config["k_trunc"] = T
    if credit == "attention":
        config["forward"] = config["backward"] = "dense"
    if config["k_top"] == 0:
        config["forward"] = config["backward"] = "sparse"
    if config["backward"] == "dense" and config["forward"] != "dense":
        raise ValueError("backward dense needs forward dense")
    return config


def has_readout(config):
    return config.get("readout", True)


def parameter_shapes(config, shape):
    """The table of tensors: shape by name, in order."""
    if config.get("model") == "seq2seq":
        return seq2seq_oracle.parameter_shapes(config, shape)
    if config.get("model") == "transformer":
        return transformer_oracle.parameter_shapes(config, shape)
    config = resolve(config, 1)
    H, A, I, O = config["hidden"], config["attention_width"] or config["hidden"], shape["I"], shape["O"]
    rows = GATES[config["cell"]] * H
    table = {}
    for layer in range(config["layers"]):
        table[f"weight_ih_l{layer}"] = (rows, I if layer == 0 else H)
        table[f"weight_hh_l{layer}"] = (rows, H)
        table[f"bias_ih_l{layer}"] = (rows,)
        table[f"bias_hh_l{layer}"] = (rows,)
        if config["k_top"] > 0:
            if config.get("keep") == "learned":
                table[f"gate_l{layer}"] = (H,)
            if config.get("pool") == "attention":
                table[f"pool_l{layer}"] = (H,)
            if config["score"] == "release2019":
                table[f"w_l{layer}"] = (2 * H,)
            else:
                table[f"W1_l{layer}"] = (H, A)
                table[f"W2_l{layer}"] = (H, A)
            if config["score"] == "mlp":
                table[f"w3_l{layer}"] = (A,)
    if has_readout(config):
        table["V1"] = (H, O)
        if config["k_top"] > 0:
            table["V2"] = (H, O)
        table["b"] = (O,)
    return table


# ---- one step -----------------------------------------------------------------------------------------------------

def functions(error):
    """(tanh, sigmoid), with derivatives from their own values where these are off by error(size), if that is given."""
    if error is None:
        return torch.tanh, torch.sigmoid

    def inexact(f, slope):
        def apply(x):
            y = f(x.detach())
            return y + slope(y + error(y.abs())) * (x - x.detach())
        return apply

    return inexact(torch.tanh, lambda y: 1 - y * y), inexact(torch.sigmoid, lambda y: y * (1 - y))


def cell_step(cell, gates_x, gates_h, h, c, error=None):
    """(hh, c) from gates_x = x W_ih^T + b_ih and gates_h = h W_hh^T + b_hh, each [B,G*H], and the old h, c."""
    tanh, sigmoid = functions(error)
    if cell == "rnn":
        return tanh(gates_x + gates_h), c
    if cell == "lstm":
        i, f, g, o = (gates_x + gates_h).chunk(4, dim=1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c
    xr, xz, xn = gates_x.chunk(3, dim=1)
    hr, hz, hn = gates_h.chunk(3, dim=1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = tanh(xn + r * hn)
    return (1 - z) * n + z * h, c


# Keys and queries of the mlp score are clipped to this, by what the program computes in.
KEY_LIMIT = {np.dtype(np.float32): 21.5, np.dtype(np.float64): 175.0}


def clipped(config, x):
    """x, but no further from 0 than the configuration's limit, and constant beyond."""
    limit = config.get("key_limit", math.inf)
    return torch.clamp(x, -limit, limit)


def scores(config, parameters, layer, hh, memory):
    """a [B,N] of the memories [B,N,H] for the provisional states hh [B,H]."""
    a = compare(config, parameters, layer, hh, memory)
    return a + torch.nn.functional.logsigmoid(memory @ parameters[f"gate_l{layer}"]) if config.get("keep") == "learned" else a


def compare(config, parameters, layer, hh, memory):
    """The same, without what a learned gate adds."""
    if config["score"] == "release2019":
        both = torch.cat([hh.unsqueeze(1).expand_as(memory), memory], dim=2)
        return torch.tanh(both) @ parameters[f"w_l{layer}"]
    keys = memory @ parameters[f"W1_l{layer}"]
    query = (hh @ parameters[f"W2_l{layer}"]).unsqueeze(1)
    if config["score"] == "dot":
        return (keys * query).sum(2) / math.sqrt(keys.shape[2])
    return torch.tanh(clipped(config, keys) + clipped(config, query)) @ parameters[f"w3_l{layer}"]


def segment_scores(config, parameters, layer, hh, memory):
    """A [B,M]: the scores of what the segments of the memories [B,N,H] amount to, the newest of which may not be full."""
    groups = memory.split(config["segments"], dim=1)
    if config["score"] == "release2019":
        w_state, w_memory = parameters[f"w_l{layer}"].chunk(2)
        means = torch.stack([(torch.tanh(group) @ w_memory).mean(1) for group in groups], dim=1)
        return torch.tanh(hh) @ w_state.unsqueeze(1) + means
    query = (hh @ parameters[f"W2_l{layer}"]).unsqueeze(1)
    keys = [group @ parameters[f"W1_l{layer}"] for group in groups]
    if config["score"] == "dot":
        return (torch.stack([key.mean(1) for key in keys], dim=1) * query).sum(2) / math.sqrt(query.shape[2])
    means = [torch.logsumexp(2 * clipped(config, key), dim=1) - math.log(key.shape[1]) for key in keys]
    return torch.tanh(torch.stack(means, dim=1) / 2 + clipped(config, query)) @ parameters[f"w3_l{layer}"]


def opened(config, A, N, diagnostics):
    """[B,n]: the memories of the k_top best of the full segments, rising, and of the newest where that is not full. A [B,M]."""
    K, L, full = config["k_top"], config["segments"], N // config["segments"]
    ranked, index = torch.sort(A[:, :full], dim=1, descending=True, stable=True)
    if full > K:
        diagnostics.order(ranked, K - 1, K)
    chosen = torch.sort(index[:, :K], dim=1).values.unsqueeze(2) * L + torch.arange(L)
    return torch.cat([chosen.flatten(1), torch.arange(full * L, N).expand(len(A), -1)], dim=1)


def score_size(config, parameters, layer, hh, memory):
    """[B,N]: the sum of the sizes that the terms of each score can have, to which its rounding is relative."""
    if config["score"] == "dot":
        keys, query = memory @ parameters[f"W1_l{layer}"], hh @ parameters[f"W2_l{layer}"]
        return (keys * query.unsqueeze(1)).abs().sum(2) / math.sqrt(keys.shape[2])
    weights = parameters[f"w3_l{layer}" if config["score"] == "mlp" else f"w_l{layer}"]
    return weights.abs().sum().expand(memory.shape[:2])


class Diagnostics:
    """How near the reads came to a place where the gradient jumps or blows up."""

    def __init__(self):
        self.margin = math.inf        # smallest distance of neighbours in the order of scores that selection depends on
        self.floor_margin = math.inf  # relu, z > 0: smallest |sum r - z|
        self.min_Z = math.inf         # relu: smallest sum r where the floor does not hold
        self.largest_key = 0.0        # mlp and dot: largest number in a key m W1 or a query hh W2
        self.largest_state = 0.0      # largest number in an h
        self.reads = []               # (layer, t, a [B,N], alpha [B,N]) of every read, t from 1

    def order(self, ranked, first, last):
        """Notes the gaps between neighbours first..last (0-based ranks) of the sorted scores ranked [B,N]."""
        part = ranked[:, first:last + 1].detach()
        if part.shape[1] > 1:
            self.margin = min(self.margin, float((part[:, :-1] - part[:, 1:]).min()))


def attend(config, a, memory, cut, diagnostics, error=None):
    """(alpha [B,N], s [B,H]): the sparsifier and the read. `cut` makes a constant of a tensor; error as forward has it."""
    given, sizes = a, {}
    K, z, N = config["k_top"], config["read_floor"], a.shape[1]
    # Sorted from the largest; stable, so that of equal scores the earlier memory comes first.
    ranked, index = torch.sort(a, dim=1, descending=True, stable=True)
    if config["forward"] == "dense":
        if config["backward"] == "sparse" and N > K:
            kept = torch.zeros_like(a, dtype=torch.bool).scatter(1, index[:, :K], True)
            a = torch.where(kept, a, cut(a))
            memory = torch.where(kept.unsqueeze(2), memory, cut(memory))
            diagnostics.order(ranked, K - 1, K)
        alpha = torch.softmax(a, dim=1)
    elif config["sparsifier"] == "release2019" and N <= K:
        alpha = a
    elif N <= K:
        alpha = torch.softmax(a, dim=1)
    elif config["sparsifier"] == "softmax":
        diagnostics.order(ranked, K - 1, K)
        alpha = torch.zeros_like(a).scatter(1, index[:, :K], torch.softmax(ranked[:, :K], dim=1))
    else:
        K -= config["sparsifier"] == "release2019"
        # The gradient also depends on which memory is the threshold, so rank K+1 must stand apart from K+2 as well.
        diagnostics.order(ranked, max(K - 1, 0), K + 1)
        r = torch.clamp(ranked[:, :K] - ranked[:, K:K + 1], min=0)
        Z = r.sum(1, keepdim=True)
        floored = Z < z
        if z > 0:
            diagnostics.floor_margin = min(diagnostics.floor_margin, float((Z.detach() - z).abs().min()))
        if K > 0 and not bool(floored.all()):
            diagnostics.min_Z = min(diagnostics.min_Z, float(Z.detach()[~floored].min()))
        if config.get("read_bound", 0) > 0:
            # The gradient of r_i is taken smaller by Z / read_bound, in this read alone; the values stay as they are.
            divisor = torch.where(floored, torch.full_like(Z, z), Z).detach()
            share = cut(divisor / torch.clamp(divisor, min=config["read_bound"]))
            r = cut(r) + share * (r - cut(r))
            Z = r.sum(1, keepdim=True)
        divisor = torch.where(floored, torch.full_like(Z, z), Z)
        # Where none stands above the threshold and there is no floor, nothing is read, and there is no gradient.
        some = torch.where(divisor > 0, r / torch.where(divisor > 0, divisor, torch.ones_like(Z)), torch.zeros_like(r))
        alpha = torch.zeros_like(a).scatter(1, index[:, :K], some)
    if error is not None and given.requires_grad and alpha.requires_grad:
        # Gradients of scores are differences of products alpha * dalpha, and known to the rounding of these.
        alpha.register_hook(lambda dalpha: sizes.update(products=(alpha * dalpha).detach().abs()))
        given.register_hook(lambda da: da + error(sizes["products"]))
    return alpha, (alpha.unsqueeze(2) * memory).sum(1)


# ---- what is kept ----

def mix(before, word):
    """SplitMix64's next number after before ^ word, of 64 bits."""
    mask = (1 << 64) - 1
    z = ((before ^ word) + 0x9E3779B97F4A7C15) & mask
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
    return z ^ z >> 31


def drawn(before, x):
    """The hashes of what sequences were given, `before` [B], and now of x too, ids [B] or values [B,I] as doubles."""
    words = x.detach().numpy().astype(np.int64) if not x.is_floating_point() else (x.detach().double() + 0.0).numpy().view(np.int64)
    hashes = []
    for old, own in zip(before, words.reshape(len(before), -1)):
        for word in own:
            old = mix(old, int(word) & (1 << 64) - 1)
        hashes.append(old)
    return hashes


def worth_of(config, m, before, gate=None, draw=None):
    """[B]: what memories m [B,H], written at a step that began with the state `before`, are worth. draw: as drawn() has it."""
    if config["keep"] == "learned":
        return torch.nn.functional.logsigmoid(m @ gate)
    if config["keep"] == "surprise":
        return ((m - before) ** 2).sum(1)
    if config["keep"] == "novel":
        return (m ** 2).sum(1)
    if config["keep"] == "reservoir":
        return m.new_tensor([(mix(int(word), 0) >> 40) * 2.0 ** -24 for word in draw])
    return torch.ones_like(m[:, 0])


class Memories:
    """Of one layer: m, a list of [B,H], each sequence's oldest first, and what they are worth, a list of [B]. Row i of two sequences
    need not have been written at the same step."""

    def __init__(self, config, first, diagnostics, gate=None):
        self.config, self.m, self.diagnostics, self.gate = config, list(first), diagnostics, gate
        self.worth = [worth_of(config, m, m, gate, [0] * len(m)).detach() for m in first] if self.chooses() else []

    def chooses(self):
        return self.config.get("keep", "recent") != "recent"

    def recalled(self, alpha):
        if self.config.get("keep") == "used":
            self.worth = [worth + alpha[:, i].detach().abs() for i, worth in enumerate(self.worth)]

    def write(self, m, before, draw):
        slots = self.config.get("memory_slots", 0)
        apart = [((m - other) ** 2).sum(1).detach() for other in self.m] if self.config.get("keep") == "novel" else []
        self.m.append(m)
        if not self.chooses():
            self.m = self.m[-slots:]  # 0: all of them
            return
        fade = 1 - 1 / slots if self.config["keep"] == "used" else 1
        self.worth = [worth * fade for worth in self.worth] + [worth_of(self.config, m, before, self.gate, draw).detach()]
        if apart:
            self.worth = [torch.minimum(*pair) for pair in zip(self.worth, apart)] + [torch.stack([self.worth[-1]] + apart).amin(0)]
        if len(self.m) <= slots:
            return
        worth, m = torch.stack(self.worth, dim=1), torch.stack(self.m, dim=1)
        is_squared = self.config["keep"] not in ("learned", "reservoir")
        ranked = torch.sort(worth.sqrt() if is_squared else worth, dim=1).values  # of a distance, which is as exact as states are
        if apart:  # the two of a pair are worth the same number, and the older one leaves whatever its roundings are
            ranked = torch.where(ranked > ranked[:, :1], ranked, torch.cat([ranked[:, :1], torch.full_like(ranked[:, 1:], math.inf)], 1))
            ranked = torch.sort(ranked, dim=1).values
        self.diagnostics.margin = min(self.diagnostics.margin, float((ranked[:, 1] - ranked[:, 0]).min()))
        least = torch.argmin(worth, dim=1, keepdim=True)
        if apart:  # the newest has lost the one that left
            others = torch.stack(apart + [torch.full_like(apart[0], math.inf)], dim=1).scatter(1, least, math.inf).amin(1)
            newest = torch.minimum(others, worth_of(self.config, self.m[-1], before).detach())
            worth = torch.cat([worth[:, :-1], torch.where(least[:, 0] < len(self.m) - 1, newest, worth[:, -1]).unsqueeze(1)], 1)
        stay = torch.arange(len(self.m) - 1).unsqueeze(0)
        stay = stay + (stay >= least)  # [B,N]
        self.worth = list(torch.gather(worth, 1, stay).unbind(1))
        self.m = list(torch.gather(m, 1, stay.unsqueeze(2).expand(-1, -1, m.shape[2])).unbind(1))


def pooled(states, query=None):
    """The memory [B,H] that a stretch of states [B,H], oldest first, becomes."""
    stretch = torch.stack(states, dim=1)
    if query is None:
        return stretch.mean(1)
    return (torch.softmax(stretch @ query, dim=1).unsqueeze(2) * stretch).sum(1)


# ---- the whole sequence -------------------------------------------------------------------------------------------

def forward(config, shape, parameters, x, cut=torch.Tensor.detach, error=None, start=None, lengths=None, diagnostics=None, masks=None):
    """outputs [T,B,O] and Diagnostics. The graph is cut with `cut`: window starts, and constants of switched-off paths.
    start: h0, c0 [L,B,H] by name, 0 where there is none; the first window's gradient reaches them. lengths: of batches,
    one after the other in x, of which each goes on from the one before as from constants; by default x is one. masks: dropout's
    output_mask, state_mask [L,B,H] by name, 1 where there is none.
    error(size), if given, is added to each score, size as score_size has it, to each state, to the values of gates that
    their derivatives are made of and to the gradients of scores: it stands for rounding."""
    if config.get("model") == "transformer":
        return transformer_oracle.forward(config, shape, parameters, x, error), Diagnostics()
    T, B, H = x.shape[0], x.shape[1], config["hidden"]
    config = resolve(config, T)
    starts, t0 = set(np.cumsum(lengths or [T]) + 1), 1
    K, L, G, cell = config["k_top"], config["layers"], config["read_gain"], config["cell"]
    zero = parameters["weight_hh_l0"].new_zeros(B, H)
    first = [zero] if K > 0 and config.get("zero_memory") else []
    h, c = ([start[name][layer] if start and name in start else zero for layer in range(L)] for name in ("h0", "c0"))
    diagnostics, outputs = diagnostics or Diagnostics(), []
    left, kept = ([masks[name][layer] if masks and name in masks else zero + 1 for layer in range(L)] for name in ("output_mask", "state_mask"))
    memories = [Memories(config, first, diagnostics, parameters.get(f"gate_l{layer}")) for layer in range(L)]
    draw, stretches, begins = [0] * B, [[] for _ in range(L)], [zero] * L
    for t in range(1, T + 1):
        draw = drawn(draw, x[t - 1]) if config.get("keep") == "reservoir" else draw
        if t in starts:
            t0 = t
            for of_layer in memories:
                of_layer.m = [cut(m) for m in of_layer.m]
        window_starts = t > 1 and (t - t0) % config["k_trunc"] == 0
        below = None
        for layer in range(L):
            weight_ih, bias_ih = parameters[f"weight_ih_l{layer}"], parameters[f"bias_ih_l{layer}"]
            weight_hh, bias_hh = parameters[f"weight_hh_l{layer}"], parameters[f"bias_hh_l{layer}"]
            if layer > 0:
                gates_x = (below * left[layer - 1]) @ weight_ih.t() + bias_ih
            elif shape["input"] == "ids":
                gates_x = weight_ih.t()[x[t - 1]] + bias_ih
            else:
                gates_x = x[t - 1] @ weight_ih.t() + bias_ih
            before_h, before_c = (cut(h[layer]), cut(c[layer])) if window_starts else (h[layer], c[layer])
            gates_h = (before_h * kept[layer]) @ weight_hh.t() + bias_hh
            hh, c[layer] = cell_step(cell, gates_x, gates_h, before_h, before_c, error)
            if error is not None:
                hh, c[layer] = hh + error(hh.detach().abs()), c[layer] + error(c[layer].detach().abs())
            s = zero
            if memories[layer].m:
                memory = torch.stack(memories[layer].m, dim=1)
                if not config["mental_updates"]:
                    memory = cut(memory)
                a = scores(config, parameters, layer, hh, memory)
                if error is not None:
                    a = a + error(score_size(config, parameters, layer, hh, memory).detach())
                if config["score"] != "release2019":
                    for side, weight in ((memory, f"W1_l{layer}"), (hh, f"W2_l{layer}")):
                        diagnostics.largest_key = max(diagnostics.largest_key,
                                                      float((side @ parameters[weight]).detach().abs().max()))
                if config.get("segments", 0) > 0:
                    A = segment_scores(config, parameters, layer, hh, memory)
                    if error is not None:
                        A = A + error(score_size(config, parameters, layer, hh, memory[:, :A.shape[1]]).detach())
                    of = opened(config, A.detach(), a.shape[1], diagnostics)
                    a = torch.gather(a, 1, of) + torch.gather(A, 1, of // config["segments"])
                    memory = torch.gather(memory, 1, of.unsqueeze(2).expand(-1, -1, memory.shape[2]))
                alpha, s = attend(config, a, memory, cut, diagnostics, error)
                diagnostics.reads.append((layer, t, a.detach(), alpha.detach()))
                memories[layer].recalled(alpha)
            h[layer] = below = hh + G * s
            diagnostics.largest_state = max(diagnostics.largest_state, float(below.detach().abs().max()))
            if K == 0:
                pass
            elif config.get("pool", "last") == "last":
                if t % config["k_att"] == 0:
                    memories[layer].write(hh if config["write"] == "provisional" else h[layer], before_h.detach(), draw)
            else:
                begins[layer] = begins[layer] if stretches[layer] else before_h.detach()
                stretches[layer].append(hh if config["write"] == "provisional" else h[layer])
                if t % config["k_att"] == 0:
                    memories[layer].write(pooled(stretches[layer], parameters.get(f"pool_l{layer}")), begins[layer], draw)
                    stretches[layer] = []
        if not has_readout(config):
            outputs.append(below if shape["O"] == H else torch.cat([below, s], dim=1))
            continue
        y = (below * left[-1]) @ parameters["V1"] + parameters["b"]
        outputs.append(y + (s * left[-1]) @ parameters["V2"] if K > 0 else y)
    return torch.stack(outputs), diagnostics


def loss_of(shape, outputs, y, weight, lengths, levels="0.1,0.5,0.9"):
    """sum(y * outputs) up to the ends where the loss is "none"; else sum(weight * l) / sum(weight), l the cross entropy in nats or the mean over O of squared errors, binary cross
    entropies or pinball losses, output o having the level o modulo their number."""
    T = outputs.shape[0]
    inside = torch.arange(1, T + 1).unsqueeze(1) <= lengths.unsqueeze(0)
    if shape["loss"] == "none":
        return (outputs * torch.where(inside.unsqueeze(2), y, torch.zeros_like(y))).sum()
    weight = torch.where(inside, weight, torch.zeros_like(weight))
    read = weight != 0
    if shape["loss"] == "cross_entropy":
        labels = torch.where(read, y.long(), torch.zeros_like(y.long()))
        l = -torch.log_softmax(outputs, dim=2).gather(2, labels.unsqueeze(2)).squeeze(2)
    elif shape["loss"] == "bce":
        l = -(y * torch.nn.functional.logsigmoid(outputs) + (1 - y) * torch.nn.functional.logsigmoid(-outputs)).mean(2)
    elif shape["loss"] == "quantile":
        level = outputs.new_tensor([float(text) for text in levels.split(",")]).repeat(shape["O"] // len(levels.split(",")))
        below = torch.nn.functional.relu(outputs - y)  # whose derivative at 0 is 0
        above = torch.nn.functional.relu(y - outputs)
        l = (level * above + (1 - level) * below).mean(2)
    else:
        l = ((outputs - y) ** 2).mean(2)
    l = torch.where(read, l, torch.zeros_like(l))
    total = weight.sum()
    return (weight * l).sum() / total if float(total) > 0 else (weight * l).sum()
