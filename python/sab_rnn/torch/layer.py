"""`SAB`: the recurrent layer computed by the library's engine."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch import Tensor, nn

from ..errors import InvalidError
from ..model import Model
from . import _core, _gpu, _ops
from ._core import Core
from ._recurrent import Given, Left, Masks, Recurrent


class SAB(Recurrent):
    __doc__ = f"""{Recurrent.__doc__}
    It runs on the CPU, in float32 or float64 as its parameters are, and in builds with CUDA on an NVIDIA GPU, in float32; under autocast
    too. On the CPU the parameters lie in the engine's own memory.
    """

    _core: Optional[Core]

    def _begin(self, drawn: Model) -> None:
        self._core = core = _core.own(self._config, drawn)
        self._names = core.names
        for name, tensor in core.parameters().items():
            self.register_parameter(name, nn.Parameter(tensor))

    def _check_device(self, device: torch.device) -> None:
        if device.type == "cuda":
            _gpu.check(device)
        elif device.type != "cpu":
            raise InvalidError(f"sab: a tensor on the device {device}; a SAB runs on the CPU: layer.cpu(), x.cpu(), or on a CUDA device. A "
                               "sab_rnn.torch.ReferenceSAB with the same weights runs on any device, slowly")

    def _compute(self, x: Tensor, lengths: Optional[Tensor], state: Given, masks: Masks, weights: list[Tensor], keep: bool) -> Left:
        out, h_n, c_n, memories, first, since, _ = _ops.forward(self._config, self.threads or 0, keep, x, lengths, *state, *masks,
                                                                weights)
        return out, h_n, c_n, memories, first, since

    # ---- parameters stay in the engine's memory, whatever is done to the module ----

    def _apply(self, fn: Any, recurse: bool = True) -> SAB:
        module: Any = super()
        module._apply(fn, recurse)
        self._share()
        return self

    @torch.no_grad()
    def _share(self) -> None:
        """Moves the parameters into a model's memory, where they are ordinary ones that an engine can use. Others (of another type
        or device, shared between processes, computed by a parametrization) stay what they are and are copied at each call."""
        parameters = [self._parameters.get(name) for name in self._names]
        there: list[Any] = [parameter for parameter in parameters if parameter is not None]
        self._core = None
        if len(there) < len(parameters) or any(p.dtype != there[0].dtype or p.device.type != "cpu" or p.is_shared() for p in there):
            return
        if there[0].dtype not in _core.PRECISIONS:
            return
        core = _core.find_own(self._config, there)
        if core is None:
            core = _core.own(self._config, self._settings.model(_core.PRECISIONS[there[0].dtype]))
            for parameter, tensor in zip(there, core.parameters().values()):
                tensor.copy_(parameter)
                parameter.data = tensor
        self._core = core

    @property
    def _recorded(self) -> Core:
        """Through whose model the next call computes, for sab_rnn.record."""
        if getattr(self, self._names[0]).device.type != "cpu":
            raise InvalidError("sab: what was recalled is recorded on the CPU: layer.cpu()")
        return _core.find(self._config, [getattr(self, name) for name in self._names])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_core": None}  # copies and pickles make their own

    def __setstate__(self, state: dict[str, Any]) -> None:
        module: Any = super()
        module.__setstate__(state)
        self._share()
