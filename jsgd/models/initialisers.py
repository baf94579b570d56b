"""Initial values of kernels by the field's names."""

from collections.abc import Callable

from flax import linen as nn

from jsgd.models.choices import check_choice

INITIALISERS: dict[str, Callable] = {
    "he": nn.initializers.he_normal(),
    "glorot": nn.initializers.glorot_normal(),
    "lecun": nn.initializers.lecun_normal(),
    "orthogonal": nn.initializers.orthogonal(),
    "normal": nn.initializers.normal(0.01),
}
r"""Name -> `init(key, shape, dtype)`. With a inputs and b outputs of a unit the deviation is

* `he`: :math:`\sqrt{2/a}`, from a normal distribution cut off at two deviations (as the next two).
  He et al., "Delving Deep into Rectifiers", ICCV 2015, https://arxiv.org/abs/1502.01852, eq. 10.
* `glorot`: :math:`\sqrt{2/(a+b)}`. Glorot and Bengio, "Understanding the difficulty of training
  deep feedforward neural networks", AISTATS 2010,
  https://proceedings.mlr.press/v9/glorot10a.html, eq. 12.
* `lecun`: :math:`\sqrt{1/a}`. LeCun et al., "Efficient BackProp", 1998,
  http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf, eq. 16.
* `orthogonal`: the kernel as a matrix of a rows has orthonormal rows or columns. Saxe et al.,
  "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", ICLR 2014,
  https://arxiv.org/abs/1312.6120.
* `normal`: 0.01 whatever the size. Krizhevsky et al., "ImageNet Classification with Deep
  Convolutional Neural Networks", NeurIPS 2012, section 5.

The scale of each is data: the hyperparameter `init_scale` of `jsgd.train.classification`.
"""


def initialiser(name: str) -> Callable:
    """The initialiser of a name.

    Raises:
        ValueError: there is none of that name.

    >>> import jax
    >>> initialiser("orthogonal")(jax.random.key(0), (3, 3, 2, 4)).shape
    (3, 3, 2, 4)
    """
    check_choice("initialiser", name, INITIALISERS)
    return INITIALISERS[name]
