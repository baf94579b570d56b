"""The list of all wrappers, as data: a new one is one row here."""

from jsgd.core.registry import Row
from jsgd.optimizers.dpsgd import differentially_private
from jsgd.optimizers.schedule_free import schedule_free
from jsgd.wrappers.accumulate import accumulate
from jsgd.wrappers.adaptive_clip import adaptive_clip
from jsgd.wrappers.average import ema, swa
from jsgd.wrappers.clip import (
    clip_by_block_rms,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
)
from jsgd.wrappers.compress import compress
from jsgd.wrappers.decay import l1, weight_decay
from jsgd.wrappers.direction import centralize, normalize
from jsgd.wrappers.guard import skip_large, skip_nonfinite, zero_nans
from jsgd.wrappers.log import log_metrics
from jsgd.wrappers.lookahead import lookahead
from jsgd.wrappers.masked import freeze, masked
from jsgd.wrappers.master import master_weights
from jsgd.wrappers.mechanize import mechanize
from jsgd.wrappers.noise import add_noise
from jsgd.wrappers.partition import partition
from jsgd.wrappers.plateau import reduce_on_plateau
from jsgd.wrappers.project import keep_nonnegative, project
from jsgd.wrappers.rounding import kahan, stochastic_rounding
from jsgd.wrappers.sam import sam
from jsgd.wrappers.split_complex import split_complex
from jsgd.wrappers.trust_ratio import trust_ratio

_INF = float("inf")
_ROWS = [
    Row(
        clip_by_global_norm,
        "Pascanu et al. 2013",
        "optax.clip_by_global_norm",
        ({"max_norm": 0.5},),
        identity={"max_norm": _INF},
    ),
    Row(
        clip_by_norm,
        "",
        "optax.clip_by_global_norm of every leaf",
        ({"max_norm": 0.5},),
        identity={"max_norm": _INF},
    ),
    Row(clip_by_value, "", "optax.clip", ({"max_value": 0.1},), identity={"max_value": _INF}),
    Row(
        clip_by_block_rms,
        "Shazeer and Stern 2018",
        "optax.clip_by_block_rms",
        ({"max_rms": 0.5},),
        identity={"max_rms": _INF},
    ),
    Row(
        adaptive_clip,
        "Brock et al. 2021",
        "optax.adaptive_grad_clip",
        identity={"max_ratio": _INF},
    ),
    Row(centralize, "Yong et al. 2020", "optax.centralize"),
    Row(normalize, "", "optax.normalize_by_update_norm"),
    Row(add_noise, "Neelakantan et al. 2015", "its variance", identity={"eta": 0.0}),
    Row(
        weight_decay,
        "Loshchilov and Hutter 2019",
        "torch.optim.AdamW; torch.optim.Adam(weight_decay)",
        ({}, {"mode": "l2"}, {"mode": "independent", "weight_decay": 1e-3}),
        identity={"weight_decay": 0.0},
    ),
    Row(l1, "Tibshirani 1996", "NumPy", identity={"l1": 0.0}),
    Row(ema, "Polyak and Juditsky 1992", "optax.ema", identity={}),
    Row(
        swa,
        "Izmailov et al. 2018",
        "torch.optim.swa_utils.AveragedModel",
        ({"start": 2, "every": 2},),
        identity={},
    ),
    Row(accumulate, "", "optax.MultiSteps", ({"every": 3},), identity={"every": 1}),
    Row(skip_nonfinite, "", "optax.apply_if_finite", identity={}),
    Row(skip_large, "", "optax.skip_large_updates", identity={"max_norm": _INF}),
    Row(zero_nans, "", "optax.zero_nans", identity={}),
    Row(
        project,
        "Duchi et al. 2008",
        "optax.projections",
        (
            {"onto": "box", "lower": -0.5, "upper": 0.5},
            {"onto": "hypercube"},
            {"onto": "linf_ball"},
            {"onto": "l1_ball"},
            {"onto": "l1_sphere"},
            {"onto": "l2_ball"},
            {"onto": "l2_ball", "each_leaf": True},
            {"onto": "l2_sphere"},
            {"onto": "simplex"},
            {"onto": "hyperplane"},
            {"onto": "halfspace"},
            {"onto": "line"},
        ),
        takes="reals",
    ),
    Row(keep_nonnegative, "", "optax.keep_params_nonnegative", takes="reals"),
    Row(masked, "", "optax.masked", ({"mask": True},), identity={"mask": True}),
    Row(freeze, "", "optax.freeze", ({"mask": False},), identity={"mask": False}),
    Row(split_complex, "", "optax.contrib.split_real_and_imaginary"),
    Row(log_metrics, "", "NumPy", identity={}),
    Row(
        lookahead,
        "Zhang et al. 2019",
        "optax.lookahead",
        ({"sync_period": 2}, {"sync_period": 2, "reset_state": True}),
        identity={"slow_step_size": 1.0, "reset_state": False},
    ),
    Row(schedule_free, "Defazio et al. 2024", "optax.contrib.schedule_free"),
    Row(
        differentially_private,
        "Abadi et al. 2016",
        "optax.contrib.differentially_private_aggregate",
        per_example=True,
    ),
    Row(
        sam,
        "Foret et al. 2021; Kwon et al. 2021",
        "optax.contrib.sam",
        ({}, {"adaptive": True, "rho": 0.5}),
        identity={"rho": 0.0},
    ),
    Row(
        reduce_on_plateau,
        "",
        "optax.contrib.reduce_on_plateau; torch.optim.lr_scheduler.ReduceLROnPlateau",
        ({"factor": 0.5, "patience": 1, "cooldown": 1},),
        identity={"patience": _INF},
    ),
    Row(master_weights, "Micikevicius et al. 2018", "the same optimizer in float32"),
    Row(
        compress,
        "Dettmers et al. 2022",
        "NumPy",
        ({"min_size": 0}, {"min_size": 0, "bits": 16}),
        identity={"min_size": _INF},
    ),
    Row(kahan, "Kahan 1965; Zamirai et al. 2020", "float32 arithmetic"),
    Row(stochastic_rounding, "Gupta et al. 2015", "its mean and its neighbours"),
    Row(mechanize, "Cutkosky et al. 2023", "optax.contrib.mechanize"),
    Row(trust_ratio, "You et al. 2020", "optax.scale_by_trust_ratio"),
    Row(partition, "", "optax.partition", variants=()),
]
REGISTRY: dict[str, Row] = {row.factory.__name__: row for row in _ROWS}
