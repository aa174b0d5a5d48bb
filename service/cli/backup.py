"""`magray backup`: take, list, verify, prune, mark, prove backups."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import msgspec
import rich_click as click

from jobs.backup.catalogue import store_verdict
from jobs.backup.drill import drill as run_drill
from jobs.backup.marks import list_marks, make_mark
from jobs.backup.prune import prune as run_prune
from jobs.backup.repository import Repository, open_repository
from jobs.backup.status import APART, beside_the_data, mirror, rows_of, summary
from jobs.backup.stream import stream as run_stream
from jobs.backup.take import take
from jobs.backup.verify import verify as run_verify
from service.cli.output import json_option, print_facts, print_rows
from service.cli.progress import make_progress
from service.core.backend import Database, open_database
from service.core.database import UNMIGRATED, connect
from service.core.embedded import EmbeddedServer
from service.core.errors import DamagedError, NoKeyError, TierError
from service.core.logs import configure_logs
from service.core.memory import Backups
from service.core.readable import after, shown
from service.core.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from rich.progress import Progress

_KINDS = {
    "full": "Everything there is, on the local disk.",
    "incremental": "What changed since the last backup; a full where that cannot be trusted.",
    "snapshot": "Everything there is, in the cloud tier.",
    "compressed": "Everything there is, as small as it gets, in the cold archive.",
}
_SHOWN = (
    "id",
    "kind",
    "tier",
    "timeline",
    "stopped_at",
    "bytes",
    "stored_bytes",
    "verified_at",
    "proven_at",
    "fault",
)


@click.group()
def backup() -> None:
    """Take, list, verify, prune and prove backups; `magray restore` brings them back."""


def _add(kind: str, text: str) -> None:
    @backup.command(name=kind, help=text)
    @json_option
    def command(as_json: bool) -> None:
        row = asyncio.run(_take(_settings(), kind))
        print_facts(row, as_json=as_json)


for _kind, _text in _KINDS.items():
    _add(_kind, _text)


async def _take(settings: Settings, kind: str) -> dict[str, Any]:
    async with opened(settings) as (repository, database):
        with make_progress() as bars:
            manifest = await take(repository, database, kind, why="asked for", progress=bar(bars))
        await _mirror(repository, database)
        together = beside_the_data(repository, database)
    if together is not None:
        click.echo(f"note: backups are no safer than the data, {together}; {APART}", err=True)
    return {
        "id": manifest.id,
        "kind": manifest.kind,
        "reason": manifest.reason,
        "restores_from": manifest.stopped_at,
        "bytes": manifest.bytes,
        "stored": manifest.stored,
    }


@backup.command(name="list")
@click.option("--marks", is_flag=True, help="List the marks instead.")
@json_option
def list_backups(marks: bool, as_json: bool) -> None:
    """List the backups, newest first; the database need not run."""
    with looked_at(_settings()) as repository:
        _list(repository, marks=marks, as_json=as_json)


def _list(repository: Repository, *, marks: bool, as_json: bool) -> None:
    known = repository.catalogue()
    if marks:
        systems = repository.wal.systems() | {int(one.manifest.system) for one in known.backups}
        found = [
            msgspec.to_builtins(mark)
            for system in sorted(systems)
            for mark in list_marks(repository, str(system))
        ]
        print_rows(found, as_json=as_json, empty="There is no mark: magray backup mark NAME")
        return
    rows = rows_of(known)
    rows += [
        {
            **dict.fromkeys(_SHOWN),
            "id": name,
            "tier": tier.name,
            "fault": f"{'locked' if name in known.locked else 'incomplete'}: {why}",
        }
        for name, (why, tier) in known.incomplete.items()
    ]
    shown = rows if as_json else [{name: row[name] for name in _SHOWN} for row in rows]
    print_rows(shown, as_json=as_json, empty="There is no backup yet: magray backup full")


@backup.command()
@json_option
def info(as_json: bool) -> None:
    """Tell what can be restored: windows, gaps, sizes, the last proof."""
    with looked_at(_settings()) as repository:
        _tell(summary(repository), as_json=as_json)


def _tell(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_rows([told], as_json=True, empty="")
        return
    facts = {name: value for name, value in told.items() if name != "windows"}
    for window in told["windows"]:
        # to the second, and both of them inside
        since, until = shown(after(window["since"])), shown(window["until"])
        if until < since:  # a window of less than a second, just after a backup
            since, until = window["since"].isoformat(), window["until"].isoformat()
        facts[f"restorable on timeline {window['timeline']}"] = f"{since} to {until}"
    print_facts(facts, as_json=False)


@backup.command()
@click.argument("ids", nargs=-1)
@click.option("--new", "only_new", is_flag=True, help="Leave out what was verified before.")
@json_option
def verify(ids: tuple[str, ...], only_new: bool, as_json: bool) -> None:
    """Read backups and archived WAL in full; exit code 26 when something is damaged.

    Where nothing is worse than that keys are not at hand it is 56.
    """
    repository = closed(_settings())
    only = (lambda one: one.verdict.verified_at is None) if only_new else None
    with make_progress() as bars:
        findings = list(run_verify(repository, ids, only=only, progress=bar(bars)))
    print_rows([asdict(one) for one in findings], as_json=as_json, empty="There is nothing new.")
    wrong = {one.what for one in findings if not one.ok}
    if wrong:
        locked = wrong <= set(repository.catalogue().locked)
        sys.exit(NoKeyError.exit_code if locked else DamagedError.exit_code)


@backup.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@json_option
def prune(dry_run: bool, as_json: bool) -> None:
    """Remove what the retention of magray.toml lets go; move older chains to the cloud tier."""
    steps = run_prune(closed(_settings()), datetime.now(UTC), dry_run=dry_run)
    rows = [
        {name: value for name, value in asdict(one).items() if name != "paths"} for one in steps
    ]
    print_rows(rows, as_json=as_json, empty="There is nothing to remove.")


@backup.command()
@click.argument("backup_id")
@click.option("--release", is_flag=True, help="Let it be pruned again.")
def keep(backup_id: str, release: bool) -> None:
    """Keep a backup, and what it builds on, from being pruned."""
    one = closed(_settings()).catalogue().get(backup_id)
    one.verdict.keep = not release
    store_verdict(one)


@backup.command()
@click.argument("name")
@json_option
def mark(name: str, as_json: bool) -> None:
    """Name this moment: `magray restore --name NAME` goes back to it."""

    async def run() -> dict[str, Any]:
        async with opened(_settings()) as (repository, database):
            told: dict[str, Any] = msgspec.to_builtins(await make_mark(repository, database, name))
            return told

    print_facts(asyncio.run(run()), as_json=as_json)


@backup.command()
@click.option("--scratch", type=click.Path(), help="Restore below this folder.")
@json_option
def drill(scratch: str | None, as_json: bool) -> None:
    """Prove the newest chain: restore it aside, check and compare it, throw it away."""
    settings = _settings()
    repository = closed(settings)
    with make_progress() as bars:
        from pathlib import Path

        proof = asyncio.run(
            run_drill(repository, scratch=Path(scratch) if scratch else None, progress=bar(bars))
        )
    print_facts(asdict(proof), as_json=as_json)


@backup.command()
def stream() -> None:
    """Receive WAL as it is written, beside the archive, until Ctrl-C."""
    asyncio.run(_stream(_settings()))


async def _stream(settings: Settings) -> None:
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        asked = True

    async with opened(settings) as (repository, database):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        async with connect(database.url) as connection:
            system = (await Backups(connection).facts()).system
        await anyio.to_thread.run_sync(
            run_stream, repository, database.url, system, home_of(settings), lambda: asked
        )


def _settings() -> Settings:
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    return settings


def home_of(settings: Settings) -> Any:
    """Where backups lie by default: beside the embedded database, or the data directory."""
    if settings.database_url is None:
        return embedded(settings).home
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return settings.data_dir.resolve()


def embedded(settings: Settings) -> EmbeddedServer:
    """The server of the data directory; it is not started."""
    return EmbeddedServer(settings.data_dir, bin_dir=settings.backup.bin_dir)


def closed(settings: Settings, away: dict[str, TierError] | None = None) -> Repository:
    """The repository alone: the database is neither asked nor started."""
    server = None if settings.database_url is not None else embedded(settings)
    return open_repository(
        settings.backup, home_of(settings), server.bin_dir if server is not None else None, away
    )


@contextmanager
def looked_at(settings: Settings) -> Iterator[Repository]:
    """The repository for who only looks: a tier that is away hides nothing of the others.

    It is told at the end, with the exit code of a store that refused.
    """
    away: dict[str, TierError] = {}
    yield closed(settings, away)
    for error in away.values():
        raise error


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Repository, Database]]:
    """The repository and the database, which is started if need be."""
    async with open_database(settings) as database:
        yield open_repository(settings.backup, home_of(settings), database.bin_dir), database


async def _mirror(repository: Repository, database: Database) -> None:
    try:
        await mirror(repository, database)
    except UNMIGRATED:
        return  # a database that was never migrated has no place for it


def bar(bars: Progress) -> Callable[[str, int, int | None], None]:
    """A bar for each stage of a run, in megabytes where it counts bytes."""
    tasks: dict[str, Any] = {}

    def tell(stage: str, done: int, total: int | None) -> None:
        scale, unit = (1 << 20, "MB") if max(done, total or 0) > 1 << 20 else (1, "")
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=None, unit=unit)
        bars.update(
            tasks[stage],
            completed=done // scale,
            unit=unit,
            total=None if total is None else total // scale,
        )

    return tell
