"""`magray forget`: a namespace, or some memories of it, out of layers, outbox and archive."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

import rich_click as click

from jobs.archive.forget import forget as forget_memories
from jobs.storage.store import open_store
from service.cli.output import json_option, print_rows
from service.cli.progress import make_progress
from service.core.backend import open_database
from service.core.database import connect
from service.core.errors import StorageError
from service.core.logs import configure_logs
from service.core.memory import Archive
from service.core.readable import counted
from service.core.settings import load_settings

if TYPE_CHECKING:
    from uuid import UUID

    from jobs.archive.forget import Forgotten
    from service.core.model.archive import Held
    from service.core.settings import Settings


@click.command()
@click.option("--namespace", required=True, help="Whose memories.")
@click.option("--id", "ids", multiple=True, type=click.UUID, help="Only this one; repeat for more.")
@click.option("--dry-run", is_flag=True, help="Only say how many lie where.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def forget(namespace: str, ids: tuple[UUID, ...], dry_run: bool, yes: bool, as_json: bool) -> None:
    """Forget memories permanently: in the layers, the outbox and the files of the archive.

    One decision row each stays, without the content. Files that hold them are rewritten; where the
    store refuses, exit code 74 says so and magray archive run tries again. Backups are not touched:
    a memory is gone from them when they are older than their retention.
    """
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "error"}))
    wanted = list(ids) or None
    places = asyncio.run(_places(settings, namespace, wanted))
    if dry_run:
        print_rows(places, as_json=as_json, empty="")
        return
    total = sum(place.memories for place in places)
    if not yes:
        click.confirm(
            f"Forget {counted(total, 'memory', 'memories')} of {namespace} permanently?",
            abort=True,
            err=True,
        )
    began = time.monotonic()
    answer = asyncio.run(_forget(settings, namespace, wanted, total))
    row = {
        "namespace": namespace,
        "forgotten": answer.memories,
        "files_rewritten": answer.outcome.rewritten,
        "files_deleted": answer.outcome.deleted,
        "waiting": answer.waiting,
        "problems": answer.outcome.problems,
        "seconds": round(time.monotonic() - began, 2),
    }
    print_rows([row], as_json=as_json, empty="")
    if answer.waiting:
        sys.exit(StorageError.exit_code)


async def _places(settings: Settings, namespace: str, ids: list[UUID] | None) -> list[Held]:
    async with (
        open_database(settings, makes=False) as database,
        connect(database.url, role="memory_operator") as connection,
    ):
        return await Archive(connection).count(namespace, ids)


async def _forget(
    settings: Settings, namespace: str, ids: list[UUID] | None, total: int
) -> Forgotten:
    async with (
        open_database(settings, makes=False) as database,
        connect(database.url, role="memory_operator") as connection,
    ):
        with make_progress() as progress:
            task = progress.add_task("forgetting", total=total, unit="memories")
            return await forget_memories(
                Archive(connection),
                lambda: open_store(settings.archive_url),
                namespace,
                ids=ids,
                on_progress=lambda count: progress.advance(task, count),
            )
