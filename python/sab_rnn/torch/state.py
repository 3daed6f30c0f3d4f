"""Where sequences ended, as a value: tensors that can be looked at, copied, stored, reset and gone on from."""

from __future__ import annotations

from typing import Any, Iterator, Optional, Union

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InvalidError

ARRAYS = ("h_n", "c_n", "memories", "first", "since")


class State:
    """Where B sequences ended. `out, (h_n, c_n) = layer(x)` works as with nn.LSTM; so does giving the State to the next call, which
    goes on with hidden states, cell states and memories. To what comes after, a state is a constant.

    h:        [B,H] the hidden state of the last layer, with its gradient.
    h_n:      [layers,B,H] of all layers. Of the last it is h, with its gradient; the others are constants.
    c_n:      [layers,B,H] the cell state, a constant; None for gru and rnn.
    memories: [layers,B,N,H] what can be recalled, the oldest first; None where memories are not carried on (memory_slots=None).
    first:    [B] int32, the first memory that is the sequence's own, 0..N.
    since:    [B] int32, steps since the latest memory was written, 0..k_att-1; it must be 0 to go on.
    Of one sequence without a dimension B, h is [H], h_n and c_n are [layers,H].
    """

    def __init__(self, h: Tensor, h_n: Tensor, c_n: Optional[Tensor], memories: Optional[Tensor] = None,
                 first: Optional[Tensor] = None, since: Optional[Tensor] = None, single: bool = False) -> None:
        self._h, self._h_n, self._c_n, self._single = h, h_n, c_n, single
        self.memories, self.first, self.since = memories, first, since

    @property
    def h(self) -> Tensor:
        return self._h.squeeze(0) if self._single else self._h

    @property
    def h_n(self) -> Tensor:
        whole = torch.cat([self._h_n[:-1], self._h.unsqueeze(0)])
        return whole.squeeze(1) if self._single else whole

    @property
    def c_n(self) -> Optional[Tensor]:
        return self._c_n.squeeze(1) if self._single and self._c_n is not None else self._c_n

    def __iter__(self) -> Iterator[Tensor]:
        yield self.h_n
        if self.c_n is not None:
            yield self.c_n

    def _map(self, change: Any) -> State:
        c_n, memories, first, since = (None if part is None else change(part)
                                       for part in (self._c_n, self.memories, self.first, self.since))
        return State(change(self._h), change(self._h_n), c_n, memories, first, since, self._single)

    def detach(self) -> State:
        """The same numbers without their gradient."""
        return self._map(lambda part: part.detach())

    def clone(self) -> State:
        """An independent copy, with its gradient."""
        return self._map(lambda part: part.clone())

    def to(self, target: Union[torch.dtype, torch.device, str]) -> State:
        """Numbers of another type (torch.float64), or on another device."""
        if isinstance(target, torch.dtype):
            return self._map(lambda part: part.to(target) if part.is_floating_point() else part)
        return self._map(lambda part: part.to(target))

    def reset(self, sequences: Any) -> State:
        """A copy in which these sequences begin anew: h and c are 0, and there is nothing to recall. sequences: [B] of bool, or
        numbers 0..B-1."""
        chosen = torch.zeros(self._h.shape[0], dtype=torch.bool, device=self._h.device)
        where = torch.as_tensor(sequences, device=chosen.device)
        if where.dtype == torch.bool and where.shape != chosen.shape:
            raise InvalidError(f"reset: {list(where.shape)} of bool for a state of {len(chosen)} sequences")
        if where.dtype != torch.bool and where.numel() and not 0 <= int(where.min()) <= int(where.max()) < len(chosen):
            raise InvalidError(f"reset: sequence {int(where.max() if where.max() >= len(chosen) else where.min())} of a state of "
                               f"{len(chosen)}, which are 0..{len(chosen) - 1}")
        chosen[where if where.dtype == torch.bool else where.long()] = True
        anew = self.detach().clone()
        anew._h[chosen] = 0
        for part in (anew._h_n, anew._c_n, anew.memories):
            if part is not None:
                part[:, chosen] = 0
        if anew.first is not None and anew.since is not None and anew.memories is not None:
            anew.first[chosen] = anew.memories.shape[2]
            anew.since[chosen] = 0
        return anew

    def numpy(self) -> dict[str, NDArray[Any]]:
        """Copies as arrays by name, those that there are: `State.from_numpy(state.numpy())`, `numpy.savez("state.npz", **arrays)`."""
        parts = (self._h_n, self._c_n, self.memories, self.first, self.since)
        return {name: part.detach().cpu().numpy().copy() for name, part in zip(ARRAYS, parts) if part is not None}

    @staticmethod
    def from_numpy(arrays: Any) -> State:
        """Of a mapping as `numpy()` gives it, such as numpy.load("state.npz")."""
        unknown = set(arrays) - set(ARRAYS)
        if unknown or "h_n" not in arrays:
            raise InvalidError(f"a state is made of {', '.join(ARRAYS)}; {', '.join(sorted(arrays)) or 'nothing'} is given")
        c_n, memories, first, since = (torch.from_numpy(np.array(arrays[name])) if name in arrays else None for name in ARRAYS[1:])
        h_n = torch.from_numpy(np.array(arrays["h_n"]))
        return State(h_n[-1].clone(), h_n, c_n, memories, first, since)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles have the numbers, and no gradient."""
        parts = (self._h, self._h_n, self._c_n, self.memories, self.first, self.since)
        return State, (*(None if part is None else part.detach().clone() for part in parts), self._single)

    def __repr__(self) -> str:
        memories = 0 if self.memories is None else self.memories.shape[2]
        return f"State(h_n={list(self.h_n.shape)}, memories={memories})"
