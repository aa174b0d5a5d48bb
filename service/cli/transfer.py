"""`magray import` and `magray export`: memories in and out of files."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.console import Console

from jobs.transfer.embed import embed_pending
from jobs.transfer.export import export, open_output
from jobs.transfer.formats import READERS
from jobs.transfer.item import Choice, FileError
from jobs.transfer.source import open_source
from jobs.transfer.store import store
from service.backend import open_backend
from service.cli.faults import file_faults
from service.cli.output import json_option, print_rows
from service.cli.progress import make_progress
from service.database import connect
from service.logs import configure_logs
from service.memory import Operator
from service.settings import EmbeddingSettings, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from jobs.transfer.source import Source
    from jobs.transfer.store import Outcome
    from service.backend import Backend


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
    "--batch",
    type=click.IntRange(1, 1000),
    default=200,
    show_default=True,
    help="Memories stored in one transaction.",
)
@json_option
def import_command(
    file: str, format_: str, namespace: str | None, kind: str | None, batch: int, as_json: bool
) -> None:
    """Store the memories of FILE (gzip too, - is standard input) and embed them.

    Running it again stores only what is not there yet. A wrong file ends with exit code 65.
    """
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    choice = Choice(namespace=namespace, kind=kind)
    with file_faults(), open_source(file) as source:
        summary = asyncio.run(_import(settings, source, format_, choice, batch))
    if as_json:
        print_rows([summary], as_json=True, empty="")
    else:
        _print_import(summary)


async def _import(
    settings: Settings, source: Source, format_: str, choice: Choice, batch: int
) -> dict[str, Any]:
    async with open_backend(settings) as backend:
        began = time.monotonic()
        with make_progress() as progress:
            task = progress.add_task("storing", total=None, unit="memories")

            def on_progress(outcome: Outcome) -> None:
                share = source.position / source.size if source.size else 0
                total = round(outcome.read / share) if share else None
                progress.update(task, completed=outcome.read, total=total)

            entries = READERS[format_](source, choice)
            outcome = await store(backend.memory, entries, batch=batch, on_progress=on_progress)
            progress.update(task, completed=outcome.read, total=outcome.read)
            stored_s = time.monotonic() - began
            embedded, problem = await _embed(backend, outcome.waiting, progress)
        return {
            "file": source.name,
            "read": outcome.read,
            "stored": outcome.stored,
            "known": outcome.known,
            "skipped": [
                {"reason": one.reason, "count": one.count, "first": one.first}
                for one in outcome.skipped.values()
            ],
            "namespaces": len(outcome.namespaces),
            "examples": sorted(outcome.namespaces)[:5],
            "layers": outcome.layers,
            "vectors": embedded,
            "vectors_missing": problem,
            "seconds": round(time.monotonic() - began, 2),
            "stored_per_second": round((outcome.read) / stored_s, 1) if stored_s else None,
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


def _print_import(summary: dict[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True, markup=False)
    skipped = sum(one["count"] for one in summary["skipped"])
    console.print(
        f"{summary['file']}: {summary['read']:,} read, {summary['stored']:,} stored, "
        f"{summary['known']:,} known already, {skipped:,} skipped"
    )
    for one in summary["skipped"]:
        console.print(f"  skipped {one['count']:,}: {one['reason']}, first at {one['first']}")
    if summary["namespaces"]:
        names = ", ".join(summary["examples"])
        more = ", …" if summary["namespaces"] > len(summary["examples"]) else ""
        layers = ", ".join(f"{n:,} in {layer}" for layer, n in summary["layers"].items())
        console.print(
            f"{summary['namespaces']:,} namespaces ({names}{more})"
            + (f"; {layers}" if layers else "")
        )
    console.print(
        f"{summary['vectors']:,} vectors made; {summary['seconds']:.1f} s, "
        f"storing at {summary['stored_per_second'] or 0:,.0f} memories/s"
    )
    if summary["vectors_missing"]:
        console.print(f"some have no vector: {summary['vectors_missing']}")


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
    """Write memories as JSON lines that magray import reads again."""
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    with file_faults():
        summary = asyncio.run(_export(settings, namespaces, output, embeddings=embeddings))
    if output == "-":  # standard output holds the memories
        Console(stderr=True, highlight=False).print(_export_line(summary), markup=False)
    elif as_json:
        print_rows([summary], as_json=True, empty="")
    else:
        Console(highlight=False, soft_wrap=True).print(_export_line(summary), markup=False)


async def _export(
    settings: Settings, wanted: tuple[str, ...], output: str, *, embeddings: bool
) -> dict[str, Any]:
    began = time.monotonic()
    # An export embeds nothing, so no model is loaded.
    quick = settings.model_copy(update={"embedding": EmbeddingSettings(provider="none")})
    async with open_backend(quick) as backend:
        async with connect(backend.database.url, role="memory_owner") as connection:
            counts = await Operator(connection).namespaces()
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
        "seconds": round(time.monotonic() - began, 2),
    }


def _export_line(summary: dict[str, Any]) -> str:
    return (
        f"{summary['written']:,} memories of {summary['namespaces']:,} namespaces written to "
        f"{summary['file']} in {summary['seconds']:.1f} s"
    )
