"""`magray import` and `magray export` as a user runs them."""

from __future__ import annotations

import gzip
import signal
import stat
import subprocess
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import pytest

from tests.jobs.commands import COMMAND, environment, magray, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def records(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "select namespace, content, kind, layer, metadata, session, turn, importance, pinned,"
            " language, created_at, has_embedding"
            " from memory.records order by namespace, content, kind"
        ).fetchall()


def everything(url: str) -> dict[str, list[Any]]:
    """All that hangs on memories, as text."""
    with psycopg.connect(url) as connection:
        return {
            table: connection.execute(query).fetchall()
            for table, query in {
                "memories": "select m::text from memory._memories as m order by namespace, id",
                "usage": "select u::text from memory_data.usage as u order by namespace, id",
                "edits": "select r::text from memory_data.revision as r order by 1",
                "uses": "select e::text from memory_data.access_event as e order by 1",
                "decisions": "select to_jsonb(d) - 'job_run' from memory_data.decision as d"
                " order by d.at, d.id",
            }.items()
        }


def live(url: str) -> None:
    """Uses, ratings, edits and promotions of what is in a database."""
    with psycopg.connect(url) as connection:
        for query in (
            "select memory.touch(n.namespace, n.ids, 's')"
            " from (select namespace, array_agg(id) as ids from memory.records"
            "       where turn % 2 = 1 group by namespace) as n",
            "select memory.rate(namespace, id, 4.5) from memory.records where turn % 9 = 1",
            "select memory.update_memory(namespace, id, '{\"importance\": 0.125}')"
            " from memory.records where turn % 7 = 1",
            "update memory_data.promotion_rule set threshold = -1",
            "select memory.promote(p_limit => 20)",
        ):
            connection.execute(query)  # type: ignore[call-overload]


RICH: list[dict[str, Any]] = [
    {"namespace": "a", "content": "plain"},
    {"namespace": "a", "content": "Она читала", "kind": "learned_context", "importance": 0.3},
    {
        "namespace": "a",
        "content": "short",
        "ttl": 3600,
        "metadata": {"n": None, "x": [1, {"y": 2}]},
    },
    {
        "namespace": "b/ü",
        "content": "for ever",
        "kind": "core_concept",
        "pinned": True,
        "embedding": [0.1, -2, 3e-5, 4, 5, 6, 7, 8.25],
        "language": "simple",
    },
    # told when they happened, and told all at once
    *(
        {
            "namespace": "b/ü",
            "content": f'turn {n}\n"quoted"',
            "session": "dated",
            "kind": "snippet",
            "created_at": f"2024-01-01T00:{n // 60:02}:{n % 60:02}Z",
        }
        for n in range(600)
    ),
    *(
        {"namespace": "b/ü", "content": f"at once {n}", "session": "undated", "kind": "snippet"}
        for n in range(600)
    ),
]


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_a_round_trip_loses_nothing(
    clone: Callable[[], str], write: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    first, second, out = clone(), clone(), tmp_path / name
    (summary,) = rows(magray(first, "import", write(*RICH), "--json"))
    assert (summary["read"], summary["stored"], summary["namespaces"]) == (1204, 1204, 2)
    live(first)

    (exported,) = rows(magray(first, "export", "-o", out, "--embeddings", "--json"))
    assert (exported["written"], exported["namespaces"]) == (1204, 2)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert (out.read_bytes()[:2] == b"\x1f\x8b") == name.endswith(".gz")

    (imported,) = rows(magray(second, "import", out, "--json"))
    assert imported["stored"] == 1204
    before = everything(first)
    assert all(before.values())
    assert everything(second) == before


def test_importing_ones_own_export_stores_nothing(
    clone_url: str, write: Callable[..., Path]
) -> None:
    rows(magray(clone_url, "import", write(*RICH[:20]), "--json"))
    exported = magray(clone_url, "export")
    assert exported.returncode == 0
    assert "20 memories of 2 namespaces" in exported.stderr
    (again,) = rows(magray(clone_url, "import", "-", "--json", given=exported.stdout.encode()))
    assert (again["file"], again["stored"], again["known"]) == ("standard input", 0, 20)


def test_a_namespace_can_be_chosen(clone_url: str, write: Callable[..., Path]) -> None:
    rows(magray(clone_url, "import", write(*RICH[:4]), "--json"))
    done = magray(clone_url, "export", "--namespace", "a")
    lines = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    assert {line["namespace"] for line in lines} == {"a"}
    assert len(lines) == 3
    assert "embedding" not in lines[0]
    wrong = magray(clone_url, "export", "--namespace", "aa")
    assert wrong.returncode == 65
    assert "namespace aa holds no memory" in wrong.stderr


def test_standard_input_may_be_packed(clone_url: str) -> None:
    packed = gzip.compress(b'{"namespace": "n", "content": "x"}\n')
    (summary,) = rows(magray(clone_url, "import", "-", "--json", given=packed))
    assert summary["stored"] == 1


def test_people_are_told_what_happened(clone_url: str, write: Callable[..., Path]) -> None:
    path = write({"namespace": "n", "content": "x"}, {"namespace": "n", "content": " "})
    done = magray(clone_url, "import", path)
    assert done.returncode == 0
    assert "2 read, 1 stored, 0 known already, 1 skipped" in done.stdout
    assert "skipped 1: no text, first at line 2" in done.stdout
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert f"1 in interact live until {tomorrow:%Y-%m-%d}" in done.stdout
    assert "--keep forever" in done.stdout
    assert "1 namespace (n)" in done.stdout
    assert "found by words only" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("raw", "arguments", "told"),
    [
        (b'{"namespace": "n", "content": "good"}\n{bad\n', (), "line 2 is not JSON"),
        (
            b'{"namespace": "n", "content": "x", "kind": "gossip"}\n',
            (),
            'kind "gossip" is not known',
        ),
        (
            b'{"namespace": "n", "content": "x"}\n',
            ("--kind", "gossip"),
            'kind "gossip" is not known',
        ),
        (b'{"namespace": "n", "content": "x"}\n', ("--kind", "No Kind"), "No Kind"),
        (b"{}", ("--format", "locomo"), "wrong shape"),
        (b"5", ("--format", "mem0"), "no export of mem0"),
    ],
)
def test_a_wrong_file_ends_with_65(
    clone_url: str, write: Callable[..., Path], raw: bytes, arguments: tuple[str, ...], told: str
) -> None:
    done = magray(clone_url, "import", write(raw=raw), *arguments)
    assert done.returncode == 65
    assert told in done.stderr
    assert "memories were stored" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(records(clone_url)) == (1 if b"good" in raw else 0)


