"""`ReferenceSAB`: the same layer in plain differentiable PyTorch, on any device."""

from __future__ import annotations

import sys
from typing import Optional

import torch
from torch import Tensor, nn

from ..errors import InvalidError
from ..model import Model
from . import _equations as equations
from ._recurrent import Given, Left, Masks, Recurrent, remembers


class ReferenceSAB(Recurrent):
    __doc__ = f"""{Recurrent.__doc__}
    This one is written from the equations in plain PyTorch: it runs on any device, and is what the engine is tested against. It takes
    an order of magnitude more time and memory than SAB, whose state_dict it loads and whose loads it.
    """

    def _begin(self, drawn: Model) -> None:
        self._names = list(drawn.tensors)
        for name, array in drawn.tensors.items():
            self.register_parameter(name, nn.Parameter(torch.from_numpy(array.copy())))

        def number(name: str) -> float:
            return float(drawn.option(name))

        if number("read_bound") > 0:
            raise InvalidError(f"sab: read_bound {drawn.option('read_bound')}; a ReferenceSAB has no biased gradients: 0")
        for name, only, why in (("keep", "recent", "of more memories than fit the oldest leaves"), ("pool", "last", "a memory is one state"),
                                ("segments", "0", "all memories are scored")):
            if drawn.option(name) != only:
                raise InvalidError(f"sab: {name} {drawn.option(name)}; in a ReferenceSAB {why}: {only}")
        self._zero_memory = remembers(drawn) and drawn.option("zero_memory") == "on"
        credit, whole = drawn.option("credit"), ("bptt", "attention")
        k_top = int(number("k_top")) if remembers(drawn) else 0
        self._equations = equations.Settings(
            self.cell, self.hidden_size, self.num_layers, int(number("attention_width")), drawn.option("score"),
            drawn.option("sparsifier"), number("read_floor"), number("read_gain"), drawn.option("write"),
            max(1, k_top) if credit == "attention" else k_top, int(number("k_att")),
            sys.maxsize if credit in whole else int(number("k_trunc")), int(number("memory_slots")),
            drawn.option("mental_updates") == "on", "dense" if credit == "attention" else drawn.option("forward"),
            "dense" if credit == "attention" else drawn.option("backward"))

    def _compute(self, x: Tensor, lengths: Optional[Tensor], state: Given, masks: Masks, weights: list[Tensor], keep: bool) -> Left:
        settings, B = self._settings, x.shape[1]
        zeros = weights[0].new_zeros(settings.layers, B, settings.hidden)
        h0, c0 = (zeros if part is None else part for part in state[:2])
        memories = [_unpack(state, layer) for layer in range(settings.layers)]
        for memory in memories if self._zero_memory else []:
            memory.write(zeros[0], torch.ones(B, dtype=torch.bool, device=x.device))
        h, s, hs, cs = equations.run(self._equations, dict(zip(self._names, weights)), x, list(h0), list(c0), memories, lengths, *masks)
        out = torch.cat([h, s], 2) if self.recalled else h
        ends = torch.full((B,), x.shape[0], device=x.device) if lengths is None else lengths
        before = 0 if state[2] is None else state[2].shape[2]
        return out, torch.stack(hs), torch.stack(cs), *self._pack(memories, ends, before + x.shape[0] // settings.k_att)

    def _pack(self, memories: list[equations.Memories], ends: Tensor, written: int) -> tuple[Tensor, Tensor, Tensor]:
        """(memories [layers,B,N,H], first [B], since [B]): the newest of each sequence last, zeros before those that are not there."""
        N, like = min(self._settings.slots, written), memories[0].entries[0] if memories[0].entries else None
        since = (ends % self._settings.k_att).int()
        if like is None:
            B = len(ends)
            return self._zeros(B, N, next(self.parameters())), torch.full_like(since, N), since
        B = like.shape[0]
        packed, first = self._zeros(B, N, like), torch.full_like(since, N)
        for layer, memory in enumerate(memories):
            valid = torch.stack(memory.valid, 1)
            entries = torch.stack(memory.entries, 1).detach()
            for b in range(B):
                own = entries[b, valid[b]][-N:] if N else entries[b, :0]
                packed[layer, b, N - len(own):] = own
                first[b] = N - len(own)
        return packed, first, since

    def _zeros(self, B: int, N: int, like: Tensor) -> Tensor:
        return like.new_zeros(self.num_layers, B, N, self.hidden_size)


def _unpack(state: Given, layer: int) -> equations.Memories:
    """The memories of a layer that the sequences begin with."""
    packed, first = state[2], state[3]
    if packed is None or first is None:
        return equations.Memories()
    return equations.Memories(list(packed[layer].unbind(1)), [first <= i for i in range(packed.shape[2])])
