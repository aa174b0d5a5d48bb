"""memory.export_memories: everything of a namespace, as it is imported again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, contents, one, refused, vector

if TYPE_CHECKING:
    from psycopg import Connection


def test_pages_hold_every_live_memory_oldest_first(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memories = [
        {"content": f"memory {i}", "kind": ("pattern", "core_concept")[i % 2],
         "created_at": (now - timedelta(minutes=i // 3)).isoformat()}
        for i in range(20)
    ]  # fmt: skip
    call(db, "remember_many", namespace="n", memories=memories, now=now)
    one(db, "remember", namespace="n", content="short", ttl=timedelta(hours=1), now=now)
    one(db, "remember", namespace="m", content="foreign", now=now)
    later = now + timedelta(hours=1)
    walked: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while page := call(db, "export_memories", namespace="n", limit=6, now=later, **cursor):
        walked += page
        cursor = {f"after_{name}": page[-1][name] for name in ("created_at", "turn", "id")}
    assert sorted(contents(walked)) == sorted(memory["content"] for memory in memories)
    assert walked == sorted(walked, key=lambda row: (row["created_at"], row["turn"], row["id"]))


def test_what_is_exported_is_the_same_memory_when_it_is_imported(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    one(
        db, "remember", namespace="n", content="Die Häuser", language="german", session="s",
        metadata={"a": None}, importance=0.25, pinned=True, kind="pattern",
        ttl=timedelta(days=80, seconds=0.5), embedding=vector(1, 2), now=now,
    )  # fmt: skip
    (row,) = call(db, "export_memories", namespace="n", embeddings=True, now=now)
    assert row["embedding"] == vector(1, 2)
    assert row["ttl"] == 80 * 86_400 + 1
    (bare,) = call(db, "export_memories", namespace="n", now=now)
    assert bare["embedding"] is None
    memory = {key: row[key] for key in row if key not in {"id", "turn", "embedding", "ttl"}}
    memory |= {"created_at": row["created_at"].isoformat(), "ttl": f"{row['ttl']} seconds"}
    call(db, "remember_many", namespace="m", memories=[memory], embeddings=[row["embedding"]],
         now=now)  # fmt: skip
    (again,) = call(db, "export_memories", namespace="m", embeddings=True, now=now)
    assert again | {"id": row["id"]} == row


@pytest.mark.parametrize("limit", [0, 1001, None])
def test_a_page_has_1_to_1000_rows(db: Connection[Any], limit: int | None) -> None:
    with refused(db, "ML422", "1..1000"):
        call(db, "export_memories", namespace="n", limit=limit)
