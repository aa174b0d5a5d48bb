"""`magray archive`: what left its layer, in files; list, write, restore, check, clean."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.console import Console

from jobs.archive import check
from jobs.archive import write as writing
from jobs.archive.restore import restore as bring_back
from jobs.storage.store import open_store
from service.cli.output import json_option, print_rows
from service.cli.progress import make_progress
from service.cli.reported import ToldExit
from service.core.backend import open_database
from service.core.database import connect
from service.core.errors import DamagedObjectError, StorageError
from service.core.logs import configure_logs
from service.core.memory import Archive
from service.core.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from service.core.model.archive import ArchiveFile
    from service.core.settings import Settings


@click.group()
def archive() -> None:
    """Memories that left their layer, in Parquet files: list, write, restore, check, clean."""


@archive.command(name="list")
@json_option
def list_files(as_json: bool) -> None:
    """List the files; DuckDB, pandas and others read them where they lie."""
    settings = _settings()
    rows = asyncio.run(_list(settings))
    print_rows(
        rows if as_json else [_short(row) for row in rows],
        as_json=as_json,
        empty=f"No file yet in {settings.archive_url}.",
    )


async def _list(settings: Settings) -> list[ArchiveFile]:
    async with _opened(settings) as archive:
        return await archive.archives()


def _short(row: ArchiveFile) -> dict[str, Any]:
    """A row that fits a terminal: the archive's id instead of its file's long name."""
    times = {
        key: f"{getattr(row, key):%Y-%m-%d %H:%M}" for key in ("created_at", "oldest", "newest")
    }
    wanted = ("tier", "created_at", "rows", "bytes", "layers", "namespaces", "oldest", "newest")
    told = {key: times.get(key) or getattr(row, key) for key in wanted}
    layers = ", ".join(row.layers)
    return {"archive": row.file.split("/")[3], **told, "layers": layers, "state": row.state}


@archive.command()
@json_option
def run(as_json: bool) -> None:
    """Write what waits to files, erase what was forgotten; a job of the service runs this."""
    settings = _settings()
    row = asyncio.run(_run(settings))
    if row is None:
        _say("The archive is being written by another program.", as_json=as_json)
        return
    problems = row["problems"]  # on a terminal each is told below
    print_rows([row if as_json else {**row, "problems": len(problems)}], as_json=as_json, empty="")
    _tell_problems(problems)


async def _run(settings: Settings) -> dict[str, Any] | None:
    began = time.monotonic()
    async with _opened(settings) as archive:
        if not await writing.take(archive):
            return None
        waiting = {row.item: row.waiting for row in await archive.backlog()}
        with make_progress() as progress:
            task = progress.add_task("archiving", total=waiting["to write"], unit="memories")
            outcome = await writing.run(
                archive,
                open_store(settings.archive_url),
                file_rows=settings.archive.file_rows,
                file_bytes=settings.archive.file_mb << 20,
                on_progress=lambda count: progress.advance(task, count),
            )
    return {**asdict(outcome), "seconds": round(time.monotonic() - began, 2)}


@archive.command()
@click.option("--namespace", required=True, help="Whose memories.")
@click.option("--id", "ids", multiple=True, type=click.UUID, help="Only this one; repeat for more.")
@click.option("--file", help="Only those of this file or archive.")
@click.option("--dry-run", is_flag=True, help="Check the files and say what would come back.")
@json_option
def restore(
    namespace: str, ids: tuple[UUID, ...], file: str | None, dry_run: bool, as_json: bool
) -> None:
    """Bring archived memories back into their layers, with id, history and usage.

    They begin a new life there: the layer's whole ttl, counted from now. A memory whose id lives
    already (live) is left as it is; one whose content lives under another id (same_content) stays
    in the archive. A damaged file stops it before anything is restored.
    """
    settings = _settings()
    row = asyncio.run(_restore(settings, namespace, list(ids) or None, file, dry_run=dry_run))
    print_rows([row], as_json=as_json, empty="")


async def _restore(
    settings: Settings, namespace: str, ids: list[UUID] | None, file: str | None, *, dry_run: bool
) -> dict[str, Any]:
    began = time.monotonic()
    async with _opened(settings) as archive:
        with make_progress() as progress:
            task = progress.add_task("restoring", total=None, unit="memories")
            answer = await bring_back(
                archive,
                open_store(settings.archive_url),
                namespace,
                ids=ids,
                file=file,
                dry_run=dry_run,
                on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
    return {
        "namespace": namespace,
        **asdict(answer),
        "dry_run": dry_run,
        "seconds": round(time.monotonic() - began, 2),
    }


@archive.command()
@json_option
def verify(as_json: bool) -> None:
    """Read every file and compare it with what was registered; exit code 65 when one differs."""
    rows = asyncio.run(_verify(_settings()))
    print_rows(rows, as_json=as_json, empty="No file yet.")
    if any(row["state"] != "ok" for row in rows):
        sys.exit(DamagedObjectError.exit_code)


async def _verify(settings: Settings) -> list[dict[str, Any]]:
    async with _opened(settings) as archive:
        with make_progress() as progress:
            task = progress.add_task("verifying", total=None, unit="files")
            return await check.verify(
                archive,
                open_store(settings.archive_url),
                lambda done, total: progress.update(task, completed=done, total=total),
            )


@archive.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option(
    "--copies-after-days",
    type=click.FloatRange(min=0),
    help="Drop the copies of memories restored longer ago than this, too. Keep them for as long as "
    "you may restore the database to.",
)
@click.option(
    "--accept-missing",
    is_flag=True,
    help="Files that are not in the store any more are lost: what was to be erased from "
    "them is done, what lay in them alone is noted as lost. Look with --dry-run first.",
)
@click.option(
    "--accept-damaged",
    is_flag=True,
    help="The same for files found damaged that still are, and delete them: keep a copy elsewhere "
    "of one you may mend.",
)
@json_option
def clean(
    dry_run: bool,
    copies_after_days: float | None,
    accept_missing: bool,
    accept_damaged: bool,
    as_json: bool,
) -> None:
    """Delete objects in the archive's folder that belong to no file of it."""
    settings = _settings()
    told = {"missing": accept_missing, "damaged": accept_damaged}
    accept = [fault for fault, accepted in told.items() if accepted]
    cleaned = asyncio.run(_clean(settings, copies_after_days, accept=accept, dry_run=dry_run))
    if cleaned is None:
        _say("The archive is being written by another program.", as_json=as_json)
        sys.exit(75)  # sysexits: try again
    rows = [
        {"file": one.name, "bytes": one.size, "action": action}
        for objects, action in (
            (cleaned.orphans, "would delete" if dry_run else "deleted"),
            (
                cleaned.kept,
                "kept: its archive has no other file; --accept-missing settles that "
                "once this one is moved elsewhere",
            ),
        )
        for one in objects
    ]
    rows += [
        {"file": one.file, "bytes": None, "action": _fate(one, dry_run=dry_run)}
        for one in cleaned.faulty
    ]
    if cleaned.copies:
        rows.append({"file": None, "bytes": None, "action": f"copies dropped: {cleaned.copies}"})
    print_rows(rows, as_json=as_json, empty="Nothing to clean.")
    _tell_problems(cleaned.outcome.problems)


