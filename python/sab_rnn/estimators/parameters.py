"""What all estimators are told: the network, its training and how they are read, set and copied.

Must not know: sequences, and what is learned.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Mapping, Optional, TypeVar, Union

import numpy as np

from ..errors import InvalidError

P = TypeVar("P", bound="Parameters")
RandomState = Union[None, int, np.random.RandomState, np.random.Generator]


class NotFittedError(InvalidError, AttributeError):
    """Something was asked of an estimator before its fit."""


@dataclass(eq=False)
class Parameters:
    """The parameters, kept as they were given."""

    hidden: int = 64
    """H: width of the hidden state"""
    layers: int = 1
    """recurrent layers, one above the other"""
    cell: str = "lstm"
    """"lstm", "gru" or "rnn\""""
    k_top: int = 5
    """memories recalled at each step; 0: none, a plain network"""
    k_trunc: int = 10
    """steps that the gradient goes back by itself"""
    k_att: int = 1
    """a memory is written every so many steps"""
    lr: float = 3e-3
    """peak learning rate"""
    batch: int = 32
    """sequences per update"""
    steps: int = 1000
    """updates at most"""
    validation: float = 0.1
    """the part of the training data by which the best weights are chosen, and which nothing else learns from; 0: none,
    all are learned from and the last weights kept"""
    eval_every: int = 25
    """updates between two looks at that part"""
    patience: int = 10
    """looks without a better one before training ends; 0: never"""
    standardise: bool = True
    """inputs, and values to be answered, are brought to mean 0 and deviation 1, as the training data have them"""
    threads: int = 0
    """at most; 0: one per processor. Results do not depend on it"""
    random_state: RandomState = None
    """what the weights, the order of the data and the validation part are drawn from; None: new at each fit"""
    options: Optional[Mapping[str, Any]] = None
    """further options by name, such as {"score": "dot", "average": 0.999}: see sab_rnn.option_table()"""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def set_params(self: P, **params: Any) -> P:
        """Sets some of them; InvalidError for a name that is none."""
        names = [field.name for field in dataclasses.fields(self)]
        for name in params:
            if name not in names:
                raise InvalidError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(names)}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def clone(self: P) -> P:
        """An estimator of the same parameters that has learned nothing."""
        return type(self)(**self.get_params())

    def network_options(self, seed: int) -> dict[str, Any]:
        """The options of the library that these parameters are."""
        warmup = min(200, int(self.steps) // 5)
        own = {name: getattr(self, name) for name in ("hidden", "layers", "cell", "k_top", "k_trunc", "k_att", "lr",
                                                      "batch", "steps", "eval_every", "threads")}
        return {**own, "credit": "sab" if self.k_top else "tbptt", "input_scale": 1, "warmup": warmup, "seed": seed,
                **(self.options or {})}

    def check(self) -> None:
        """InvalidError where a parameter that is not the library's is out of range."""
        if not 0 <= self.validation < 1:
            raise InvalidError(f"validation {self.validation}: from 0 to below 1")
        for name, least in (("steps", 1), ("batch", 1), ("eval_every", 1), ("patience", 0)):
            if int(getattr(self, name)) < least:
                raise InvalidError(f"{name} {getattr(self, name)}: at least {least}")


def generator(random_state: RandomState) -> np.random.Generator:
    """Random numbers from what scikit-learn's estimators are given."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1))
    return np.random.default_rng(random_state)
