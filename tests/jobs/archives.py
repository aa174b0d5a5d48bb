"""What the tests of the archive's jobs share: records to archive, the jobs, what became of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jobs.archive import write
from service.core.database import connect
from service.core.memory import Archive
from tests.sql.archiving import LAYERS, hand, keep, picture
from tests.sql.calls import call, rows, session, value

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from psycopg import Connection

    from jobs.storage.store import Store

Pictures = dict["uuid.UUID", dict[str, list[dict[str, Any]]]]


@asynccontextmanager
async def archive_of(url: str) -> AsyncIterator[Archive]:
    """The archive's functions, as the operator has them."""
    async with connect(url, role="memory_operator") as connection:
        yield Archive(connection)


def hand_over(
    url: str, number: int = 2, *, namespace: str = "n", layers: Sequence[str] = tuple(LAYERS)
) -> Pictures:
    """Make so many memories a layer and hand them to the archive; what they were."""
    now = datetime.now(UTC)
    before: Pictures = {}
    with session(url) as db:
        for layer in layers:
            made = [
                keep(db, f"{layer} {i} of {namespace}", now, namespace=namespace, layer=layer)
                for i in range(number)
            ]
            before |= {memory: picture(db, memory) for memory in made}
            hand(db, made, now, namespace=namespace, layer=layer)
    return before


async def run(url: str, store: Store, *, file_rows: int = 100) -> write.Outcome:
    """One run of the job, which must find the archive free."""
    async with archive_of(url) as archive:
        assert await write.take(archive)
        return await write.run(archive, store, file_rows=file_rows, file_bytes=1 << 20)


def pictures(url: str, memories: Sequence[uuid.UUID]) -> Pictures:
    """What is in the layers of these memories."""
    with session(url) as db:
        return {memory: picture(db, memory) for memory in memories}


def counts(url: str) -> dict[str, int]:
    """Rows of the archive's tables."""
    tables = ("archive_outbox", "archive", "archived", "archive_erasure", "archive_deletion")
    with session(url) as db:
        return {
            table: value(db, f"select count(*) from memory_data.{table}")  # noqa: S608
            for table in tables
        }


def files(url: str) -> list[str]:
    """The registered files, by name."""
    with session(url) as db:
        return [row["file"] for row in rows(db, "select file from memory.archives order by file")]


def stored(folder: Path) -> list[Path]:
    """The files that lie in a local store."""
    return sorted(folder.rglob("*.parquet"))


def forget(db: Connection[Any], *ids: uuid.UUID, namespace: str = "n") -> None:
    """Forget memories as the service does."""
    assert len(call(db, "forget", namespace=namespace, ids=list(ids))) == len(ids)
