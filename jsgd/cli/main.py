"""The command `jsgd`: its arguments, and what its exit status means.

0 is done, 2 a mistake in the arguments (one line on stderr says which), 130 an interruption.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

_SPACE = """\
SPACE names what is tried, NAME=VALUES each:
  momentum=0,0.9,0.99            these values
  lr=log:1e-3:1:16               16 values from 1e-3 to 1, equal in ratio
  dropout=lin:0:0.5:6            6 values from 0 to 0.5, equally spaced
  lr=loguniform:1e-4:1           drawn at random, evenly in the logarithm
  dropout=uniform:0:0.5          drawn at random
  dropout=quniform:0:0.5:0.05    drawn at random, rounded to multiples of 0.05
  k=randint:1:10                 drawn at random, 1 to 9
  momentum=normal:0.8:0.05       drawn at random: mean and standard deviation
  b1=choice:0.9,0.95             drawn at random from these
Grids alone are swept whole; with anything random in it, --n settings are drawn.
Names are the optimizer's and the problem's: see `jsgd list`. What changes the program may be swept
too, with a program for each group of settings that share it:
  optimizer=sgd,adam  batch_size=32,64  model=linear,mlp  hidden=32,64
Without SPACE: 64 settings of lr x momentum for SGD."""

_SETTING = """\
NAME=VALUE are hyperparameters of the optimizer (lr=0.1 momentum=0.9), of the model (dropout=0.2)
and of the loss (label_smoothing=0.1 l2=1e-4), augmentations (flip=1 shift=2 rotate=10 zoom=0.1
brightness=0.2 cutout=4 mixup=0.2), and options of the model (hidden=64 norm=group). `jsgd list` has
what there is.

