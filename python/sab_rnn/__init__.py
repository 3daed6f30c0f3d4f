"""Recurrent networks with Sparse Attentive Backtracking: the library of `sab` for NumPy; `sab_rnn.torch` is for
PyTorch, `sab_rnn.estimators` for those who think in fit and predict."""

from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import (FileError, FormatError, Interrupted, InvalidError, NumericError, OutOfMemoryError, SabError)
from .evaluation import Evaluation
from .model import Engine, Gradients, Metrics, Model, Tape, load
from .options import Option, Options, option_table
from .recall import Reads, record
from .stream import Stream
from .task import Task
from .trainer import Event, Trainer, train

if TYPE_CHECKING:
    from .estimators import SABClassifier as SABClassifier
    from .estimators import SABForecaster as SABForecaster
    from .estimators import SABRegressor as SABRegressor

__all__ = ["Engine", "Evaluation", "Event", "FileError", "FormatError", "Gradients", "Interrupted", "InvalidError",
           "Metrics", "Model",
           "NumericError", "Option", "Options", "OutOfMemoryError", "Reads", "SABClassifier", "SABForecaster",
           "SABRegressor",
           "SabError", "Stream", "Tape", "Task", "Trainer", "__version__", "load", "option_table", "record", "train"]


def __getattr__(name: str) -> Any:
    if name in ("SABClassifier", "SABForecaster", "SABRegressor"):  # loaded when asked for
        from . import estimators
        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
