"""`magray bench backup` from end to end, small."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from jobs.backup.restore import open_folder
from tests.jobs.commands import magray, rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder() -> Iterator[Path]:
    made = open_folder("magray-bench-test-")
    yield made
    shutil.rmtree(made)


@pytest.mark.full
@pytest.mark.timeout(900)
def test_everything_is_compared_and_nothing_stays(clone_url: str, folder: Path) -> None:
    done = magray(
        clone_url,
        "bench",
        "backup",
        "--memories",
        "1000",
        "--rounds",
        "1",
        "--scratch",
        folder,
        "--json",
        patience=800,
    )
    told = {row["name"]: row for row in rows(done)}
    full = told["full"]
    assert full["ratio"] == pytest.approx(full["value"] / full["reference"])
    assert all(row["value"] > 0 and row["reference"] > 0 for row in told.values())
    assert told["incremental after 2% new, stored"]["ratio"] < 0.5
    assert len(told) == 6
    assert list(folder.iterdir()) == []
