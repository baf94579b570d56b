"""`Dataset`: what is trained on, what is tested on."""

from typing import Any, NamedTuple


class Dataset(NamedTuple):
    """Inputs and targets, for training and for testing.

    Attributes:
        train: the pair (x, y) of arrays of equal length. x is float32; y is int32, of shape (n,),
            for classes, and float32, of shape (n, outputs), for values.
        test: such a pair, not trained on.
        n_classes: how many classes there are; `None` when y is values.
        class_names: what they are called, in their order; `None` where they have only numbers.
    """

    train: tuple[Any, Any]
    test: tuple[Any, Any]
    n_classes: int | None = None
    class_names: tuple[str, ...] | None = None

    @property
    def outputs(self) -> int:
        """The size that a model's output must have."""
        return self.n_classes or self.train[1].shape[1]
