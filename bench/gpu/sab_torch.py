"""SAB in PyTorch for a GPU, as fast as somebody who knows both makes it without a kernel of their own.

Two forms of the mathematics and gradient of `sab train copy` (one layer, LSTM, mlp score, exact top-k, softmax over the
recalled, `--write provisional`, k_att 1, credit windows of k_trunc steps, mental updates), parameters named as in
include/sab.h:

    Autograd  what bench/rivals/sab_expert.py is on a CPU: only the K recalled entries are differentiated; PyTorch
              differentiates, three small Functions keep the order of windows and add gradients where memories were
              written: 17 launches a step forward, about twice as many back
    ByHand    the way back is written out too: no graph, no Python inside autograd, 29 launches a step both ways, and
              the gradients of all weights are products over all steps at the end, as cuDNN makes them

Launches are what a step costs, so both keep memories in preallocated rows, W1 and W2 as one product, the cell as
PyTorch's own fused kernel on a GPU. Nothing has a shape that depends on data and nothing waits for the host: an
update can be captured as a CUDA graph. compile() hands the scan over all memories, the read and its way back to
torch.compile; the rest is matrix products and fused kernels already.

    L steps, B sequences, I inputs, H hidden, A attention width, O outputs, N memories, K = k_top
    x [L,B,I] one-hot, labels [L,B]; memory [B,L,H+2A]: rows hh | key hh W1 | query hh W2

Must not know: how it is timed.
"""

import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "rivals"))
import sab_expert  # noqa: E402

NEEDED = {"credit": "sab", "score": "mlp", "sparsifier": "softmax", "read_gain": 1.0, "mental_updates": True,
          "forward": "sparse", "backward": "sparse", "write": "provisional", "k_att": 1, "cell": "lstm", "layers": 1}


# ---- pieces that torch.compile can have -----------------------------------------------------------------------------

def scan(keys, query, w3, room):
    """Scores [B,N] of all memories, without gradient; keys [B,N,A], room is scratch of at least B N A."""
    B, N, A = keys.shape
    room = room[:B * N * A].view(B, N, A)
    torch.add(keys, query.unsqueeze(1), out=room).tanh_()
    return torch.mv(room.view(B * N, A), w3).view(B, N)


def scan_fusible(keys, query, w3, room):
    """The same for a compiler, which needs no scratch: one kernel."""
    return ((keys + query.unsqueeze(1)).tanh() * w3).sum(2)


def recall(values, keys, query, w3):
    """(s [B,H], alpha [B,n], tanh of the sums [B,n,A]) of the n entries that are read."""
    th = (keys + query.unsqueeze(1)).tanh()
    alpha = (th @ w3).softmax(1)
    return torch.bmm(alpha.unsqueeze(1), values).squeeze(1), alpha, th


def recall_fusible(values, keys, query, w3):
    """The same with sums in place of small products, which a compiler can fuse."""
    th = (keys + query.unsqueeze(1)).tanh()
    alpha = (th * w3).sum(2).softmax(1)
    return (alpha.unsqueeze(2) * values).sum(1), alpha, th


def recall_back(ds, values, alpha, th, w3):
    """(da [B,n], gradient of the entries' values and keys [B,n,H+A], dquery [B,A]) from ds [B,H]."""
    H = values.shape[2]
    dalpha = torch.bmm(values, ds.unsqueeze(2)).squeeze(2)
    da = torch._softmax_backward_data(dalpha, alpha, 1, alpha.dtype)
    entries = torch.empty(*th.shape[:2], H + th.shape[2], dtype=th.dtype, device=th.device)
    torch.mul(alpha.unsqueeze(2), ds.unsqueeze(1), out=entries[:, :, :H])
    torch.ops.aten.tanh_backward.grad_input(da.unsqueeze(2) * w3, th, grad_input=entries[:, :, H:])
    return da, entries, entries[:, :, H:].sum(1)


