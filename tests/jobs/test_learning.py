"""What is learned from rows: signal and chance, calibration, splits, artifacts, the combination."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from jobs.train.combination import NAMES, combine, fit_combination
from jobs.train.estimators import from_artifact, relevance, to_artifact
from jobs.train.evaluation import FIXED, METHODS, MODEL, _measure
from jobs.train.samples import read_samples, split_by_time
from jobs.train.training import Learned, learn
from service.core.errors import TrainingError
from service.core.memory import Rows
from tests.jobs.training_rows import COLUMNS, made_rows


@pytest.fixture(scope="module")
def learned() -> Learned:
    return learn(made_rows(learnable=True))


def test_a_signal_is_found(learned: Learned) -> None:
    methods = learned.evaluation.methods
    assert methods[MODEL].auc.low > 0.8
    assert methods[FIXED].auc.high < 0.6
    assert learned.evaluation.gains[FIXED].low > 0.2
    assert learned.evaluation.beats_fallback
    assert next(iter(learned.evaluation.importances)) == "signal"
    assert set(methods) == set(METHODS)
    for one in methods.values():
        for interval in (one.auc, one.average_precision, one.brier):
            assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_chance_is_not_mistaken_for_a_signal() -> None:
    evaluation = learn(made_rows(learnable=False)).evaluation
    assert not evaluation.beats_fallback
    assert evaluation.methods[MODEL].auc.low < 0.5


def test_probabilities_are_calibrated(learned: Learned) -> None:
    assert (
        sum(one.records for one in learned.evaluation.calibration)
        == learned.slices["evaluate"]["rows"]
    )
    for one in learned.evaluation.calibration:
        assert one.foretold == pytest.approx(one.came, abs=0.15)


def test_features_that_say_nothing_are_left_out(learned: Learned) -> None:
    assert learned.features == [
        "recency",
        "frequency",
        "signal",
        "noise",
        "sometimes",
        "kind=pattern",
        "kind=solution",
    ]


def test_slices_follow_each_other_and_no_label_looks_into_the_next() -> None:
    split = split_by_time(read_samples(made_rows(learnable=True)))
    for earlier, later in ((split.fit, split.calibrate), (split.calibrate, split.evaluate)):
        assert (earlier.at + earlier.horizon).max() <= later.at.min()


def test_each_layer_is_split_by_its_own_time() -> None:
    recent = made_rows(learnable=True)
    place = COLUMNS.index("layer")
    old = [
        (*row[:2], row[2] - timedelta(days=100), "assets", *row[place + 1 :])
        for row in recent.values
    ]
    split = split_by_time(read_samples(Rows(COLUMNS, recent.values + old)))
    for part in vars(split).values():
        assert set(part.layer) == {"assets", "insights"}


@pytest.mark.parametrize(
    "values",
    [
        [],
        made_rows(learnable=True, count=60).values,
        [(*row[:6], False, *row[7:]) for row in made_rows(learnable=True).values],
    ],
)
def test_too_little_is_said_so(values: list[Any]) -> None:
    with pytest.raises(TrainingError, match="too little") as caught:
        learn(Rows(COLUMNS, values))
    assert "evaluate has" in caught.value.detail


def test_an_artifact_gives_the_same_probabilities(learned: Learned) -> None:
    samples = read_samples(made_rows(learnable=True, seed=5))
    again = from_artifact(to_artifact(learned.classifier))
    before = relevance(learned.classifier, samples, learned.features)
    assert np.array_equal(relevance(again, samples, learned.features), before)
    assert len(np.unique(before)) > 3


def test_an_artifact_of_other_types_is_refused() -> None:
    class Stranger(DecisionTreeClassifier):  # type: ignore[misc]
        pass

    with pytest.raises(TrainingError, match="not trusted") as caught:
        from_artifact(skops.io.dumps(Stranger()))
    assert "Stranger" in caught.value.detail


def test_a_kind_the_model_never_saw_is_no_kind(learned: Learned) -> None:
    samples = read_samples(made_rows(learnable=True))
    samples.kind[:] = "snippet"
    assert samples.matrix(learned.features)[:, -2:].max() == 0


def test_weighted_measures_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(3)
    label = random.random(500) < 0.3
    # a score with many ties
    score = np.round(random.random(500) + label / 3, 1)
    weights = np.stack([np.ones(500), random.integers(0, 4, 500).astype(float)])
    measured = _measure(score, score / 2, label, weights)
    for row, weight in enumerate(weights):
        assert measured[0, row] == pytest.approx(roc_auc_score(label, score, sample_weight=weight))
        assert measured[1, row] == pytest.approx(
            average_precision_score(label, score, sample_weight=weight)
        )
        assert measured[2, row] == pytest.approx(
            np.average((score / 2 - label) ** 2, weights=weight)
        )


def test_the_combination_rises_with_each_part() -> None:
    random = np.random.default_rng(1)
    parts = random.random((4000, 3))
    chance = random.random(4000)
    # the first part lowers the outcome: it may cost no memory its score
    label = random.random(4000) < np.clip(0.8 * chance - 0.3 * parts[:, 0] + 0.2, 0, 1)
    found = fit_combination(chance, parts, label)
    assert found["recency"] == 0
    assert found["relevance"] > 3
    assert min(found[name] for name in NAMES) >= 0
    score = combine(found, chance, parts)
    assert roc_auc_score(label, score) > 0.7
    # a record like any other is in the middle, however rare the outcome
    assert np.median(score) == pytest.approx(0.5, abs=0.15)


def test_without_evidence_the_combination_is_the_fixed_weighting() -> None:
    random = np.random.default_rng(1)
    parts = np.full((500, 3), 0.5)
    found = fit_combination(np.full(500, 0.5), parts, random.random(500) < 0.5)
    assert [found[name] for name in NAMES] == pytest.approx([1.6, 0.8, 0.8, 0.8], abs=0.05)
