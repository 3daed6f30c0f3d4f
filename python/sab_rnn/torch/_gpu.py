"""A layer's computation on a GPU: tensors go straight in, by their addresses and torch's current stream, and nothing is copied through
the host or waited for. What the way back needs is one tensor, so that autograd, CUDA graphs and torch's allocator treat it as any other.

Must not know: modules, packed sequences, batch_first.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any, Optional, Sequence

import torch
from torch import Tensor

from ..errors import InvalidError
from ..model import Model
from ._core import Settings, check_dtype

# Tests set this: tensors of the CPU take this way too, by the library's form of the GPU's code for the processor.
host_form = False


def takes(tensor: Tensor) -> bool:
    """Whether this tensor's computations are done here."""
    return tensor.device.type == "cuda" or host_form


@lru_cache(maxsize=None)
def check(device: torch.device) -> None:
    """InvalidError where the library has no such device."""
    small = Settings(1, 1, False, 1, 1, True, 0, 1, {"hidden": "1", "k_top": "0"})
    try:
        Side(small.text(), "float", _name(device))
    except InvalidError as why:
        raise InvalidError(f"sab: a tensor on the device {device}: {why}. On the CPU a SAB runs in any build: layer.cpu(), x.cpu(); a "
                           "sab_rnn.torch.ReferenceSAB with the same weights runs on any device, slowly") from None


def _name(device: torch.device) -> str:
    return f"cuda:{device.index or 0}" if device.type == "cuda" else "host"


class Side:
    """The library's object for a configuration on one device, used by one thread at a time: whoever calls holds `lock`."""

    def __init__(self, config: str, precision: str, device: str) -> None:
        self.settings = Settings.of(config)
        self.model: Model = self.settings.model(precision)
        self.build = self.model._build
        made = self.build.ffi.new("struct sab_cuda **")
        self.build.call(self.build.lib.sab_cuda_create, made, self.model._handle, device.encode())
        self.handle = self.build.own(made[0], self.build.lib.sab_cuda_free, self.model._handle)
        self.lock = threading.Lock()

    def call(self, function: Any, like: Tensor, *arguments: Any) -> None:
        """A function of the library, which may make another device the current one."""
        if like.device.type != "cuda":
            self.build.call(function, self.handle, *arguments)
            return
        with torch.cuda.device(like.device):
            self.build.call(function, self.handle, *arguments)

    def address(self, tensor: Optional[Tensor], kind: str = "sab_real *") -> Any:
        return self.build.ffi.NULL if tensor is None else self.build.ffi.cast(kind, tensor.data_ptr())

    def shape(self, like: Tensor, T: int, B: int, N: int, has_masks: bool) -> Any:
        """A struct sab_cuda_batch of such a shape, on the current stream of `like`; for the library's count the masks are somewhere."""
        stream = torch.cuda.current_stream(like.device).cuda_stream if like.device.type == "cuda" else 0
        return self.build.sized("struct sab_cuda_batch", T=T, B=B, N=N, stream=self.build.ffi.cast("void *", stream),
                                state_mask=self.build.ffi.cast("sab_real *", int(has_masks)))

    def need(self, like: Tensor, batch: Any) -> Any:
        need = self.build.sized("struct sab_cuda_need")
        self.call(self.build.lib.sab_cuda_need, like, batch, need)
        return need


@lru_cache(maxsize=256)
def _side(config: str, precision: str, device: str) -> Side:
    return Side(config, precision, device)


def _side_of(config: str, weight: Tensor) -> Side:
    if weight.device.type == "cuda" and weight.dtype != torch.float32:
        raise InvalidError(f"sab: parameters of type {weight.dtype} on {weight.device}; on a GPU a SAB computes in torch.float32")
    return _side(config, check_dtype(weight.dtype), _name(weight.device))


def kept_nbytes(config: str, weight: Tensor, T: int, B: int, N: int, has_masks: bool) -> int:
    """The size of what a forward leaves for its way back."""
    side = _side_of(config, weight)
    with side.lock:
        return int(side.need(weight, side.shape(weight, T, B, N, has_masks)).kept_nbytes)


def _check(condition: Tensor, message: str) -> None:
    """RuntimeError here or, on a GPU, when somebody waits for it: to look now would be to wait."""
    torch._assert_async(condition.all(), message)


