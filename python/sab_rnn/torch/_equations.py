"""SAB in plain differentiable PyTorch, written from the equations of docs/math.

    hh_t, c_t = cell(x_t, h_{t-1}, c_{t-1})      h_{t-1}, c_{t-1} are constants at a window's first step
    a_i       = score(hh_t, m_i)                 over the memories that are there
    alpha     = sparsify(a)
    s_t       = sum_i alpha_i m_i
    h_t       = hh_t + G s_t
    every k_att steps: remember h_t or hh_t

It runs on any device and in any precision, and autograd differentiates it as often as one likes; an update costs an order
of magnitude more time and memory than the engine's. Nothing here calls the engine: the tests hold one against the other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

GATES = {"lstm": 4, "gru": 3, "rnn": 1}

# Keys and queries of the score mlp are clipped to this, because of what the engine computes in (docs/decisions/003).
KEY_LIMIT = {torch.float32: 21.5, torch.float64: 175.0}


class Settings(NamedTuple):
    """The options that the equations know, under the names of the option table."""

    cell: str
    hidden: int
    layers: int
    attention_width: int
    score: str
    sparsifier: str
    read_floor: float
    read_gain: float
    write: str
    k_top: int
    k_att: int
    k_trunc: int
    memory_slots: int
    mental_updates: bool
    forward: str
    backward: str


class Memories:
    """What one layer remembers: entries [B,H], oldest first, and which sequences each belongs to."""

    def __init__(self, entries: list[Tensor] | None = None, valid: list[Tensor] | None = None) -> None:
        self.entries: list[Tensor] = list(entries or [])
        self.valid: list[Tensor] = list(valid or [])  # [B] bool

    def write(self, m: Tensor, alive: Tensor) -> None:
        self.entries.append(m)
        self.valid.append(alive)


def tensor_shapes(settings: Settings, input_size: int) -> dict[str, tuple[int, ...]]:
    """The parameters of a layer stack by name, in the order of the library's table."""
    H, A = settings.hidden, settings.attention_width or settings.hidden
    rows = GATES[settings.cell] * H
    table: dict[str, tuple[int, ...]] = {}
    for layer in range(settings.layers):
        table[f"weight_ih_l{layer}"] = (rows, input_size if layer == 0 else H)
        table[f"weight_hh_l{layer}"] = (rows, H)
        table[f"bias_ih_l{layer}"] = (rows,)
        table[f"bias_hh_l{layer}"] = (rows,)
        if settings.k_top > 0:
            if settings.score == "release2019":
                table[f"w_l{layer}"] = (2 * H,)
            else:
                table[f"W1_l{layer}"] = (H, A)
                table[f"W2_l{layer}"] = (H, A)
            if settings.score == "mlp":
                table[f"w3_l{layer}"] = (A,)
    return table


