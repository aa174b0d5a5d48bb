"""memory.explain: the parts of a score and each criterion of the next step."""

from __future__ import annotations

import math
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, one, refused

if TYPE_CHECKING:
    from psycopg import Connection

PARTS = ["relevance", "recency", "frequency", "importance"]


def explained(db: Connection[Any], at: dict[str, Any], now: datetime) -> dict[str, dict[str, Any]]:
    answer = call(db, "explain", **at, now=now)
    assert [row["criterion"] for row in answer[:5]] == [*PARTS, "ml_score"]
    return {row.pop("criterion"): row for row in answer}


def remembered(db: Connection[Any], now: datetime, **fields: Any) -> dict[str, Any]:
    made = one(db, "remember", namespace="n", content="x", now=now, **fields)
    return {"namespace": "n", "id": made["id"]}


def test_the_parts_are_the_documented_sums(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at = remembered(db, now, importance=0.5)
    # one half-life of layer interact later
    later = now + timedelta(hours=6)
    told = explained(db, at, later)
    assert told["recency"]["value"] == pytest.approx(0.5)
    assert told["frequency"]["value"] == 0
    assert told["relevance"]["value"] == pytest.approx(0.25)
    # 0.4 of the hint, 0.2 of the kind's weight 0.5, 0.3 of the hint where nobody rated
    assert told["importance"]["value"] == pytest.approx(0.4 * 0.5 + 0.2 * 0.5 + 0.3 * 0.5)
    assert told["ml_score"]["value"] == pytest.approx(
        0.4 * 0.25 + 0.2 * 0.5 + 0.2 * 0 + 0.2 * told["importance"]["value"]
    )


def test_use_and_rating_raise_the_score(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at = remembered(db, now)
    before = explained(db, at, now)
    for minute in range(3):
        call(db, "touch", namespace="n", ids=[at["id"]], now=now + timedelta(minutes=minute))
    call(db, "rate", **at, rating=5.0, now=now)
    after = explained(db, at, now + timedelta(minutes=3))
    assert after["frequency"]["value"] == pytest.approx(1 - math.exp(-1.5), abs=0.01)
    for part in ("importance", "relevance", "ml_score"):
        assert after[part]["value"] > before[part]["value"]


def test_each_criterion_has_value_threshold_and_verdict(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at = remembered(db, now, kind="session_data")
    for minute in range(0, 4 * 200, 200):
        call(db, "touch", namespace="n", ids=[at["id"]], now=now + timedelta(minutes=minute))
    told = explained(db, at, now + timedelta(hours=10))
    assert told["access_count"] == {
        "value": 4,
        "threshold": 3,
        "passed": True,
        "note": "Holds. Route ml_promotion: session_data to pattern.",
    }
    assert (told["time_span"]["value"], told["time_span"]["threshold"]) == (36_000, 43_200)
    assert told["time_span"]["passed"] is False
    assert "Must exceed 12:00:00; it is 10:00:00." in told["time_span"]["note"]
    # nobody rated it: no obstacle
    assert (told["user_rating"]["value"], told["user_rating"]["passed"]) == (None, True)
    # no question was noted: nothing in its layer is used more
    context = told["context_relevance"]
    assert (context["value"], context["passed"]) == (1, True)
    assert "used no more" in context["note"]


def test_what_was_never_used_has_no_context_yet(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    context = explained(db, remembered(db, now), now)["context_relevance"]
    assert (context["value"], context["passed"]) == (None, False)
    assert "Not known yet" in context["note"]


def test_the_note_says_what_would_have_to_change(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at = remembered(db, now, kind="temporary_context")
    call(db, "touch", namespace="n", ids=[at["id"]], now=now)
    call(db, "rate", **at, rating=4.0, now=now)
    told = explained(db, at, now)
    assert "Must exceed 5; it is 1. 5 more use(s)." in told["access_count"]["note"]
    assert "Must exceed 4; it is 4.000." in told["user_rating"]["note"]


def test_a_kind_without_a_route_says_so(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at = remembered(db, now, kind="session_data")
    db.execute("delete from memory_data.route where from_kind = 'session_data'")
    assert "No route" in explained(db, at, now)["ml_score"]["note"]


@pytest.mark.parametrize(
    ("kind", "criterion", "threshold"),
    [
        ("recent_query", "ml_score", 0.8),
        ("temporary_context", "access_count", 5),
        ("user_interaction", "importance", 0.5),
        ("session_data", "ml_score", 0.7),
        ("pattern", "importance", 0.7),
        ("learned_context", "time_span", 2_592_000),
        ("solution", "ml_score", 0.9),
    ],
)
def test_a_route_may_override_a_criterion(
    db: Connection[Any], kind: str, criterion: str, threshold: float
) -> None:
    now = datetime.now(UTC)
    answer = call(db, "explain", **remembered(db, now, kind=kind), now=now)
    rules = [row for row in answer if row["criterion"] == criterion and row["threshold"]]
    assert [row["threshold"] for row in rules] == [threshold]


def test_the_last_layer_has_no_next_step(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    told = explained(db, remembered(db, now, kind="core_concept"), now)
    assert set(told) == {*PARTS, "ml_score"}
    assert "assets is the last" in told["ml_score"]["note"]


def test_a_very_old_memory_still_has_a_score(db: Connection[Any]) -> None:
    """Two thousand half-lives are no floating point underflow."""
    now = datetime.now(UTC)
    db.execute("update memory_data.layer set half_life = '1 minute'")
    at = remembered(db, now, kind="core_concept")
    call(db, "touch", namespace="n", ids=[at["id"]], now=now)
    told = explained(db, at, now + timedelta(minutes=2000))
    assert told["recency"]["value"] == pytest.approx(0)


def test_what_is_not_live_has_no_score(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    at = remembered(db, now)
    with refused(db, "ML404"):
        call(db, "explain", **at, now=now + timedelta(days=1))
    with refused(db, "ML404"):
        call(db, "explain", namespace="n", id=uuid.uuid4())
