"""Training: what is learned, what is kept, what is activated, and what is refused."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import psycopg
import pytest
import skops.io
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from jobs.bench.trace import read_trace
from jobs.train.combination import NAMES, combine, fit_combination
from jobs.train.estimators import from_artifact, relevance, to_artifact
from jobs.train.evaluation import FIXED, METHODS, MODEL, _measure
from jobs.train.samples import read_samples, split_by_time, usable_features
from jobs.train.scoring import score_all
from jobs.train.training import Learned, Wish, learn, train
from jobs.transfer.source import open_source
from service.database import connect
from service.errors import TrainingError
from service.memory import Rows, Training
from tests.jobs.commands import magray, rows
from tests.sql.calls import session, value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HORIZON = timedelta(hours=6)
DAYS = 8
COLUMNS = [
    "namespace", "id", "at", "layer", "kind", "horizon_seconds", "label", "recency", "frequency",
    "importance", "fixed_weighting", "signal", "noise", "sometimes", "constant", "unknown",
]  # fmt: skip


def made_rows(*, learnable: bool, count: int = 3000, seed: int = 0) -> Rows:
    """Rows whose outcome hangs on `signal` alone, or on nothing; the parts say little."""
    random = np.random.default_rng(seed)
    values = []
    for n in range(count):
        signal, part = random.random(), random.random()
        label = random.random() < (0.1 + 0.8 * (signal > 0.6) if learnable else 0.4)
        at = NOW - HORIZON - timedelta(days=DAYS * random.random())
        values.append((
            "n", UUID(int=n % (count // 3)), at, "insights", ("pattern", "solution")[n % 2],
            HORIZON.total_seconds(), bool(label), part, part, 0.5, part,
            signal, random.random(), random.random() if n % 3 else None, 1.0, None,
        ))  # fmt: skip
    return Rows(COLUMNS, values)


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
    assert sum(one.records for one in learned.evaluation.calibration) == learned.slices["evaluate"][
        "rows"
    ]  # fmt: skip
    for one in learned.evaluation.calibration:
        assert one.foretold == pytest.approx(one.came, abs=0.15)


def test_features_that_say_nothing_are_left_out(learned: Learned) -> None:
    assert learned.features == [
        "recency", "frequency", "signal", "noise", "sometimes", "kind=pattern", "kind=solution",
    ]  # fmt: skip


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
    "values", [[], made_rows(learnable=True, count=60).values, [
        (*row[:6], False, *row[7:]) for row in made_rows(learnable=True).values
    ]],
)  # fmt: skip
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


# ---------------------------------------------------------------- on a database


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
        assert model["name"] == trained.name
        read = await calls.training_rows(NOW, horizon=HORIZON, layer="insights", limit=5000)
        samples = read_samples(read)
        assert np.array_equal(
            relevance(from_artifact(model["artifact"]), samples, model["features"]),
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


# ---------------------------------------------------------------- the commands


def test_too_little_ends_with_65_and_changes_nothing(clone_url: str) -> None:
    done = magray(clone_url, "train")
    assert done.returncode == 65
    assert "too little to learn from" in done.stderr
    assert "Traceback" not in done.stderr
    done = magray(clone_url, "train", "--score-only")
    assert done.returncode == 65
    assert "no model is in use" in done.stderr
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
    assert "five fields" in done.stderr


@pytest.mark.parametrize("value", ["0 hours", "six hours", "6", "-1 day", "1e99 days"])
def test_a_horizon_that_is_none_is_a_wrong_option(clone_url: str, value: str) -> None:
    done = magray(clone_url, "train", "--horizon", value)
    assert done.returncode == 2
    assert "--horizon" in done.stderr


def trace(path: Path, requests: int) -> Path:
    """Objects 0..199 come round in turn, others come once."""
    lines = [f"{n},{n % 200 if n % 2 else 1000 + n},{1 + n % 7}" for n in range(requests)]
    path.write_text("\n".join(["time,obj_id,size", *lines]) + "\n")
    return path


def test_a_trace_is_trained_on(clone_url: str, tmp_path: Path) -> None:
    path = trace(tmp_path / "turns.csv", 3000)
    command = ("bench", "train", "--trace", path, "--limit", "5000", "--json")
    done = magray(clone_url, *command, patience=280)
    (row,) = rows(done)
    assert (row["requests"], row["replayed"], row["objects"]) == (3000, 3000, 1600)
    assert row["activated"]
    assert row["metrics"]["methods"]["relevance"]["auc"]["low"] > 0.95
    assert row["scored"] == 1600
    with session(clone_url) as db:
        assert value(db, "select count(*) from memory_data.model") == 0


def test_a_trace_is_thinned_by_object(tmp_path: Path) -> None:
    path = trace(tmp_path / "turns.csv", 20_000)
    with open_source(str(path)) as source:
        thinned = read_trace(source, 5000)
    assert thinned.requests == 20_000
    assert 4000 < len(thinned.at) < 6000
    chosen = np.unique(thinned.object[thinned.object < 200])
    assert 10 < len(chosen) < 90
    assert (np.unique(thinned.object, return_counts=True)[1][: len(chosen)] == 100).all()
    assert np.array_equal(np.sort(thinned.at), thinned.at)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "no trace"),
        ("time,obj_id,size\n1,x,2\n", "numbers"),
        ("time,obj_id,size\n1,2,3\n1,3,3\n", "spans no time"),
        ("time,obj_id,size\n", "spans no time"),
    ],
)
def test_a_file_that_is_no_trace_ends_with_65(
    clone_url: str, tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    done = magray(clone_url, "bench", "train", "--trace", path)
    assert done.returncode == 65
    assert words in done.stderr
