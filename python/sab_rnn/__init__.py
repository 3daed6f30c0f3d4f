"""Recurrent networks with Sparse Attentive Backtracking: the library of `sab` for NumPy; `sab_rnn.torch` is for PyTorch."""

from ._version import __version__
from .errors import (FileError, FormatError, Interrupted, InvalidError, NumericError, OutOfMemoryError, SabError)
from .model import Engine, Metrics, Model, Tape, load
from .options import Option, Options, option_table
from .stream import Stream
from .task import Task

__all__ = ["Engine", "FileError", "FormatError", "Interrupted", "InvalidError", "Metrics", "Model", "NumericError", "Option",
           "Options", "OutOfMemoryError", "SabError", "Stream", "Tape", "Task", "__version__", "load", "option_table"]
