#!/usr/bin/env python3
"""SAB as somebody who knows PyTorch well writes it: scores without gradient, only the recalled entries differentiated.

    sab_expert.py [--T 100] [--steps 10] [--k-top 5] [--k-att 1] [--k-trunc 5] [--threads 2] [--scores tanh] [--check FILE]

One layer, LSTM, with the letters of docs/math:

    hh_t, c_t = lstm(x_t, h_{t-1}, c_{t-1})      h, c constants to the first step of a window of k_trunc steps
    a_i       = w3 . tanh(m_i W1 + hh_t W2)      over all N memories, under no_grad
    S         = the K largest; their a_i again, with gradient;  alpha = softmax over S
    s_t       = sum_S alpha_i m_i,  h_t = hh_t + s_t,  y_t = h_t V1 + s_t V2 + b

The memories and their keys u_i = m_i W1 lie in plain buffers [N,B,.]. A read copies K entries of each sequence out
and, on the way back, adds their gradient to a second pair of buffers, from which it enters the graph at the step that
wrote the memory (Written). With --scores reciprocal, exp(2 u_i) is kept too, and all scores are taken as
-sum_k w3_k / (1 + exp(2 u_ik) exp(2 v_k)), which has the same order as w3 . tanh(u_i + v): the trick of sab's own
kernels, granted to PyTorch; it needs |u|, |v| < 20, as in the first updates. So nothing of size N is ever done with gradient. A step must be visited after all reads of
what it wrote: therefore cuts and reads stay edges of the graph, which carry no gradient but keep the order.
Must not know: the program, other than the layout of the file that --check reads.
"""

import torch
import torch.nn.functional as F

import common


class Memory:
    """Memories and keys of one batch, and their gradients; row i B + b is memory i of sequence b."""

    def __init__(self, cap, B, H, A, like, scores):
        self.B, self.N = B, 0
        self.values, self.keys = like.new_empty(cap * B, H), like.new_empty(cap * B, A)
        self.dvalues, self.dkeys = like.new_zeros(cap * B, H), like.new_zeros(cap * B, A)
        self.scratch = like.new_empty(cap * B, A)
        self.exps = like.new_empty(cap * B, A) if scores == "reciprocal" else None
        self.column = torch.arange(B)

    @torch.no_grad()
    def select(self, query, w3, K):
        """Rows of the K best memories of each sequence, [K*B]; all where there are no more."""
        N, B = self.N, self.B
        if N <= K:
            return torch.arange(N * B)
        room = self.scratch[:N * B].view(N, B, -1)
        if self.exps is None:
            torch.add(self.keys[:N * B].view(N, B, -1), query, out=room).tanh_()
        else:
            torch.mul(self.exps[:N * B].view(N, B, -1), torch.exp(2 * query), out=room).add_(1).reciprocal_()
            w3 = -w3
        scores = torch.mv(room.view(N * B, -1), w3).view(N, B)
        best = scores.t().contiguous().topk(K, dim=1, sorted=False).indices.t()
        return (best * B + self.column).reshape(-1)


class Written(torch.autograd.Function):
    """Appends (m, key) to the memory and returns m; on the way back adds what later reads sent to this entry."""

    @staticmethod
    def forward(ctx, m, key, memory):
        rows = slice(memory.N * memory.B, (memory.N + 1) * memory.B)
        memory.values[rows], memory.keys[rows] = m, key
        if memory.exps is not None:
            torch.exp(2 * key, out=memory.exps[rows])
        memory.N += 1
        ctx.memory, ctx.rows = memory, rows
        return m.clone()

    @staticmethod
    def backward(ctx, dm):
        return dm + ctx.memory.dvalues[ctx.rows], ctx.memory.dkeys[ctx.rows], None


class Recalled(torch.autograd.Function):
    """The values and keys of some rows; h is an input for the order only: older steps wait for this read's gradient."""

    @staticmethod
    def forward(ctx, h, rows, memory):
        ctx.memory, ctx.rows = memory, rows
        return memory.values.index_select(0, rows), memory.keys.index_select(0, rows)

    @staticmethod
    def backward(ctx, dvalues, dkeys):
        ctx.memory.dvalues[ctx.rows] += dvalues  # no row occurs twice in one read
        ctx.memory.dkeys[ctx.rows] += dkeys
        return None, None, None


