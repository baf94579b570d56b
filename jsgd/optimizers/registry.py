"""The list of all optimizers, as data: a new one is one row here."""

from jsgd.core.registry import Row
from jsgd.optimizers.adabelief import adabelief
from jsgd.optimizers.adadelta import adadelta
from jsgd.optimizers.adafactor import adafactor
from jsgd.optimizers.adagrad import adagrad
from jsgd.optimizers.adam import adam, adamw, amsgrad, nadam, nadamw
from jsgd.optimizers.adamax import adamax, adamaxw
from jsgd.optimizers.adan import adan
from jsgd.optimizers.fromage import fromage
from jsgd.optimizers.galore import galore
from jsgd.optimizers.lamb import lamb
from jsgd.optimizers.lars import lars
from jsgd.optimizers.lion import lion
from jsgd.optimizers.muon import muon
from jsgd.optimizers.novograd import novograd
from jsgd.optimizers.optimistic import optimistic_gradient_descent
from jsgd.optimizers.qhadam import qhadam
from jsgd.optimizers.radam import radam
from jsgd.optimizers.rmsprop import rmsprop
from jsgd.optimizers.rprop import rprop
from jsgd.optimizers.sgd import noisy_sgd, sgd
from jsgd.optimizers.sign import sign_sgd, signum
from jsgd.optimizers.sm3 import sm3

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
    Row(sign_sgd, "Bernstein et al. 2018", "optax.sign_sgd"),
    Row(signum, "Bernstein et al. 2018", "optax.signum"),
    Row(optimistic_gradient_descent, "Mokhtari et al. 2020", "optax.optimistic_gradient_descent"),
    Row(rprop, "Igel and Hüsken 2000", "torch.optim.Rprop", takes="reals"),
    Row(adagrad, "Duchi et al. 2011", "torch.optim.Adagrad"),
    Row(
        rmsprop,
        "Tieleman and Hinton 2012; Graves 2013",
        "torch.optim.RMSprop; optax.rmsprop",
        variants=(
            {},
            {"momentum": 0.9, "centered": True},
            {"momentum": 0.9, "nesterov": True, "eps_in_sqrt": True},
        ),
    ),
    Row(adadelta, "Zeiler 2012", "torch.optim.Adadelta"),
    Row(adam, "Kingma and Ba 2015", "torch.optim.Adam"),
    Row(adamw, "Loshchilov and Hutter 2019", "torch.optim.AdamW"),
    Row(nadam, "Dozat 2016", "optax.nadam"),
    Row(nadamw, "Dozat 2016; Loshchilov and Hutter 2019", "optax.nadamw"),
    Row(amsgrad, "Reddi et al. 2018", "torch.optim.Adam(amsgrad=True)"),
    Row(adamax, "Kingma and Ba 2015", "torch.optim.Adamax"),
    Row(adamaxw, "Kingma and Ba 2015; Loshchilov and Hutter 2019", "optax.adamaxw"),
    Row(adabelief, "Zhuang et al. 2020", "optax.adabelief"),
    Row(qhadam, "Ma and Yarats 2019", "the paper's QHAdam, in NumPy"),
    Row(radam, "Liu et al. 2020", "optax.radam"),
    Row(adan, "Xie et al. 2022", "the paper's Algorithm 1, in NumPy"),
    Row(lion, "Chen et al. 2023", "optax.lion"),
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
        muon,
        "Jordan et al. 2024",
        "the authors' muon_update, in NumPy",
        variants=({}, {"nesterov": False}, {"nesterov": False, "match_rms": True}),
        takes="matrices",
    ),
]
REGISTRY: dict[str, Row] = {row.factory.__name__: row for row in _ROWS}
