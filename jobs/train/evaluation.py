"""What a model is worth on the latest slice of time, beside the scores it has to beat.

Intervals are 95% percentile intervals of resampled records, never of rows: the moments of one
record resemble each other. All methods are measured on the same resamples: differences are paired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.inspection import permutation_importance
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from jobs.statistics import SEED, Floats, Interval
from jobs.train.combination import combine
from jobs.train.estimators import Classifier, relevance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from jobs.train.samples import Samples, Split

    Bools = npt.NDArray[np.bool_]

MODEL, SCORE, FIXED = "relevance", "ML score", "fixed weighting"
RECENCY, FREQUENCY, BOTH = "recency", "frequency", "recency + frequency"
METHODS = {
    MODEL: "the calibrated model: chance of being used again within the horizon",
    SCORE: "its combination with recency, frequency and importance",
    FIXED: "what answers without a model",
    RECENCY: "time since the last use alone",
    FREQUENCY: "decayed number of uses alone",
    BOTH: "a logistic regression on these two, fitted on the same slice as the model",
}
_AUC, _PRECISION = 0, 1  # rows of what _measure returns
_RESAMPLES = 500
_CHUNK = 50
_BINS = 10
_SHUFFLED_ROWS = 4000


@dataclass(frozen=True)
class Measured:
    """One method on the latest slice.

    Attributes:
        auc: chance that a record used again is ranked above one that is not.
        average_precision: area under precision and recall.
        brier: mean squared error of its probability, calibrated on the slice before (for relevance
            as it stands).
    """

    auc: Interval
    average_precision: Interval
    brier: Interval


@dataclass(frozen=True)
class Bin:
    """A tenth of the records by predicted chance: how many, what was predicted, what came."""

    records: int
    foretold: float
    came: float


@dataclass(frozen=True)
class Evaluation:
    """What a model is worth on the latest slice.

    Attributes:
        methods: the model and what it has to beat.
        gains: AUC of relevance minus that of each other method, paired.
        precision_gain: average precision of relevance minus the fixed weighting's, paired.
        score_gain: AUC of the ML score minus the fixed weighting's, paired.
        calibration: tenths by predicted chance.
        importances: feature -> AUC lost when its values are shuffled.
    """

    methods: dict[str, Measured]
    gains: dict[str, Interval]
    precision_gain: Interval
    score_gain: Interval
    calibration: list[Bin]
    importances: dict[str, float]

    @property
    def beats_fallback(self) -> bool:
        """Whether it may take the place of the fixed weighting.

        Relevance and the ML score are better at ranking for certain (95%), relevance is better than
        chance, and not for certain worse at the top of the ranking, which is what is promoted.
        """
        better = self.gains[FIXED].low > 0 and self.score_gain.low > 0
        sound = self.methods[MODEL].auc.low > 0.5 and self.precision_gain.high >= 0
        return better and sound


def evaluate(
    classifier: Classifier, combination: dict[str, float], split: Split, features: Sequence[str]
) -> Evaluation:
    """Measure a model and the simpler scores on the latest slice."""
    latest = split.evaluate
    scores = _scores(classifier, combination, split, features)
    chances = {name: _calibrated(*pair, split) for name, pair in scores.items() if name != MODEL}
    chances[MODEL] = scores[MODEL][1]
    resamples: dict[str, list[Floats]] = {name: [] for name in scores}
    for weights in _resampled(latest.record):
        for name, (_, score) in scores.items():
            resamples[name].append(_measure(score, chances[name], latest.label, weights))
    drawn = {name: np.concatenate(parts, axis=1) for name, parts in resamples.items()}
    plain = {
        name: _measure(score, chances[name], latest.label, np.ones((1, len(latest))))
        for name, (_, score) in scores.items()
    }

    def gain(better: str, other: str, measure: int = _AUC) -> Interval:
        return _interval(
            plain[better][measure] - plain[other][measure],
            drawn[better][measure] - drawn[other][measure],
        )

    return Evaluation(
        methods={
            name: Measured(*(_interval(plain[name][row], drawn[name][row]) for row in range(3)))
            for name in METHODS
        },
        gains={name: gain(MODEL, name) for name in METHODS if name != MODEL},
        precision_gain=gain(MODEL, FIXED, _PRECISION),
        score_gain=gain(SCORE, FIXED),
        calibration=_calibration_table(scores[MODEL][1], latest.label),
        importances=_importances(classifier, latest, features),
    )


def _scores(
    classifier: Classifier, combination: dict[str, float], split: Split, features: Sequence[str]
) -> dict[str, tuple[Floats, Floats]]:
    """Each method's scores on the middle and on the latest slice."""
    both = LogisticRegression().fit(split.fit.parts[:, :2], split.fit.label)

    def of(samples: Samples) -> dict[str, Floats]:
        chance = relevance(classifier, samples, features)
        return {
            MODEL: chance,
            SCORE: combine(combination, chance, samples.parts),
            FIXED: samples.fixed,
            RECENCY: samples.parts[:, 0],
            FREQUENCY: samples.parts[:, 1],
            BOTH: both.predict_proba(samples.parts[:, :2])[:, 1],
        }

    middle, latest = of(split.calibrate), of(split.evaluate)
    return {name: (middle[name], latest[name]) for name in METHODS}


