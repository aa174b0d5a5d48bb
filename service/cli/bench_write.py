"""`magray bench write`: whether writing stays as fast as it began while a layer grows."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import rich_click as click

from jobs.bench import write as benchmark
from jobs.bench.corpus import DIM
from jobs.scratch import scratch_database
from jobs.statistics import ratio_of_medians
from service.cli.output import json_option, print_facts
from service.cli.progress import make_progress
from service.core.logs import configure_logs
from service.core.settings import EmbeddingSettings, load_settings

if TYPE_CHECKING:
    from service.core.settings import Settings


@click.command()
@click.option("--memories", default=40_000, show_default=True, help="Stored at all, in four parts.")
@click.option("--ttl", help="Of each memory ('1 hour'); by default its layer's.")
@json_option
def write(memories: int, ttl: str | None, as_json: bool) -> None:
    """Compare the rate of POST /v1/memories in the last quarter with the first, vectors given."""
    settings = load_settings(embedding=EmbeddingSettings(provider="none", model="bench", dim=DIM))
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    parts = asyncio.run(_write(settings, memories, ttl))
    ratio = ratio_of_medians(parts[0].seconds, parts[-1].seconds)
    built = sum(len(part.indexes) for part in parts)
    print_facts(
        {
            **{
                f"quarter {place}": f"{part.rate:,.0f} memories a second"
                for place, part in enumerate(parts, 1)
            },
            "last of first": f"{ratio.value:.2f} ({ratio.low:.2f}-{ratio.high:.2f})",
            "indexes": f"{built} built or dropped",
        },
        as_json=as_json,
    )


async def _write(settings: Settings, memories: int, ttl: str | None) -> list[benchmark.Part]:
    async with scratch_database(settings, None) as scratch:
        with make_progress() as progress:
            task = progress.add_task("storing", total=memories, unit="memories")
            return await benchmark.measure(
                scratch, memories=memories, ttl=ttl, advance=partial(progress.advance, task)
            )
