"""`magray bench compress`: what compressing a cold partition saves and costs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import rich_click as click
from rich.console import Console
from rich.table import Table

from jobs.bench import compress as benchmark
from jobs.bench.corpus import DIM
from jobs.files.source import open_source
from jobs.scratch import scratch_database
from jobs.statistics import ratio_of_medians
from jobs.transfer.item import Choice, Item
from jobs.transfer.locomo import conversation_entries, load_conversations
from service.cli.output import json_option, print_rows
from service.cli.progress import make_progress
from service.core.backend import load_embedder
from service.core.embedding.port import embed_queries
from service.core.logs import configure_logs
from service.core.settings import EmbeddingSettings, load_settings

if TYPE_CHECKING:
    from service.core.embedding.port import Vectors
    from service.core.model.memories import NewMemory
    from service.core.settings import Settings

_QUESTIONS = 200
_WIDTH = 110


@click.command()
@click.option("--rows", "count", default=100_000, show_default=True, help="Memories to store.")
@click.option("--data", help="Conversations (LoCoMo) to mix them from; made up without.")
@click.option("--calls", default=200, show_default=True, help="Searches of each kind and state.")
@json_option
def compress(count: int, data: str | None, calls: int, as_json: bool) -> None:
    """Compress a cold partition and take it back: bytes, recall@10 and latency each time."""
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    texts: tuple[list[NewMemory], Vectors, Vectors] | None = None
    if data is not None:
        texts = _embedded(settings, data)
    own = EmbeddingSettings(provider="none", model="bench", dim=DIM)
    found, lost = asyncio.run(
        _compress(settings.model_copy(update={"embedding": own}), count, texts, calls)
    )
    parts, ways, searches = _parts(found), _ways(found, lost), _searches(found)
    if as_json:
        print_rows([*parts, *ways, *searches], as_json=True, empty="")
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    for title, rows in (
        ("One partition, MB", parts),
        ("Ways", ways),
        ("Searches", searches),
    ):
        table = Table(
            title=title, title_justify="left", title_style="bold", box=None, pad_edge=False
        )
        for column in rows[0]:
            table.add_column(column)
        for row in rows:
            table.add_row(*(str(value) for value in row.values()))
        console.print(table)
        console.print()


def _embedded(settings: Settings, data: str) -> tuple[list[NewMemory], Vectors, Vectors]:
    """The turns of a file, their vectors, and those of its questions."""
    with open_source(data) as source:
        conversations = load_conversations(source)
    turns = [
        entry.memory
        for one in conversations
        for entry in conversation_entries(one, Choice())
        if isinstance(entry, Item)
    ]
    questions = [asked.question for one in conversations for asked in one.questions]
    embedder = load_embedder(settings)
    if embedder is None or embedder.dim != DIM:
        raise click.UsageError(f"--data needs an embedding provider of {DIM} dimensions")
    try:
        vectors = embedder.embed_documents([turn.content for turn in turns])
        return turns, vectors, embed_queries(embedder, questions[:_QUESTIONS])
    finally:
        embedder.close()


async def _compress(
    settings: Settings,
    count: int,
    texts: tuple[list[NewMemory], Vectors, Vectors] | None,
    calls: int,
) -> tuple[dict[str, benchmark.Measured], dict[str, int]]:
    async with scratch_database(settings, None) as scratch:
        with make_progress() as progress:
            filling = progress.add_task("storing", total=count, unit="memories")
            batches = (
                benchmark.made_up(count)
                if texts is None
                else benchmark.mixed(count, texts[0], texts[1])
            )
            return await benchmark.run(
                scratch,
                batches,
                texts and texts[2],
                calls=calls,
                advance=lambda n: progress.advance(filling, n),
                note=lambda text: progress.update(filling, description=text),
            )


def _parts(found: dict[str, benchmark.Measured]) -> list[dict[str, Any]]:
    names = dict.fromkeys(part for state in found.values() for part in state.parts)
    rows = [
        {"part": part, **{name: _mb(state.parts.get(part, 0)) for name, state in found.items()}}
        for part in names
    ]
    return [*rows, {"part": "all", **{name: _mb(state.total) for name, state in found.items()}}]


def _ways(found: dict[str, benchmark.Measured], lost: dict[str, int]) -> list[dict[str, Any]]:
    before = found["before"].total
    ways = {"small HNSW index, no exact index (this)": found["compressed"].total, **lost}
    return [
        {"way": way, "MB": _mb(size), "saved": f"{100 * (1 - size / before):.1f}%"}
        for way, size in ways.items()
    ]


def _searches(found: dict[str, benchmark.Measured]) -> list[dict[str, Any]]:
    rows = []
    for group in (benchmark.SMALL, benchmark.LARGE):
        base = np.asarray(found["before"].samples[group])
        for name, state in found.items():
            samples = np.asarray(state.samples[group])
            ratio = ratio_of_medians(samples, base)
            rows.append(
                {
                    "namespace": group,
                    "state": name,
                    "recall@10": round(float(np.mean(state.recalls[group])), 4),
                    "median ms": round(float(np.median(samples)), 2),
                    "of before": f"{ratio.value:.2f} ({ratio.low:.2f}-{ratio.high:.2f})",
                }
            )
    return rows


def _mb(size: int) -> float:
    return round(size / 1e6, 1)
