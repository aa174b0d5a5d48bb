"""memory._promotion_scores: the parts are the documented sums, the fixed weighting is reached."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, make_model, one, value

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC)
HALF_LIFE = {"interact": timedelta(hours=6), "insights": timedelta(days=30)}
PARTS = ("relevance", "recency", "frequency", "importance")


def stored(db: Connection[Any], kind: str, *, span: timedelta, uses: int, age: timedelta) -> Any:
    """A record that entered `span` before its last use, `age` ago; uses spread evenly between."""
    entered = NOW - age - span
    made = one(db, "remember", namespace="n", content=kind, kind=kind, now=entered)
    db.execute(
        "insert into memory_data.usage (namespace, id, access_count, first_access, last_access)"
        " values ('n', %s, %s, %s, %s)",
        (made["id"], uses, entered, NOW - age),
    )
    return made["id"]


def parts(db: Connection[Any], layer: str, *memories: Any) -> list[dict[str, Any]]:
    answer = call(
        db,
        "_promotion_scores",
        layer=layer,
        namespaces=["n"] * len(memories),
        ids=list(memories),
        now=NOW,
    )
    return sorted(answer, key=lambda row: memories.index(row["id"]))


@pytest.mark.parametrize("uses", [2, 3, 5, 20])
@pytest.mark.parametrize("span", [0.01, 1.0, 3.0])
@pytest.mark.parametrize("age", [0.0, 1.0])
def test_even_uses_decay_as_their_events_would(
    db: Connection[Any], uses: int, span: float, age: float
) -> None:
    """Spans and ages in half-lives."""
    half_life = timedelta(hours=6)
    last, first = NOW - age * half_life, NOW - (age + span) * half_life
    exact = sum(0.5 ** (age + span * place / (uses - 1)) for place in range(uses))
    told = value(
        db, "select memory._decayed_uses(%s, %s, %s, %s, %s)", uses, first, last, half_life, NOW
    )
    assert told == pytest.approx(exact)


@pytest.mark.parametrize(
    ("count", "first", "last", "expected"),
    [
        (0, None, None, 0),
        (None, None, None, 0),
        (4, None, None, 4),
        (4, NOW, NOW, 4),
        (4, None, NOW - timedelta(hours=6), 2),
        # a clock that runs ahead
        (4, NOW, NOW + timedelta(hours=6), sum(0.5 ** (place / 3) for place in range(4))),
        # a thousand years are no underflow
        (4, NOW - timedelta(days=365_000), NOW - timedelta(days=365_000), 0),
    ],
)
def test_odd_uses_decay_too(
    db: Connection[Any], count: Any, first: Any, last: Any, expected: float
) -> None:
    told = value(
        db, "select memory._decayed_uses(%s, %s, %s, '6 hours', %s)", count, first, last, NOW
    )
    assert told == pytest.approx(expected)


def test_the_parts_are_the_documented_sums(db: Connection[Any]) -> None:
    memory = stored(db, "session_data", span=timedelta(), uses=3, age=timedelta(hours=6))
    db.execute("update memory_data.usage set rating_sum = 10, rating_count = 2")
    (row,) = parts(db, "interact", memory)
    frequency = 1 - math.exp(-3 * 0.5 / 2)
    importance = 0.4 * 0.5 + 0.2 * 0.4 + 0.1 * frequency + 0.3 * (5 - 1) / 4
    relevance = (0.5 + frequency) / 2
    assert [row[part] for part in PARTS] == pytest.approx([relevance, 0.5, frequency, importance])
    assert row["ml_score"] == pytest.approx(
        0.4 * relevance + 0.2 * 0.5 + 0.2 * frequency + 0.2 * importance
    )
    assert row["model"] == "fixed weighting"


@pytest.mark.parametrize(
    ("kind", "layer", "span", "uses", "threshold"),
    [
        ("session_data", "interact", timedelta(hours=12), 4, 0.7),
        ("temporary_context", "interact", timedelta(hours=12), 6, 0.7),
        ("recent_query", "interact", timedelta(hours=12), 5, 0.8),
        ("pattern", "insights", timedelta(days=30), 11, 0.9),
        ("solution", "insights", timedelta(days=30), 11, 0.9),
    ],
)
def test_what_just_passes_the_other_criteria_can_pass_the_score(
    db: Connection[Any], kind: str, layer: str, span: timedelta, uses: int, threshold: float
) -> None:
    """Nobody rated it or hinted at its importance, it was used just now: no layer starves."""
    memory = stored(db, kind, span=span, uses=uses, age=timedelta())
    (row,) = parts(db, layer, memory)
    assert threshold < row["ml_score"] < threshold + 0.15
    # and after three half-lives without a use it is past
    db.execute("update memory_data.usage set last_access = %s", (NOW - 3 * HALF_LIFE[layer],))
    db.execute(
        f"update memory_data.{layer} set entered_at = entered_at - 3 * %s, expires_at = %s",  # noqa: S608
        (HALF_LIFE[layer], NOW + timedelta(hours=1)),
    )
    (row,) = parts(db, layer, memory)
    assert row["ml_score"] < threshold


def test_a_trained_score_takes_the_place_of_the_fixed_weighting(db: Connection[Any]) -> None:
    scored = stored(db, "session_data", span=timedelta(), uses=3, age=timedelta())
    unscored = one(db, "remember", namespace="n", content="not yet scored", now=NOW)["id"]
    weights = {"relevance": 2, "recency": 0.5, "frequency": 1, "importance": 3}
    make_model(db, "m1", active=True, intercept=-1, **weights)
    db.execute(
        "insert into memory_data.score (namespace, id, relevance, model, scored_at)"
        " select 'n', %s, 0.25, m.id, %s from memory_data.model as m",
        (scored, NOW),
    )
    row, other = parts(db, "interact", scored, unscored)
    z = -1 + 2 * 0.25 + 0.5 * row["recency"] + row["frequency"] + 3 * row["importance"]
    assert row["relevance"] == 0.25
    assert row["ml_score"] == pytest.approx(1 / (1 + math.exp(-z)))
    assert (row["model"], other["model"]) == ("m1", "fixed weighting")
    # a score of a model that is no longer in use does not count
    db.execute("update memory_data.model set active = false")
    assert {row["model"] for row in parts(db, "interact", scored, unscored)} == {"fixed weighting"}


def test_only_live_records_of_the_layer_are_scored(db: Connection[Any]) -> None:
    memory = one(db, "remember", namespace="n", content="x", now=NOW)["id"]
    assert parts(db, "insights", memory) == []
    call_later = {"layer": "interact", "namespaces": ["n"], "ids": [memory]}
    assert call(db, "_promotion_scores", **call_later, now=NOW + timedelta(days=1)) == []
    assert (
        call(db, "_promotion_scores", layer="interact", namespaces=["m"], ids=[memory], now=NOW)
        == []
    )
