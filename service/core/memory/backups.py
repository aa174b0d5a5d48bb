"""What backups and restores ask of a database: facts, marks, digests, the mirror, runs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from service.core.memory.calls import Calls
from service.core.model.backups import (
    Archived,
    Archiver,
    BackupRecord,
    BroughtBack,
    LayerDigest,
    Marked,
    Point,
    Replayed,
    Run,
    ServerFacts,
    TableName,
    Witnessed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


class Backups(Calls):
    """As a superuser, or a login with REPLICATION, pg_monitor and memory_owner."""

    async def facts(self) -> ServerFacts:
        """Version, identity, position and the settings backups depend on."""
        rows = await self._call.select(
            ServerFacts,
            "select current_setting('server_version') as version,"
            " current_setting('server_version_num')::int as version_num,"
            " s.system_identifier::text as system,"
            " case when pg_is_in_recovery() then c.timeline_id"
            "      else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"
            " end as timeline,"
            " clock_timestamp() as now,"
            " case when pg_is_in_recovery() then pg_last_wal_replay_lsn()"
            "      else pg_current_wal_lsn() end::text as lsn,"
            " pg_is_in_recovery() as in_recovery,"
            " current_setting('wal_level') as wal_level,"
            " current_setting('data_checksums') as data_checksums,"
            " current_setting('summarize_wal') as summarize_wal,"
            " current_setting('archive_mode') as archive_mode,"
            " pg_size_bytes(current_setting('wal_segment_size')) as segment_size,"
            " (select g.setting::bigint * 60 from pg_settings as g"
            "  where g.name = 'wal_summary_keep_time') as summary_keep_seconds,"
            " current_setting('shared_preload_libraries') as preload,"
            " (select jsonb_object_agg(e.extname, e.extversion) from pg_extension as e)"
            " as extensions,"
            " (select count(*) from pg_tablespace) - 2 as tablespaces,"
            " (select sum(pg_database_size(d.oid))::bigint from pg_database as d) as bytes"
            " from pg_control_system() as s, pg_control_checkpoint() as c",
        )
        return rows[0]

    async def summaries_from(self, timeline: int, lsn: str) -> bool:
        """Whether WAL is summarised without a hole from a position on, as far as it is yet."""
        rows = await self._call.select(
            bool,
            "with s as ("
            "   select start_lsn, end_lsn, lag(end_lsn) over (order by start_lsn) as before"
            "   from pg_available_wal_summaries()"
            "   where tli = %(timeline)s and end_lsn > %(lsn)s::pg_lsn)"
            " select coalesce(min(start_lsn) <= %(lsn)s::pg_lsn, true)"
            "        and not coalesce(bool_or(before <> start_lsn), false) from s",
            timeline=timeline,
            lsn=lsn,
        )
        return rows[0]

    async def heartbeat(self) -> str:
        """Commit something that changes nothing, so that WAL knows this moment; its position."""
        rows = await self._call.select(
            str, "select pg_logical_emit_message(true, 'magray', 'heartbeat')::text"
        )
        return rows[0]

    async def switch_wal(self) -> str:
        """Begin a new segment, so that the last one is archived; the name of the last one."""
        rows = await self._call.select(
            str, "select pg_walfile_name(pg_current_wal_lsn()), pg_switch_wal()"
        )
        return rows[0]

    async def archiver(self) -> Archiver:
        """How archiving goes: waiting segments, what came last, what failed last."""
        rows = await self._call.select(
            Archiver,
            "select a.last_archived_wal, a.last_archived_time, a.last_failed_wal,"
            " a.last_failed_time, (select count(*) from pg_ls_archive_statusdir() as f"
            " where f.name like '%%.ready') as waiting from pg_stat_archiver as a",
        )
        return rows[0]

    async def archived(self) -> Archived:
        """Changes whenever a segment was archived; anybody may ask."""
        rows = await self._call.select(Archived, "select {columns} from pg_stat_archiver")
        return rows[0]

    async def mark(self, name: str) -> Marked:
        """Make a named restore point; its position, timeline and the server's clock."""
        rows = await self._call.select(
            Marked,
            "select pg_create_restore_point(%(name)s)::text as lsn, clock_timestamp() as at,"
            " ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int as timeline,"
            " (select system_identifier::text from pg_control_system()) as system",
            name=name,
        )
        return rows[0]

    async def witness(self, name: str, other: Backups) -> Witnessed:
        """Make a restore point, and tell what the layers held at exactly that point.

        Writers wait for the moment it takes to make the point, not for the counting, which `other`
        does on the snapshot of that moment.

        Raises:
            psycopg.errors.LockNotAvailable: a writer did not end within two seconds.
        """
        async with other._connection.transaction():
            await other._connection.execute("set transaction isolation level repeatable read")
            async with self._connection.transaction():
                await self._connection.execute(
                    "set transaction isolation level repeatable read; set local lock_timeout = '2s'"
                )
                # no function: the snapshot must be taken after the lock is held
                await self._connection.execute(
                    "lock table memory_data.interact, memory_data.insights, memory_data.assets"
                    " in share mode"
                )
                (point,) = await self._call.select(
                    Point,
                    "select pg_export_snapshot() as snapshot,"
                    " pg_create_restore_point(%(name)s)::text as lsn",
                    name=name,
                )
                await other._connection.execute(
                    sql.SQL("set transaction snapshot {}").format(point.snapshot)
                )
            return Witnessed(name=name, lsn=point.lsn, layers=await other.digests())

    async def digests(self) -> dict[str, list[str]]:
        """What each layer holds: memories, and a digest of all of them."""
        rows = await self._call.rows("content_digests", LayerDigest)
        return {row.layer: [str(row.memories), row.digest] for row in rows}

    async def replayed(self) -> Replayed:
        """Where a recovery ended: the last commit it replayed, and when that was."""
        rows = await self._call.select(
            Replayed,
            "select pg_is_in_recovery() as in_recovery,"
            " pg_last_xact_replay_timestamp() as last_commit,"
            " pg_last_wal_replay_lsn()::text as lsn,"
            " case when not pg_is_in_recovery()"
            "      then ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"
            " end as timeline,"
            " (select system_identifier::text from pg_control_system()) as system",
        )
        return rows[0]

    async def pressure_at(self) -> datetime | None:
        """When memory pressure was last high; None when it never was."""
        return await self._call.first("last_high_pressure", datetime)

    async def set_jobs_enabled(self, enabled: bool) -> None:
        """Let scheduled jobs run, or none."""
        await self._call.run("allow_jobs", p_allowed=enabled)

    async def ann_recall(self, samples: int = 20) -> float | None:
        """Recall@10 of the vector indexes against exact search; None where there is no index."""
        tables = await self._call.select(
            TableName,
            "select n.nspname as schema, c.relname as name from pg_index as i"
            " join pg_class as x on x.oid = i.indexrelid join pg_am as a on a.oid = x.relam"
            " join pg_class as c on c.oid = i.indrelid"
            " join pg_namespace as n on n.oid = c.relnamespace"
            " where a.amname = 'hnsw' and i.indisvalid and c.relkind = 'r'"
            " order by c.reltuples desc limit 3",
        )
        shares = []
        for table in tables:
            name = sql.Identifier(table.schema, table.name)
            for index in range(samples):
                exact, approximate = [
                    await self._nearest(name, index, use_index=use) for use in (False, True)
                ]
                if exact:
                    shares.append(len(exact & approximate) / len(exact))
        return sum(shares) / len(shares) if shares else None

    async def _nearest(self, table: sql.Identifier, index: int, *, use_index: bool) -> set[UUID]:
        async with self._connection.transaction():
            await self._connection.execute(
                "select set_config('enable_indexscan', %s, true),"
                " set_config('enable_seqscan', %s, true),"
                " set_config('hnsw.ef_search', '100', true)",
                ("on" if use_index else "off", "off" if use_index else "on"),
            )
            cursor = await self._connection.execute(
                sql.SQL(
                    "select t.id from {table} as t where t.embedding is not null"
                    " order by t.embedding <=> (select q.embedding from {table} as q"
                    " where q.embedding is not null order by q.id offset %s limit 1) limit 10"
                ).format(table=table),
                (index * 7,),
            )
            return {row[0] for row in await cursor.fetchall()}

    async def mirror(
        self, rows: Sequence[dict[str, Any]], windows: Sequence[dict[str, Any]]
    ) -> None:
        """Make the tables of backups and windows say what the catalogue says."""
        await self._call.run(
            "mirror_backups", p_backups=Jsonb(list(rows)), p_windows=Jsonb(list(windows))
        )

    async def begin_run(self, action: str, request: dict[str, Any]) -> UUID:
        """Register a run that begins."""
        return await self._call.row(
            "begin_backup_run", UUID, p_action=action, p_request=Jsonb(request)
        )

    async def note_run(
        self,
        run: UUID,
        stage: str,
        done: int,
        total: int | None,
        *,
        result: dict[str, Any] | None = None,
        error: dict[str, Any] | None = None,
    ) -> None:
        """Note how a run gets on; a result or an error ends it."""
        await self._call.run(
            "note_backup_run",
            p_id=run,
            p_stage=stage,
            p_done=done,
            p_total=total,
            p_result=result and Jsonb(result),
            p_error=error and Jsonb(error),
        )

    async def runs(self, limit: int = 50, run: UUID | None = None) -> list[Run]:
        """Runs, newest first; or one of them."""
        return await self._call.rows("backup_runs", Run, p_limit=limit, p_id=run)

    async def listed(self) -> list[BackupRecord]:
        """The backups as the view shows them."""
        return await self._call.select(BackupRecord, "select {columns} from memory.backups")

    async def records_of(self, namespace: str, ids: Sequence[UUID] | None) -> list[dict[str, Any]]:
        """Everything a namespace holds, or some of it, to be brought back elsewhere; as JSON."""
        return await self._call.rows(
            "dump_records", dict[str, Any], p_namespace=namespace, p_ids=ids and list(ids)
        )

    async def bring_back(
        self, namespace: str, records: Sequence[dict[str, Any]], *, dry_run: bool
    ) -> list[BroughtBack]:
        """Put records of a past instant back; one row each with what became of it."""
        return await self._call.rows(
            "bring_back",
            BroughtBack,
            p_namespace=namespace,
            p_records=Jsonb(list(records)),
            p_dry_run=dry_run,
        )
