"""What the archive's commands call: outbox and files, what comes back and what is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from service.core.memory.calls import Calls

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

Rows = list[dict[str, Any]]


class Archive(Calls):
    """The functions of the archive: as role `memory_operator`, on a connection of its own."""

    async def site(self) -> str:
        """The folder of this database in the store."""
        rows = await self._dicts("select memory._setting('archive_site') as site")
        return str(rows[0]["site"])

    async def lock(self) -> bool:
        """Take the archive's files for this connection; False when another has them."""
        rows = await self._dicts("select memory.lock_archive() as taken")
        return bool(rows[0]["taken"])

    async def backlog(self, namespace: str | None = None) -> Rows:
        """What is to be written and erased (of a namespace), and deleted: item, waiting, …."""
        return await self._dicts("select * from memory.archive_backlog(%s)", (namespace,))

    async def archives(self) -> Rows:
        """The files, oldest first, as `memory.archives` shows them."""
        return await self._dicts("select * from memory.archives order by created_at, file")

    async def files(self) -> Rows:
        """Every file known: archive, file, bytes, rows, leaving (to be deleted)."""
        return await self._dicts("select * from memory.archive_files()")

    async def batch(self, rows: int, size: int) -> Rows:
        """The next records of the outbox, at most `rows` and about `size` bytes."""
        # binary: reading a vector of 384 numbers as text takes 60 times as long
        return await self._dicts(
            "select * from memory.archive_batch(%s, %s)", (rows, size), binary=True
        )

    async def announce(self, file: str) -> None:
        """Note a file's name before it is written."""
        await self._dicts("select memory.announce_file(%s)", (file,))

    async def register(
        self, archive: UUID, file: str, tier: str, size: int, seqs: Sequence[int]
    ) -> None:
        """Register a verified file; ML409 when a record of it left the outbox meanwhile."""
        await self._dicts(
            "select * from memory.register_archive(%s, %s, %s, %s, %s)",
            (archive, file, tier, size, list(seqs)),
        )

    async def work(self, namespace: str | None = None) -> Rows:
        """Files that hold forgotten records (of a namespace), with what each must lose."""
        return await self._dicts(
            "select * from memory.archive_work(p_namespace => %s)", (namespace,)
        )

    async def replace(
        self, work: dict[str, Any], file: str | None, tier: str, size: int | None, rows: int
    ) -> int:
        """Put a rewritten file in the place of the one in `work`; returns the records erased."""
        answer = await self._dicts(
            "select * from memory.replace_archive(%s, %s, %s, %s, %s, %s, %s, %s)",
            (
                work["archive"], work["file"], file, tier, size, rows, work["namespaces"],
                work["ids"],
            ),
        )  # fmt: skip
        return int(answer[0]["erased"])

    async def note_deletion(self, file: str, error: str | None = None) -> None:
        """Note that a file left the store, or why it did not."""
        await self._dicts("select * from memory.note_deletion(%s, %s)", (file, error))

    async def note_check(self, archive: UUID, fault: str | None) -> None:
        """Note what a check of a file found: None, damaged or missing."""
        await self._dicts("select * from memory.note_archive_check(%s, %s)", (archive, fault))

    async def settle_archive(self, archive: UUID, file: str, limit: int, *, dry_run: bool) -> Rows:
        """Settle a batch of what a lost file held: outcome erased, lost or copy."""
        return await self._dicts(
            "select * from memory.settle_archive(%s, %s, %s, %s)", (archive, file, limit, dry_run)
        )

    async def find(self, namespace: str, ids: Sequence[UUID] | None, file: str | None) -> Rows:
        """The files that hold archived records of a namespace, file None: the outbox."""
        return await self._dicts(
            "select * from memory.find_archived(%s, %s, %s)",
            (namespace, None if ids is None else list(ids), file),
        )

    async def restore_outbox(self, namespace: str, ids: Sequence[UUID], *, dry_run: bool) -> Rows:
        """Bring records back that wait for their file; outcome, content_hash."""
        return await self._dicts(
            "select * from memory.restore_outbox(%s, %s, p_dry_run => %s)",
            (namespace, list(ids), dry_run),
        )

    async def restore(
        self, namespace: str, archive: UUID, records: Sequence[dict[str, Any]], *, dry_run: bool
    ) -> Rows:
        """Bring records back that were read from a file; outcome, content_hash."""
        return await self._dicts(
            "select * from memory.restore_archived(%s, %s, %s, p_dry_run => %s)",
            (namespace, archive, Jsonb(list(records)), dry_run),
        )

    async def drop_copies(self, days: float, *, dry_run: bool) -> Rows:
        """Queue the erasure of copies of records restored more than `days` ago; one batch."""
        return await self._dicts(
            "select * from memory.drop_copies(now() - %s * interval '1 day', p_dry_run => %s)",
            (days, dry_run),
        )

    async def count(self, namespace: str, ids: Sequence[UUID] | None) -> Rows:
        """What a namespace holds where: place, memories, files."""
        return await self._dicts(
            "select * from memory.count_memories(%s, %s)",
            (namespace, None if ids is None else list(ids)),
        )

    async def forget(self, namespace: str, ids: Sequence[UUID] | None, limit: int) -> Rows:
        """Forget ids, or up to `limit` memories of the namespace; returns what went."""
        if ids is not None:
            return await self._dicts("select * from memory.forget(%s, %s)", (namespace, list(ids)))
        return await self._dicts(
            "select * from memory.forget_namespace(%s, p_limit => %s)", (namespace, limit)
        )
