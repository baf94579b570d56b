"""What the commands train: the run that words name, and the names that change its shapes."""

import argparse
import inspect
from collections.abc import Callable, Collection
from typing import Any

from jsgd import data, models, optimizers, schedules
from jsgd import train as training
from jsgd.cli.parse import parse_batch_size, parse_size
from jsgd.core import Optimizer, Schedule
from jsgd.data import Dataset
from jsgd.models import Model
from jsgd.sweeps.groups import whole
from jsgd.train.names import unknown

_SCHEDULES: dict[str, Callable[[Any, int], Schedule]] = {
    "cosine": schedules.cosine,
    "linear": lambda lr, steps: schedules.linear(lr, 0.0, steps),
    "onecycle": schedules.onecycle,
    "warmup_cosine": lambda lr, steps: schedules.warmup_cosine(lr, steps // 20, steps),
}


class Task:
    """A data set, what is learned from it, and how.

    Args:
        args: what the commands take in common: `data`, `model`, `optimizer` and so on.
        hyper: every name that will be given -> what it may be: a number, or a word.
        dataset: the data, or `None` to load what `args` name.
        **how: more of how to train: `folds`, `devices`, as `make_run` takes them.

    Attributes:
        options: those names that are options of the model, such as `hidden` of a CNN.
        metric: how good it is.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        hyper: dict[str, Any],
        dataset: Dataset | None = None,
        **how: Any,
    ):
        self.data, self.hyper = dataset or load(args, args.validation), dict(hyper)
        self.how = how | {"microbatch": args.microbatch}
        self.kind, self.kinds = training.regression, {"loss": args.loss, "compute": args.compute}
        if self.data.n_classes is not None:
            self.kind, self.kinds["class_weight"] = training.classification, args.class_weight
        images = getattr(self.data.train[0], "ndim", 0) == 4
        self.model = args.model or ("cnn" if images else "linear")
        self.options = _options(self.model, hyper)
        self.metric = "test_loss" if self.data.n_classes is None else "test_accuracy"
        defaults = {"optimizer": args.optimizer, "model": self.model, "batch_size": args.batch_size}
        self.make = _with_arguments(self._make, defaults, self.options)

    def network(self, model: str, **options: Any) -> Model:
        """The model of that name for this data."""
        return pick("model", model, models.REGISTRY)(
            self.data.train[0],
            self.data.outputs,
            **{name: whole(x) for name, x in options.items()},
        )

    def steps(self, batch_size: str) -> int:
        """How many an epoch has."""
        samples = len(self.data.train[1])
        return samples // (parse_batch_size(batch_size) or samples)

    def _make(self, optimizer: str, model: str, batch_size: Any, **options: Any) -> training.Run:
        given = {name: x for name, x in self.kinds.items() if x is not None}
        return training.make_run(
            self.kind(self.network(model, **options), self.data, **given),
            _optimizer(optimizer, self.hyper),
            batch_size=parse_batch_size(str(batch_size)),
            **self.how,
        )


def load(args: argparse.Namespace, validation: float | None = None) -> Dataset:
    """The data that the arguments name, perhaps with a part of the training data as its test."""
    options = {"size": parse_size(args.size)} if args.size else {}
    options |= {"grayscale": True} if args.grayscale else {}
    if options and not args.data.startswith("images:"):
        raise ValueError(f"--size and --grayscale are of --data images:PATH, not of {args.data}")
    loaded = data.load(args.data, **options)
    return loaded if validation is None else data.validation_split(loaded, validation)


def scheduled(name: str, optimizer: str, lr: float | None, steps: int) -> Schedule:
    """The learning rate over so many steps, from `lr` or at most that.

    Args:
        name: of the schedule.
        optimizer: the name of that whose learning rate it is.
        lr: a number; `None` is the optimizer's own default.
        steps: how many there are.
    """
    make = pick("schedule", name, _SCHEDULES)
    parameters = inspect.signature(pick("optimizer", optimizer, optimizers.REGISTRY).factory)
    known = parameters.parameters.get("lr")
    if known is None:
        raise ValueError(f"--schedule {name}: {optimizer} has no lr")
    if lr is None and known.default is known.empty:
        raise ValueError(f"--schedule {name}: say the largest lr, lr=0.1")
    return make(known.default if lr is None else lr, steps)


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
