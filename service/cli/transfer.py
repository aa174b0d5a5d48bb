"""`magray import` and `magray export`: memories in and out of files."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec
import rich_click as click

from jobs.files.source import open_source
from jobs.transfer.export import export, open_output
from jobs.transfer.formats import READERS
from jobs.transfer.item import Choice
from jobs.transfer.report import open_report
from jobs.transfer.store import store
from service.cli.output import json_option, print_rows
from service.cli.progress import make_progress
from service.cli.transferred import export_lines, print_import, summarise
from service.core.backend import open_backend
from service.core.database import connect
from service.core.embedding.pending import embed_pending
from service.core.errors import FileError
from service.core.logs import configure_logs
from service.core.memory import Operator, Transfer
from service.core.settings import EmbeddingSettings, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from jobs.files.source import Source
    from jobs.transfer.item import Entry
    from jobs.transfer.outcome import Outcome
    from jobs.transfer.report import Report
    from service.core.backend import Backend


@click.command(name="import")
@click.argument("file")
@click.option(
    "--format",
    "format_",
    type=click.Choice(sorted(READERS)),
    default="jsonl",
    show_default=True,
    help="jsonl: what magray export writes; locomo: conversations; mem0: its exports and lists.",
)
@click.option("--namespace", help="Put everything into this namespace.")
@click.option("--kind", help="Make every memory of this kind. [learned_context for locomo, mem0]")
@click.option(
    "--keep",
    type=click.Choice(["layer", "forever"]),
    default="layer",
    show_default=True,
    help="layer: a new memory lives as long as its layer says; forever: it is pinned.",
)
@click.option("--dry-run", is_flag=True, help="Store nothing, only tell what would become of it.")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="skip: go on past what is wrong in the file, and tell it at the end.",
)
@click.option("--report", help="Write what is not stored to this file, JSON lines.")
@click.option("--ignore", multiple=True, help="A field to leave aside; repeat for more.")
@click.option(
    "--batch",
    type=click.IntRange(1, 1000),
    default=200,
    show_default=True,
    help="Memories stored in one transaction.",
)
@json_option
def import_command(
    file: str,
    format_: str,
    namespace: str | None,
    kind: str | None,
    keep: str,
    dry_run: bool,
    on_error: str,
    report: str | None,
    ignore: tuple[str, ...],
    batch: int,
    as_json: bool,
) -> None:
    """Store the memories of FILE (gzip too, - is standard input) and embed them.

    Those of an export are put in as they were. Running it again stores only what is not there yet.
    A wrong file ends with exit code 65.
    """
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    choice = Choice(
        namespace=namespace,
        kind=kind,
        forever=keep == "forever",
        ignored=frozenset(ignore),
        skip_faults=on_error == "skip",
    )
    with open_source(file) as source, open_report(report) as told:
        entries = READERS[format_](source, choice)
        summary = asyncio.run(
            _import(
                settings,
                source,
                entries,
                told,
                batch=batch,
                dry_run=dry_run,
                skip_faults=choice.skip_faults,
            )
        )
    if as_json:
        print_rows([summary], as_json=True, empty="")
    else:
        print_import(summary)
    if summary["faults"] and not summary["stored"] + summary["known"]:
        sys.exit(FileError.exit_code)


async def _import(
    settings: Settings,
    source: Source,
    entries: Iterator[Entry],
    report: Report,
    *,
    batch: int,
    dry_run: bool,
    skip_faults: bool,
) -> dict[str, Any]:
    async with open_backend(settings) as backend:
        began = time.monotonic()
        with make_progress() as progress:
            task = progress.add_task("storing", total=None, unit="memories")

            def on_progress(outcome: Outcome) -> None:
                share = source.position / source.size if source.size else 0
                total = round(outcome.read / share) if share else None
                progress.update(task, completed=outcome.read, total=total)

            async with connect(backend.database.url, role="memory_owner") as connection:
                outcome = await store(
                    backend.memory,
                    entries,
                    batch=batch,
                    transfer=Transfer(connection),
                    report=report,
                    skip_faults=skip_faults,
                    dry_run=dry_run,
                    on_progress=on_progress,
                )
                in_use = await Operator(connection).active_model()
            progress.update(task, completed=outcome.read, total=outcome.read)
            stored_s = time.monotonic() - began
            embedded, problem = 0, None
            if not dry_run:
                embedded, problem = await _embed(backend, outcome.waiting, progress)
        return {
            "file": source.name,
            "dry_run": dry_run,
            **summarise(outcome),
            "model": in_use[0] if in_use else None,
            "vectors": embedded,
            "vectors_missing": problem,
            "seconds": round(time.monotonic() - began, 2),
            "stored_per_second": round(outcome.read / stored_s, 1) if stored_s else None,
        }


async def _embed(
    backend: Backend, waiting: Sequence[tuple[str, UUID]], progress: Any
) -> tuple[int, str | None]:
    """Vectors written, and why some are missing."""
    if not waiting:
        return 0, None
    if backend.embedder is None:
        return 0, "no embedding provider is configured: found by words only"
    task = progress.add_task("embedding", total=len(waiting), unit="memories")
    written, away = await embed_pending(
        backend.memory,
        backend.embedder,
        waiting,
        batch=backend.settings.memory.performance.batch_size,
        on_progress=lambda count: progress.advance(task, count),
    )
    return written, None if away is None else f"{away.message} magray serve embeds them later"


@click.command(name="export")
@click.option("--namespace", "namespaces", multiple=True, help="Only this one; repeat for more.")
@click.option(
    "--output",
    "-o",
    default="-",
    show_default=True,
    help="File to write, packed when it ends in .gz; - is standard output.",
)
@click.option("--embeddings", is_flag=True, help="Write the vectors too.")
@json_option
def export_command(
    namespaces: tuple[str, ...], output: str, embeddings: bool, as_json: bool
) -> None:
    """Write memories whole, as JSON lines that magray import puts in again as they were."""
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    summary = asyncio.run(_export(settings, namespaces, output, embeddings=embeddings))
    told = msgspec.json.encode(summary).decode() if as_json else export_lines(summary)
    click.echo(told, err=output == "-")  # where standard output holds the memories


async def _export(
    settings: Settings, wanted: tuple[str, ...], output: str, *, embeddings: bool
) -> dict[str, Any]:
    began = time.monotonic()
    # An export embeds nothing, so no model is loaded.
    quick = settings.model_copy(update={"embedding": EmbeddingSettings(provider="none")})
    async with open_backend(quick, makes=False) as backend:
        async with connect(backend.database.url, role="memory_owner") as connection:
            counts = await Operator(connection).namespaces()
            archived = await Transfer(connection).archived(wanted or tuple(counts))
        for name in wanted:
            if name not in counts:
                raise FileError(
                    f"namespace {name} holds no memory",
                    detail=f"There are {len(counts)}, such as: {', '.join(list(counts)[:10])}",
                    hint='magray psql -c "select distinct namespace from memory.records"',
                )
        chosen = {name: counts[name] for name in dict.fromkeys(wanted or counts)}
        with make_progress() as progress, open_output(output) as file:
            task = progress.add_task("exporting", total=sum(chosen.values()), unit="memories")
            written = await export(
                backend.memory,
                chosen,
                file,
                embeddings=embeddings,
                on_progress=lambda count: progress.advance(task, count),
            )
    return {
        "file": output,
        "written": written,
        "namespaces": len(chosen),
        "archived": archived,
        "seconds": round(time.monotonic() - began, 2),
    }
