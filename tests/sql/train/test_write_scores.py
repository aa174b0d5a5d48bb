"""memory.write_scores: what is written, for whom, and what is refused."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, one, refused, rows, session, until_waiting, value
from tests.sql.train.test_models import stored

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC)


def remembered(db: Connection[Any], content: str = "x", **fields: Any) -> Any:
    fields = {"kind": "pattern", "now": NOW - timedelta(hours=2)} | fields
    return one(db, "remember", namespace="n", content=content, **fields)["id"]


def write(db: Connection[Any], model: int, *pairs: tuple[Any, float | None], **more: Any) -> Any:
    arguments = {
        "namespaces": ["n"] * len(pairs),
        "ids": [pair[0] for pair in pairs],
        "scores": [pair[1] for pair in pairs],
        "model": model,
        "now": NOW,
    }
    return call(db, "write_scores", **arguments | more)


def scores(db: Connection[Any]) -> dict[Any, tuple[float, int]]:
    found = rows(db, "select id, relevance, model from memory_data.score")
    return {row["id"]: (row["relevance"], row["model"]) for row in found}


def test_scores_are_written_and_written_anew(db: Connection[Any]) -> None:
    first, second = stored(db, "first"), stored(db, "second")
    a, b = remembered(db, "a"), remembered(db, "b", kind="core_concept")
    answer = write(db, first, (a, 0.25), (b, 0.5))
    assert {row["id"]: row["relevance"] for row in answer} == {a: 0.25, b: 0.5}
    assert scores(db) == {a: (0.25, first), b: (0.5, first)}
    write(db, second, (b, 1.0))
    write(db, second, (a, 0.0))
    assert scores(db) == {a: (0, second), b: (1, second)}


def test_only_what_lives_is_scored(db: Connection[Any]) -> None:
    model = stored(db)
    expired = remembered(db, "old", ttl=timedelta(hours=1))
    kept = remembered(db)
    foreign = one(db, "remember", namespace="m", content="x")["id"]
    answer = write(db, model, (expired, 0.5), (uuid.uuid4(), 0.5), (foreign, 0.5), (kept, 0.5))
    assert [row["id"] for row in answer] == [kept]
    assert write(db, model) == []
    assert set(scores(db)) == {kept}


def test_a_record_given_twice_is_written_once(db: Connection[Any]) -> None:
    model, memory = stored(db), remembered(db)
    answer = write(db, model, (memory, 0.25), (memory, 0.5))
    assert [row["relevance"] for row in answer] == [0.5]


def test_a_forgotten_record_leaves_no_score(db: Connection[Any]) -> None:
    model, memory = stored(db), remembered(db, now=NOW)
    write(db, model, (memory, 0.5))
    call(db, "forget", namespace="n", ids=[memory])
    assert scores(db) == {}


@pytest.mark.parametrize("score", [-0.01, 1.01, None, float("nan")])
def test_a_score_is_a_number_from_0_to_1(db: Connection[Any], score: float | None) -> None:
    model, a, b = stored(db), remembered(db, "a"), remembered(db, "b")
    with refused(db, "ML422", "from 0 to 1", "1 of 2"):
        write(db, model, (a, 0.5), (b, score))


@pytest.mark.parametrize("arguments", [{"scores": []}, {"ids": []}, {"namespaces": ["n", "n"]}])
def test_arrays_of_different_lengths_are_refused(
    db: Connection[Any], arguments: dict[str, Any]
) -> None:
    model, memory = stored(db), remembered(db)
    with refused(db, "ML422", "not equally many"):
        write(db, model, (memory, 0.5), **arguments)


def test_an_unknown_model_is_refused(db: Connection[Any]) -> None:
    memory = remembered(db)
    with refused(db, "ML404", "model"):
        write(db, 0, (memory, 0.5))


def test_writing_anew_is_a_hot_update(clone_url: str) -> None:
    with session(clone_url) as db:
        model = stored(db)
        memories = [(remembered(db, f"m {n}"), 0.5) for n in range(100)]
        for _ in range(3):
            write(db, model, *memories)
        db.execute("select pg_stat_force_next_flush()")
        (counts,) = rows(
            db, "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'score'"
        )
    assert counts["n_tup_upd"] == 200
    # a page is filled to 70%: the first update of all of its rows may leave it
    assert counts["n_tup_hot_upd"] >= 100


def test_two_writers_take_turns(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor() as pool:
        model, a, b = stored(first), remembered(first, "a"), remembered(first, "b")
        write(first, model, (a, 0.1), (b, 0.1))
        with first.transaction():
            write(first, model, (a, 0.5), (b, 0.5))
            waiting = pool.submit(write, second, model, (b, 1.0), (a, 1.0))
            until_waiting(second, waiting)
        assert len(waiting.result(60)) == 2
        assert value(first, "select min(relevance) from memory_data.score") == 1
