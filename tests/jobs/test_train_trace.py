"""`magray bench train`: a trace is trained on, thinned, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from jobs.bench.trace import read_trace
from jobs.files.source import open_source
from tests.jobs.commands import magray, rows
from tests.sql.calls import session, value

if TYPE_CHECKING:
    from pathlib import Path


def trace(path: Path, requests: int) -> Path:
    """Objects 0..199 come round in turn, others come once."""
    lines = [f"{n},{n % 200 if n % 2 else 1000 + n},{1 + n % 7}" for n in range(requests)]
    path.write_text("\n".join(["time,obj_id,size", *lines]) + "\n")
    return path


def test_a_trace_is_trained_on(clone_url: str, tmp_path: Path) -> None:
    path = trace(tmp_path / "turns.csv", 3000)
    command = ("bench", "train", "--trace", path, "--limit", "5000", "--json")
    done = magray(clone_url, *command, patience=280)
    (row,) = rows(done)
    assert (row["requests"], row["replayed"], row["objects"]) == (3000, 3000, 1600)
    assert row["activated"]
    assert row["metrics"]["methods"]["relevance"]["auc"]["low"] > 0.95
    assert row["scored"] == 1600
    with session(clone_url) as db:
        assert value(db, "select count(*) from memory_data.model") == 0


def test_a_trace_is_thinned_by_object(tmp_path: Path) -> None:
    path = trace(tmp_path / "turns.csv", 20_000)
    with open_source(str(path)) as source:
        thinned = read_trace(source, 5000)
    assert thinned.requests == 20_000
    assert 4000 < len(thinned.at) < 6000
    chosen = np.unique(thinned.object[thinned.object < 200])
    assert 10 < len(chosen) < 90
    assert (np.unique(thinned.object, return_counts=True)[1][: len(chosen)] == 100).all()
    assert np.array_equal(np.sort(thinned.at), thinned.at)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "no trace"),
        ("time,obj_id,size\n1,x,2\n", "numbers"),
        ("time,obj_id,size\n1,2,3\n1,3,3\n", "spans no time"),
        ("time,obj_id,size\n", "spans no time"),
    ],
)
def test_a_file_that_is_no_trace_ends_with_65(
    clone_url: str, tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    done = magray(clone_url, "bench", "train", "--trace", path)
    assert done.returncode == 65
    assert words in done.stderr
