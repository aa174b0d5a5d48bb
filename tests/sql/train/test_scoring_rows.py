"""memory.scoring_rows: the live records, in batches, as training saw them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sql.calls import call, one

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
# for there are no partitions for uses of yesterday
TOMORROW = NOW + timedelta(days=1)
HOUR = timedelta(hours=1)


def remembered(db: Connection[Any], namespace: str, content: str, **fields: Any) -> Any:
    fields = {"kind": "pattern", "now": NOW - 9 * HOUR} | fields
    return one(db, "remember", namespace=namespace, content=content, **fields)["id"]


def test_batches_cover_every_live_record_once(db: Connection[Any]) -> None:
    wanted = {
        (namespace, remembered(db, namespace, f"{n}", kind=kind))
        for namespace in ("a", "b", "ü")
        for n, kind in enumerate(("user_interaction", "pattern", "core_concept", "pattern"))
    }
    remembered(db, "a", "expired", ttl=timedelta(hours=9))
    remembered(db, "a", "not yet", now=NOW + HOUR)
    seen: list[tuple[str, Any]] = []
    while batch := call(
        db,
        "scoring_rows",
        now=NOW,
        limit=5,
        after_namespace=seen[-1][0] if seen else "",
        after_id=seen[-1][1] if seen else None,
    ):
        assert len(batch) <= 5
        seen += [(row["namespace"], row["id"]) for row in batch]
    assert len(seen) == len(wanted)
    assert set(seen) == wanted


def test_one_layer_alone(db: Connection[Any]) -> None:
    remembered(db, "a", "x", kind="user_interaction")
    kept = remembered(db, "a", "y")
    answer = call(db, "scoring_rows", now=NOW, layer="insights")
    assert [row["id"] for row in answer] == [kept]
    assert answer[0]["label"] is None


def test_features_are_those_of_training(db: Connection[Any]) -> None:
    """The same record at the same moment, asked for both ways."""
    for n in range(5):
        memory = remembered(db, "n", f"memory {n}", now=TOMORROW - 9 * HOUR)
        for hours in (7, 5, 4.5 - n / 4):
            call(db, "touch", namespace="n", ids=[memory], now=TOMORROW - hours * HOUR)
        call(db, "rate", namespace="n", id=memory, rating=4.0, now=TOMORROW - 3 * HOUR)
    learned = call(db, "training_rows", now=TOMORROW, horizon=HOUR, moments=6)
    assert len(learned) == 30
    for row in learned:
        scored = call(db, "scoring_rows", now=row["at"], horizon=HOUR)
        (same,) = (one for one in scored if one["id"] == row["id"])
        assert same == {**row, "label": None}
