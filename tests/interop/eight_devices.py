"""Updates on eight devices, sharded explicitly: test_contract.py runs this in its own process."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from cases import given
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import jsgd

RULES = (
    jsgd.sgd(0.1, momentum=0.9),
    jsgd.adamw(0.1),
    jsgd.lamb(0.1),
    jsgd.adafactor(),
    jsgd.prodigy(),
    jsgd.lbfgs(memory_size=2),
    jsgd.ema(jsgd.clip_by_global_norm(jsgd.lion(0.1))),
    jsgd.sam(jsgd.accumulate(jsgd.adam(0.1))),
)
SPECS = {"rows": PartitionSpec("x", None), "columns": PartitionSpec(None, "x"), "bias": None}


def main() -> None:
    mesh = jax.make_mesh((8,), ("x",), axis_types=(AxisType.Explicit,))
    jax.set_mesh(mesh)
    draw = np.random.RandomState(0).standard_normal
    shapes = {"rows": (16, 3), "columns": (3, 16), "bias": (4,)}
    params, grads = (
        {k: jnp.asarray(draw(x), jnp.float32) for k, x in shapes.items()} for _ in "12"
    )

    def place(tree):
        return {
            k: jax.device_put(x, NamedSharding(mesh, SPECS[k] or PartitionSpec(None)))
            for k, x in tree.items()
        }

    for opt in RULES:
        tx, path = jsgd.to_optax(opt), []
        for p, g in ((params, grads), (place(params), place(grads))):
            state = jax.jit(tx.init)(p)
            update = jax.jit(lambda p, g, s, tx=tx: tx.update(g, s, p, **given(p, g)))
            for _ in range(3):
                updates, after = update(p, g, state)
                assert jax.tree.map(jax.typeof, after) == jax.tree.map(jax.typeof, state), opt
                p, state = optax.apply_updates(p, updates), after
            path.append(p)
        for k in params:
            np.testing.assert_allclose(
                *(np.asarray(p[k]) for p in path), 1e-4, 1e-5, err_msg=repr(opt)
            )
        assert path[1]["rows"].sharding.spec == SPECS["rows"]
        assert len(path[1]["rows"].sharding.device_set) == 8
    print(f"{len(RULES)} rules on {jax.device_count()} devices")


if __name__ == "__main__":
    jax.config.update("jax_numpy_dtype_promotion", "standard")
    main()
