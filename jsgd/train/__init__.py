"""Training: a problem and an optimizer make a run; `fit` drives one run, a sweep many."""

from jsgd.train.batch_stats import settle as settle
from jsgd.train.checkpoint import load_checkpoint as load_checkpoint
from jsgd.train.evaluate import Evaluation as Evaluation
from jsgd.train.evaluate import evaluate as evaluate
from jsgd.train.evaluate import predict as predict
from jsgd.train.export import export_predict as export_predict
from jsgd.train.export import export_step as export_step
from jsgd.train.finetune import layer_names as layer_names
from jsgd.train.finetune import layerwise_lr as layerwise_lr
from jsgd.train.finetune import pretrained as pretrained
from jsgd.train.fit import Fit as Fit
from jsgd.train.fit import fit as fit
from jsgd.train.folds import fold_rows as fold_rows
from jsgd.train.minimize import minimize as minimize
from jsgd.train.problem import Problem as Problem
from jsgd.train.problem import classification as classification
from jsgd.train.problem import regression as regression
from jsgd.train.run import Carry as Carry
from jsgd.train.run import Run as Run
from jsgd.train.run import make_run as make_run
from jsgd.train.shuffle import permutation as permutation
from jsgd.train.stream import make_stream_run as make_stream_run
from jsgd.train.weights import load_weights as load_weights
from jsgd.train.weights import save_weights as save_weights
