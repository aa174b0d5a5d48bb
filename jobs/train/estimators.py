"""The estimators of relevance: two kinds, calibrated, and kept without a pickle."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any, Protocol, cast

import skops.io
import threadpoolctl
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from jobs.statistics import SEED, Floats
from service.core.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    import numpy.typing as npt

    from jobs.train.samples import Samples

LOGISTIC = "logistic regression"
BOOSTING = "histogram gradient boosting"
# Fewer of the rarer outcome, and a step function fits noise: a sigmoid has two parameters only.
_ISOTONIC_LEAST = 500
# What an artifact may be made of beyond what skops trusts by itself: looked at, no code runs.
_TRUSTED = frozenset(
    {
        "numpy.dtype",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    }
)


def one_thread() -> AbstractContextManager[object]:
    """Computes on one core: training shares its machine with a database and a service.

    Two threads that wait for each other while others want the cores took ten times as long.
    """
    limits: AbstractContextManager[object] = threadpoolctl.threadpool_limits(limits=1)
    return limits


class Classifier(Protocol):
    """What scikit-learn's classifiers have in common."""

    def fit(self, x: Floats, y: npt.NDArray[np.bool_]) -> Any:
        """Learn."""

    def predict_proba(self, x: Floats) -> Floats:
        """Probabilities of both outcomes, float [n, 2]."""


def _made(algorithm: str) -> Classifier:
    if algorithm == BOOSTING:
        # Few leaves of many rows: the rows of one record at near moments are no independent
        # evidence. Within the middle slices of seven traces it is no better than 15 leaves of 40
        # rows (mean AUC 0.851 and 0.850); on later ones it was, which a choice may not rest on.
        return cast(
            "Classifier",
            HistGradientBoostingClassifier(
                max_iter=100,
                learning_rate=0.06,
                max_leaf_nodes=8,
                min_samples_leaf=100,
                l2_regularization=5.0,
                early_stopping=False,
                random_state=SEED,
            ),
        )
    # times and counts have long tails: by rank they are on one scale
    return cast(
        "Classifier",
        make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True),
            QuantileTransformer(n_quantiles=100, output_distribution="normal", random_state=SEED),
            LogisticRegression(max_iter=1000),
        ),
    )


def fit_candidates(
    fit: Samples, calibrate: Samples, features: Sequence[str]
) -> dict[str, Classifier]:
    """Each kind fitted on the first slice and calibrated on the second."""
    rarer = min(int(calibrate.label.sum()), int((~calibrate.label).sum()))
    method = "isotonic" if rarer >= _ISOTONIC_LEAST else "sigmoid"
    candidates = {}
    for algorithm in (LOGISTIC, BOOSTING):
        estimator = _made(algorithm)
        estimator.fit(fit.matrix(features), fit.label)
        calibrated = CalibratedClassifierCV(FrozenEstimator(estimator), method=method)
        calibrated.fit(calibrate.matrix(features), calibrate.label)
        candidates[algorithm] = cast("Classifier", calibrated)
    return candidates


def choose(candidates: dict[str, Classifier], calibrate: Samples, features: Sequence[str]) -> str:
    """The kind with the lower log loss on the second slice: the evaluation stays unseen."""

    def loss(algorithm: str) -> float:
        chance = relevance(candidates[algorithm], calibrate, features)
        return float(log_loss(calibrate.label, chance))

    return min(candidates, key=loss)


def relevance(classifier: Classifier, samples: Samples, features: Sequence[str]) -> Floats:
    """The probability of being used again, float [n]."""
    return classifier.predict_proba(samples.matrix(features))[:, 1]


def to_artifact(classifier: Classifier) -> bytes:
    """An estimator as bytes, by skops."""
    artifact: bytes = skops.io.dumps(classifier, compression=zipfile.ZIP_DEFLATED)
    return artifact


def from_artifact(artifact: bytes) -> Classifier:
    """The estimator in these bytes.

    Raises:
        TrainingError: it holds a type a model of ours is not made of; nothing was run.
    """
    strange = set(skops.io.get_untrusted_types(data=artifact)) - _TRUSTED
    if strange:
        raise TrainingError(
            "the stored model is made of types that are not trusted",
            detail=", ".join(sorted(strange)),
            hint="magray train",
        )
    return cast("Classifier", skops.io.loads(artifact, trusted=sorted(_TRUSTED)))