class Cut(torch.autograd.Function):
    """detach() of h and c that keeps the order of windows: no gradient passes, but older windows come later."""

    @staticmethod
    def forward(ctx, h, c):
        ctx.set_materialize_grads(False)
        return h.clone(), c.clone()

    @staticmethod
    def backward(ctx, dh, dc):
        return None, None


class SAB(torch.nn.Module):
    """Parameters named and laid out as in include/sab.h."""

    def __init__(self, config, shape):
        super().__init__()
        I, H, A, O = shape["I"], config["hidden"], config.get("attention_width", 0) or config["hidden"], shape["O"]
        self.K, self.k_att, self.k_trunc = config["k_top"], config["k_att"], config["k_trunc"]
        self.write_state = config["write"] == "state"
        self.scores = config.get("scores", "tanh")
        bound = H ** -0.5
        self.weight_ih_l0 = common.uniform(bound, 4 * H, I)
        self.weight_hh_l0 = common.uniform(bound, 4 * H, H)
        self.bias_ih_l0 = common.uniform(bound, 4 * H)
        self.bias_hh_l0 = common.uniform(bound, 4 * H)
        self.W1_l0 = common.uniform(bound, H, A)
        self.W2_l0 = common.uniform(bound, H, A)
        self.w3_l0 = common.uniform(A ** -0.5, A)
        self.V1 = common.uniform(bound, H, O)
        self.V2 = common.uniform(bound, H, O)
        self.b = torch.nn.Parameter(torch.zeros(O))

    def cell(self, px, h, c, weight):
        """One LSTM step; px is the input's part with both biases, weight is weight_hh transposed."""
        i, f, g, o = torch.addmm(px, h, weight).chunk(4, 1)
        c = torch.addcmul(f.sigmoid() * c, i.sigmoid(), g.tanh())
        return o.sigmoid() * c.tanh(), c

    def read(self, hh, h, memory):
        """s_t [B,H]: the K best memories, their scores made again with gradient."""
        query = hh @ self.W2_l0
        rows = memory.select(query, self.w3_l0, self.K)
        values, keys = Recalled.apply(h, rows, memory)
        n, B = rows.numel() // memory.B, memory.B
        scores = (keys.view(n, B, -1) + query).tanh() @ self.w3_l0
        alpha = scores.softmax(0)
        return (alpha.unsqueeze(2) * values.view(n, B, -1)).sum(0)

    def forward(self, ids):
        T, B = ids.shape
        H, A = self.W1_l0.shape
        memory = Memory(T // self.k_att, B, H, A, self.b, self.scores)
        weight = self.weight_hh_l0.t()
        inputs = F.embedding(ids, self.weight_ih_l0.t() + (self.bias_ih_l0 + self.bias_hh_l0)).unbind(0)
        h = c = none = self.b.new_zeros(B, H)
        states, reads = [], []
        for t in range(1, T + 1):
            if t > 1 and (t - 1) % self.k_trunc == 0:
                h, c = Cut.apply(h, c)
            writes = t % self.k_att == 0
            hh, c = self.cell(inputs[t - 1], h, c, weight)
            s = self.read(hh, h, memory) if memory.N else none
            if writes and not self.write_state:
                hh = Written.apply(hh, hh @ self.W1_l0, memory)
            h = hh + s
            if writes and self.write_state:
                h = Written.apply(h, h @ self.W1_l0, memory)
            states.append(h)
            reads.append(s)
        return torch.stack(states) @ self.V1 + torch.stack(reads) @ self.V2 + self.b


if __name__ == "__main__":
    common.main("sab_expert", __doc__.splitlines()[0], SAB,
                {"credit": "sab", "cell": "lstm", "score": "mlp", "sparsifier": "softmax", "read_gain": 1.0, "mental_updates": True,
                 "forward": "sparse", "backward": "sparse"})
