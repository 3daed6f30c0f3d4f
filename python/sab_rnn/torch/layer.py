"""The layer: what a user of nn.LSTM finds here, and how tensors of all forms reach the engine and come back."""

from __future__ import annotations

import os
from typing import Any, Optional, Sequence, Union

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ..errors import InvalidError
from ..model import Model, Stream
from ._autograd import Core, Run

PRECISIONS = {torch.float32: "float", torch.float64: "double"}


class State:
    """Where sequences ended. `h` [B,H]: the hidden state of the last layer there, with its gradient.

    Given back to the layer, the sequences go on with all layers' states and memories, which are constants to the gradient; that
    needs memory_slots where there is a memory (memory_slots = 0 keeps all and has no end).
    """

    def __init__(self, h: Tensor, stream: Optional[Stream]) -> None:
        self.h, self._stream = h, stream

    def detach(self) -> State:
        return State(self.h.detach(), self._stream)


class SAB(nn.Module):
    """Recurrent layers with Sparse Attentive Backtracking, used like nn.LSTM: `out, state = layer(x)`.

    At each step the network reads k_top of its past states, written every k_att steps; the gradient goes back through windows of
    k_trunc steps and through what was read. k_top = 0 with k_trunc of at least T is nn.LSTM, nn.GRU or nn.RNN.

    x: [T,B,input_size], or [B,T,input_size] with batch_first, or without the B, or a PackedSequence; with `ids`, whole numbers
       0..input_size-1 without the last dimension.
    state: nothing (zeros), a State, or the initial states (h0, c0), [num_layers,B,H] each, h0 alone for gru and rnn: they get a
       gradient, from the first window only.
    lengths: [B], 1..T. Outputs past a sequence's end are 0.
    out: [T,B,H] the hidden state of the last layer; with `recalled`, [T,B,2H]: beside it what was read.

    cell: "lstm", "gru" or "rnn". score: "mlp", "dot" or "release2019". memory_slots: how many memories at most, the oldest leaves
    first; None: all. seed: of the initial weights; None: from torch's generator. threads: None: torch.get_num_threads().
    Others: the options of the groups model and credit (sab_rnn.option_table()), input_scale and key_scale among them; input_scale
    is 1 here unless ids are given. Parameters have PyTorch's names and layouts, then W1_l0, W2_l0, w3_l0 (or w_l0) for each layer.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, cell: str = "lstm", *, k_top: int = 5,
                 k_trunc: int = 5, k_att: int = 1, memory_slots: Optional[int] = None, score: str = "mlp",
                 batch_first: bool = False, ids: bool = False, recalled: bool = False, seed: Optional[int] = None,
                 threads: Optional[int] = None, dtype: Optional[torch.dtype] = None, **options: Any) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers, self.cell = input_size, hidden_size, num_layers, cell
        self.batch_first, self.ids, self.recalled = batch_first, ids, recalled
        self.threads = threads
        if recalled and k_top == 0:
            raise InvalidError("recalled: with k_top = 0 there is nothing to recall")
        seed = int(torch.randint(2**31, ())) if seed is None else seed
        options.setdefault("input_scale", 10 if ids else 1)
        self.options: dict[str, Any] = {
            "hidden": hidden_size, "layers": num_layers, "cell": cell, "k_top": k_top, "k_trunc": k_trunc, "k_att": k_att,
            "memory_slots": memory_slots or 0, "score": score, "seed": seed, **options}
        self._core: Optional[Core] = None
        core = self._engine(dtype or torch.get_default_dtype())
        self._names = core.names
        for name, tensor in core.model.tensors.items():
            self.register_parameter(name, nn.Parameter(torch.from_numpy(tensor.copy())))

    def _engine(self, dtype: torch.dtype) -> Core:
        """The engine for numbers of this type in this process, made where there is none."""
        if dtype not in PRECISIONS:
            raise InvalidError(f"sab: parameters of type {dtype}; a SAB computes in torch.float32 or torch.float64")
        precision = PRECISIONS[dtype]
        threads = torch.get_num_threads() if self.threads is None else self.threads
        core = self._core
        if core is None or core.model.precision != precision or core.process != os.getpid() or core.threads != threads:
            outputs = self.hidden_size * (2 if self.recalled else 1)
            core = Core(Model(self.input_size, outputs, loss="none", ids=self.ids, precision=precision, readout=False,
                              **self.options), threads)
            self._core = core
        return core

    def forward(self, x: Union[Tensor, PackedSequence], state: Union[None, State, Tensor, Sequence[Tensor]] = None, *,
                lengths: Union[None, Tensor, Sequence[int]] = None) -> tuple[Union[Tensor, PackedSequence], State]:
        """(out, state); see the class."""
        if isinstance(x, PackedSequence):
            if lengths is not None:
                raise InvalidError("sab: lengths beside a PackedSequence, which has its own")
            return self._forward_packed(x, state)
        single = x.dim() == (1 if self.ids else 2)
        time = 1 if self.batch_first and not single else 0
        dense = x.unsqueeze(1) if single else x.transpose(0, time)
        out, after = self._run(dense, self._with_batch(state) if single else state, lengths)
        if single:
            return out.squeeze(1), State(after.h.squeeze(0), after._stream)
        return out.transpose(0, time), after

    def _forward_packed(self, x: PackedSequence, state: Any) -> tuple[PackedSequence, State]:
        dense, lengths = pad_packed_sequence(x)
        out, after = self._run(dense, state, lengths)
        if x.sorted_indices is not None:
            out, lengths = out[:, x.sorted_indices], lengths[x.sorted_indices.cpu()]
        data = pack_padded_sequence(out, lengths).data
        return PackedSequence(data, x.batch_sizes, x.sorted_indices, x.unsorted_indices), after

    @staticmethod
    def _with_batch(state: Any) -> Any:
        """States of one sequence without its dimension B, with it."""
        if state is None or isinstance(state, State):
            return state
        return state.unsqueeze(1) if isinstance(state, Tensor) else tuple(part.unsqueeze(1) for part in state)

    @torch._disable_dynamo  # torch.compile leaves the engine alone; torch.compiler.disable would import the compiler here
    def _run(self, x: Tensor, state: Any, lengths: Any) -> tuple[Tensor, State]:
        """(outputs, state) of x [T,B,I] or [T,B]."""
        weights = [getattr(self, name) for name in self._names]
        for tensor in (x, *weights):
            if tensor.device.type != "cpu":
                raise InvalidError(f"sab: a tensor on the device {tensor.device}; a SAB runs on the CPU: layer.cpu(), x.cpu()")
        core = self._engine(weights[0].dtype)
        if not self.ids:
            if not x.is_floating_point():
                raise InvalidError(f"sab: x of type {x.dtype}; whole numbers need SAB(..., ids=True)")
            x = x.to(weights[0].dtype)
        h0, c0, stream = self._initial(core, state, weights[0].dtype)
        if x.dim() != (2 if self.ids else 3):
            raise InvalidError(f"sab: x has shape {list(x.shape)} in the layer's order; "
                               f"{'[T,B]' if self.ids else '[T,B,input_size]'} is wanted")
        ends = None if lengths is None else torch.as_tensor(lengths, dtype=torch.int64).cpu()
        if stream is None and h0 is None and self._can_go_on(core, x.shape[0], ends):
            stream = Stream(core.model, x.shape[1])
        track = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, h0, c0, *weights))
        out = Run.apply(core, track, None if ends is None else ends.numpy(), stream, x, h0, c0, *weights)
        last = out[-1] if ends is None else out[ends - 1, torch.arange(out.shape[1])]
        return out, State(last[:, :self.hidden_size], stream)

    def _can_go_on(self, core: Core, T: int, ends: Optional[Tensor]) -> bool:
        """Whether sequences can end in a state: with a memory that has an end, at a step that writes one."""
        if not any(name.startswith(("W1", "w_")) for name in core.names):
            return True
        k_att = self.options["k_att"]
        return self.options["memory_slots"] > 0 and T % k_att == 0 and (ends is None or not (ends % k_att).any())

    def _initial(self, core: Core, state: Any, dtype: torch.dtype) -> tuple[Optional[Tensor], Optional[Tensor], Optional[Stream]]:
        """h0, c0 and the stream that sequences begin with."""
        if state is None:
            return None, None, None
        if isinstance(state, State):
            if state._stream is None:
                raise InvalidError("sab: this state cannot go on: a memory needs SAB(..., memory_slots=N), sequences a "
                                   "multiple of k_att steps, and a beginning with zeros or a State")
            if state._stream.model is not core.model:
                raise InvalidError("sab: this state is another layer's, number type's or process's")
            return None, None, state._stream.clone()
        parts = (state,) if isinstance(state, Tensor) else tuple(state)
        wanted = 2 if self.cell == "lstm" else 1
        if len(parts) != wanted:
            raise InvalidError(f"sab: the state has {len(parts)} parts; a {self.cell} begins with "
                               f"{'(h0, c0)' if wanted == 2 else 'h0'}")
        h0, c0 = (*(part.to(dtype) for part in parts), None)[:2]
        return h0, c0, None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_core": None}  # copies and pickles make their own engine

    def extra_repr(self) -> str:
        given = ", ".join(f"{name}={value}" for name, value in self.options.items() if name not in ("hidden", "layers", "cell"))
        return f"{self.input_size}, {self.hidden_size}, {self.num_layers}, cell={self.cell}, {given}"

    @torch.no_grad()
    def save(self, path: Union[str, os.PathLike[str]], readout: nn.Linear, **task: Any) -> None:
        """Writes the layer and the nn.Linear after it as a model of a task, which `sab eval` and `sab recall` read:
        `layer.save("net.safetensors", head, task="copy", T=20)`. The task decides inputs and outputs, which must fit; the Linear
        takes [T,B,H], or [T,B,2H] with `recalled`."""
        model = Model.for_task(**self.options, **task)
        H = self.hidden_size
        tensors = dict(self.named_parameters(recurse=False))
        tensors["V1"] = readout.weight[:, :H].t()
        if "V2" in model.tensors:
            tensors["V2"] = readout.weight[:, H:].t() if self.recalled else torch.zeros(H, readout.out_features)
        tensors["b"] = torch.zeros(readout.out_features) if readout.bias is None else readout.bias
        for name, tensor in tensors.items():
            there = model.tensors[name]
            if there.shape != tuple(tensor.shape):
                raise InvalidError(f"sab: {name} is {list(tensor.shape)} here, {list(there.shape)} in a model of that task")
            there[...] = tensor.numpy()
        model.save(path)
