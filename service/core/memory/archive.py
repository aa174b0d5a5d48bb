"""What the archive's commands call: outbox and files, what comes back and what is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from service.core.memory.calls import Caller, Calls, OnConnection
from service.core.model.archive import (
    ArchiveFile,
    Backlog,
    Copy,
    Held,
    KnownFile,
    OutboxRecord,
    Place,
    Replaced,
    Returned,
    Rewrite,
    Settled,
)
from service.core.model.memories import Forgotten

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from psycopg import AsyncConnection


class Archive(Calls):
    """The functions of the archive: as role `memory_operator`, on a connection of its own.

    Args:
        connection: autocommit; acts as `memory_operator`.
    """

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        super().__init__(connection)
        # reading a vector of 384 numbers as text takes 60 times as long
        self._binary: Caller = OnConnection(connection, binary=True)

    async def site(self) -> str:
        """The folder of this database in the store."""
        return await self._call.row("_setting", str, p_key="archive_site")

    async def lock(self) -> bool:
        """Take the archive's files for this connection; False when another has them."""
        return await self._call.row("lock_archive", bool)

    async def backlog(self, namespace: str | None = None) -> list[Backlog]:
        """What is to be written and erased (of a namespace), and deleted."""
        return await self._call.rows("archive_backlog", Backlog, p_namespace=namespace)

    async def archives(self) -> list[ArchiveFile]:
        """The files, oldest first, as `memory.archives` shows them."""
        return await self._call.select(
            ArchiveFile, "select {columns} from memory.archives order by created_at, file"
        )

    async def files(self) -> list[KnownFile]:
        """Every file known."""
        return await self._call.rows("archive_files", KnownFile)

    async def batch(self, rows: int, size: int) -> list[OutboxRecord]:
        """The next records of the outbox, at most `rows` and about `size` bytes."""
        return await self._binary.rows("archive_batch", OutboxRecord, p_rows=rows, p_bytes=size)

    async def announce(self, file: str) -> None:
        """Note a file's name before it is written."""
        await self._call.run("announce_file", p_file=file)

    async def register(
        self, archive: UUID, file: str, tier: str, size: int, seqs: Sequence[int]
    ) -> None:
        """Register a verified file; ML409 when a record of it left the outbox meanwhile."""
        await self._call.run(
            "register_archive",
            p_id=archive,
            p_file=file,
            p_tier=tier,
            p_bytes=size,
            p_seqs=list(seqs),
        )

    async def work(self, namespace: str | None = None) -> list[Rewrite]:
        """Files that hold forgotten records (of a namespace), with what each must lose."""
        return await self._call.rows("archive_work", Rewrite, p_namespace=namespace)

    async def replace(
        self, work: Rewrite, file: str | None, tier: str, size: int | None, rows: int
    ) -> int:
        """Put a rewritten file in the place of the one in `work`; returns the records erased."""
        answer = await self._call.row(
            "replace_archive",
            Replaced,
            p_archive=work.archive,
            p_was=work.file,
            p_file=file,
            p_tier=tier,
            p_bytes=size,
            p_rows=rows,
            p_namespaces=work.namespaces,
            p_ids=work.ids,
        )
        return answer.erased

    async def note_deletion(self, file: str, error: str | None = None) -> None:
        """Note that a file left the store, or why it did not."""
        await self._call.run("note_deletion", p_file=file, p_error=error)

    async def note_check(self, archive: UUID, fault: str | None) -> None:
        """Note what a check of a file found: None, damaged or missing."""
        await self._call.run("note_archive_check", p_archive=archive, p_fault=fault)

    async def settle_archive(
        self, archive: UUID, file: str, limit: int, *, dry_run: bool
    ) -> list[Settled]:
        """Settle a batch of what a lost file held."""
        return await self._call.rows(
            "settle_archive",
            Settled,
            p_archive=archive,
            p_was=file,
            p_limit=limit,
            p_dry_run=dry_run,
        )

    async def find(
        self, namespace: str, ids: Sequence[UUID] | None, file: str | None
    ) -> list[Place]:
        """Where archived records of a namespace lie."""
        return await self._call.rows(
            "find_archived",
            Place,
            p_namespace=namespace,
            p_ids=None if ids is None else list(ids),
            p_file=file,
        )

    async def restore_outbox(
        self, namespace: str, ids: Sequence[UUID], *, dry_run: bool
    ) -> list[Returned]:
        """Bring records back that wait for their file."""
        return await self._call.rows(
            "restore_outbox", Returned, p_namespace=namespace, p_ids=list(ids), p_dry_run=dry_run
        )

    async def restore(
        self, namespace: str, archive: UUID, records: Sequence[dict[str, Any]], *, dry_run: bool
    ) -> list[Returned]:
        """Bring records back that were read from a file."""
        return await self._call.rows(
            "restore_archived",
            Returned,
            p_namespace=namespace,
            p_archive=archive,
            p_records=Jsonb(list(records)),
            p_dry_run=dry_run,
        )

    async def drop_copies(self, days: float, *, dry_run: bool) -> list[Copy]:
        """Queue the erasure of copies of records restored more than `days` ago; one batch."""
        return await self._call.select(
            Copy,
            "select {columns} from memory.drop_copies("
            "p_before => now() - %(days)s * interval '1 day', p_dry_run => %(dry_run)s)",
            days=days,
            dry_run=dry_run,
        )

    async def count(self, namespace: str, ids: Sequence[UUID] | None) -> list[Held]:
        """What a namespace holds where."""
        return await self._call.rows(
            "count_memories", Held, p_namespace=namespace, p_ids=None if ids is None else list(ids)
        )

    async def forget(
        self, namespace: str, ids: Sequence[UUID] | None, limit: int
    ) -> list[Forgotten]:
        """Forget ids, or up to `limit` memories of the namespace; returns what went."""
        if ids is not None:
            return await self._call.rows(
                "forget", Forgotten, p_namespace=namespace, p_ids=list(ids)
            )
        return await self._call.rows(
            "forget_namespace", Forgotten, p_namespace=namespace, p_limit=limit
        )
