"""Training on a database: what is kept, what is activated, what is refused."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest

from jobs.train.estimators import from_artifact, relevance
from jobs.train.evaluation import FIXED, MODEL
from jobs.train.samples import read_samples, usable_features
from jobs.train.scoring import score_all
from jobs.train.training import Wish, train
from service.core.database import connect
from service.core.errors import TrainingError
from service.core.memory import Rows, Training
from tests.jobs.commands import magray, rows
from tests.jobs.training_rows import HORIZON, NOW, made_rows
from tests.sql.calls import session, value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def fill(url: str, *, regular: bool) -> None:
    """Memories of 8 days: every third is used every 4 hours, or all of them by chance."""
    with session(url) as db:
        db.execute(
            "select count(*) from generate_series(%s::timestamptz - interval '10 days', %s,"
            " interval '6 days') as d (day), memory.make_partitions(d.day, 1000)",
            (NOW, NOW),
        )
        db.execute(
            "insert into memory_data.insights (namespace, id, kind, content, content_hash, search,"
            " language, created_at, entered_at, expires_at, size)"
            " select 'n' || n %% 3, md5(n::text)::uuid, 'pattern', '', '', '', 'simple', c.at,"
            " c.at, c.at + interval '90 days', 100 from generate_series(1, 400) as n,"
            " lateral (select %s - interval '8 days' + n * interval '1 minute' as at) as c",
            (NOW,),
        )
        db.execute(
            "insert into memory_data.access_event (namespace, id, at, source)"
            " select 'n' || n %% 3, md5(n::text)::uuid,"
            " %s - interval '8 days' + n * interval '1 minute' + u * interval '4 hours', 'get'"
            " from generate_series(1, 400) as n, generate_series(1, 45) as u"
            " where case when %s then n else abs(hashint4extended(n, u)) end %% 3 = 0",
            (NOW, regular),
        )
        db.execute(
            "insert into memory_data.usage (namespace, id, access_count, first_access, last_access)"
            " select namespace, id, count(*), min(at), max(at) from memory_data.access_event"
            " group by namespace, id"
        )


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[Training]:
    async with connect(url, role="memory_operator") as connection:
        yield Training(connection)


def stored_scores(url: str) -> tuple[int, float, float]:
    """How many scores there are; the mean of memories in use and of the others."""
    with psycopg.connect(url) as db:
        row = db.execute(
            "select count(*), avg(s.relevance) filter (where u.id is not null),"
            " avg(s.relevance) filter (where u.id is null) from memory_data.score as s"
            " left join memory_data.usage as u on u.namespace = s.namespace and u.id = s.id"
        ).fetchone()
    assert row is not None
    return row


WISH = Wish(now=NOW, horizon=HORIZON, layer="insights", limit=5000)


@pytest.mark.anyio
async def test_what_is_learned_is_kept_and_scores_every_memory(
    clone_url: str,
) -> None:
    fill(clone_url, regular=True)
    stages: list[str] = []
    async with calling(clone_url) as calls:
        trained = await train(calls, WISH, on_stage=stages.append)
        assert stages == ["reading", "learning", "storing"]
        model = await calls.find_model(trained.model)
        assert model is not None
        assert model.name == trained.name
        read = await calls.training_rows(NOW, horizon=HORIZON, layer="insights", limit=5000)
        samples = read_samples(read)
        assert np.array_equal(
            relevance(from_artifact(model.artifact), samples, model.features),
            relevance(trained.learned.classifier, samples, trained.learned.features),
        )
        advanced: list[int] = []
        assert await score_all(calls, model, NOW, advance=advanced.append) == 400
    assert sum(advanced) == 400
    count, in_use, idle = stored_scores(clone_url)
    assert count == 400
    assert in_use > 0.8
    assert idle < 0.2


@pytest.mark.anyio
@pytest.mark.parametrize("better", [True, False])
async def test_only_what_beats_the_fallback_is_activated(
    clone_url: str, monkeypatch: pytest.MonkeyPatch, better: bool
) -> None:
    def give(*_: Any, **__: Any) -> Any:
        async def answer() -> Rows:
            return made_rows(learnable=better)

        return answer()

    monkeypatch.setattr(Training, "training_rows", give)
    async with calling(clone_url) as calls:
        trained = await train(calls, WISH)
        assert trained.activated is better
        assert (await calls.find_model() is not None) is better
        assert await calls.find_model(trained.model) is not None
    with psycopg.connect(clone_url) as db:
        row = db.execute(
            "select active, auc - fixed_weighting_auc, gain_at_least > 0, layer, training_rows,"
            " metrics ? 'calibration', importances ? 'signal' from memory.models"
            " where id is not null"
        ).fetchone()
    assert row is not None
    assert row[0] is better
    gain = trained.learned.evaluation.gains[FIXED].value
    assert row[1] == pytest.approx(gain)
    assert row[2:] == (better, "insights", 3000, True, True)


@pytest.mark.anyio
async def test_a_dry_run_stores_nothing(clone_url: str) -> None:
    fill(clone_url, regular=True)
    async with calling(clone_url) as calls:
        trained = await train(calls, WISH, dry_run=True)
        assert trained.model is None
        assert trained.learned.evaluation.methods[MODEL].auc.low > 0.9
    with session(clone_url) as db:
        assert value(db, "select count(*) from memory_data.model") == 0


@pytest.mark.anyio
async def test_two_trainings_at_once_are_one(clone_url: str) -> None:
    async with calling(clone_url) as first, calling(clone_url) as second:
        assert await first.lock()
        with pytest.raises(TrainingError, match="another training"):
            await train(second, WISH)


@pytest.mark.anyio
async def test_training_and_scoring_see_the_same_features(clone_url: str) -> None:
    """No skew: a record at a moment, read to be learned from and read to be scored."""
    fill(clone_url, regular=False)
    async with calling(clone_url) as calls:
        read = await calls.training_rows(NOW, horizon=HORIZON, layer="insights", limit=20)
        learned_from = read_samples(read)
        assert len(learned_from) == 20
        features = usable_features(learned_from)
        for place, row in enumerate(read.values):
            keys = dict(zip(read.columns, row, strict=True))
            scored = await calls.scoring_rows(
                keys["at"], horizon=HORIZON, layer="insights", limit=1000, after=None
            )
            ids = [one[scored.columns.index("id")] for one in scored.values]
            assert np.array_equal(
                read_samples(scored).matrix(features)[ids.index(keys["id"])],
                learned_from.matrix(features)[place],
                equal_nan=True,
            )


def test_too_little_ends_with_65_and_changes_nothing(clone_url: str) -> None:
    done = magray(clone_url, "train")
    assert done.returncode == 65
    assert "too little to learn from" in done.stderr
    assert "Traceback" not in done.stderr
    done = magray(clone_url, "train", "--score-only")
    assert done.returncode == 65
    assert "no model is in use" in done.stderr
    for only, why in (((), "too little to learn from"), (("--score-only",), "no model is in use")):
        done = magray(clone_url, "train", *only, "--if-ready")
        assert (done.returncode, done.stderr) == (0, "")
        assert why in done.stdout
        assert rows(magray(clone_url, "train", *only, "--if-ready", "--json")) == []
    with session(clone_url) as db:
        assert value(db, "select count(*) from memory_data.model") == 0
        assert value(db, "select count(*) from memory_data.score") == 0


def test_the_schedule_is_switched(clone_url: str) -> None:
    def enabled(*arguments: str) -> dict[str, tuple[bool, str]]:
        answer = rows(magray(clone_url, "train", "--json", *arguments))
        return {row["name"]: (row["enabled"], row["cron"]) for row in answer}

    hourly = (True, "41 * * * *")
    assert enabled("--schedule") == {"train": (True, "23 3 * * *"), "score": hourly}
    assert enabled("--schedule", "1 2 * * 0") == {"train": (True, "1 2 * * 0"), "score": hourly}
    assert {switch for switch, _ in enabled("--schedule", "off").values()} == {False}
    done = magray(clone_url, "train", "--schedule", "soon")
    assert done.returncode == 69
    assert "never due" in done.stderr
    assert "magray train --schedule" in done.stderr


@pytest.mark.parametrize("value", ["0 hours", "six hours", "6", "-1 day", "1e99 days"])
def test_a_horizon_that_is_none_is_a_wrong_option(clone_url: str, value: str) -> None:
    done = magray(clone_url, "train", "--horizon", value)
    assert done.returncode == 2
    assert "--horizon" in done.stderr
