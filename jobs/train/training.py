"""One training: read, learn, evaluate, store, and activate what is better than the fallback."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from jobs.train.combination import fit_combination
from jobs.train.estimators import choose, fit_candidates, one_thread, relevance, to_artifact
from jobs.train.evaluation import evaluate
from jobs.train.samples import read_samples, split_by_time, usable_features
from service.core.errors import NothingToLearnError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from jobs.train.estimators import Classifier
    from jobs.train.evaluation import Evaluation
    from jobs.train.samples import Samples, Split
    from service.core.memory import Rows, Training

# What a training does, in order; the names a progress bar shows.
STAGES = ("reading", "learning", "storing")


@dataclass(frozen=True)
class Wish:
    """What to train.

    Attributes:
        now: the moment it is done as of.
        horizon: within which a record must be used again; None: its layer's own.
        layer: only records of this layer; None: all.
        limit: most training rows.
    """

    now: datetime
    horizon: timedelta | None = None
    layer: str | None = None
    limit: int = 50_000


@dataclass(frozen=True)
class Learned:
    """A trained model, not stored yet.

    Attributes:
        algorithm: the kind that was chosen.
        features: what it takes, in this order.
        combination: intercept and weights of the ML score.
        rows: training rows read.
        slices: rows, records and times used again of each slice, with its first and last moment.
    """

    classifier: Classifier
    algorithm: str
    features: list[str]
    combination: dict[str, float]
    evaluation: Evaluation
    rows: int
    slices: dict[str, dict[str, Any]]

    def metrics(self) -> dict[str, Any]:
        """What memory_data.model.metrics keeps."""
        kept = asdict(self.evaluation)
        del kept["importances"]
        return {**kept, "slices": self.slices}


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        learned: the model.
        model: its id; None after a dry run.
        name: its name.
        activated: whether it is the one in use now.
    """

    learned: Learned
    model: int | None
    name: str
    activated: bool


def learn(rows: Rows) -> Learned:
    """Learn from training rows; nothing is stored.

    Raises:
        NothingToLearnError: there are too few of them.
    """
    with one_thread():
        return _learn(read_samples(rows))


def _learn(samples: Samples) -> Learned:
    split = split_by_time(samples)
    features = usable_features(split.fit)
    candidates = fit_candidates(split.fit, split.calibrate, features)
    algorithm = choose(candidates, split.calibrate, features)
    classifier = candidates[algorithm]
    combination = fit_combination(
        relevance(classifier, split.calibrate, features),
        split.calibrate.parts,
        split.calibrate.label,
    )
    return Learned(
        classifier=classifier,
        algorithm=algorithm,
        features=features,
        combination=combination,
        evaluation=evaluate(classifier, combination, split, features),
        rows=len(samples),
        slices=_described(split),
    )


async def train(
    calls: Training,
    wish: Wish,
    *,
    dry_run: bool = False,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train a model, store it, and activate it when it beats the fallback for certain.

    Args:
        calls: a connection acting as `memory_operator`; it keeps the training lock until it closes.
        wish: what to train.
        dry_run: only say what it would be worth.
        on_stage: told the name of each of `STAGES` as it begins.

    Raises:
        NothingToLearnError: there is too little to learn from, or another training runs.
    """
    if not await calls.lock():
        raise NothingToLearnError(
            "another training is running", hint="select * from memory.models;"
        )
    on_stage("reading")
    rows = await calls.training_rows(
        wish.now, horizon=wish.horizon, layer=wish.layer, limit=wish.limit
    )
    on_stage("learning")
    learned = await anyio.to_thread.run_sync(learn, rows)
    name = f"{learned.algorithm} {wish.now.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
    if dry_run:
        return Trained(learned, None, name, activated=False)
    on_stage("storing")
    model = await calls.store_model(
        name=name,
        algorithm=learned.algorithm,
        layer=wish.layer,
        horizon=wish.horizon,
        rows=learned.rows,
        features=learned.features,
        combination=learned.combination,
        artifact=to_artifact(learned.classifier),
        metrics=learned.metrics(),
        importances=learned.evaluation.importances,
        now=wish.now,
    )
    better = learned.evaluation.beats_fallback
    if better:
        await calls.activate_model(model, wish.now)
    return Trained(learned, model, name, activated=better)


def _described(split: Split) -> dict[str, dict[str, Any]]:
    return {name: _slice(samples) for name, samples in vars(split).items()}


def _slice(samples: Samples) -> dict[str, Any]:
    return {
        "rows": len(samples),
        "records": len(set(samples.record.tolist())),
        "used_again": int(samples.label.sum()),
        "from": datetime.fromtimestamp(samples.at.min(), UTC).isoformat(),
        "to": datetime.fromtimestamp(samples.at.max(), UTC).isoformat(),
    }