def recall_back_fusible(ds, values, alpha, th, w3):
    """The same as one expression."""
    dalpha = (values * ds.unsqueeze(1)).sum(2)
    da = alpha * (dalpha - (alpha * dalpha).sum(1, keepdim=True))
    dkeys = da.unsqueeze(2) * w3 * (1 - th * th)
    return da, torch.cat((alpha.unsqueeze(2) * ds.unsqueeze(1), dkeys), 2), dkeys.sum(1)


def cell(px, ph, c):
    """(hh, c, activated gates) from the input's and the state's part of the gates [B,4H], order i f g o."""
    if px.is_cuda:
        return torch.ops.aten._thnn_fused_lstm_cell.default(px, ph, c)
    i, f, g, o = (px + ph).chunk(4, 1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = torch.addcmul(f * c, i, g)
    return o * c.tanh(), c, (i, f, g, o)


def cell_back(dhh, dc, before, c, gates):
    """(gradient of the gates' sums [B,4H], gradient of the old c)."""
    if dhh.is_cuda:
        fused = torch.ops.aten._thnn_fused_lstm_cell_backward_impl.default
        return fused(dhh, dc, before, c, gates, False)[:2]
    i, f, g, o = gates
    tc = c.tanh()
    dc = dc + dhh * o * (1 - tc * tc)
    dgates = dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g * g), dhh * tc * o * (1 - o)
    return torch.cat(dgates, 1), dc * f


# ---- memories -------------------------------------------------------------------------------------------------------

class Memory:
    """Rows of one batch and their gradients, kept from update to update; row b L + i is memory i of sequence b."""

    def __init__(self, L, B, H, A, like):
        self.H, self.A = H, A
        self.rows, self.drows = like.new_zeros(B, L, H + 2 * A), like.new_zeros(B, L, H + 2 * A)
        self.entries = self.rows.view(B * L, -1)[:, :H + A]     # value and key of each row
        self.dentries = self.drows.view(B * L, -1)[:, :H + A]
        # The views of each step, made once: on a GPU the time of an eager step is that of its Python.
        self.value, self.kq, self.query = (one.unbind(1) for one in self.parts(self.rows))
        self.dvalue, self.dkq, self.dquery = (one.unbind(1) for one in self.parts(self.drows))
        self.room = like.new_empty(B * L * A)
        self.first = (torch.arange(B, device=like.device) * L).unsqueeze(1)
        self.N = 0

    def parts(self, rows):
        return rows[:, :, :self.H], rows[:, :, self.H:], rows[:, :, self.H + self.A:]

    def keys(self):
        return self.rows[:, :self.N, self.H:self.H + self.A]

    def best(self, scores, K):
        """Row numbers [B K] of the K largest of the scores [B,N]."""
        return (scores.topk(K, dim=1, sorted=False).indices + self.first).view(-1)


class Written(torch.autograd.Function):
    """Appends (m, key | query); on the way back adds to both what later reads sent to this row."""

    @staticmethod
    def forward(ctx, m, kq, memory):
        memory.value[memory.N].copy_(m)
        memory.kq[memory.N].copy_(kq)
        ctx.memory, ctx.i = memory, memory.N
        memory.N += 1
        return m.view_as(m), kq.view_as(kq)

    @staticmethod
    def backward(ctx, dm, dkq):
        return dm + ctx.memory.dvalue[ctx.i], dkq + ctx.memory.dkq[ctx.i], None


class Recalled(torch.autograd.Function):
    """The values and keys of some rows, of all if rows is None; h is an input for the order only: older steps wait for
    this read's gradient."""

    @staticmethod
    def forward(ctx, h, rows, memory):
        ctx.memory, ctx.rows, ctx.N = memory, rows, memory.N
        if rows is None:
            return memory.rows[:, :memory.N, :memory.H + memory.A].clone()
        return memory.entries.index_select(0, rows).view(memory.rows.shape[0], -1, memory.H + memory.A)

    @staticmethod
    def backward(ctx, dentries):
        memory = ctx.memory
        if ctx.rows is None:
            memory.drows[:, :ctx.N, :memory.H + memory.A] += dentries
        else:
            memory.dentries.index_add_(0, ctx.rows, dentries.flatten(0, 1))
        return None, None, None


