"""Records for the tests of the archive: what one is, everywhere it leaves a trace."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.sql.calls import Row, call, one, rows, vector

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection

LAYERS = {"interact": "user_interaction", "insights": "pattern", "assets": "core_concept"}


def keep(
    db: Connection[Any],
    content: str,
    now: datetime,
    *,
    namespace: str = "n",
    layer: str = "interact",
    **more: Any,
) -> uuid.UUID:
    """Remember, use, rate and edit a memory; its id."""
    # after midnight nothing was made yet for the evening before
    call(db, "make_partitions", now=now - timedelta(minutes=9))
    made = one(
        db,
        "remember",
        namespace=namespace,
        content=content,
        kind=LAYERS[layer],
        session="s",
        metadata={"speaker": "Ann", "n": [1.5, None, "ü"]},
        importance=0.3,
        embedding=vector(0.1, -2, 6e-8, 65504, len(content)),
        now=now - timedelta(minutes=9),
        **more,
    )
    at = {"namespace": namespace, "id": made["id"]}
    call(
        db,
        "touch",
        namespace=namespace,
        ids=[made["id"]],
        session="s",
        now=now - timedelta(minutes=8),
    )
    call(db, "rate", **at, rating=4.5, session="s", now=now - timedelta(minutes=7))
    call(
        db,
        "update_memory",
        **at,
        changes={"pinned": False, "importance": 0.1},
        now=now - timedelta(minutes=6),
    )
    identity: uuid.UUID = made["id"]
    return identity


def hand(
    db: Connection[Any],
    ids: list[uuid.UUID],
    now: datetime,
    *,
    namespace: str = "n",
    layer: str = "interact",
) -> list[Row]:
    """Hand memories of a layer to the archive."""
    return call(
        db,
        "_hand_to_archive",
        layer=layer,
        namespaces=[namespace] * len(ids),
        ids=ids,
        reason="test",
        now=now,
    )


def register(db: Connection[Any], now: datetime) -> uuid.UUID:
    """Register everything in the outbox as one file that nobody wrote; the archive's id."""
    archive = uuid.uuid4()
    seqs = [row["seq"] for row in call(db, "archive_batch")]
    call(
        db,
        "register_archive",
        id=archive,
        file=f"site/2026/11/{archive}/0.parquet",
        tier="local",
        bytes=1000,
        seqs=seqs,
        now=now,
    )
    return archive


def picture(db: Connection[Any], memory: uuid.UUID) -> dict[str, list[Row]]:
    """Everything of a record that must come back as it was, digit by digit.

    Left out is what restoring sets anew: entered_at and expires_at.
    """
    queries = {
        "memory": "select to_jsonb(m) - array['entered_at', 'expires_at'] as row,"
        " m.embedding::text, m.importance::float8, m.content_hash from memory._memories as m",
        "usage": "select * from memory_data.usage as m",
        "revisions": "select * from memory_data.revision as m",
        "events": "select * from memory_data.access_event as m",
    }
    return {
        name: rows(db, f"{query} where m.id = %s order by 1", memory)
        for name, query in queries.items()
    }
