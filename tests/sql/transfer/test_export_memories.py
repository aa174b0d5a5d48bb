"""memory.export_memories: every memory of a namespace, whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.sql.archiving import keep
from tests.sql.calls import call, one, refused, vector

if TYPE_CHECKING:
    from psycopg import Connection


def exported(db: Connection[Any], **arguments: Any) -> list[dict[str, Any]]:
    """The records of a page."""
    page = call(db, "export_memories", **{"namespace": "n", **arguments})
    return [msgspec.json.decode(row["record"]) for row in page]


def test_pages_hold_every_live_memory_oldest_first(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memories = [
        {
            "content": f"memory {i}",
            "kind": ("pattern", "core_concept")[i % 2],
            "created_at": (now - timedelta(minutes=i // 3)).isoformat(),
        }
        for i in range(20)
    ]
    call(db, "remember_many", namespace="n", memories=memories, now=now)
    one(db, "remember", namespace="n", content="short", ttl=timedelta(hours=1), now=now)
    one(db, "remember", namespace="m", content="foreign", now=now)
    later = now + timedelta(hours=1)
    walked: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while page := call(db, "export_memories", namespace="n", limit=6, now=later, **cursor):
        walked += page
        cursor = {f"after_{name}": page[-1][name] for name in ("created_at", "turn", "id")}
    contents = [msgspec.json.decode(row["record"])["content"] for row in walked]
    assert sorted(contents) == sorted(memory["content"] for memory in memories)
    assert walked == sorted(walked, key=lambda row: (row["created_at"], row["turn"], row["id"]))


def test_times_are_absolute_and_a_record_says_everything(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = keep(db, "comes along", now, layer="insights")
    (record,) = exported(db, embeddings=True, now=now)
    assert (record["magray"], record["namespace"], record["id"]) == (1, "n", str(memory))
    assert (record["layer"], record["kind"], record["turn"]) == ("insights", "pattern", 1)
    entered = now - timedelta(minutes=9)
    assert datetime.fromisoformat(record["entered_at"]) == entered
    assert datetime.fromisoformat(record["expires_at"]) == entered + timedelta(days=90)
    assert exported(db, now=now + timedelta(days=1))[0]["expires_at"] == record["expires_at"]
    assert record["model"] == "test-model"
    assert vector(*record["embedding"]) == vector(0.1, -2, 6e-8, 65504, 11)
    usage = record["usage"]
    assert (usage["access_count"], usage["rating_sum"], usage["rating_count"]) == (1, 4.5, 1)
    assert [edit["importance"] for edit in record["revisions"]] == [0.3]
    assert [event["source"] for event in record["events"]] == ["touch", "rate"]
    (bare,) = exported(db, now=now)
    assert not {"embedding", "model"} & bare.keys()
    assert 0 < bare["bytes"] < record["bytes"]


def test_numbers_in_metadata_keep_their_digits(db: Connection[Any]) -> None:
    one(db, "remember", namespace="n", content="x", metadata='{"n": 1.000000000000000000010}')
    (row,) = call(db, "export_memories", namespace="n")
    assert '{"n": 1.000000000000000000010}' in row["record"]


def test_what_is_permanent_has_no_end(db: Connection[Any]) -> None:
    one(db, "remember", namespace="n", content="stays", kind="core_concept")
    assert exported(db)[0]["expires_at"] is None


@pytest.mark.parametrize("limit", [0, 1001, None])
def test_a_page_has_1_to_1000_rows(db: Connection[Any], limit: int | None) -> None:
    with refused(db, "ML422", "1..1000"):
        call(db, "export_memories", namespace="n", limit=limit)
