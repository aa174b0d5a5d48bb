"""`magray bench expire`: what expiring many memories costs, and how long readers wait."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import anyio.to_thread
import rich_click as click

from jobs.bench import expire as benchmark
from jobs.bench.corpus import DIM
from jobs.scratch import scratch_database
from service.cli.output import json_option, print_rows
from service.cli.progress import make_progress
from service.core.logs import configure_logs
from service.core.settings import EmbeddingSettings, load_settings

if TYPE_CHECKING:
    from typing import Any

    from service.core.settings import Settings


@click.command()
@click.option("--records", default=1_000_000, show_default=True, help="Memories that expire.")
@click.option("--namespaces", default=2000, show_default=True, help="Namespaces they lie in.")
@click.option("--vectors", is_flag=True, help=f"Each with a vector of {DIM} dimensions.")
@json_option
def expire(records: int, namespaces: int, vectors: bool, as_json: bool) -> None:
    """Time memory.expire over partitions that are past, with and without a long reader."""
    settings = load_settings(embedding=EmbeddingSettings(provider="none", model="bench", dim=DIM))
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    outcomes = asyncio.run(_expire(settings, records, namespaces, vectors=vectors))
    if as_json:
        print_rows([asdict(one) for one in outcomes], as_json=True, empty="")
        return
    print_rows([_shown(one) for one in outcomes], as_json=False, empty="")


async def _expire(
    settings: Settings, records: int, namespaces: int, *, vectors: bool
) -> list[benchmark.Outcome]:
    async with scratch_database(settings, None) as scratch:
        with make_progress() as progress:
            filling = progress.add_task("storing", total=records, unit="memories")
            await benchmark.fill(
                scratch,
                records=records,
                namespaces=namespaces,
                vectors=vectors,
                advance=lambda n: progress.advance(filling, n),
            )
        return await anyio.to_thread.run_sync(benchmark.measure, scratch.database.url)


def _shown(one: benchmark.Outcome) -> dict[str, Any]:
    return {
        "": one.name,
        "records": f"{one.records:,}",
        "partitions": one.partitions,
        "calls": one.calls,
        "seconds": f"{one.seconds:.2f}",
        "freeing": f"{one.freeing:.2f}",
        "gone after": "" if one.gone is None else f"{one.gone:.2f}",
        "WAL": f"{one.wal / 1e6:.2f} MB",
        "longest read": f"{one.watch.longest:.0f} ms",
    }