def test_faults_are_passed_when_asked_and_only_faults_end_with_65(
    clone_url: str, write: Callable[..., Path], tmp_path: Path
) -> None:
    skip = ("--on-error", "skip", "--report", tmp_path / "report")
    path = write({"namespace": "n", "content": "x", "knd": 1}, {"namespace": "n", "content": "y"})
    done = magray(clone_url, "import", path, *skip)
    assert done.returncode == 0, done.stderr
    assert "2 read, 1 stored, 0 known already, 1 skipped" in done.stdout
    assert "skipped 1: has the wrong shape, first at line 1" in done.stdout
    assert "did you mean kind?" in done.stdout
    (told,) = [
        msgspec.json.decode(line) for line in (tmp_path / "report").read_bytes().splitlines()
    ]
    assert (told["line"], msgspec.json.decode(told["text"])["knd"]) == (1, 1)
    assert magray(clone_url, "import", write({"knd": 1}), *skip).returncode == 65
    lost = magray(clone_url, "import", path, "--report", tmp_path / "missing" / "report")
    assert lost.returncode == 65
    assert "cannot be written" in lost.stderr


def test_a_missing_file_ends_with_65(clone_url: str, tmp_path: Path) -> None:
    done = magray(clone_url, "import", tmp_path / "missing.json")
    assert done.returncode == 65
    assert "No such file" in done.stderr


def test_a_place_that_cannot_be_written_ends_with_65(clone_url: str, tmp_path: Path) -> None:
    done = magray(clone_url, "export", "-o", tmp_path / "missing" / "out.jsonl")
    assert done.returncode == 65
    assert "cannot be written" in done.stderr


@pytest.mark.parametrize("whole", [False, True])
def test_a_killed_import_is_finished_by_running_it_again(
    clone_url: str, write: Callable[..., Path], whole: bool
) -> None:
    lines: list[dict[str, Any]] = [
        {"namespace": f"n{n % 3}", "content": f"fact {n}"} for n in range(1000)
    ]
    if whole:
        now = datetime.now(UTC).isoformat()
        more = {
            "magray": 1,
            "layer": "assets",
            "kind": "core_concept",
            "created_at": now,
            "entered_at": now,
        }
        lines = [line | more | {"id": str(uuid.uuid4())} for line in lines]
    path = write(*lines)
    text = path.read_bytes().splitlines(keepends=True)
    with subprocess.Popen(
        [*COMMAND, "import", "-", "--batch", "20"],  # reads 200 lines ahead
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment(clone_url),
    ) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(b"".join(text[:475]))  # more never comes: it waits in the middle
            process.stdin.flush()
            deadline = time.monotonic() + 60
            while (stored := len(records(clone_url))) < 300:
                assert time.monotonic() < deadline, f"{stored} stored"
                assert process.poll() is None
                time.sleep(0.05)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL

    found = len(records(clone_url))
    assert 300 <= found < 1000
    (summary,) = rows(magray(clone_url, "import", path, "--json"))
    assert summary["stored"] + summary["known"] == 1000
    assert summary["known"] >= 300
    assert sorted(row[1] for row in records(clone_url)) == sorted(line["content"] for line in lines)
