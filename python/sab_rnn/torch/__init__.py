"""`SAB`, a recurrent layer for PyTorch networks, computed by the library of `sab`."""

from .layer import SAB, State

__all__ = ["SAB", "State"]
