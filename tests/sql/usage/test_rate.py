"""memory.rate: ratings 1 to 5 and their mean."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, one, refused, rows, value

if TYPE_CHECKING:
    from psycopg import Connection


def test_the_mean_and_number_of_ratings_are_answered(db: Connection[Any]) -> None:
    at = {"namespace": "n", "id": one(db, "remember", namespace="n", content="x")["id"]}
    for rating, mean, count in ((5.0, 5, 1), (4.0, 4.5, 2), (1.5, 3.5, 3)):
        answer = one(db, "rate", **at, rating=rating, session="a")
        assert answer == {"id": at["id"], "rating": mean, "rating_count": count}
    events = rows(
        db, "select source, rating, session from memory_data.access_event order by rating"
    )
    assert [event["rating"] for event in events] == [1.5, 4, 5]
    assert {(event["source"], event["session"]) for event in events} == {("rate", "a")}
    # rated is not used
    row = one(db, "get", **at)
    assert (row["access_count"], row["last_access"]) == (0, None)


@pytest.mark.parametrize("rating", [0.9, 5.1, -1, "NaN", "infinity", None])
def test_a_rating_is_a_number_from_1_to_5(db: Connection[Any], rating: Any) -> None:
    made = one(db, "remember", namespace="n", content="x")
    with refused(db, "ML422", "1 to 5"):
        call(db, "rate", namespace="n", id=made["id"], rating=rating)
    assert value(db, "select count(*) from memory_data.usage") == 0


def test_what_is_not_live_cannot_be_rated(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    made = one(db, "remember", namespace="n", content="x", now=now)
    for arguments in (
        {"namespace": "n", "id": uuid.uuid4(), "now": now},
        {"namespace": "m", "id": made["id"], "now": now},
        {"namespace": "n", "id": made["id"], "now": now + timedelta(days=1)},
    ):
        with refused(db, "ML404"):
            call(db, "rate", **arguments, rating=3.0)
