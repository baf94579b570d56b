r"""Complex parameters for optimizers that know real ones."""

from typing import Any

from jsgd.core import Optimizer, tree
from jsgd.wrappers.view import view


def split_complex(opt: Optimizer) -> Optimizer:
    """Shows the inner optimizer real and imaginary parts as two real leaves.

    So a rule that compares or takes signs serves complex parameters, and second moments are those
    of each part. To masks, labels and in error messages the two are `path/real` and `path/imag`;
    in the slots each complex leaf is a pair of real ones. Real leaves stay as they are.

    Args:
        opt: the optimizer that takes the step.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.split_complex(jsgd.sign_sgd(0.5))
    >>> z = jnp.zeros(1, jnp.complex64)
    >>> z, state = opt.step(z, jnp.array([3.0 - 0.1j]), opt.init(z))
    >>> z.tolist()
    [(-0.5+0.5j)]
    """
    return view(split_complex, opt, tree.split, _join)


def _join(seen: Any, params: Any) -> Any:
    return tree.join(seen)
