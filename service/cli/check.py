"""`magray check`: one line a condition, with the command that mends it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import anyio.to_thread
import psycopg
import rich_click as click

from jobs.backup.crypto import Keys
from jobs.backup.repository import open_repository
from jobs.backup.status import conditions
from jobs.storage.store import open_store
from service.cli.output import edge, fold, json_option, print_line, print_rows
from service.core.backend import Database, load_embedder, open_database
from service.core.database import UNMIGRATED, connect, is_unprepared
from service.core.embedding.isolate import probe_query
from service.core.errors import MagrayError, NoDatabaseError
from service.core.logs import configure_logs
from service.core.memory import Operator
from service.core.migrate import sql_digest
from service.core.model.operation import Condition
from service.core.settings import Settings, load_settings

if TYPE_CHECKING:
    from service.core.errors import TierError


@click.command()
@click.option("--fix", is_flag=True, help="Make missing partitions and build earned indexes.")
@json_option
def check(fix: bool, as_json: bool) -> None:
    """Check settings, database, schema and policy; exit code 1 when something is not right."""
    settings = load_settings()
    # what a check finds stands in its table
    configure_logs(settings.model_copy(update={"log_level": "error"}))
    try:
        rows = asyncio.run(_check(settings, fix=fix))
    except NoDatabaseError as error:
        rows = [_row("database", ok=False, detail=error.message, hint=error.hint)]
    if as_json:
        print_rows(rows, as_json=True, empty="")
    else:
        _tell(rows)
    if any(row.needed and not row.ok for row in rows):
        sys.exit(1)


def _tell(rows: list[Condition]) -> None:
    """A line a condition; below what is not right stands the command that mends it."""
    room = max(len(row.condition) for row in rows) + 2
    for row in rows:
        state = "ok" if row.ok else "WRONG" if row.needed else "note"
        head, width = f"{state:<7}{row.condition:<{room}}", edge() - room - 7
        hint = [] if row.ok or not row.hint else [f"try: {row.hint}"]
        for line in [*fold(row.detail, width), *hint]:
            print_line(head + line)
            head = " " * len(head)


async def _check(settings: Settings, *, fix: bool) -> list[Condition]:
    async with open_database(settings, makes=False) as database:
        try:
            return await _conditions(database, settings, fix=fix)
        except (psycopg.OperationalError, *UNMIGRATED) as error:
            detail = error.diag.message_primary or str(error).strip()
            if is_unprepared(error):
                return [_row("schema", ok=False, detail=detail, hint="magray migrate")]
            hint = "correct MAGRAY_DATABASE_URL"
            return [_row("connection", ok=False, detail=detail, hint=hint)]


async def _conditions(database: Database, settings: Settings, *, fix: bool) -> list[Condition]:
    async with connect(database.url, role="memory_owner") as connection:
        operator = Operator(connection)
        digest = await operator.code_digest()
        rows = [
            _row(
                "schema",
                ok=digest == sql_digest(),
                detail=f"digest {str(digest)[:12]}, this program's {sql_digest()[:12]}",
                hint="magray migrate",
            )
        ]
        drift = await operator.apply_policy(settings.policy(), dry_run=True)
        rows += [
            _row(
                change.item,
                ok=False,
                needed=False,
                detail=f"the database has {change.was}, the settings {change.becomes}",
                hint="magray migrate",
            )
            for change in drift
        ]
        if not drift:
            rows.append(
                _row("policy", ok=True, detail="the rows say what the settings say", hint="")
            )
        if fix:
            while await operator.make_partitions():
                pass
            await operator.build_indexes()
        rows += await _provider(settings, await operator.active_model())
        return rows + await operator.check_database() + await _backups(database, settings)


async def _provider(settings: Settings, in_use: tuple[str, int] | None) -> list[Condition]:
    """Whether an endpoint answers now; a note, for without it words are searched.

    A model on this machine is not loaded for it: the service would not have begun without.
    """
    if settings.embedding.provider != "openai":
        return []

    def ask() -> tuple[str, int]:
        embedder = load_embedder(settings)
        assert embedder is not None  # noqa: S101 -- the provider is not none
        try:
            if settings.embedding.dim is not None and (fault := probe_query(embedder)):
                raise fault  # otherwise it was asked for the dimension already
            return embedder.model_id, embedder.dim
        finally:
            embedder.close()

    try:
        asked = await anyio.to_thread.run_sync(ask)
    except MagrayError as error:
        detail, hint, ok = error.in_a_line, error.hint, False
    else:
        ok = in_use is None or asked == in_use
        detail, hint = f"{asked[0]} answers with {asked[1]} numbers", "magray migrate"
        if not ok and in_use is not None:
            detail += f"; the database stores {in_use[1]} of {in_use[0]}"
            hint = "magray migrate --replace-model"
    return [_row("embedding provider", ok=ok, needed=False, detail=detail, hint=hint)]


async def _backups(database: Database, settings: Settings) -> list[Condition]:
    """What there is to say about backups: notes, for whether there are any is a decision."""
    if database.server is None and settings.backup.directory is None:
        return []
    home = settings.data_dir if database.server is None else database.server.home
    away: dict[str, TierError] = {}
    try:
        repository = await anyio.to_thread.run_sync(
            open_repository, settings.backup, home, database.bin_dir, away
        )
        rows = await conditions(repository, database)
    except MagrayError as error:
        rows = [_unread("backups", error)]
    return [
        *_unusable(settings),
        *(_unread(f"tier {name}", error) for name, error in away.items()),
        *rows,
    ]


def _unusable(settings: Settings) -> list[Condition]:
    """Settings that cannot work: a key that is none, an archive that cannot be opened."""
    rows = []
    try:
        Keys(settings.backup.key_file).current()
    except MagrayError as error:
        rows.append(_unread("backup key", error))
    if settings.archive.url is not None:
        try:
            open_store(settings.archive.url)
        except MagrayError as error:
            rows.append(_unread("archive store", error))
    return rows


def _unread(condition: str, error: MagrayError) -> Condition:
    return _row(condition, ok=False, needed=False, detail=error.in_a_line, hint=error.hint)


def _row(condition: str, *, ok: bool, detail: str, hint: str, needed: bool = True) -> Condition:
    return Condition(condition=condition, ok=ok, needed=needed, detail=detail, hint=hint)