def cell_step(cell: str, from_x: Tensor, from_h: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """(hh, c) from the products with x and h, biases added, [B, gates * H] each, in PyTorch's order of gates."""
    if cell == "rnn":
        return torch.tanh(from_x + from_h), c
    if cell == "lstm":
        i, f, g, o = (from_x + from_h).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
    xr, xz, xn = from_x.chunk(3, dim=1)
    hr, hz, hn = from_h.chunk(3, dim=1)
    r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
    n = torch.tanh(xn + r * hn)
    return (1 - z) * n + z * h, c


def scores(settings: Settings, weights: dict[str, Tensor], layer: int, hh: Tensor, memory: Tensor) -> Tensor:
    """a [B,N] of memories [B,N,H] for provisional states hh [B,H]."""
    if settings.score == "release2019":
        w = weights[f"w_l{layer}"]
        H = hh.shape[1]
        return (torch.tanh(hh) @ w[:H]).unsqueeze(1) + torch.tanh(memory) @ w[H:]
    keys = memory @ weights[f"W1_l{layer}"]
    query = (hh @ weights[f"W2_l{layer}"]).unsqueeze(1)
    if settings.score == "dot":
        return (keys * query).sum(2) / math.sqrt(keys.shape[2])
    limit = KEY_LIMIT.get(hh.dtype, math.inf)
    return torch.tanh(keys.clamp(-limit, limit) + query.clamp(-limit, limit)) @ weights[f"w3_l{layer}"]


def sparsify(settings: Settings, a: Tensor) -> Tensor:
    """alpha [B,N] of scores [B,N], N >= 1."""
    K, N = settings.k_top, a.shape[1]
    if settings.sparsifier == "release2019" and N <= K:
        return a
    if settings.forward == "dense" or N <= K:
        return torch.softmax(a, dim=1)
    ranked, index = torch.sort(a, dim=1, descending=True, stable=True)  # of equals the earlier memory comes first
    if settings.sparsifier == "softmax":
        return torch.zeros_like(a).scatter(1, index[:, :K], torch.softmax(ranked[:, :K], dim=1))
    if settings.sparsifier == "release2019":
        K -= 1
    r = torch.clamp(ranked[:, :K] - ranked[:, K:K + 1], min=0)
    Z = r.sum(1, keepdim=True)
    floor = settings.read_floor
    return torch.zeros_like(a).scatter(1, index[:, :K], r / torch.where(Z < floor, torch.full_like(Z, floor), Z))


def read(settings: Settings, weights: dict[str, Tensor], layer: int, hh: Tensor,
         memory: Tensor) -> tuple[Tensor, Tensor]:
    """(s [B,H], alpha [B,N]) of one read of memories [B,N,H]."""
    if not settings.mental_updates:
        memory = memory.detach()
    a = scores(settings, weights, layer, hh, memory)
    K, N = settings.k_top, a.shape[1]
    if settings.forward == "dense" and settings.backward == "sparse" and N > K:
        kept = torch.zeros_like(a, dtype=torch.bool)
        kept = kept.scatter(1, torch.sort(a, dim=1, descending=True, stable=True)[1][:, :K], True)
        a = torch.where(kept, a, a.detach())
        memory = torch.where(kept.unsqueeze(2), memory, memory.detach())
    alpha = sparsify(settings, a)
    return (alpha.unsqueeze(2) * memory).sum(1), alpha


def remind(settings: Settings, weights: dict[str, Tensor], layer: int, hh: Tensor, memories: Memories) -> Tensor:
    """s [B,H]; a sequence reads those of the newest memory_slots that are its own, and has s = 0 where there are none."""
    if not memories.entries:
        return torch.zeros_like(hh)
    valid = torch.stack(memories.valid[-settings.memory_slots:], dim=1)
    stacked = torch.stack(memories.entries[-settings.memory_slots:], dim=1)
    if bool(valid.all()):
        return read(settings, weights, layer, hh, stacked)[0]
    rows = []
    for b in range(hh.shape[0]):
        own = stacked[b:b + 1, valid[b]]
        rows.append(read(settings, weights, layer, hh[b:b + 1], own)[0] if own.shape[1] else torch.zeros_like(hh[b:b + 1]))
    return torch.cat(rows)


def run(settings: Settings, weights: dict[str, Tensor], x: Tensor, h: list[Tensor], c: list[Tensor],
        memories: list[Memories], lengths: Tensor | None, output_mask: Tensor | None = None,
        state_mask: Tensor | None = None) -> tuple[Tensor, Tensor, list[Tensor], list[Tensor]]:
    """Runs x, [T,B,I] or ids [T,B], from the state h, c (a [B,H] for each layer) and memories, which are added to.

    output_mask, state_mask [layers,B,H]: dropout's factors of what enters the next layer, and the layer itself a step later.

    Returns h_t and s_t of the top layer, [T,B,H] each, 0 past a sequence's end, and the state where each ended.
    """
    h, c = list(h), list(c)
    tops, reads = [], []
    for t in range(1, x.shape[0] + 1):
        alive = None if lengths is None else lengths >= t
        begins_window = t > 1 and (t - 1) % settings.k_trunc == 0
        below: Tensor | None = None
        s = torch.zeros_like(h[0])
        for layer in range(settings.layers):
            weight_ih, weight_hh = weights[f"weight_ih_l{layer}"], weights[f"weight_hh_l{layer}"]
            bias_ih, bias_hh = weights[f"bias_ih_l{layer}"], weights[f"bias_hh_l{layer}"]
            if below is not None:
                from_x = (below if output_mask is None else below * output_mask[layer - 1]) @ weight_ih.t() + bias_ih
            elif x.dim() == 2:
                from_x = weight_ih.t()[x[t - 1]] + bias_ih
            else:
                from_x = x[t - 1] @ weight_ih.t() + bias_ih
            before_h, before_c = (h[layer].detach(), c[layer].detach()) if begins_window else (h[layer], c[layer])
            entering = before_h if state_mask is None else before_h * state_mask[layer]
            hh, c_new = cell_step(settings.cell, from_x, entering @ weight_hh.t() + bias_hh, before_h, before_c)
            s = remind(settings, weights, layer, hh, memories[layer]) if settings.k_top > 0 else torch.zeros_like(hh)
            h_new = below = hh + settings.read_gain * s
            if alive is not None:
                h_new = torch.where(alive.unsqueeze(1), h_new, h[layer])
                c_new = torch.where(alive.unsqueeze(1), c_new, c[layer])
            h[layer], c[layer] = h_new, c_new
            if settings.k_top > 0 and t % settings.k_att == 0:
                there = torch.ones(hh.shape[0], dtype=torch.bool, device=hh.device) if alive is None else alive
                memories[layer].write(hh if settings.write == "provisional" else below, there)
        assert below is not None
        if alive is not None:
            below, s = below * alive.unsqueeze(1), s * alive.unsqueeze(1)
        tops.append(below)
        reads.append(s)
    return torch.stack(tops), torch.stack(reads), h, c
