"""Matrix kernels that optimizers are made of, each a free function."""

import jax
import jax.numpy as jnp

# Keller Jordan's quintic: its slope at 0 is as steep as can be (small singular values grow
# 3.4-fold a step) at the price that they end in about [0.7, 1.2], not at 1 exactly.
MUON_QUINTIC = (3.4445, -4.7750, 2.0315)


def newton_schulz(g: jax.Array, steps: int = 5, eps: float = 1e-7) -> jax.Array:
    """The orthogonal matrix nearest to `g`, roughly: `U V^T` for `g = U S V^T`.

    Args:
        g: shape (m, n), real or complex.
        steps: iterations of the odd polynomial `a X + b (X X^H) X + c (X X^H)^2 X`.
        eps: added to the Frobenius norm that `g` is divided by.

    Returns:
        shape (m, n); its singular values lie in about [0.7, 1.2].

    References:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
        https://kellerjordan.github.io/posts/muon/, `zeropower_via_newtonschulz5`. Theirs runs in
        bfloat16; this one in the dtype of `g`.
    """
    a, b, c = MUON_QUINTIC
    tall = g.shape[0] > g.shape[1]
    x = g.conj().T if tall else g
    x = x / (jnp.linalg.norm(x) + eps).astype(x.dtype)
    for _ in range(steps):
        gram = x @ x.conj().T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.conj().T if tall else x
