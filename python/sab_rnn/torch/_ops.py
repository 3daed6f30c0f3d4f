"""The engine as two operators of PyTorch, sab_rnn::forward and sab_rnn::backward, with what torch.compile and autograd must know.

Both are functions of their arguments alone. What a forward keeps for its way back is found by a ticket among its results; where that
is lost (tensors saved elsewhere and brought back, copied, of before a fork) the way back runs the forward again. On a GPU (_gpu.py) the
ticket is what was kept.
Must not know: modules, packed sequences, batch_first.
"""

from __future__ import annotations

from typing import Any, Optional, Sequence

import numpy as np
import torch
from torch import Tensor

from ..model import Tape
from ..stream import Stream
from . import _core, _gpu
from ._core import Core, Settings

# config: Settings.text(). threads: 0 for torch.get_num_threads(). keep: whether there will be a way back. x [T,B,I] or ids [T,B].
# lengths [B]. The state that sequences begin with: h0, c0 [layers,B,H], memories [layers,B,N,H], first and since [B] as in sab.h;
# with memories, all five. Dropout's masks [layers,B,H]. weights in the order of the model's table.
STATE = ("Tensor? lengths, Tensor? h0, Tensor? c0, Tensor? memories, Tensor? first, Tensor? since, Tensor? output_mask, "
         "Tensor? state_mask, Tensor[] weights")
# out [T,B,O], hn, cn, memories, first, since (empty where there are none), ticket
FORWARD = f"(str config, int threads, bool keep, Tensor x, {STATE}) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"
# dx, dh0, dc0 (empty where not wanted), and one of each weight
BACKWARD = f"(str config, int threads, bool to_x, bool to_state, Tensor ticket, Tensor dout, Tensor x, {STATE}) -> Tensor[]"


def _numpy(tensor: Optional[Tensor]) -> Any:
    return None if tensor is None else tensor.detach().contiguous().numpy()


def _run(core: Core, threads: int, keep: bool, x: Tensor, lengths: Optional[Tensor], h0: Optional[Tensor], c0: Optional[Tensor],
         memories: Optional[Tensor], first: Optional[Tensor], since: Optional[Tensor], output_mask: Optional[Tensor],
         state_mask: Optional[Tensor]) -> tuple[list[Any], Optional[Tape]]:
    """([out, hn, cn, memories, first, since], tape) of the core's model; its lock is held."""
    settings, model = Settings.of(core.config), core.model
    B, real = x.shape[1], model._build.real
    stream = None
    begin = {"h0": _numpy(h0), "c0": _numpy(c0)}
    if settings.slots > 0:
        stream = Stream(model, B)
        if h0 is not None:
            stream.set(begin["h0"], begin["c0"], _numpy(memories), _numpy(first), _numpy(since))
            begin = {}
    hn = np.empty((settings.layers, B, settings.hidden), real)
    cn = np.empty_like(hn) if settings.has_c else None
    out, _, tape = core.engine(threads or torch.get_num_threads()).forward(
        _numpy(x), lengths=_numpy(lengths), hn=hn, cn=cn, stream=stream, tape=keep, output_mask=_numpy(output_mask),
        state_mask=_numpy(state_mask), **begin)
    empty = [np.empty(0, real), np.empty(0, np.int32), np.empty(0, np.int32)]
    carried = empty if stream is None else list(stream.get()[2:])
    return [out, hn, np.empty(0, real) if cn is None else cn, *carried], tape