def _fate(one: check.Faulty, *, dry_run: bool) -> str:
    """What becomes of a missing or damaged file, in words."""
    if not one.settled:
        return f"{one.fault}: if it is lost, magray archive clean --accept-{one.fault}"
    verb = "would settle" if dry_run else "settled"
    return f"{one.fault}, {verb}: {one.erased} erased, {one.lost} lost, {one.copies} copies"


async def _clean(
    settings: Settings, copies_after_days: float | None, *, accept: list[str], dry_run: bool
) -> check.Cleaned | None:
    async with _opened(settings) as archive:
        if not await writing.take(archive, patience=10):
            return None
        return await check.clean(
            archive,
            open_store(settings.archive_url),
            copies_after_days=copies_after_days,
            accept=accept,
            dry_run=dry_run,
        )


def _settings() -> Settings:
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "error"}))
    return settings


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Archive]:
    async with (
        open_database(settings, makes=False) as database,
        connect(database.url, role="memory_operator") as connection,
    ):
        yield Archive(connection)


def _tell_problems(problems: list[str]) -> None:
    """Say on standard error what could not be done, which is what a schedule keeps, and end."""
    for problem in problems:
        Console(stderr=True, highlight=False).print(problem, markup=False, soft_wrap=True)
    if problems:
        raise ToldExit(StorageError.exit_code, "; ".join(problems))


def _say(text: str, *, as_json: bool) -> None:
    if not as_json:
        Console(highlight=False).print(text)
