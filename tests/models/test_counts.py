"""Parameter counts of the published networks, by shapes alone."""

import jax
import pytest

from jsgd.models import REGISTRY

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("name", "side", "channels", "outputs", "options", "count"),
    [
        ("lenet", 28, 1, 10, {}, 61_706),  # d2l.ai, section 7.6
        ("lenet", 32, 1, 10, {}, 61_706),
        # torchvision.models: resnet18, resnet34, resnet50
        ("resnet18", 224, 3, 1000, {}, 11_689_512),
        ("resnet34", 224, 3, 1000, {}, 21_797_672),
        ("resnet50", 224, 3, 1000, {}, 25_557_032),
        ("resnet18", 32, 3, 10, {}, 11_173_962),  # github.com/kuangliu/pytorch-cifar
        # He et al. 2016, Table 6: 0.27M and 0.85M; exactly so in github.com/akamaster's
        ("resnet20", 32, 3, 10, {}, 269_722),
        ("resnet56", 32, 3, 10, {}, 853_018),
        ("resnet20", 32, 3, 10, {"shortcut": "projection"}, 272_474),
        ("resnet56", 32, 3, 10, {"shortcut": "projection"}, 855_770),
        ("wideresnet", 32, 3, 10, {}, 36_479_194),  # Zagoruyko 2016, Table 2: 36.5M
        ("wideresnet", 32, 3, 10, {"depth": 16, "width": 8}, 10_961_370),  # 11.0M
    ],
)
def test_a_network_has_as_many_parameters_as_published(
    name, side, channels, outputs, options, count
):
    image = jax.ShapeDtypeStruct((1, side, side, channels), "float32")
    params, _ = jax.eval_shape(REGISTRY[name](image, outputs, **options).init, KEY)
    assert sum(p.size for p in jax.tree.leaves(params)) == count