# ---- the two forms --------------------------------------------------------------------------------------------------

class Form(sab_expert.SAB):
    """What both forms share: parameters, memories that stay, pieces, the loss."""

    def __init__(self, config, shape):
        super().__init__(dict(config, write="provisional"), shape)
        self.memory = None
        self.scan, self.recall, self.recall_back = scan, recall, recall_back

    def fusible(self):
        """Takes the pieces in the form that a compiler fuses."""
        self.scan, self.recall, self.recall_back = scan_fusible, recall_fusible, recall_back_fusible

    def compile(self, **options):
        """Hands the pieces to torch.compile, which has them when first called; reads of fewer than K entries stay as
        they are, so that shapes but N are the same always."""
        self.scan = torch.compile(scan_fusible, **options)
        self.recall = torch.compile(recall_fusible, **options)
        self.recall_back = torch.compile(recall_back_fusible, **options)

    def begin(self, x):
        """Zeroed gradients of memories, made anew only for another shape; the input's part of all gates [L,B,4H]."""
        (L, B), (H, A) = x.shape[:2], self.W1_l0.shape
        if self.memory is None or self.memory.rows.shape[:2] != (B, L) or self.memory.rows.dtype != x.dtype:
            self.memory = Memory(L, B, H, A, x)
        self.memory.N = 0
        self.memory.drows.zero_()
        return torch.addmm(self.bias_ih_l0 + self.bias_hh_l0, x.flatten(0, 1), self.weight_ih_l0.t()).view(L, B, -1)

    def select(self, query):
        """Rows of the K best memories; None where there are no more than K."""
        memory = self.memory
        if memory.N <= self.K:
            return None
        with torch.no_grad():
            return memory.best(self.scan(memory.keys(), query.detach(), self.w3_l0.detach(), memory.room), self.K)

    def logits(self, states, reads):
        return torch.addmm(self.b, states.flatten(0, 1), self.V1) + reads.flatten(0, 1) @ self.V2


class Autograd(Form):
    """gradients() fills .grad of all parameters and returns the loss; so does forward() and backward()."""

    def forward(self, x):
        L, B, _ = x.shape
        H, A = self.W1_l0.shape
        px = self.begin(x).unbind(0)
        memory = self.memory
        weight, W12 = self.weight_hh_l0.t(), torch.cat((self.W1_l0, self.W2_l0), 1)
        h = c = none = x.new_zeros(B, H)
        states, reads = [], []
        for t in range(L):
            if t > 0 and t % self.k_trunc == 0:
                h, c = sab_expert.Cut.apply(h, c)
            hh, c, _ = cell(px[t], h @ weight, c)
            kq = hh @ W12
            s = none
            if memory.N > 0:
                query = kq[:, A:]
                best = self.select(query)
                entries = Recalled.apply(h, best, memory)
                read = recall if best is None else self.recall
                s = read(entries[:, :, :H], entries[:, :, H:], query, self.w3_l0)[0]
            hh, _ = Written.apply(hh, kq, memory)
            h = hh + s
            states.append(h)
            reads.append(s)
        return self.logits(torch.stack(states), torch.stack(reads)).view(L, B, -1)

    def gradients(self, x, labels):
        loss = F.cross_entropy(self(x).flatten(0, 1), labels.flatten())
        loss.backward()
        return loss.detach()


