"""Linear classification of scikit-learn's interface that trains in one compiled program."""

from typing import Any

import numpy as np
import sklearn.linear_model
from sklearn.utils.multiclass import check_classification_targets

from jsgd.estimators.linear_base import LinearSGD
from jsgd.estimators.linear_losses import CLASSIFICATION
from jsgd.estimators.linear_params import check_params
from jsgd.estimators.linear_problems import one_vs_rest


class SGDClassifier(LinearSGD, sklearn.linear_model.SGDClassifier):
    r"""Linear classifiers by SGD: scikit-learn's `SGDClassifier`, and with any optimizer.

    With :math:`p_i = w^\top x_i + b` it goes for the least

    .. math::
        \frac1n \sum_i \gamma_i\, \ell(p_i, y_i)
        + \alpha\,\tfrac{1 - \rho}{2} \lVert w \rVert_2^2 + \alpha\rho \lVert w \rVert_1

    in one compiled program, with all classes against the rest at once. Parameters, defaults and
    attributes are scikit-learn's, whose class this is derived from, and so are the updates: with
    `shuffle=False` the coefficients are equal to rounding. New are `optimizer` and `batch_size`.
    A fit with other numbers (`alpha`, `eta0`, `tol`, `max_iter`, ...) finds its program compiled.

    Where it differs from scikit-learn: the random orders are other ones, and one for all classes.
    `early_stopping` scores the coefficients themselves (scikit-learn scores them before the L2
    penalty has shrunk them, and under `log_loss` takes every negative for a miss). Averages are of
    the coefficients after the L1 penalty, and `partial_fit` goes on from the intercept that was
    averaged. A wrong parameter is a plain `ValueError`, a negative `power_t` among them.

    Args:
        loss: `"hinge"` (a linear SVM), `"log_loss"` (logistic regression), `"modified_huber"`,
            `"squared_hinge"`, `"perceptron"`, or one of regression: `"squared_error"`, `"huber"`,
            `"epsilon_insensitive"`, `"squared_epsilon_insensitive"`.
        penalty: `"l2"`, `"l1"`, `"elasticnet"` or `None`. An L1 penalty cuts coefficients off at
            zero; with `optimizer` it is only a subgradient, as that of `jsgd.l1`, which hardly
            ever ends at zero.
        alpha: >= 0, the strength of the penalty, and what `learning_rate="optimal"` is made of.
        l1_ratio: in [0, 1], the share :math:`\rho` of L1 under `"elasticnet"`.
        fit_intercept: whether there is a :math:`b`.
        max_iter: >= 1, the most epochs of `fit`.
        tol: >= 0; an epoch that does not bring the objective below the best by this much has made
            no progress. `None` is never to stop for that.
        shuffle: whether every epoch has a random order of its own.
        verbose: >= 0; from 1 on, every epoch prints its objectives.
        epsilon: >= 0, of `"huber"`, from where errors count linearly, and of the two
            epsilon-insensitive losses, up to where they do not count.
        n_jobs: ignored. All classes are in one program.
        random_state: an int, a NumPy `RandomState` or `None`, of the orders and the held-out part.
        learning_rate: `"constant"`, `"optimal"` (:math:`1 / (\alpha (t + t_0))`), `"invscaling"`
            (:math:`\eta_0 / t^k`), `"adaptive"` (:math:`\eta_0`, divided by 5 instead of
            stopping, down to 1e-6), or the passive-aggressive `"pa1"` and `"pa2"`, of hinge loss.
        eta0: > 0, the rate :math:`\eta_0`, and the aggressiveness of passive-aggressive updates.
        power_t: >= 0, the exponent :math:`k` of `"invscaling"`.
        early_stopping: whether it is the accuracy on a held-out part that has to make progress.
        validation_fraction: in (0, 1), of samples that are held out.
        n_iter_no_change: >= 1, after how many epochs without progress to stop. Classes stop one by
            one.
        class_weight: a dict label -> weight, `"balanced"`, or `None` for 1 each.
        warm_start: whether `fit` begins from the coefficients of the last one.
        average: whether `coef_` is the average over all updates, or from which update on (>= 1).
        optimizer: a jsgd `Optimizer`, such as `jsgd.adam(1e-2)`; it takes one step a batch, for
            every class on its own. It has rates, schedules and averages (`jsgd.ema`, `jsgd.swa`)
            of its own, so `learning_rate`, `eta0`, `power_t` and `average` must be left alone.
            `None` is scikit-learn's rule, one sample at a time.
        batch_size: >= 1, how many samples a step of the optimizer sees; `None` is 32.

    Attributes:
        coef_: (1, n_features) for two classes, else (n_classes, n_features), of the dtype of `X`.
        intercept_: (1,) or (n_classes,).
        classes_: the labels.
        n_iter_: epochs, of the class that took the most.
        t_: `n_iter_ * n_samples + 1`.

    Sparse `X` is never made dense: its rows are padded to the length of the longest, and must fit
    into 8 GiB like that. A step then costs what a row has entries (with `average` or `optimizer`,
    what there are features), and the intercept learns at a hundredth of the rate, as in
    scikit-learn.

    Raises:
        ValueError: in `fit` and `partial_fit`: a parameter is none of what it may be, or two of
            them do not go together.

    >>> import jsgd
    >>> from jsgd.estimators import SGDClassifier
    >>> X, y = np.array([[-2.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [2.0, 1.0]]), ["a", "a", "b", "b"]
    >>> SGDClassifier(random_state=0).fit(X, y).predict([[-0.8, -1.0]]).tolist()
    ['a']
    >>> model = SGDClassifier("log_loss", optimizer=jsgd.adam(0.1), batch_size=2, random_state=0)
    >>> model.fit(X, y).predict_proba([[-0.8, -1.0]]).round(1).tolist()
    [[1.0, 0.0]]

    References:
        scikit-learn's `SGDClassifier`, https://scikit-learn.org/stable/modules/sgd.html; the papers
        of the algorithms are in `jsgd.estimators.linear_sgd`.
    """

    def __init__(
        self,
        loss="hinge",
        *,
        penalty="l2",
        alpha=0.0001,
        l1_ratio=0.15,
        fit_intercept=True,
        max_iter=1000,
        tol=1e-3,
        shuffle=True,
        verbose=0,
        epsilon=0.1,
        n_jobs=None,
        random_state=None,
        learning_rate="optimal",
        eta0=0.01,
        power_t=0.5,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        class_weight=None,
        warm_start=False,
        average=False,
        optimizer=None,
        batch_size=None,
    ):
        super().__init__(
            loss=loss,
            penalty=penalty,
            alpha=alpha,
            l1_ratio=l1_ratio,
            fit_intercept=fit_intercept,
            max_iter=max_iter,
            tol=tol,
            shuffle=shuffle,
            verbose=verbose,
            epsilon=epsilon,
            n_jobs=n_jobs,
            random_state=random_state,
            learning_rate=learning_rate,
            eta0=eta0,
            power_t=power_t,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            class_weight=class_weight,
            warm_start=warm_start,
            average=average,
        )
        self.optimizer = optimizer
        self.batch_size = batch_size

    def fit(
        self,
        X: Any,
        y: Any,
        coef_init: Any = None,
        intercept_init: Any = None,
        sample_weight: Any = None,
    ) -> "SGDClassifier":
        """Fit the model.

        Args:
            X: array, data frame or sparse matrix of shape (n_samples, n_features), finite. float32
                is computed in float32, all else in float64.
            y: labels of shape (n_samples,), of two classes or more.
            coef_init: where to begin, of the shape of `coef_`.
            intercept_init: where to begin, of the shape of `intercept_`.
            sample_weight: of shape (n_samples,); it multiplies `class_weight`.

        Raises:
            ValueError: a parameter or an argument is not what it may be, or the fit diverges.
        """
        check_params(self, CLASSIFICATION, "hinge")
        X, y, weight = self._checked(X, y, sample_weight, is_first=True, y_numeric=False)
        check_classification_targets(y)
        self._set_classes(y)
        walk = self._begin(self._count, X, coef_init, intercept_init)
        self._fit_classes(X, y, weight, walk, self.max_iter)
        self._warn_if_cut_short()
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> "SGDClassifier":
        """Go on with one epoch on these samples.

        Args:
            X: array, data frame or sparse matrix of shape (n_samples, n_features).
            y: labels of shape (n_samples,).
            classes: all labels there will be; the first call needs them.
            sample_weight: of shape (n_samples,).

        Raises:
            ValueError: as in `fit`; or `y` has labels that are not in `classes`, or `classes` are
                missing or others than in the first call; or `early_stopping` or balanced classes
                are asked for, which need all samples at once.
        """
        check_params(self, CLASSIFICATION, "hinge", for_partial_fit=True)
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all samples at once: for partial_fit use "
                "sklearn.utils.class_weight.compute_class_weight and pass a dict"
            )
        is_first = not hasattr(self, "classes_")
        X, y, weight = self._checked(X, y, sample_weight, is_first, y_numeric=False)
        check_classification_targets(y)
        if is_first:
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self._set_classes(classes)
            walk = self._begin(self._count, X, None, None)
        else:
            if classes is not None and not np.array_equal(self.classes_, np.unique(classes)):
                raise ValueError(
                    f"classes = {classes!r} are not those of the first call, {self.classes_}"
                )
            walk = self._go_on(X)
        self._fit_classes(X, y, weight, walk, max_iter=1)
        return self

    def _set_classes(self, y: Any) -> None:
        classes = np.unique(y)
        if len(classes) < 2:
            raise ValueError(
                f"The number of classes has to be greater than one; got {len(classes)} class"
            )
        self.classes_ = classes

    @property
    def _count(self) -> int:
        """How many problems: two classes are one, of the second class against the first."""
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def _fit_classes(self, X: Any, y: Any, weight: np.ndarray, walk: Any, max_iter: int) -> None:
        problems = one_vs_rest(X, y, weight, self.classes_, self.class_weight, self.loss)
        self.coef_, self.intercept_ = self._train(problems, walk, max_iter)
