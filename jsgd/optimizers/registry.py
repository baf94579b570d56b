"""The list of all optimizers, as data: a new one is one row here."""

from jsgd.core.registry import Row
from jsgd.optimizers.acprop import acprop
from jsgd.optimizers.adabelief import adabelief
from jsgd.optimizers.adadelta import adadelta
from jsgd.optimizers.adafactor import adafactor
from jsgd.optimizers.adagrad import adagrad
from jsgd.optimizers.adam import adam, adamw, amsgrad, nadam, nadamw
from jsgd.optimizers.adamax import adamax, adamaxw
from jsgd.optimizers.adan import adan
from jsgd.optimizers.ademamix import ademamix, simplified_ademamix
from jsgd.optimizers.adopt import adopt
from jsgd.optimizers.asgd import asgd
from jsgd.optimizers.cocob import cocob
from jsgd.optimizers.dadapt import dadapt_adamw
from jsgd.optimizers.dog import dog, dowg
from jsgd.optimizers.dpsgd import dpsgd
from jsgd.optimizers.fromage import fromage
from jsgd.optimizers.ftrl import ftrl
from jsgd.optimizers.galore import galore
from jsgd.optimizers.lamb import lamb
from jsgd.optimizers.lars import lars
from jsgd.optimizers.lbfgs import lbfgs
from jsgd.optimizers.lion import lion
from jsgd.optimizers.madgrad import madgrad
from jsgd.optimizers.momo import momo, momo_adam
from jsgd.optimizers.muon import muon
from jsgd.optimizers.novograd import novograd
from jsgd.optimizers.optimistic import optimistic_adam, optimistic_gradient_descent
from jsgd.optimizers.polyak import polyak_sgd
from jsgd.optimizers.prodigy import prodigy
from jsgd.optimizers.qhadam import qhadam
from jsgd.optimizers.radam import radam
from jsgd.optimizers.rmsprop import rmsprop
from jsgd.optimizers.rprop import rprop
from jsgd.optimizers.schedule_free import schedule_free_adamw, schedule_free_sgd
from jsgd.optimizers.sgd import noisy_sgd, sgd
from jsgd.optimizers.sign import sign_sgd, signum
from jsgd.optimizers.sm3 import sm3
from jsgd.optimizers.sophia import sophia
from jsgd.optimizers.yogi import yogi

