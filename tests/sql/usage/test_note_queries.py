"""memory.note_queries and what it is for: the context of a namespace's memories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pgvector import HalfVector

from tests.conftest import DIM
from tests.sql.calls import call, one, refused, rows, value, vector

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC)


def note(db: Connection[Any], *vectors: HalfVector, at: int = 0, namespace: str = "n") -> None:
    call(
        db,
        "note_queries",
        namespaces=[namespace] * len(vectors),
        embeddings=list(vectors),
        now=NOW + timedelta(minutes=at),
    )


def ring(db: Connection[Any], namespace: str = "n") -> list[float]:
    """The first number of each noted vector, oldest first."""
    found = rows(
        db,
        "select embedding::text as v from memory_data.recent_query where namespace = %s"
        " order by at, slot",
        namespace,
    )
    return [float(row["v"][1:].split(",")[0]) for row in found]


def context(db: Connection[Any], *ids: Any, layer: str = "interact") -> list[dict[str, Any]]:
    answer = call(
        db, "_context_relevance", layer=layer, namespaces=["n"] * len(ids), ids=list(ids), now=NOW
    )
    return sorted(answer, key=lambda row: ids.index(row["id"]))


# --- the ring


def test_the_last_few_are_kept(db: Connection[Any]) -> None:
    db.execute("update memory_data.setting set value = '3' where key = 'recent_queries'")
    for number in range(1, 6):
        note(db, vector(number), at=number)
    assert ring(db) == [3, 4, 5]
    note(db, *[vector(number) for number in (6, 7)], at=6)
    assert sorted(ring(db)) == [5, 6, 7]
    # of a batch longer than the ring, the newest
    note(db, *[vector(number) for number in range(10, 20)], at=7)
    assert sorted(ring(db)) == [17, 18, 19]


def test_one_asked_again_and_again_is_one(db: Connection[Any]) -> None:
    db.execute("update memory_data.setting set value = '3' where key = 'recent_queries'")
    note(db, vector(1), at=0)
    note(db, vector(2), at=1)
    for minute in range(2, 9):
        note(db, vector(1), vector(1), at=minute)
    assert ring(db) == [2, 1]
    note(db, vector(3), at=10)
    note(db, vector(4), at=11)
    # the oldest goes first, which is not the one asked again
    assert ring(db) == [1, 3, 4]


def test_a_smaller_ring_loses_places(db: Connection[Any]) -> None:
    note(db, *[vector(number) for number in range(1, 21)])
    assert len(ring(db)) == 20
    db.execute("update memory_data.setting set value = '5' where key = 'recent_queries'")
    note(db, vector(99), at=1)
    assert len(ring(db)) <= 5
    assert 99 in ring(db)


def test_namespaces_are_apart(db: Connection[Any]) -> None:
    answer = call(
        db,
        "note_queries",
        namespaces=["a", "b", "a", None],
        embeddings=[vector(1), vector(2), vector(3), vector(4)],
    )
    assert answer == [{"namespace": "a", "noted": 2}, {"namespace": "b", "noted": 1}]
    assert (ring(db, "a"), ring(db, "b")) == ([1, 3], [2])
    assert call(db, "note_queries", namespaces=[], embeddings=[]) == []


def test_forgetting_a_namespace_forgets_what_was_asked(db: Connection[Any]) -> None:
    one(db, "remember", namespace="n", content="x")
    note(db, vector(1))
    note(db, vector(2), namespace="m")
    call(db, "forget_namespace", namespace="n", dry_run=True)
    assert ring(db) == [1]
    call(db, "forget_namespace", namespace="n")
    assert (ring(db), ring(db, "m")) == ([], [2])


@pytest.mark.parametrize("bad", [vector(1, dim=DIM + 1), vector(0)])
def test_a_vector_fits_the_model(db: Connection[Any], bad: HalfVector) -> None:
    with refused(db, "ML422", "test-model"):
        note(db, vector(1), bad)
    assert ring(db) == []


def test_without_a_model_there_is_nothing_to_note(db: Connection[Any]) -> None:
    db.execute("update memory_data.embedding_model set active = false")
    with refused(db, "ML422", "none"):
        note(db, vector(1))


def test_the_service_notes_in_its_own_namespace_only(app_db: Connection[Any]) -> None:
    app_db.execute("select set_config('magray.namespace', 'n', true)")
    note(app_db, vector(1))
    assert ring(app_db) == [1]
    with pytest.raises(Exception, match="row-level security"), app_db.transaction():
        note(app_db, vector(1), namespace="m")


# --- the context


def remembered(db: Connection[Any], count: int, **fields: Any) -> list[Any]:
    """Memories whose vectors turn away from (1, 0, …) step by step: the first is the nearest."""
    angles = np.linspace(0, np.pi / 2, count)
    return [
        one(
            db,
            "remember",
            namespace="n",
            content=f"{fields} {number}",
            now=NOW,
            embedding=vector(np.cos(angle), np.sin(angle)),
            **fields,
        )["id"]
        for number, angle in enumerate(angles)
    ]


def test_it_is_the_share_of_the_layer_that_is_no_nearer(db: Connection[Any]) -> None:
    ids = remembered(db, 20)
    remembered(db, 5, kind="pattern")
    note(db, vector(1))
    told = context(db, *ids)
    assert [row["value"] for row in told] == pytest.approx([1 - n / 20 for n in range(20)])
    assert {row["source"] for row in told} == {"queries"}


def test_the_nearest_of_the_recent_questions_counts(db: Connection[Any]) -> None:
    ids = remembered(db, 21)
    note(db, vector(1), vector(0, 1))
    told = [row["value"] for row in context(db, *ids)]
    # both ends are asked about, the middle is not
    assert told[0] > 0.9
    assert told[-1] > 0.9
    assert min(told) == told[10] == pytest.approx(1 / 21)


@pytest.mark.parametrize(("common", "least", "most"), [(0.0, 1.0, 2.0), (4.0, 0.05, 0.3)])
def test_squeezed_cosines_give_the_same_shares(
    db: Connection[Any], common: float, least: float, most: float
) -> None:
    """A model like e5, whose vectors all point nearly one way, judges as one like MiniLM does."""
    vectors = common + np.random.default_rng(2).normal(size=(101, DIM))
    ids = [
        one(
            db,
            "remember",
            namespace="n",
            content=str(number),
            now=NOW,
            embedding=HalfVector(one_vector),
        )["id"]
        for number, one_vector in enumerate(vectors[1:])
    ]
    note(db, HalfVector(vectors[0]))
    told = np.array([row["value"] for row in context(db, *ids)])
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert least < np.ptp(directions[1:] @ directions[0]) < most
    assert (told > 0.95).sum() == 5
    assert (told > 0.8).sum() == 20


def test_without_questions_uses_stand_for_them(db: Connection[Any]) -> None:
    ids = [one(db, "remember", namespace="n", content=str(n), now=NOW)["id"] for n in range(4)]
    for number, memory in enumerate(ids):
        for minute in range(number):
            call(db, "touch", namespace="n", ids=[memory], now=NOW + timedelta(minutes=minute))
    told = context(db, *ids)
    assert [row["value"] for row in told] == [None, 0.5, 0.75, 1]
    assert [row["source"] for row in told] == [None, "uses", "uses", "uses"]


def test_a_record_without_a_vector_is_compared_by_its_uses(db: Connection[Any]) -> None:
    ids = remembered(db, 3)
    bare = one(db, "remember", namespace="n", content="no vector yet", now=NOW)["id"]
    note(db, vector(1))
    call(db, "touch", namespace="n", ids=[bare], now=NOW)
    assert [row["source"] for row in context(db, *ids, bare)] == ["queries"] * 3 + ["uses"]


def test_what_was_last_known_goes_before_uses(db: Connection[Any]) -> None:
    memory = one(db, "remember", namespace="n", content="x", now=NOW)["id"]
    call(db, "touch", namespace="n", ids=[memory], now=NOW)
    db.execute("update memory_data.usage set context_relevance = 0.8")
    (row,) = context(db, memory)
    # 0.8 itself, not the 0.80000001 of a four byte float
    assert (row["value"], row["source"]) == (0.8, "known")


def test_vectors_of_another_model_are_no_context(db: Connection[Any]) -> None:
    ids = remembered(db, 2)
    note(db, vector(1))
    db.execute(
        "with old as (update memory_data.embedding_model set active = false returning id)"
        " insert into memory_data.embedding_model (name, dim, active)"
        " select 'another', 8, true from old"
    )
    assert [row["value"] for row in context(db, *ids)] == [None, None]


def test_promotion_keeps_what_it_knew(db: Connection[Any]) -> None:
    ids = remembered(db, 4)
    note(db, vector(1))
    for minute in range(5):
        call(db, "touch", namespace="n", ids=ids[:1], now=NOW + timedelta(minutes=minute))
    call(db, "promote", now=NOW + timedelta(minutes=5))
    assert value(db, "select context_relevance from memory_data.usage") == 1
    (decision,) = rows(db, "select * from memory.decisions")
    assert decision["criteria"]["context_relevance"] == {
        "value": 1,
        "threshold": 0.8,
        "passed": True,
    }
