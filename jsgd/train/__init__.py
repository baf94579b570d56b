"""Training: a problem and an optimizer make a run; `fit` drives one run, a sweep many."""

from jsgd.train.checkpoint import load_checkpoint as load_checkpoint
from jsgd.train.fit import Fit as Fit
from jsgd.train.fit import fit as fit
from jsgd.train.folds import fold_rows as fold_rows
from jsgd.train.problem import Problem as Problem
from jsgd.train.problem import classification as classification
from jsgd.train.problem import regression as regression
from jsgd.train.run import Carry as Carry
from jsgd.train.run import Run as Run
from jsgd.train.run import make_run as make_run
from jsgd.train.shuffle import permutation as permutation
from jsgd.train.stream import make_stream_run as make_stream_run