class _Given:
    """A batch for the library, and the tensors whose addresses it has."""

    def __init__(self, side: Side, x: Tensor, lengths: Optional[Tensor], h0: Optional[Tensor], c0: Optional[Tensor],
                 memories: Optional[Tensor], first: Optional[Tensor], since: Optional[Tensor], output_mask: Optional[Tensor],
                 state_mask: Optional[Tensor], weights: Sequence[Tensor]) -> None:
        settings, T, B = side.settings, x.shape[0], x.shape[1]
        if settings.ids:
            _check((x >= 0) & (x < settings.inputs), f"sab: ids are 0..{settings.inputs - 1}")
        if lengths is not None:
            _check((lengths >= 1) & (lengths <= T), f"sab: lengths are 1..{T}")
        if memories is not None and since is not None:
            _check(since == 0, "sab: a state goes on where its latest memory was written: since is 0")
        if memories is not None and first is not None:
            _check((first >= 0) & (first <= memories.shape[2]), "sab: first is 0..N")
        self.side, self.like, self.T, self.B = side, weights[0], T, B
        self._alive: list[Tensor] = []
        self.batch = side.shape(self.like, T, B, 0 if memories is None else memories.shape[2], False)
        self.struct(self.batch, **{"ids" if settings.ids else "values": x}, lengths=lengths, h0=h0, c0=c0, memories=memories, first=first,
                    output_mask=output_mask, state_mask=state_mask)
        whole = [self.keep(weight.detach().contiguous()) for weight in weights]
        self._weights = side.build.ffi.new("sab_real *[]", [side.address(weight) for weight in whole])
        self.batch.weights = self._weights

    def keep(self, tensor: Tensor) -> Tensor:
        self._alive.append(tensor)
        return tensor

    def struct(self, struct: Any, **tensors: Optional[Tensor]) -> None:
        """Members of a struct as addresses: whole numbers in 32 bits, others as they are."""
        for name, tensor in tensors.items():
            if tensor is not None:
                is_whole = not tensor.is_floating_point()
                there = self.keep((tensor.detach().to(torch.int32) if is_whole else tensor.detach()).contiguous())
                setattr(struct, name, self.side.address(there, "int32_t *" if is_whole else "sab_real *"))

    def room(self, nbytes: int) -> Tensor:
        """Memory of torch's allocator; the end of its use is in the order of the stream."""
        return self.keep(torch.empty(max(int(nbytes), 1), dtype=torch.uint8, device=self.like.device))


def forward(config: str, keep: bool, x: Tensor, lengths: Optional[Tensor], h0: Optional[Tensor], c0: Optional[Tensor],
            memories: Optional[Tensor], first: Optional[Tensor], since: Optional[Tensor], output_mask: Optional[Tensor],
            state_mask: Optional[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """As _ops.forward; the last is what the way back needs."""
    side = _side_of(config, weights[0])
    settings, lib, like = side.settings, side.build.lib, weights[0]
    with side.lock:
        given = _Given(side, x, lengths, h0, c0, memories, first, since, output_mask, state_mask, weights)
        need = side.need(like, given.batch)
        L, T, B, H = settings.layers, given.T, given.B, settings.hidden

        def whole(*shape: int) -> Tensor:
            return like.new_empty(shape, dtype=torch.int32)

        out, hn, cn = like.new_empty((T, B, settings.outputs)), like.new_empty((L, B, H)), like.new_empty((L, B, H) if settings.has_c else (0,))
        carried = (like.new_empty((L, B, need.N, H)), whole(B), whole(B)) if settings.slots > 0 else (like.new_empty((0,)), whole(0), whole(0))
        kept, scratch = given.room(need.kept_nbytes), given.room(need.forward_nbytes)
        given.batch.kept, given.batch.scratch = side.address(kept, "void *"), side.address(scratch, "void *")
        left = side.build.sized("struct sab_cuda_left")
        given.struct(left, outputs=out, hn=hn, cn=cn if settings.has_c else None)
        if settings.slots > 0:
            given.struct(left, memories=carried[0], first=carried[1], since=carried[2])
        side.call(lib.sab_cuda_forward, like, given.batch, left)
    return (out, hn, cn, *carried, kept if keep else like.new_empty((1,), dtype=torch.uint8))


def backward(config: str, to_x: bool, to_state: bool, kept: Tensor, dout: Tensor, x: Tensor, lengths: Optional[Tensor],
             h0: Optional[Tensor], c0: Optional[Tensor], memories: Optional[Tensor], first: Optional[Tensor], since: Optional[Tensor],
             output_mask: Optional[Tensor], state_mask: Optional[Tensor], weights: Sequence[Tensor]) -> list[Tensor]:
    """As _ops.backward."""
    side = _side_of(config, weights[0])
    settings, lib, like = side.settings, side.build.lib, weights[0]
    with side.lock:
        given = _Given(side, x, lengths, h0, c0, memories, first, since, output_mask, state_mask, weights)
        need = side.need(like, given.batch)
        if kept.numel() != need.kept_nbytes or kept.device != like.device:
            raise RuntimeError("sab: what the forward kept for its way back is not this batch's")
        start = (settings.layers, given.B, settings.hidden) if to_state else (0,)
        dweights = [torch.empty_like(weight, memory_format=torch.contiguous_format) for weight in weights]
        there = side.build.ffi.new("sab_real *[]", [side.address(d) for d in dweights])
        dx = like.new_empty(tuple(x.shape) if to_x else (0,))
        dh0, dc0 = like.new_empty(start), like.new_empty(start if settings.has_c else (0,))
        scratch = given.room(need.backward_nbytes)
        given.batch.kept, given.batch.scratch = side.address(kept, "void *"), side.address(scratch, "void *")
        gradient = side.build.sized("struct sab_cuda_gradient")
        given.struct(gradient, doutputs=dout)
        gradient.dweights = there
        if to_x:
            given.struct(gradient, dvalues=dx)
        if to_state:
            given.struct(gradient, dh0=dh0, dc0=dc0 if settings.has_c else None)
        side.call(lib.sab_cuda_backward, like, given.batch, gradient)
    return [dx, dh0, dc0, *dweights]