_ROWS = [
    Row(
        sgd,
        "Polyak 1964; Sutskever et al. 2013",
        "torch.optim.SGD",
        variants=(
            {},
            {"momentum": 0.9},
            {"momentum": 0.9, "nesterov": True},
            {"momentum": 0.9, "dampening": 0.5},
        ),
    ),
    Row(noisy_sgd, "Neelakantan et al. 2015", "optax.noisy_sgd"),
    Row(
        dpsgd,
        "Abadi et al. 2016",
        "optax.contrib.dpsgd",
        variants=({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}),
        per_example=True,
    ),
    Row(sign_sgd, "Bernstein et al. 2018", "optax.sign_sgd"),
    Row(signum, "Bernstein et al. 2018", "optax.signum"),
    Row(optimistic_gradient_descent, "Mokhtari et al. 2020", "optax.optimistic_gradient_descent"),
    Row(asgd, "Polyak and Juditsky 1992; Bottou 2012", "torch.optim.ASGD"),
    Row(rprop, "Igel and Hüsken 2000", "torch.optim.Rprop", takes="reals"),
    Row(adagrad, "Duchi et al. 2011", "torch.optim.Adagrad"),
    Row(ftrl, "McMahan et al. 2013", "keras.optimizers.Ftrl"),
    Row(madgrad, "Defazio and Jelassi 2022", "the paper's Algorithm 1, in NumPy"),
    Row(
        rmsprop,
        "Tieleman and Hinton 2012; Graves 2013",
        "torch.optim.RMSprop; optax.rmsprop",
        variants=(
            {},
            {"momentum": 0.9, "centered": True},
            {"momentum": 0.9, "nesterov": True, "eps_in_sqrt": True},
            {"bias_correction": True},
        ),
    ),
    Row(adadelta, "Zeiler 2012", "torch.optim.Adadelta"),
    Row(adam, "Kingma and Ba 2015", "torch.optim.Adam"),
    Row(adamw, "Loshchilov and Hutter 2019", "torch.optim.AdamW"),
    Row(
        nadam,
        "Dozat 2016",
        "optax.nadam; torch.optim.NAdam; keras.optimizers.Nadam",
        variants=({}, {"momentum_decay": 0.004}),
    ),
    Row(
        nadamw,
        "Dozat 2016; Loshchilov and Hutter 2019",
        "optax.nadamw; torch.optim.NAdam",
        variants=({}, {"momentum_decay": 0.004}),
    ),
    Row(optimistic_adam, "Daskalakis et al. 2018", "optax.optimistic_adam_v2"),
    Row(amsgrad, "Reddi et al. 2018", "torch.optim.Adam(amsgrad=True)"),
    Row(adamax, "Kingma and Ba 2015", "torch.optim.Adamax"),
    Row(adamaxw, "Kingma and Ba 2015; Loshchilov and Hutter 2019", "optax.adamaxw"),
    Row(adabelief, "Zhuang et al. 2020", "optax.adabelief"),
    Row(acprop, "Zhuang et al. 2021", "the paper's ACProp, in NumPy"),
    Row(yogi, "Zaheer et al. 2018", "the paper's Algorithm 2 with bias corrections, in NumPy"),
    Row(adopt, "Taniguchi et al. 2024", "optax.contrib.adopt", variants=({}, {"clip": False})),
    Row(ademamix, "Pagliardini et al. 2024", "optax.contrib.ademamix"),
    Row(simplified_ademamix, "Morwani et al. 2025", "optax.contrib.simplified_ademamix"),
    Row(qhadam, "Ma and Yarats 2019", "the paper's QHAdam, in NumPy"),
    Row(radam, "Liu et al. 2020", "optax.radam"),
    Row(adan, "Xie et al. 2022", "the paper's Algorithm 1, in NumPy"),
    Row(lion, "Chen et al. 2023", "optax.lion"),
    Row(schedule_free_sgd, "Defazio et al. 2024", "optax.contrib.schedule_free_sgd"),
    Row(schedule_free_adamw, "Defazio et al. 2024", "optax.contrib.schedule_free_adamw"),
    Row(lars, "You et al. 2017", "optax.lars", variants=({}, {"nesterov": True})),
    Row(lamb, "You et al. 2020", "optax.lamb"),
    Row(fromage, "Bernstein et al. 2020", "optax.fromage"),
    Row(novograd, "Ginsburg et al. 2019", "optax.novograd"),
    Row(sm3, "Anil et al. 2019", "the paper's Algorithm SM3-II, in NumPy; optax.sm3"),
    Row(
        adafactor,
        "Shazeer and Stern 2018",
        "the paper's Algorithms 4 and 5, in NumPy; torch.optim.Adafactor; optax.adafactor",
        variants=(
            {},
            {"min_dim_size_to_factor": 1},
            {"min_dim_size_to_factor": 1, "relative_step": False, "momentum": 0.9},
            {"min_dim_size_to_factor": 1, "parameter_scale": False},
        ),
    ),
    Row(galore, "Zhao et al. 2024", "the paper's Algorithm 2, in NumPy", ({}, {"rank": 2})),
    Row(
        sophia,
        "Liu et al. 2024",
        "the paper's Algorithm 3 with random signs, in NumPy",
        takes="reals",
    ),
    Row(
        muon,
        "Jordan et al. 2024",
        "the authors' muon_update, in NumPy",
        variants=({}, {"nesterov": False}, {"nesterov": False, "match_rms": True}),
        takes="matrices",
    ),
    Row(
        prodigy,
        "Mishchenko and Defazio 2023",
        "optax.contrib.prodigy; the authors' code, in NumPy",
        variants=(
            {},
            {"b3": 0.99},
            {"bias_correction": True},
            {"bias_correction": True, "safeguard_warmup": True},
        ),
    ),
    Row(
        dadapt_adamw,
        "Defazio and Mishchenko 2023",
        "optax.contrib.dadapt_adamw; the authors' code, in NumPy",
        variants=({}, {"bias_correction": True}),
    ),
    Row(
        dog,
        "Ivgi et al. 2023",
        "optax.contrib.dog; the paper's L-DoG, in NumPy",
        variants=({}, {"relative": False}, {"layerwise": True}),
    ),
    Row(dowg, "Khaled et al. 2023", "optax.contrib.dowg"),
    Row(cocob, "Orabona and Tommasi 2017", "optax.contrib.cocob"),
    Row(
        polyak_sgd,
        "Loizou et al. 2021; Berrada et al. 2020",
        "optax.polyak_sgd; equation SPS_max, in NumPy",
        variants=({}, {"variant": "sps+"}),
    ),
    Row(
        momo,
        "Schaipp et al. 2023",
        "optax.contrib.momo; the authors' code, in NumPy",
        variants=({}, {"adapt_lower_bound": True}),
    ),
    Row(
        momo_adam,
        "Schaipp et al. 2023",
        "optax.contrib.momo_adam; the authors' code, in NumPy",
        variants=({}, {"adapt_lower_bound": True}),
    ),
    Row(
        lbfgs,
        "Liu and Nocedal 1989",
        "L-BFGS of Nocedal and Wright, in NumPy",
        variants=(
            {"memory_size": 2},
            {"memory_size": 2, "linesearch": "backtracking"},
            {"linesearch": None},
            {"linesearch": None, "scale_init_precond": False},
        ),
    ),
]
REGISTRY: dict[str, Row] = {row.factory.__name__: row for row in _ROWS}
