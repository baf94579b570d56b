"""What the commands train: the run that words name, and the names that change its shapes."""

import argparse
import inspect
from collections.abc import Collection
from typing import Any

from jsgd import data, models, optimizers
from jsgd import train as training
from jsgd.cli.parse import parse_batch_size
from jsgd.core import Optimizer
from jsgd.sweeps.groups import whole
from jsgd.train.names import unknown


class Task:
    """A data set, what is learned from it, and how.

    Args:
        args: `data`, `model`, `optimizer`, `batch_size`, `microbatch`, as the commands take them.
        hyper: every name that will be given -> what it may be: a number, or a word.
        folds: of a cross-validation, or `None`.

    Attributes:
        options: those names that are options of the model, such as `hidden` of a CNN.
        metric: how good it is.
    """

    def __init__(self, args: argparse.Namespace, hyper: dict[str, Any], folds: int | None = None):
        self.data, self.hyper = data.load(args.data), dict(hyper)
        self.how = {"folds": folds, "microbatch": args.microbatch}
        images = getattr(self.data.train[0], "ndim", 0) == 4
        model = args.model or ("cnn" if images else "linear")
        self.options = _options(model, hyper)
        self.metric = "test_loss" if self.data.n_classes is None else "test_accuracy"
        defaults = {"optimizer": args.optimizer, "model": model, "batch_size": args.batch_size}
        self.make = _with_arguments(self._make, defaults, self.options)

    def _make(self, optimizer: str, model: str, batch_size: Any, **options: Any) -> training.Run:
        dataset = self.data
        network = pick("model", model, models.REGISTRY)(
            dataset.train[0], dataset.outputs, **{name: whole(x) for name, x in options.items()}
        )
        kind = training.regression if dataset.n_classes is None else training.classification
        return training.make_run(
            kind(network, dataset),
            _optimizer(optimizer, self.hyper),
            batch_size=parse_batch_size(str(batch_size)),
            **self.how,
        )


def pick(what: str, name: str, registry: Any) -> Any:
    """What a registry has under a name.

    Raises:
        ValueError: nothing; it says what comes near.
    """
    if name not in registry:
        raise ValueError(unknown(what, name, registry))
    return registry[name]


def _options(model: str, names: Collection[str]) -> list[str]:
    """Those of the names that are whole numbers or words which such a model is made with."""
    factory = pick("model", model, models.REGISTRY)
    network = factory.args[0]
    fields = inspect.signature(network).parameters
    return [
        name for name in names if name in fields and isinstance(fields[name].default, int | str)
    ]


def _with_arguments(make: Any, defaults: dict[str, Any], options: list[str]) -> Any:
    """`make` with named arguments: those with defaults, and those of the options that are given."""

    def made(**given: Any) -> training.Run:
        return make(**(defaults | given))

    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(name, kind, default=x) for name, x in defaults.items()]
    parameters += [inspect.Parameter(name, kind, default=None) for name in options]
    made.__signature__ = inspect.Signature(parameters)  # pyright: ignore
    return made


def _optimizer(name: str, hyper: dict[str, Any]) -> Optimizer:
    """The optimizer; what is off by default (`None`) is on if it is named: it is given a number."""
    factory = pick("optimizer", name, optimizers.REGISTRY).factory
    given = {
        name: hyper[name]
        for name, parameter in inspect.signature(factory).parameters.items()
        if isinstance(hyper.get(name), int | float) and parameter.default in (None, parameter.empty)
    }
    return factory(**given)
