"""Memories of an export: put in as they were, and what else becomes of them is counted and told."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import pytest

from jobs.transfer.export import export
from service.cli.transferred import print_import, summarise
from service.core.errors import FileError
from tests.jobs.test_import_faults import bring
from tests.sql.archiving import hand, keep
from tests.sql.calls import call, one, rows, session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs.transfer.outcome import Outcome
    from service.core.memory import Memory, Transfer

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)


@pytest.fixture
async def lines(memory: Memory, clone_url: str) -> list[dict[str, Any]]:
    """One memory a layer, used, rated and edited, as exported; they live on in namespace n."""
    with session(clone_url) as db:
        for layer in ("interact", "insights", "assets"):
            keep(db, f"of {layer}", NOW, layer=layer)
    output = io.BytesIO()
    assert await export(memory, ["n"], output, embeddings=True) == 3
    return [msgspec.json.decode(line) for line in output.getvalue().splitlines()]


def counts(outcome: Outcome) -> tuple[int, int, int]:
    return outcome.stored, outcome.known, sum(one.count for one in outcome.skipped.values())


async def test_a_namespace_can_be_copied_and_a_second_time_changes_nothing(
    memory: Memory, transfer: Transfer, write: Callable[..., Path], lines: list[dict[str, Any]]
) -> None:
    path = write(*lines)
    assert counts(await bring(memory, transfer, path)) == (0, 3, 0)
    outcome = await bring(memory, transfer, path, namespace="copy", batch=2)
    assert counts(outcome) == (3, 0, 0)
    assert outcome.layers == {"interact": 1, "insights": 1, "assets": 1}
    assert outcome.lives["assets"].forever == outcome.lives["insights"].ending == 1
    assert outcome.new == 0
    for line in lines:
        ours, theirs = [await memory.get(name, line["id"]) for name in ("n", "copy")]
        assert msgspec.structs.replace(theirs, namespace="n") == ours
        history = [await memory.history(name, line["id"]) for name in ("n", "copy")]
        assert history[0] == history[1]
    assert counts(await bring(memory, transfer, path, namespace="copy")) == (0, 3, 0)


async def test_who_decided_moves_with_what_was_decided(
    memory: Memory, transfer: Transfer, write: Callable[..., Path], clone_url: str
) -> None:
    with session(clone_url) as db:
        at = one(db, "remember", namespace="n", content="tea")
        for actor in ("key ann", None):
            db.execute(
                "insert into memory_data.decision (namespace, id, at, action, layer, actor)"
                " values ('n', %s, clock_timestamp(), 'keep', 'interact', %s)",
                (at["id"], actor),
            )
    output = io.BytesIO()
    await export(memory, ["n"], output)
    lines = [msgspec.json.decode(line) for line in output.getvalue().splitlines()]
    assert counts(await bring(memory, transfer, write(*lines), namespace="copy")) == (1, 0, 0)
    with session(clone_url) as db:
        decided = rows(
            db, "select actor from memory_data.decision where namespace = 'copy' order by at"
        )
    assert [row["actor"] for row in decided] == ["key ann", None]


async def test_what_expired_since_is_counted_and_stays_dead(
    memory: Memory, transfer: Transfer, write: Callable[..., Path], lines: list[dict[str, Any]]
) -> None:
    late = [line | {"expires_at": (NOW - timedelta(seconds=1)).isoformat()} for line in lines]
    outcome = await bring(memory, transfer, write(*late), namespace="copy")
    assert counts(outcome) == (0, 0, 3)
    assert outcome.skipped["expired"].first == "line 1"
    assert summarise(outcome)["expired"] == 3
    assert await memory.list_memories("copy", limit=5) == []


async def test_an_id_that_is_another_memory_here_is_named(
    memory: Memory, transfer: Transfer, write: Callable[..., Path], lines: list[dict[str, Any]]
) -> None:
    other = lines[1] | {"content": "something else"}
    path = write(lines[0], other, lines[2])
    with pytest.raises(FileError) as caught:
        await bring(memory, transfer, path)
    assert f"line 2: id {other['id']} is another memory here" in caught.value.message
    assert "memory.get" in caught.value.hint
    outcome = await bring(memory, transfer, path, skip_faults=True)
    assert counts(outcome) == (0, 2, 1)
    assert outcome.faults == 1


async def test_content_under_another_id_is_told(
    memory: Memory,
    transfer: Transfer,
    write: Callable[..., Path],
    lines: list[dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = "0196ac00-0000-7000-8000-000000000001"
    path, report = write(lines[0] | {"id": other}), tmp_path / "report"
    outcome = await bring(memory, transfer, path, report=report)
    assert counts(outcome) == (0, 1, 0)
    told = f"{other} lives here as {lines[0]['id']}"
    assert told in msgspec.json.decode(report.read_bytes())["reason"]
    print_import(
        summarise(outcome)
        | {
            "file": "x",
            "model": "m",
            "dry_run": False,
            "vectors": 0,
            "seconds": 1.0,
            "stored_per_second": 1,
            "vectors_missing": None,
        }
    )
    assert f"1 of the known ones live under another id, first at line 1: {told}" in (
        capsys.readouterr().out
    )


async def test_what_lies_in_the_archive_is_known_and_told(
    memory: Memory,
    transfer: Transfer,
    write: Callable[..., Path],
    lines: list[dict[str, Any]],
    clone_url: str,
) -> None:
    with session(clone_url) as db:
        hand(db, [lines[0]["id"]], NOW)
    outcome = await bring(memory, transfer, write(*lines))
    assert counts(outcome) == (0, 3, 0)
    assert outcome.archived == 1
    assert await transfer.archived(["n", "m"]) == 1


async def test_vectors_of_another_model_are_left_out_and_counted(
    memory: Memory, transfer: Transfer, write: Callable[..., Path], lines: list[dict[str, Any]]
) -> None:
    mixed = [lines[0] | {"model": "other"}, lines[1] | {"model": "other"}, lines[2]]
    outcome = await bring(memory, transfer, write(*mixed), namespace="copy")
    assert outcome.dropped_vectors == {"other": 2}
    assert len(outcome.waiting) == 2


@pytest.mark.parametrize(
    ("change", "choice", "words"),
    [
        ({"magray": 2}, {}, ["line 1 is of another version", "2"]),
        ({}, {"kind": "pattern"}, ["put in as it was", "--kind"]),
        ({}, {"forever": True}, ["put in as it was", "--keep"]),
        ({"id": "x"}, {}, ["$.id"]),
        ({"entered_att": 1}, {}, ["did you mean entered_at"]),
        ({"usage": {"acces_count": 1}}, {}, ["$.usage", "did you mean access_count"]),
        (
            {"decisions": [{"at": "2026-01-01T00:00:00Z", "action": "x", "layer": "y", "lyer": 1}]},
            {},
            ["$.decisions[", "did you mean layer"],
        ),
        ({"events": [{"at": "soon", "source": "get"}]}, {}, ["$.events[0].at"]),
        (
            {"decisions": [{"at": "2026-11-01T00:00:00Z", "action": "eat", "layer": "y"}]},
            {"namespace": "copy"},
            ["line 1", "decision"],
        ),
        ({"content": "a\0b"}, {}, ["$.content", "NUL"]),
        (
            {
                "revisions": [
                    {
                        "at": "2026-01-01T00:00:00Z",
                        "content": "a\0",
                        "kind": "pattern",
                        "metadata": {},
                        "importance": 1,
                        "pinned": False,
                    }
                ]
            },
            {},
            ["$.revisions[0].content", "NUL"],
        ),
        ({"expires_at": None}, {"namespace": "copy"}, ["line 1: expires_at lies further"]),
    ],
)
async def test_what_does_not_fit_is_named(
    memory: Memory,
    transfer: Transfer,
    write: Callable[..., Path],
    lines: list[dict[str, Any]],
    change: dict[str, Any],
    choice: dict[str, Any],
    words: list[str],
) -> None:
    with pytest.raises(FileError) as caught:
        await bring(memory, transfer, write(lines[0] | change, *lines[1:]), **choice)
    error = caught.value
    for word in words:
        assert word in f"{error.message} {error.detail} {error.hint}"


async def test_numbers_come_back_digit_by_digit(
    memory: Memory, transfer: Transfer, write: Callable[..., Path], clone_url: str
) -> None:
    metadata = '{"big": 123456789012345678901234567890, "one": 1.00, "wide": 1e400}'
    with psycopg.connect(clone_url) as db:
        db.execute("select memory.remember('n', 'exact', p_metadata => %s)", (metadata,))
    output = io.BytesIO()
    await export(memory, ["n"], output)
    outcome = await bring(memory, transfer, write(raw=output.getvalue()), namespace="copy")
    assert counts(outcome) == (1, 0, 0)
    with psycopg.connect(clone_url) as db:
        same = "select count(distinct (content_hash, metadata::text)) from memory._memories"
        assert db.execute(same).fetchone() == (1,)


async def test_a_dry_run_tells_what_the_import_will_tell(
    memory: Memory, transfer: Transfer, write: Callable[..., Path], lines: list[dict[str, Any]]
) -> None:
    plain = [{"namespace": "copy", "content": f"fact {n % 6}"} for n in range(9)]
    twin = lines[1] | {"id": "0196ac00-0000-7000-8000-000000000002"}
    path = write(*plain, *lines, lines[2], {"namespace": "copy", "content": " "}, twin)
    options: dict[str, Any] = {"namespace": "copy", "batch": 2, "skip_faults": True}
    told = summarise(await bring(memory, transfer, path, dry_run=True, **options))
    assert await memory.list_memories("copy", limit=5) == []
    done = summarise(await bring(memory, transfer, path, **options))
    for name in told.keys() - {"lives", "first_elsewhere"}:
        assert told[name] == done[name], name
    assert (done["read"], done["stored"], done["known"]) == (15, 9, 5)
    assert done["known_elsewhere"] == 1


async def test_a_file_of_an_older_export_is_read(
    memory: Memory, transfer: Transfer, write: Callable[..., Path]
) -> None:
    old = {"namespace": "n", "content": "short", "kind": "pattern", "ttl": 3600, "turn": 1}
    del old["turn"]
    outcome = await bring(memory, transfer, write(old))
    end = outcome.lives["insights"].first
    assert end is not None
    assert timedelta(minutes=50) < end - datetime.now(UTC) <= timedelta(hours=1)
    assert outcome.new == 1


async def test_new_memories_may_be_kept_for_good_or_to_their_own_end(
    memory: Memory, transfer: Transfer, write: Callable[..., Path]
) -> None:
    ends = datetime.now(UTC) + timedelta(hours=3)
    path = write(
        {"namespace": "n", "content": "kept"},
        {"namespace": "n", "content": "short", "ttl": 3600},
        {"namespace": "n", "content": "to the end", "expires_at": ends.isoformat()},
        {"namespace": "n", "content": "over", "expires_at": "2020-01-01T00:00:00Z"},
    )
    outcome = await bring(memory, transfer, path, forever=True)
    assert counts(outcome) == (3, 0, 1)
    assert (outcome.lives["interact"].forever, outcome.lives["interact"].ending) == (1, 2)
    rows = {row.content: row for row in await memory.list_memories("n", limit=5)}
    assert {name: row.pinned for name, row in rows.items()} == {
        "kept": True,
        "short": False,
        "to the end": False,
    }
    end = rows["to the end"].expires_at
    assert end is not None
    assert abs(end - ends) < timedelta(minutes=2)


async def test_forgotten_memories_are_not_in_an_export(
    memory: Memory, lines: list[dict[str, Any]], clone_url: str
) -> None:
    with session(clone_url) as db:
        call(db, "forget", namespace="n", ids=[lines[0]["id"]])
    output = io.BytesIO()
    assert await export(memory, ["n"], output) == 2
    assert lines[0]["id"].encode() not in output.getvalue()