class ByHand(Form):
    """gradients() fills .grad of all parameters and returns the loss; the formulas are those of docs/math."""

    def gradients(self, x, labels):
        with torch.no_grad():
            saved = self.run(x)
        states, reads = saved["h"][1:].detach().requires_grad_(), torch.stack(saved["s"]).requires_grad_()
        loss = F.cross_entropy(self.logits(states, reads), labels.flatten())
        loss.backward()
        with torch.no_grad():
            self.back(x, saved, states.grad, reads.grad)
        return loss.detach()

    def run(self, x):
        L, B, _ = x.shape
        H, A = self.W1_l0.shape
        px = self.begin(x).unbind(0)
        memory = self.memory
        rows = memory.rows
        weight, W12 = self.weight_hh_l0.t(), torch.cat((self.W1_l0, self.W2_l0), 1)
        h, none = x.new_empty(L + 1, B, H), x.new_zeros(B, H)
        h[0] = 0
        at = h.unbind(0)
        saved = {"h": h, "s": [], "c": [none], "gates": [], "read": [], "W12": W12}
        for t in range(L):
            hh, c, gates = cell(px[t], at[t] @ weight, saved["c"][t])
            memory.value[t].copy_(hh)
            torch.mm(hh, W12, out=memory.kq[t])
            s, kept = none, None
            if t > 0:
                query = memory.query[t]
                best = self.select(query)
                entries = rows[:, :t] if best is None else memory.entries.index_select(0, best).view(B, self.K, H + A)
                values, keys = entries[:, :, :H], entries[:, :, H:H + A]
                read = recall if best is None else self.recall
                s, alpha, th = read(values, keys, query, self.w3_l0)
                kept = (best, values, alpha, th)
            torch.add(hh, s, out=at[t + 1])
            memory.N += 1
            saved["s"].append(s)
            saved["c"].append(c)
            saved["gates"].append(gates)
            saved["read"].append(kept)
        return saved

    def back(self, x, saved, dstates, dreads):
        L, B, _ = x.shape
        H, A = self.W1_l0.shape
        memory, drows, W12 = self.memory, self.memory.drows, saved["W12"].t()
        zeros, dgates, das = x.new_zeros(B, H), [None] * L, [None] * L
        dstates, dreads = dstates.unbind(0), dreads.unbind(0)
        dh, dc = dstates[L - 1], zeros
        for t in reversed(range(L)):
            if saved["read"][t] is not None:
                best, values, alpha, th = saved["read"][t]
                way_back = recall_back if best is None else self.recall_back
                das[t], dentries, dquery = way_back(dh + dreads[t], values, alpha, th, self.w3_l0)
                memory.dquery[t].copy_(dquery)
                if best is None:
                    drows[:, :t, :H + A] += dentries
                else:
                    memory.dentries.index_add_(0, best, dentries.flatten(0, 1))
            dhh = torch.addmm(dh + memory.dvalue[t], memory.dkq[t], W12)
            dgates[t], dc = cell_back(dhh, dc, saved["c"][t], saved["c"][t + 1], saved["gates"][t])
            if t % self.k_trunc == 0:
                dh, dc = dstates[t - 1], zeros
            else:
                dh = torch.addmm(dstates[t - 1], dgates[t], self.weight_hh_l0)
        self.weights(x, saved, torch.cat(dgates), das)

    def weights(self, x, saved, dgates, das):
        """Gradients of the recurrent and the attention's weights, products over all steps and sequences."""
        H, A = self.W1_l0.shape
        rows, drows = (one.view(-1, H + 2 * A) for one in (self.memory.rows, self.memory.drows))
        dW12 = rows[:, :H].t() @ drows[:, H:]
        few = [t for t, da in enumerate(das) if da is not None and da.shape[1] < self.K]
        full = [t for t, da in enumerate(das) if da is not None and da.shape[1] == self.K]
        dw3 = torch.zeros_like(self.w3_l0)
        for steps in [[t] for t in few] + [full] * bool(full):
            ths = torch.cat([saved["read"][t][3].flatten(0, 1) for t in steps])
            dw3 += torch.cat([das[t].flatten() for t in steps]) @ ths
        self.weight_ih_l0.grad = dgates.t() @ x.flatten(0, 1)
        self.weight_hh_l0.grad = dgates.t() @ saved["h"][:-1].flatten(0, 1)
        self.bias_ih_l0.grad = dgates.sum(0)
        self.bias_hh_l0.grad = self.bias_ih_l0.grad.clone()
        self.W1_l0.grad, self.W2_l0.grad = dW12[:, :A].contiguous(), dW12[:, A:].contiguous()
        self.w3_l0.grad = dw3
