"""`magray bench watch`: what KPIs, alerts and metrics cost a search."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import rich_click as click

from jobs.bench import watch as benchmark
from jobs.bench.corpus import DIM
from jobs.scratch import scratch_database
from jobs.statistics import ratio_of_medians
from service.cli.output import json_option, print_facts
from service.cli.progress import make_progress
from service.core.logs import configure_logs
from service.core.settings import EmbeddingSettings, load_settings
from service.core.tally import Tally
from service.web.accounting import account

if TYPE_CHECKING:
    from service.core.settings import Settings


@click.command()
@click.option("--turns", default=6, show_default=True, help="Pairs of 12 s with and 12 s without.")
@json_option
def watch(turns: int, as_json: bool) -> None:
    """Compare the median of POST /v1/search while it is watched, ten times as often, and not."""
    settings = load_settings(embedding=EmbeddingSettings(provider="none", model="bench", dim=DIM))
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    outcome = asyncio.run(_watch(settings, turns))
    quiet, watched = (np.asarray(outcome.samples[key]) for key in (False, True))
    ratio = ratio_of_medians(watched, quiet)
    print_facts(
        {
            "searches": f"{len(quiet)} unwatched, {len(watched)} watched, {outcome.looks} samples",
            "median unwatched": f"{np.median(quiet):.3f} ms",
            "median watched": f"{np.median(watched):.3f} ms",
            "ratio": f"{ratio.value:.3f} ({ratio.low:.3f}-{ratio.high:.3f})",
            "95th percentiles": f"{np.percentile(quiet, 95):.3f} and "
            f"{np.percentile(watched, 95):.3f} ms",
            "counting a request": f"{outcome.counting_us:.0f} us, in both",
        },
        as_json=as_json,
    )


async def _watch(settings: Settings, turns: int) -> benchmark.Outcome:
    async with scratch_database(settings, None) as scratch:
        with make_progress() as progress:
            total = benchmark.NAMESPACES * benchmark.SIZE
            filling = progress.add_task("storing", total=total, unit="memories")
            await benchmark.fill(scratch, lambda n: progress.advance(filling, n))
            searching = progress.add_task("searching", total=turns, unit="pairs")
            return await benchmark.measure(
                scratch,
                turns=turns,
                counted=lambda app: account(app, Tally()),
                advance=lambda n: progress.advance(searching, n),
            )
