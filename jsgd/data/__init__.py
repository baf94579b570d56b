"""Data sets: bundled, drawn, and read from files; and what makes more of them, `augment`."""

from jsgd.data import augment as augment
from jsgd.data.arrays import from_arrays as from_arrays
from jsgd.data.arrays import load_npz as load_npz
from jsgd.data.cifar import cifar10 as cifar10
from jsgd.data.cifar import cifar100 as cifar100
from jsgd.data.dataset import Dataset as Dataset
from jsgd.data.digits import digits as digits
from jsgd.data.download import download as download
from jsgd.data.idx import fashion_mnist as fashion_mnist
from jsgd.data.idx import mnist as mnist
from jsgd.data.idx import read_idx as read_idx
from jsgd.data.images import images as images
from jsgd.data.registry import REGISTRY as REGISTRY
from jsgd.data.registry import load as load
from jsgd.data.stream import stream as stream
from jsgd.data.synthetic import linear_regression as linear_regression
from jsgd.data.validation import validation_split as validation_split