def _calibrated(middle: Floats, latest: Floats, split: Split) -> Floats:
    isotonic = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1)
    chance: Floats = isotonic.fit(middle, split.calibrate.label).predict(latest)
    return chance


def _resampled(record: npt.NDArray[np.int64]) -> Iterator[Floats]:
    """How often each row counts in each resample of the records, some resamples at a time."""
    names, place = np.unique(record, return_inverse=True)
    random = np.random.default_rng(SEED)
    even = np.full(len(names), 1 / len(names))
    for _ in range(_RESAMPLES // _CHUNK):
        counts = random.multinomial(len(names), even, size=_CHUNK)
        yield counts[:, place].astype(np.float64)


def _measure(score: Floats, chance: Floats, label: Bools, weights: Floats) -> Floats:
    """AUC, average precision and Brier score in each resample: float [3, resamples]."""
    order = np.argsort(score, kind="stable")
    ties = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    sorted_weights = weights[:, order]
    hits = np.add.reduceat(sorted_weights * label[order], ties, axis=1)
    misses = np.add.reduceat(sorted_weights * ~label[order], ties, axis=1)
    all_hits, all_misses = hits.sum(axis=1), misses.sum(axis=1)
    below = np.cumsum(misses, axis=1) - misses
    auc = (hits * (below + misses / 2)).sum(axis=1) / (all_hits * all_misses)
    found = np.cumsum(hits[:, ::-1], axis=1)[:, ::-1]
    looked_at = found + np.cumsum(misses[:, ::-1], axis=1)[:, ::-1]
    precision = np.divide(found, looked_at, out=np.zeros_like(found), where=looked_at > 0)
    average_precision = (hits * precision).sum(axis=1) / all_hits
    brier = weights @ (chance - label) ** 2 / weights.sum(axis=1)
    return np.stack([auc, average_precision, brier])


def _interval(value: Floats, drawn: Floats) -> Interval:
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Interval(float(value[0]), float(low), float(high))


def _calibration_table(chance: Floats, label: Bools) -> list[Bin]:
    order = np.argsort(chance, kind="stable")
    return [
        Bin(len(part), float(chance[part].mean()), float(label[part].mean()))
        for part in np.array_split(order, _BINS)
        if len(part)
    ]


def _importances(
    classifier: Classifier, latest: Samples, features: Sequence[str]
) -> dict[str, float]:
    random = np.random.default_rng(SEED)
    size = min(len(latest), _SHUFFLED_ROWS)
    some = latest.take(random.choice(len(latest), size, replace=False))
    lost = permutation_importance(
        classifier,
        some.matrix(features),
        some.label,
        scoring="roc_auc",
        n_repeats=3,
        random_state=SEED,
    )["importances_mean"]
    order = np.argsort(-lost, kind="stable")
    return {features[place]: float(lost[place]) for place in order}
