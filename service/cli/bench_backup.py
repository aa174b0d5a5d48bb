"""`magray bench backup`: what backups and restores cost, and how small an incremental is."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import asdict
from pathlib import Path

import rich_click as click

from jobs.backup.restore import open_folder
from jobs.bench import backup as benchmark
from jobs.bench.corpus import DIM
from service.cli.output import json_option, print_rows
from service.cli.progress import make_progress
from service.core.logs import configure_logs
from service.core.settings import EmbeddingSettings, load_settings


@click.command()
@click.option("--memories", default=50_000, show_default=True, help="Memories to store first.")
@click.option("--rounds", default=3, show_default=True, help="Fulls and plain backups in turns.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Work below this folder.")
@json_option
def backup(memories: int, rounds: int, scratch: Path | None, as_json: bool) -> None:
    """Compare a full with pg_basebackup, a restore with a copy, an incremental with the full."""
    settings = load_settings(embedding=EmbeddingSettings(provider="none", model="bench", dim=DIM))
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    folder = open_folder("magray-bench-", scratch)
    try:
        with make_progress() as progress:
            task = progress.add_task("", total=None, unit="")
            outcomes = asyncio.run(
                benchmark.run(
                    settings,
                    folder,
                    count=memories,
                    rounds=rounds,
                    note=lambda text: progress.update(task, description=text),
                )
            )
    finally:
        shutil.rmtree(folder)
    if as_json:
        rows = [{**asdict(one), "ratio": one.ratio} for one in outcomes]
        print_rows(rows, as_json=True, empty="")
        return
    print_rows([_shown(one) for one in outcomes], as_json=False, empty="")


def _shown(one: benchmark.Outcome) -> dict[str, str]:
    reference = "" if one.against == "a gigabyte" else f"{one.reference:.1f} {one.unit}"
    return {
        "": one.name,
        "this": f"{one.value:.1f} {one.unit}",
        "against": one.against,
        "that": reference,
        "ratio": f"{one.ratio:.2f}",
    }
