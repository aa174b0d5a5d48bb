"""`magray bench recall` from end to end, and the database it works in."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import psycopg
import pytest

from jobs.scratch import scratch_database
from service.core.errors import PlatformError
from service.core.settings import Settings
from tests.conftest import DIM, MODEL
from tests.jobs.commands import COMMAND, ROOT, environment, magray, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TALK: dict[str, Any] = {
    "sample_id": "c",
    "conversation": {
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            {"speaker": "Ann", "dia_id": f"D1:{n}", "text": text}
            for n, text in enumerate(
                ("The kite flew over the bridge.", "My oven is broken.", "Good night."), 1
            )
        ],
    },
    "qa": [
        {"question": "What is broken?", "evidence": ["D1:2"], "category": 4},
        {"question": "What flew over the bridge?", "evidence": ["D1:01", "D7:7"], "category": 1},
        {"question": "Who snores?", "evidence": [], "category": 5},
    ],
}


def settings(url: str) -> Settings:
    return Settings(
        database_url=url,
        embedding={"provider": "none", "dim": DIM, "model": MODEL},
        pool_size=2,
    )


def scratch_names(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [
            row[0]
            for row in connection.execute(
                "select datname from pg_database where starts_with(datname, 'magray_bench_')"
            )
        ]


@pytest.mark.parametrize("provider", ["none", "minilm"])
def test_recall_is_printed_and_no_memory_is_touched(
    clone_url: str, write: Callable[..., Path], provider: str
) -> None:
    more = {"MAGRAY_EMBEDDING__PROVIDER": provider}
    if provider != "none":
        more |= {"MAGRAY_EMBEDDING__DIM": "384"}
    path = write([TALK], name="talk.json")
    *groups, summary = rows(
        magray(clone_url, "bench", "recall", "--data", path, "--top-k", "1,2", "--json", more=more)
    )
    assert summary == {
        "questions": 2,
        "without_evidence": 1,
        "evidence_mended": 1,
        "evidence_dropped": ["c D7:7"],
    }
    methods = {"words only", "BM25"} | ({"search", "vectors"} if provider != "none" else set())
    assert {row["method"] for row in groups} == methods
    headline = {row["method"]: row for row in groups if row["group"] == "categories 1-4"}
    assert headline["words only"]["questions"] == 2
    assert headline["words only"]["metrics"]["any@1"] == [1, 1, 1]
    assert headline["BM25"]["metrics"]["MRR"] == [1, 1, 1]
    with psycopg.connect(clone_url) as connection:
        assert connection.execute("select count(*) from memory.records").fetchone() == (0,)
    assert scratch_names(clone_url) == []


def test_people_read_a_table(clone_url: str, write: Callable[..., Path]) -> None:
    done = magray(clone_url, "bench", "recall", "--data", write([TALK], name="talk.json"))
    assert done.returncode == 0, done.stderr
    assert "1 conversations, 3 turns, 2 questions; 1 left out" in done.stdout
    assert "1 mended, 1 dropped: c D7:7" in done.stdout
    assert "100.0 (100.0-100.0)" in done.stdout
    assert done.stderr == ""


def test_a_file_without_questions_ends_with_65(clone_url: str, write: Callable[..., Path]) -> None:
    done = magray(clone_url, "bench", "recall", "--data", write({**TALK, "qa": []}))
    assert done.returncode == 65
    assert "no question with usable evidence" in done.stderr


@pytest.mark.parametrize("missing", ["bm25s", "Stemmer"])
def test_without_the_extra_it_says_what_to_install(
    clone_url: str, write: Callable[..., Path], tmp_path: Path, missing: str
) -> None:
    """At once, before anything is embedded; and nothing else needs it."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / f"{missing}.py").write_text(
        f"raise ModuleNotFoundError(\"No module named '{missing}'\")"
    )
    hiding = environment(clone_url, PYTHONPATH=f"{tmp_path / 'hidden'}{os.pathsep}{ROOT}")

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            env=hiding,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    done = run("bench", "recall", "--data", write([TALK], name="talk.json"))
    assert done.returncode == PlatformError.exit_code
    assert f"No module named '{missing}'" in done.stderr
    assert "pip install 'magray-memory[bench]'" in done.stderr
    assert run("check").returncode == 0
    assert scratch_names(clone_url) == []


@pytest.mark.parametrize("value", ["0", "101", "ten", ""])
def test_cutoffs_are_checked(clone_url: str, value: str) -> None:
    done = magray(clone_url, "bench", "recall", "--data", "x", "--top-k", value)
    assert done.returncode == 2


@pytest.mark.anyio
async def test_the_scratch_database_goes_whatever_happens(clone_url: str) -> None:
    async def fail_halfway() -> None:
        async with scratch_database(settings(clone_url), None) as scratch:
            assert await scratch.memory.change_token("n") == 0
            assert len(await anyio.to_thread.run_sync(scratch_names, clone_url)) == 1
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        await fail_halfway()
    assert await anyio.to_thread.run_sync(scratch_names, clone_url) == []


@pytest.mark.anyio
async def test_what_a_killed_benchmark_left_is_swept_and_a_running_one_stays(
    clone_url: str,
) -> None:
    with psycopg.connect(clone_url, autocommit=True) as connection:
        connection.execute("create database magray_bench_left")
        async with (
            scratch_database(settings(clone_url), None) as running,
            scratch_database(settings(clone_url), None),
        ):
            names = await anyio.to_thread.run_sync(scratch_names, clone_url)
            assert len(names) == 2
            assert "magray_bench_left" not in names
            assert await running.memory.change_token("n") == 0


@pytest.mark.anyio
async def test_a_login_without_the_right_is_told(clone_url: str) -> None:
    with psycopg.connect(clone_url, autocommit=True) as connection:
        connection.execute("create role guest_of_bench login")
    try:
        url = clone_url.replace("://", "://guest_of_bench@", 1).replace(
            "guest_of_bench@" + clone_url.split("://")[1].split("@")[0] + "@", "guest_of_bench@"
        )
        with pytest.raises(PlatformError, match="database of its own"):
            async with scratch_database(settings(url), None):
                pass
    finally:
        with psycopg.connect(clone_url, autocommit=True) as connection:
            connection.execute("drop role guest_of_bench")