With --out DIR a training that was stopped goes on by the same command with --resume, and
`jsgd evaluate DIR` and `jsgd predict DIR picture.png` use what it has learnt."""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are exceptions, so that `main` says every mistake in one line."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: the arguments, without the name of the program; `None` for the process's own.

    Returns:
        The exit status.

    >>> main(["list", "sdg"])  # on stderr: jsgd: there is no entry 'sdg': did you mean 'sgd'? ...
    2
    """
    try:
        args = _parser().parse_args(argv)
        if getattr(args, "resume", False) and not args.out:
            raise ValueError("--resume: say where with --out DIR")
        from jsgd.cli import commands, programs  # here: `jsgd --help` does not wait for JAX

        programs.keep_programs()
        getattr(commands, args.command)(args)
    except KeyboardInterrupt:
        print("jsgd: interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError) as error:
        print("jsgd:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="jsgd", description="Functional optimizers whose hyperparameters are data."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    sweep = commands.add_parser(
        "sweep",
        help="train every setting of a space, all in one program",
        epilog=_SPACE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sweep.add_argument("space", nargs="*", metavar="SPACE", help="NAME=VALUES, see below")
    _common(sweep)
    sweep.add_argument("--seeds", type=int, default=2, help="runs of each setting (2)")
    sweep.add_argument("--n", type=int, help="settings to draw from a random space (64)")
    sweep.add_argument(
        "--sampler",
        default="random",
        metavar="NAME",
        help="how they are drawn: random; sobol or halton, more evenly; tpe, from what others did "
        "(random)",
    )
    sweep.add_argument(
        "--at-once", type=int, metavar="K", help="settings that tpe proposes at a time (root of n)"
    )
    sweep.add_argument("--folds", type=int, metavar="K", help="cross-validate in K folds")
    sweep.add_argument(
        "--layout",
        default="auto",
        help="auto, vmap (all at once), map (one by one), chunk:K (auto)",
    )
    sweep.add_argument(
        "--rungs",
        metavar="EPOCHS",
        help="stop all but the best after these, such as 2,6: successive halving (never)",
    )
    sweep.add_argument(
        "--reduction-factor",
        type=float,
        default=3,
        metavar="X",
        help="of so many settings one goes on (3)",
    )
    sweep.add_argument(
        "--scheduler",
        metavar="NAME",
        help="hyperband, median_stopping or population_based, in place of rungs",
    )
    sweep.add_argument("--timeout", type=float, metavar="SECONDS", help="end after so long")
    sweep.add_argument(
        "--memory", metavar="SIZE", help="of each device, such as 4GiB (what is free)"
    )
    sweep.add_argument("--metric", help="the score (test_accuracy, or test_loss for a regression)")
    sweep.add_argument("--out", metavar="DIR", help="where to write (runs/sweep-DATE-TIME)")
    sweep.add_argument(
        "--resume", action="store_true", help="go on with the sweep that --out DIR holds"
    )
    sweep.add_argument("--devices", type=int, metavar="N", help="CPU devices (one a core)")

    show = commands.add_parser("show", help="a sweep's table and pictures again, from its files")
    show.add_argument("dir", metavar="DIR", help="where a sweep wrote to")
    show.add_argument("--out", metavar="DIR", help="where to draw (the same DIR)")

    train = commands.add_parser(
        "train",
        help="train one setting",
        epilog=_SETTING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    train.add_argument("setting", nargs="*", metavar="NAME=VALUE", help="such as lr=0.1, see below")
    _common(train)
    train.add_argument(
        "--schedule",
        metavar="NAME",
        help="of lr over all steps: cosine, linear, onecycle or warmup_cosine (constant)",
    )
    train.add_argument("--tol", type=float, help="stop when the loss changes less in an epoch")
    train.add_argument(
        "--patience", type=int, help="stop after so many epochs without a better test"
    )
    train.add_argument("--out", metavar="DIR", help="where to write checkpoints (nowhere)")
    train.add_argument(
        "--resume", action="store_true", help="go on with the training that --out DIR holds"
    )
    train.add_argument(
        "--save-every", type=int, default=1, metavar="N", help="epochs between checkpoints (1)"
    )
    train.add_argument(
        "--keep", type=int, default=3, metavar="K", help="the last K checkpoints, and the best (3)"
    )
    train.add_argument("--devices", type=int, metavar="N", help="share every batch among them (1)")
    train.add_argument("--tensorboard", metavar="DIR", help="write TensorBoard's event files there")

    evaluate = commands.add_parser("evaluate", help="hold what was trained against its test data")
    _trained(evaluate)
    evaluate.add_argument("--data", metavar="NAME", help="other data (that it was trained with)")

    predict = commands.add_parser("predict", help="what it takes pictures for")
    _trained(predict)
    predict.add_argument("pictures", nargs="+", metavar="FILE", help="PNG or JPEG")
    predict.add_argument("--csv", metavar="FILE", help="write all probabilities there")

    shelf = commands.add_parser("list", help="optimizers, wrappers, schedules, models, data")
    shelf.add_argument("name", nargs="?", help="show all that is known of this one")
    return parser


def _trained(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", help="where train wrote to")
    parser.add_argument(
        "--epoch", default="best", metavar="N", help="best, latest or a number that was kept (best)"
    )


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--optimizer", default="sgd", metavar="NAME", help="(sgd)")
    parser.add_argument("--model", metavar="NAME", help="(cnn for images, else linear)")
    parser.add_argument(
        "--data",
        default="digits",
        metavar="NAME",
        help="such as mnist:DIR, cifar10:DIR, images:DIR, npz:FILE (digits)",
    )
    parser.add_argument("--size", metavar="N", help="of images: resize to N or HEIGHTxWIDTH")
    parser.add_argument("--grayscale", action="store_true", help="of images: one channel, not 3")
    parser.add_argument(
        "--validation",
        type=float,
        metavar="SHARE",
        help="of the training data, to test on instead of the test data",
    )
    parser.add_argument(
        "--loss",
        metavar="NAME",
        help="cross_entropy, binary or focal; of values squared_error or huber (the first)",
    )
    parser.add_argument(
        "--class-weight", choices=["balanced"], help="every class counts the same in the loss"
    )
    parser.add_argument(
        "--compute", choices=["bfloat16"], help="what the model computes in (float32)"
    )
    parser.add_argument("--epochs", type=int, default=24, help="(24)")
    parser.add_argument("--batch-size", default="32", metavar="N", help="a number or 'all' (32)")
    parser.add_argument(
        "--microbatch", type=int, metavar="N", help="samples a gradient is computed from at a time"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random (0)")
