"""Dtypes, and numbers held so that nothing is lost: what float32 makes delicate in an optimizer."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp


def hyper_dtype() -> jnp.dtype:
    """The dtype of hyperparameters: float32, or float64 under `jax_enable_x64`; never less."""
    return jnp.result_type(float)


def working_dtype(leaf: Any) -> jnp.dtype:
    """The dtype a rule computes in: the leaf's own where that is wide, else float32."""
    dtype = jnp.result_type(leaf)
    return dtype if dtype.itemsize >= 4 else jnp.dtype("float32")


def real_dtype(dtype: Any) -> jnp.dtype:
    """The dtype of the real part: complex64 -> float32; a real one is itself."""
    return jnp.finfo(dtype).dtype


def promotion(*dtypes: Any) -> AbstractContextManager:
    """Where leaves are complex, or of several dtypes, what strict promotion would refuse."""
    is_mixed = len(set(dtypes)) > 1 or any(
        jnp.issubdtype(dtype, jnp.complexfloating) for dtype in dtypes
    )
    return jax.numpy_dtype_promotion("standard") if is_mixed else nullcontext()


def abs_sq(x: jax.Array) -> jax.Array:
    """`|x|**2`, real; for real `x` the plain square."""
    return (x * x.conj()).real if jnp.iscomplexobj(x) else x * x


def ratio(a: jax.Array, b: jax.Array) -> jax.Array:
    """`a / b`, and 0 where `b` is 0."""
    return jnp.where(b == 0, 0, a / jnp.where(b == 0, 1, b))


def cast_like(x: Any, like: Any) -> jax.Array:
    """`x` with the dtype and the weak type of `like` (both of one shape).

    A step that hands back a strongly typed leaf for a weakly typed one changes the type of a
    loop's carry, and the program is traced twice.
    """
    x = jnp.asarray(x).astype(jnp.result_type(like))
    if not getattr(jax.typeof(like), "weak_type", False):
        return x
    # jnp.full_like is the public function that keeps a weak type; mapped, it takes one per element.
    return jax.vmap(jnp.full_like)(jnp.ravel(like), x.ravel()).reshape(x.shape)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Decay:
    """A rate `b` near one, held by its distance from one.

    In float32 `1 - 0.9999` is off by 1.7e-4 relative, since 0.9999 itself was rounded. Here
    `complement = 1 - b` is what is stored, so in a rule `1 - h.b2` and `1 - h.b2**h.t` are
    exact to the last digits, while the rule still reads like the paper. Products and powers
    of decays are decays; other arithmetic sees the plain number, which is `b.value`.

    >>> b = Decay(jnp.float32(1e-5))
    >>> print(f"{1 - b:.7g} {1 - b**2:.7g}; in plain float32 {1 - jnp.float32(1 - 1e-5) ** 2:.7g}")
    1e-05 1.99999e-05; in plain float32 2.002716e-05
    """

    complement: jax.Array

    @property
    def value(self) -> jax.Array:
        """The plain number `b`."""
        return 1 - self.complement

    def __pow__(self, n):
        # b**n - 1 = exp(n log b) - 1 without ever forming b
        return Decay(-jnp.expm1(n * jnp.log1p(-self.complement)))

    def __mul__(self, other):
        if isinstance(other, Decay):
            a, b = self.complement, other.complement
            return Decay(a + b - a * b)
        return self.value * other

    __rmul__ = __mul__

    def __rsub__(self, other):
        return (other - 1) + self.complement

    def __add__(self, other):
        return self.value + other

    __radd__ = __add__

    def __sub__(self, other):
        return self.value - other

    def __neg__(self):
        return -self.value

    def __truediv__(self, other):
        return self.value / other

    def __rtruediv__(self, other):
        return other / self.value

    def astype(self, dtype) -> "Decay":
        return Decay(self.complement.astype(dtype))
