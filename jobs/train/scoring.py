"""Writing relevance back: every live record, a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio.to_thread

from jobs.train.estimators import from_artifact, one_thread, relevance
from jobs.train.samples import read_samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from jobs.statistics import Floats
    from jobs.train.estimators import Classifier
    from service.core.memory import Rows, Training
    from service.core.model.training import TrainedModel

BATCH = 5000


async def score_all(
    calls: Training,
    model: TrainedModel,
    now: datetime,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Score the live records a model answers for; returns how many were written.

    Args:
        calls: a connection acting as `memory_operator`.
        model: a row of memory.find_model.
        now: the moment the features are taken at.
        advance: told how many more were read.

    Raises:
        TrainingError: the stored model is made of types that are not trusted.
    """
    classifier = await anyio.to_thread.run_sync(from_artifact, model.artifact)
    written, after = 0, None
    while True:
        rows = await calls.scoring_rows(
            now, horizon=model.horizon, layer=model.layer, limit=BATCH, after=after
        )
        if not rows.values:
            return written
        chances = await anyio.to_thread.run_sync(_chances, classifier, rows, model.features)
        keys = _columns(rows, "namespace", "id")
        namespaces, ids = ([key[place] for key in keys] for place in (0, 1))
        written += await calls.write_scores(namespaces, ids, chances.tolist(), model.id, now)
        after = (namespaces[-1], ids[-1])
        advance(len(ids))


def _chances(classifier: Classifier, rows: Rows, features: list[str]) -> Floats:
    with one_thread():
        return relevance(classifier, read_samples(rows), features)


def _columns(rows: Rows, *names: str) -> list[tuple[Any, ...]]:
    places = [rows.columns.index(name) for name in names]
    return [tuple(row[place] for place in places) for row in rows.values]