def _forward(config: str, threads: int, keep: bool, x: Tensor, lengths: Optional[Tensor], h0: Optional[Tensor],
             c0: Optional[Tensor], memories: Optional[Tensor], first: Optional[Tensor], since: Optional[Tensor],
             output_mask: Optional[Tensor], state_mask: Optional[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    if _gpu.takes(x):
        return _gpu.forward(config, keep, x, lengths, h0, c0, memories, first, since, output_mask, state_mask, weights)
    core = _core.find(config, weights)
    with core.lock:
        core.take(weights)
        found, tape = _run(core, threads, keep, x, lengths, h0, c0, memories, first, since, output_mask, state_mask)
    return (*map(torch.from_numpy, found), _core.no_ticket() if tape is None else _core.ticket(core, tape))


def _backward(config: str, threads: int, to_x: bool, to_state: bool, ticket: Tensor, dout: Tensor, x: Tensor,
              lengths: Optional[Tensor], h0: Optional[Tensor], c0: Optional[Tensor], memories: Optional[Tensor],
              first: Optional[Tensor], since: Optional[Tensor], output_mask: Optional[Tensor], state_mask: Optional[Tensor],
              weights: Sequence[Tensor]) -> list[Tensor]:
    if _gpu.takes(x):
        return _gpu.backward(config, to_x, to_state, ticket, dout, x, lengths, h0, c0, memories, first, since, output_mask, state_mask,
                             weights)
    kept, tape = _core.tape_of(ticket)
    core = _core.find(config, weights) if kept is None else kept
    with core.lock:
        core.take(weights)
        if tape is None:
            _, tape = _run(core, threads, True, x, lengths, h0, c0, memories, first, since, output_mask, state_mask)
            assert tape is not None
        found = tape.backward(_numpy(dout), inputs=to_x, state=to_state)
        del tape
    nothing = np.empty(0, core.model._build.real)
    parts = [found.inputs, found.h0, found.c0]
    return [torch.from_numpy(nothing.copy() if part is None else part) for part in parts] + \
        [torch.from_numpy(found.weights[name]) for name in core.names]


def _forward_shapes(config: str, threads: int, keep: bool, x: Tensor, lengths: Optional[Tensor], h0: Optional[Tensor],
                    c0: Optional[Tensor], memories: Optional[Tensor], first: Optional[Tensor], since: Optional[Tensor],
                    output_mask: Optional[Tensor], state_mask: Optional[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    settings, like = Settings.of(config), weights[0]
    T, B, L, H = x.shape[0], x.shape[1], settings.layers, settings.hidden
    before = 0 if memories is None else memories.shape[2]
    N = torch.sym_min(settings.slots, before + T // settings.k_att)

    def whole(*shape: Any) -> Tensor:
        return like.new_empty(shape, dtype=torch.int32)

    carried = (like.new_empty((L, B, N, H)), whole(B), whole(B)) if settings.slots > 0 else (like.new_empty((0,)), whole(0), whole(0))
    ticket: Any = 1
    if keep and _gpu.takes(x):
        has_masks = output_mask is not None or state_mask is not None
        is_known = all(isinstance(size, int) for size in (T, B, before))
        ticket = _gpu.kept_nbytes(config, like, T, B, before, has_masks) if is_known else torch.library.get_ctx().new_dynamic_size()
    return (like.new_empty((T, B, settings.outputs)), like.new_empty((L, B, H)),
            like.new_empty((L, B, H) if settings.has_c else (0,)), *carried, like.new_empty((ticket,), dtype=torch.uint8))


def _backward_shapes(config: str, threads: int, to_x: bool, to_state: bool, ticket: Tensor, dout: Tensor, x: Tensor,
                     lengths: Optional[Tensor], h0: Optional[Tensor], c0: Optional[Tensor], memories: Optional[Tensor],
                     first: Optional[Tensor], since: Optional[Tensor], output_mask: Optional[Tensor], state_mask: Optional[Tensor],
                     weights: Sequence[Tensor]) -> list[Tensor]:
    settings, like = Settings.of(config), weights[0]
    states = (settings.layers, x.shape[1], settings.hidden) if to_state else (0,)
    return [like.new_empty(x.shape if to_x else (0,)), like.new_empty(states), like.new_empty(states if settings.has_c else (0,)),
            *(like.new_empty(weight.shape) for weight in weights)]


# ---- what autograd must know ----

def _save(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.config, ctx.threads, tensors, weights = inputs[0], inputs[1], inputs[3:-1], inputs[-1]
    ctx.there = [tensor is not None for tensor in tensors]
    ctx.save_for_backward(output[-1], *(tensor for tensor in tensors if tensor is not None), *weights)
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)


def _differentiate(ctx: Any, dout: Optional[Tensor], *_: Any) -> tuple[Any, ...]:
    ticket, *saved = ctx.saved_tensors
    given = [saved.pop(0) if there else None for there in ctx.there]
    if dout is None:
        return (None,) * 12 + ([None] * len(saved),)
    needs: Any = ctx.needs_input_grad
    dx, dh0, dc0, *dweights = _backward_op(ctx.config, ctx.threads, needs[3], needs[5] or needs[6], ticket, dout, *given, saved)
    return (None, None, None, dx if needs[3] else None, None, dh0 if needs[5] else None, dc0 if needs[6] else None,
            *(None,) * 5, [d if need else None for d, need in zip(dweights, needs[12])])


def _refuse(ctx: Any, *_: Any) -> Any:
    raise RuntimeError("sab: a SAB has first derivatives only; a gradient of its gradient (create_graph=True) is asked for")


_forward_op: Any = torch.library.custom_op("sab_rnn::forward", _forward, mutates_args=(), schema=FORWARD)
_backward_op: Any = torch.library.custom_op("sab_rnn::backward", _backward, mutates_args=(), schema=BACKWARD)
_forward_op.register_fake(_forward_shapes)
_backward_op.register_fake(_backward_shapes)
_forward_op.register_autograd(_differentiate, setup_context=_save)
_backward_op.register_autograd(_refuse, setup_context=lambda ctx, inputs, output: None)

forward = _forward_op
