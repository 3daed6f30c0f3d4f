"""`SAB`, a recurrent layer for PyTorch networks, computed by the library of `sab`; and the same in plain PyTorch."""

import torch as _torch

if tuple(int(part) for part in _torch.__version__.split(".")[:2]) < (2, 4):
    raise ImportError(f"sab_rnn.torch needs PyTorch 2.4 or later; this is {_torch.__version__}")

from ._recurrent import readout
from .layer import SAB
from .reference import ReferenceSAB
from .state import State

__all__ = ["SAB", "ReferenceSAB", "State", "readout"]
