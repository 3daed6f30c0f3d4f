"""What is the same whoever computes: the arguments, and how tensors of all forms enter and leave a recurrent layer.

Must not know: the engine's operators, the equations.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Sequence, TypeVar, Union

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ..errors import InvalidError
from ..model import Model
from ..options import option_table
from ._core import Settings, check_dtype
from .state import State

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._keywords import LayerValues

Given = tuple[Optional[Tensor], Optional[Tensor], Optional[Tensor], Optional[Tensor], Optional[Tensor]]
Masks = tuple[Optional[Tensor], Optional[Tensor]]
Left = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
Kind = TypeVar("Kind", bound="Recurrent")


class Recurrent(nn.Module):
    """Recurrent layers with Sparse Attentive Backtracking, used like nn.LSTM: `out, state = layer(x)`.

    At each step the network reads k_top of its past states, written every k_att steps; the gradient goes back through windows of
    k_trunc steps and through what was read. k_top = 0 with k_trunc of at least T is nn.LSTM, nn.GRU or nn.RNN.

    x: [T,B,input_size], or [B,T,input_size] with batch_first, or without the B, or a PackedSequence; with `ids`, whole numbers
       0..input_size-1 without the last dimension.
    state: nothing (zeros), a State, or the initial states (h0, c0), [num_layers,B,H] each, h0 alone for gru and rnn: they get a
       gradient, from the first window only.
    lengths: [B], 1..T steps. Outputs past a sequence's end are 0.
    out: [T,B,H] the hidden state of the last layer; with `recalled`, [T,B,2H]: beside it what was read. A PackedSequence for one.

    cell: "lstm", "gru" or "rnn". score: "mlp", "dot" or "release2019". memory_slots: how many memories at most, the oldest leaves
    first; None: all, and then a State cannot be gone on from. dropout: in training mode, the share of a layer's units that the next
    layer does not see, where nn.LSTM has it; dropout_recurrent: that the layer itself does not see a step later. One draw for a whole
    sequence, from torch's generator; memories are written whole (docs/math/dropout.md). seed: of the initial weights; None: from torch's generator. threads:
    None: torch.get_num_threads(). Others: the options of the groups model and credit (sab_rnn.option_table()), input_scale and
    key_scale among them; input_scale is 1 here unless ids are given. Parameters have PyTorch's names and layouts, then W1_l0, W2_l0,
    w3_l0 (or w_l0) for each layer. InvalidError says what does not fit.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, cell: str = "lstm", *, k_top: int = 5,
                 k_trunc: int = 5, k_att: int = 1, memory_slots: Optional[int] = None, score: str = "mlp",
                 batch_first: bool = False, ids: bool = False, recalled: bool = False, dropout: float = 0.0,
                 dropout_recurrent: float = 0.0, seed: Optional[int] = None,
                 threads: Optional[int] = None, device: Union[None, str, torch.device] = None,
                 dtype: Optional[torch.dtype] = None, **options: Unpack[LayerValues]) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers, self.cell = input_size, hidden_size, num_layers, cell
        self.batch_first, self.ids, self.recalled, self.threads = batch_first, ids, recalled, threads
        self.dropout, self.dropout_recurrent = dropout, dropout_recurrent
        for name, p in (("dropout", dropout), ("dropout_recurrent", dropout_recurrent)):
            if not 0 <= p < 1:
                raise InvalidError(f"sab: {name}={p}; a share of units is at least 0 and below 1")
        if dropout > 0 and num_layers == 1:
            warnings.warn(f"sab: dropout={dropout} acts between layers, and num_layers=1 has none: put an nn.Dropout after the layer, or "
                          "dropout_recurrent in it", stacklevel=3)
        seed = int(torch.randint(2**31, ())) if seed is None else seed
        options.setdefault("input_scale", 10 if ids else 1)
        self.options: dict[str, Any] = {"cell": cell, "k_top": k_top, "k_trunc": k_trunc, "k_att": k_att,
                                        "memory_slots": memory_slots or 0, "score": score, **options}
        self._settings = self._settle()
        self._config = self._settings.text()
        self._check_device(torch.device(device or "cpu"))
        drawn = self._settings._replace(options={**self._settings.options, "seed": str(seed)})
        self._begin(drawn.model(check_dtype(dtype or torch.get_default_dtype())))
        if device is not None:
            self.to(device)

    def _settle(self) -> Settings:
        """What the library makes of the options."""
        texts = {name: ("on" if value else "off") if isinstance(value, bool) else str(value)
                 for name, value in {**self.options, "hidden": self.hidden_size, "layers": self.num_layers}.items()}
        outputs = self.hidden_size * (2 if self.recalled else 1)
        settings = Settings(self.input_size, outputs, self.ids, self.hidden_size, self.num_layers, self.cell == "lstm", 0, 1, texts)
        small = settings._replace(outputs=1, options={**texts, "hidden": "1", "layers": "1"}).model("float")
        if self.recalled and not remembers(small):
            raise InvalidError("recalled: with k_top = 0 there is nothing to recall")
        if not remembers(small) or small.option("zero_memory") == "on":
            return settings
        return settings._replace(slots=int(small.option("memory_slots")), k_att=int(small.option("k_att")))

    def _begin(self, drawn: Model) -> None:
        """Makes the parameters, with the weights of a model of these settings that is nobody else's."""
        raise NotImplementedError

    def _check_device(self, device: torch.device) -> None:
        """Refuses devices that this layer cannot compute on."""

    def _compute(self, x: Tensor, lengths: Optional[Tensor], state: Given, masks: Masks, weights: list[Tensor], keep: bool) -> Left:
        """(out, h_n, c_n, memories, first, since) of x [T,B,I] or ids [T,B]; see _ops.py. Numbers that there are none of are empty."""
        raise NotImplementedError

    def forward(self, x: Union[Tensor, PackedSequence], state: Union[None, State, Tensor, Sequence[Tensor]] = None, *,
                lengths: Union[None, Tensor, Sequence[int]] = None) -> tuple[Union[Tensor, PackedSequence], State]:
        """(out, state); see the class."""
        if isinstance(x, PackedSequence):
            if lengths is not None:
                raise InvalidError("sab: lengths beside a PackedSequence, which has its own")
            return self._forward_packed(x, state)
        single = x.dim() == (1 if self.ids else 2)
        if x.dim() != (2 if self.ids else 3) and not single:
            raise InvalidError(f"sab: x has shape {list(x.shape)}; {self._shape_wanted()} is wanted")
        dense = x.unsqueeze(1) if single else x.transpose(0, 1) if self.batch_first else x
        out, after = self._run(dense, state, lengths, single)
        if single:
            return out.squeeze(1), after
        return out.transpose(0, 1) if self.batch_first else out, after

    def _shape_wanted(self) -> str:
        order = "B,T" if self.batch_first else "T,B"
        return f"[{order}] or [T]" if self.ids else f"[{order},{self.input_size}] or [T,{self.input_size}]"

    def _forward_packed(self, x: PackedSequence, state: Any) -> tuple[PackedSequence, State]:
        dense, lengths = pad_packed_sequence(x)
        out, after = self._run(dense, state, lengths, False)
        if x.sorted_indices is not None:
            out, lengths = out[:, x.sorted_indices], lengths[x.sorted_indices.cpu()]
        data = pack_padded_sequence(out, lengths).data
        return PackedSequence(data, x.batch_sizes, x.sorted_indices, x.unsorted_indices), after

    def _run(self, x: Tensor, state: Any, lengths: Any, single: bool) -> tuple[Tensor, State]:
        """(outputs, state) of x [T,B,I] or [T,B]."""
        weights = [getattr(self, name) for name in self._names]
        for tensor in (x, *weights):
            self._check_device(tensor.device)
        if any(weight.device != x.device for weight in weights):
            raise InvalidError(f"sab: x is on the device {x.device}, the parameters on {weights[0].device}")
        check_dtype(weights[0].dtype)
        T, B = x.shape[:2]
        if not self.ids:
            if not x.is_floating_point():
                raise InvalidError(f"sab: x of type {x.dtype}; whole numbers need SAB(..., ids=True)")
            if x.shape[2] != self.input_size:
                raise InvalidError(f"sab: x has {x.shape[2]} inputs at each step, its shape is {list(x.shape)} with time first; "
                                   f"{self._shape_wanted()} is wanted")
            x = x.to(weights[0].dtype)
        elif x.is_floating_point():
            raise InvalidError(f"sab: x of type {x.dtype}; with ids=True it holds whole numbers 0..{self.input_size - 1}")
        if T == 0 or B == 0:
            raise InvalidError(f"sab: x of {T} steps of {B} sequences; both are at least 1")
        given = self._initial(state, B, single, weights[0])
        ends = None if lengths is None else torch.as_tensor(lengths, dtype=torch.int64, device=x.device)
        if ends is not None and ends.shape != (B,):
            raise InvalidError(f"sab: lengths of shape {list(ends.shape)} for {B} sequences")
        keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, *given[:2], *weights))
        masks = self._mask(self.dropout if self.num_layers > 1 else 0, B, weights[0]), self._mask(self.dropout_recurrent, B, weights[0])
        out, h_n, c_n, memories, first, since = self._compute(x, ends, given, masks, weights, keep)
        last = out[-1] if ends is None else out[ends - 1, torch.arange(B, device=x.device)]
        has_c, carries = self._settings.has_c, self._settings.slots > 0
        return out, State(last[:, :self.hidden_size], h_n.detach(), c_n.detach() if has_c else None,
                          memories.detach() if carries else None, first if carries else None, since if carries else None, single)

    def _mask(self, p: float, B: int, like: Tensor) -> Optional[Tensor]:
        """[layers,B,H] of 0 with probability p, else 1 / (1 - p); None where nothing is left out."""
        if p == 0 or not self.training:
            return None
        return nn.functional.dropout(like.new_ones(self.num_layers, B, self.hidden_size), p)

    def _initial(self, state: Any, B: int, single: bool, like: Tensor) -> Given:
        """h0, c0, memories, first and since that B sequences begin with, in numbers of the type of `like`."""
        if state is None:
            return None, None, None, None, None
        if isinstance(state, State):
            return self._go_on(state.detach(), B, like)
        parts = (state,) if isinstance(state, Tensor) else tuple(state)
        has_c = self._settings.has_c
        if len(parts) != (2 if has_c else 1):
            raise InvalidError(f"sab: the state has {len(parts)} part{'s' if len(parts) > 1 else ''}; a {self.cell} begins with "
                               f"{'(h0, c0)' if has_c else 'h0'}")
        if single:
            parts = tuple(part.unsqueeze(1) for part in parts)
        self._check_state(("h0", "c0"), parts, B, like)
        h0, c0 = (*(part.to(like.dtype) for part in parts), None)[:2]
        return h0, c0, None, None, None

    def _check_state(self, names: Sequence[str], parts: Sequence[Tensor], B: int, like: Tensor) -> None:
        wanted = (self.num_layers, B, self.hidden_size)
        for name, part in zip(names, parts):
            if tuple(part.shape) != wanted:
                raise InvalidError(f"sab: {name}: shape {list(part.shape)}, {list(wanted)} is wanted: layers, sequences, hidden_size")
            self._check_device(part.device)
            if part.device != like.device:
                raise InvalidError(f"sab: {name} is on the device {part.device}, the parameters on {like.device}")

    def _go_on(self, state: State, B: int, like: Tensor) -> Given:
        settings = self._settings
        h, c = state._h_n, state._c_n
        if settings.has_c and c is None:
            raise InvalidError(f"sab: a state without c, and a {self.cell} has one")
        self._check_state(("h_n", "c_n"), (h,) if c is None else (h, c), B, like)
        h, c = h.to(like.dtype), c.to(like.dtype) if settings.has_c and c is not None else None
        if settings.slots == 0:
            if any(name.startswith(("W1_", "w_l")) for name in self._names):
                raise InvalidError("sab: this state cannot go on: it has all memories or none, which would grow without end; "
                                   "choose how many with SAB(..., memory_slots=N)")
            return h, c, None, None, None
        if state.memories is None or state.first is None or state.since is None:
            return h, c, None, None, None
        wanted = (self.num_layers, B, state.memories.shape[2], self.hidden_size)
        if tuple(state.memories.shape) != wanted or state.first.shape != (B,) or state.since.shape != (B,):
            raise InvalidError(f"sab: memories of shape {list(state.memories.shape)}, {list(wanted)} is wanted")
        return h, c, state.memories.to(like.dtype), state.first, state.since

    # ---- weights from elsewhere ----

    @classmethod
    def from_run(cls: type[Kind], path: Union[str, os.PathLike[str]], *, batch_first: bool = False, threads: Optional[int] = None,
                 dtype: torch.dtype = torch.float32) -> Kind:
        """The layer of a run of `sab train` (its folder, or a model.safetensors): the same cell, sizes, options and weights. Where the
        network has a memory, `recalled` is on, for its readout takes both; `readout(path)` is that.

        FileError, FormatError; InvalidError where the network is of another kind.
        """
        model = _load(path, check_dtype(dtype))
        taken = {"hidden", "layers", "cell", "readout", "model"}
        options = {row.name: model.option(row.name) for row in option_table() if row.group in ("model", "credit") and row.name not in taken}
        for name in ("k_top", "k_trunc", "k_att", "memory_slots"):
            options[name] = int(options[name])  # type: ignore[assignment]
        layer = cls(model.inputs, model.hidden, model.layers, model.option("cell"), batch_first=batch_first, ids=model.ids,
                    recalled=remembers(model), threads=threads, dtype=dtype, seed=1, **options)  # type: ignore[arg-type]
        with torch.no_grad():
            for name in layer._names:
                getattr(layer, name).copy_(torch.from_numpy(model.tensors[name].copy()))
        return layer

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing_keys: list[str],
                              unexpected_keys: list[str], error_msgs: list[str]) -> None:
        for name in state_dict:
            own = name[len(prefix):]
            if name.startswith(prefix) and own.endswith("_reverse"):
                error_msgs.append(f"sab: {own} is of a bidirectional network; a SAB runs forward only.")
            if name.startswith(prefix) and own.startswith("weight_hr_"):
                error_msgs.append(f"sab: {own} is of a network with proj_size, which a SAB has not.")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)

    @torch.no_grad()
    def save(self, path: Union[str, os.PathLike[str]], readout: nn.Linear, **task: Any) -> None:
        """Writes the layer and the nn.Linear after it as a model of a task, which `sab eval` and `sab recall` read:
        `layer.save("net.safetensors", head, task="copy", T=20)`. The task decides inputs and outputs, which must fit; the Linear
        takes [T,B,H], or [T,B,2H] with `recalled`."""
        model = Model.for_task(**{**self.options, "hidden": self.hidden_size, "layers": self.num_layers}, **task)
        H = self.hidden_size
        tensors = {name: getattr(self, name) for name in self._names}
        tensors["V1"] = readout.weight[:, :H].t()
        if "V2" in model.tensors:
            tensors["V2"] = readout.weight[:, H:].t() if self.recalled else torch.zeros(H, readout.out_features)
        tensors["b"] = torch.zeros(readout.out_features) if readout.bias is None else readout.bias
        for name, tensor in tensors.items():
            there = model.tensors[name]
            if there.shape != tuple(tensor.shape):
                raise InvalidError(f"sab: {name} is {list(tensor.shape)} here, {list(there.shape)} in a model of that task")
            there[...] = tensor.cpu().numpy()
        model.save(path)

    def _replicate_for_data_parallel(self) -> Any:
        raise InvalidError("sab: nn.DataParallel copies a network to several GPUs in one process; use "
                           "torch.nn.parallel.DistributedDataParallel. On the CPU a SAB uses all processors by itself (threads=)")

    def flatten_parameters(self) -> None:
        """Does nothing: it is here for programs that call it on an nn.LSTM."""

    def extra_repr(self) -> str:
        options = {**self.options, **{name: p for name in ("dropout", "dropout_recurrent") if (p := getattr(self, name)) > 0}}
        given = ", ".join(f"{name}={value}" for name, value in options.items() if name != "cell")
        return f"{self.input_size}, {self.hidden_size}, {self.num_layers}, cell={self.cell}, {given}"

    _names: list[str]


def remembers(model: Model) -> bool:
    """Whether the network has a memory."""
    return any(name.startswith(("W1_", "w_l")) for name in model.tensors)


def _load(path: Union[str, os.PathLike[str]], precision: str) -> Model:
    model = Model.load(path, precision)
    kind = model.option("model")
    if kind != "recurrent":
        raise InvalidError(f"sab: {Path(path)} is a network of --model {kind}; a layer is made of a recurrent one")
    return model


def readout(path: Union[str, os.PathLike[str]], dtype: torch.dtype = torch.float32) -> nn.Linear:
    """The linear readout of a run of `sab train`, as an nn.Linear over the outputs of `SAB.from_run(path)`."""
    model = _load(path, check_dtype(dtype))
    if "V1" not in model.tensors:
        raise InvalidError(f"sab: {Path(path)} has no readout; it was made with --readout off")
    halves = [torch.from_numpy(model.tensors[name].copy()).t() for name in ("V1", "V2") if name in model.tensors]
    linear = nn.Linear(sum(half.shape[1] for half in halves), model.outputs, dtype=dtype)
    with torch.no_grad():
        linear.weight.copy_(torch.cat(halves, 1))
        linear.bias.copy_(torch.from_numpy(model.tensors["b"].copy()))
    return linear
