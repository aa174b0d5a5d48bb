"""`magray restore`: to any instant the backups prove, or not at all."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import rich_click as click

from jobs.backup.bring_back import bring_back
from jobs.backup.marks import close_window
from jobs.backup.plan import make_plan
from jobs.backup.release import release
from jobs.backup.restore import restore as run_restore
from jobs.backup.target import Target, parse_target
from service.cli.backup import bar, closed, embedded, opened
from service.cli.output import json_option, print_facts, print_rows
from service.cli.progress import make_progress
from service.core.embedded import EmbeddedServer
from service.core.errors import ConfigError, TimedOutError
from service.core.logs import configure_logs
from service.core.settings import Settings, load_settings

if TYPE_CHECKING:
    from jobs.backup.repository import Repository
    from service.core.model.backups import BroughtBack


@click.command()
@click.option("--to", help="An instant with its zone: 2026-11-20T10:00:00Z.")
@click.option("--name", help="A mark: magray backup mark NAME.")
@click.option("--lsn", help="A position in WAL: everything before it.")
@click.option("--latest", is_flag=True, help="As far as archived WAL goes.")
@click.option("--exclusive", is_flag=True, help="With --to: without that very microsecond.")
@click.option("--into", type=click.Path(path_type=Path), help="A new data directory.")
@click.option("--promote", is_flag=True, help="Release the cluster that was restored into --into.")
@click.option("--namespace", help="Only this namespace, into the live database.")
@click.option("--id", "ids", multiple=True, type=click.UUID, help="Of it, only these memories.")
@click.option("--timeline", type=int, help="Of several branches of history, this one.")
@click.option("--system", help="Of several clusters in the repository, this one.")
@click.option("--dry-run", is_flag=True, help="Only say what would be restored from what.")
@json_option
def restore(
    to: str | None,
    name: str | None,
    lsn: str | None,
    latest: bool,
    exclusive: bool,
    into: Path | None,
    promote: bool,
    namespace: str | None,
    ids: tuple[UUID, ...],
    timeline: int | None,
    system: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Restore an instant into a new directory, checked and held back; or refuse and say what works.

    What is restored runs no jobs and archives nothing until `magray restore --promote --into DIR`.
    """
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    if promote and not any((to, name, lsn, latest)):
        _promote(into, as_json=as_json)
        return
    target = parse_target(to, name, lsn, latest=latest, exclusive=exclusive)
    where = {"system": system, "timeline": timeline}
    if namespace is not None:
        rows = asyncio.run(
            _bring_back(
                settings, target, namespace, list(ids) or None, dry_run=dry_run, where=where
            )
        )
        counts = Counter((row.layer, row.outcome) for row in rows)
        counted = [
            {"layer": layer, "outcome": outcome, "memories": count}
            for (layer, outcome), count in sorted(counts.items())
        ]
        print_rows(
            rows if as_json else counted,
            as_json=as_json,
            empty="The namespace held nothing then.",
        )
        return
    if into is None:
        raise ConfigError("say where to", hint="magray restore --to … --into NEW_DIRECTORY")
    repository = closed(settings)
    _close_window(settings, repository)
    if dry_run:
        print_facts(_plan(repository, target, where), as_json=as_json)
        return
    with make_progress() as bars:
        restored = asyncio.run(
            run_restore(repository, target, into.absolute(), progress=bar(bars), **where)  # type: ignore[arg-type]
        )
    print_facts(asdict(restored), as_json=as_json)
    if promote:
        _promote(into, as_json=as_json)
    elif not as_json:
        click.echo(
            f"\nLook at it:      MAGRAY_DATA_DIR={into} magray psql\n"
            f"Hand it over:    magray restore --promote --into {into}\n"
            f"Then serve it:   MAGRAY_DATA_DIR={into} magray serve"
        )


def _close_window(settings: Settings, repository: Repository) -> None:
    """Where the live database runs, instants up to now can be restored."""
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
    else:
        server = embedded(settings)
        if not server.is_running or server.is_held_back:
            return
        url = server.url()
    with suppress(psycopg.OperationalError, TimedOutError):
        asyncio.run(close_window(repository, url))


def _promote(into: Path | None, *, as_json: bool) -> None:
    if into is None:
        raise ConfigError("say which", hint="magray restore --promote --into DIRECTORY")
    server = EmbeddedServer(into.absolute(), bin_dir=load_settings().backup.bin_dir)
    asyncio.run(release(into.absolute(), server))
    print_facts({"released": str(into)}, as_json=as_json)


def _plan(repository: Repository, target: Target, where: dict[str, Any]) -> dict[str, Any]:
    plan = make_plan(repository, target, where["system"], where["timeline"])
    return {
        "target": str(plan.target),
        "timeline": plan.timeline,
        "chain": [one.id for one in plan.chain],
        "bytes": sum(one.manifest.bytes for one in plan.chain),
    }


async def _bring_back(
    settings: Settings,
    target: Target,
    namespace: str,
    ids: list[UUID] | None,
    *,
    dry_run: bool,
    where: dict[str, Any],
) -> list[BroughtBack]:
    async with opened(settings) as (repository, database):
        with make_progress() as bars:
            return await bring_back(
                repository,
                database,
                target,
                namespace,
                ids,
                dry_run=dry_run,
                progress=bar(bars),
                **where,
            )
