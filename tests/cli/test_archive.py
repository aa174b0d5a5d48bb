"""`magray archive` and `magray forget`, as a person runs them."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from service.core.errors import DamagedObjectError, StorageError
from tests.model.lives import LAYERS, Lives, leftovers
from tests.sql.archiving import hand, keep
from tests.sql.calls import call, session, value

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.program import Home


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def place(home: Home, clone_url: str) -> Home:
    made = home.on(clone_url)
    made.more["MAGRAY_ARCHIVE__URL"] = (home.path / uuid.uuid4().hex).as_uri()
    made.more["MAGRAY_EMBEDDING__MODEL"] = "test-model"
    return made


@pytest.fixture
def memories(clone_url: str) -> list[uuid.UUID]:
    """Two memories in the outbox, one in its layer."""
    now = datetime.now(UTC)
    with session(clone_url) as db:
        made = [keep(db, f"number {i}", now) for i in range(3)]
        hand(db, made[:2], now)
    return made


def folder(place: Home) -> Path:
    return place.path / place.more["MAGRAY_ARCHIVE__URL"].rpartition("/")[2]


def test_from_the_outbox_into_a_file_and_back(place: Home, memories: list[uuid.UUID]) -> None:
    assert "No file yet" in place.run("archive", "list").stdout
    (ran,) = rows(place.run("archive", "run", "--json").stdout)
    assert (ran["files"], ran["written"], ran["problems"]) == (1, 2, [])
    (again,) = rows(place.run("archive", "run", "--json").stdout)
    assert (again["files"], again["written"]) == (0, 0)
    (listed,) = rows(place.run("archive", "list", "--json").stdout)
    assert (listed["rows"], listed["layers"], listed["state"]) == (2, ["interact"], "stored")
    name = listed["file"].split("/")[3]
    assert name in place.run("archive", "list").stdout
    read = duckdb.sql(
        "select content from read_parquet($file) order by 1",
        params={"file": str(folder(place) / listed["file"])},
    ).fetchall()
    assert read == [("number 0",), ("number 1",)]
    (verified,) = rows(place.run("archive", "verify", "--json").stdout)
    assert (verified["file"], verified["state"]) == (listed["file"], "ok")

    restore = ("archive", "restore", "--namespace", "n", "--json")
    (would,) = rows(place.run(*restore, "--dry-run").stdout)
    assert (would["restored"], would["dry_run"]) == (2, True)
    one, absent = str(memories[0]), str(memories[2])
    (back,) = rows(place.run(*restore, "--id", one, "--id", absent).stdout)
    assert (back["restored"], back["absent"]) == (1, [absent])
    (back,) = rows(place.run(*restore, "--file", name).stdout)
    assert (back["restored"], back["live"]) == (1, [])
    (listed,) = rows(place.run("archive", "list", "--json").stdout)
    assert (listed["restored"], listed["state"]) == (2, "restored")


def test_a_damaged_file_is_told_with_its_name(place: Home, memories: list[uuid.UUID]) -> None:
    place.run("archive", "run")
    (path,) = folder(place).rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    code = DamagedObjectError.exit_code
    told = place.run("archive", "restore", "--namespace", "n", code=code)
    assert path.name in told.stderr.replace("\n", "")
    (verified,) = rows(place.run("archive", "verify", "--json", code=code).stdout)
    assert verified["state"] == "damaged"
    checked = {row["condition"]: row for row in rows(place.run("check", "--json").stdout)}
    assert not checked["archive files"]["ok"]
    hint = "magray archive clean --accept-damaged --dry-run"
    assert checked["archive files"]["hint"] == hint

    (would,) = rows(place.run(*hint.split()[1:], "--json").stdout)
    assert would["action"] == "damaged, would settle: 0 erased, 2 lost, 0 copies"
    (left,) = rows(place.run("archive", "clean", "--json").stdout)
    assert left["action"].endswith("magray archive clean --accept-damaged")
    assert path.exists()
    (done,) = rows(place.run("archive", "clean", "--accept-damaged", "--json").stdout)
    assert done["action"] == "damaged, settled: 0 erased, 2 lost, 0 copies"
    assert not path.exists()
    place.run("archive", "verify")


def test_strange_objects_are_cleaned(place: Home, memories: list[uuid.UUID]) -> None:
    place.run("archive", "run")
    (path,) = folder(place).rglob("*.parquet")
    strange = path.with_name("strange.parquet")
    strange.write_bytes(b"x")
    (would,) = rows(place.run("archive", "clean", "--dry-run", "--json").stdout)
    assert (would["bytes"], would["action"]) == (1, "would delete")
    assert strange.exists()
    (done,) = rows(place.run("archive", "clean", "--json").stdout)
    assert (done["file"], done["action"]) == (would["file"], "deleted")
    assert "Nothing to clean" in place.run("archive", "clean").stdout
    assert [path] == list(folder(place).rglob("*.parquet"))


def test_a_namespace_is_forgotten_everywhere(
    place: Home, clone_url: str, memories: list[uuid.UUID]
) -> None:
    place.run("archive", "run")
    dry = place.run("forget", "--namespace", "n", "--dry-run", "--json").stdout
    told = {row["place"]: row["memories"] for row in rows(dry)}
    assert told == {"interact": 1, "insights": 0, "assets": 0, "outbox": 0, "archive": 2}
    # it asks, and nobody answers
    assert "Forget 3 memories of n" in place.run("forget", "--namespace", "n", code=1).stderr
    one = str(memories[0])
    (done,) = rows(place.run("forget", "--namespace", "n", "--id", one, "--yes", "--json").stdout)
    assert (done["forgotten"], done["files_rewritten"], done["waiting"]) == (1, 1, 0)
    (path,) = folder(place).rglob("*.parquet")
    assert duckdb.sql("select id from read_parquet($f)", params={"f": str(path)}).fetchall() == [
        (str(memories[1]),)
    ]
    (done,) = rows(place.run("forget", "--namespace", "n", "--yes", "--json").stdout)
    assert (done["forgotten"], done["files_deleted"], done["problems"]) == (2, 1, [])
    assert list(folder(place).rglob("*.parquet")) == []
    with session(clone_url) as db:
        assert {row["memories"] for row in call(db, "count_memories", namespace="n")} == {0}
        forgotten = "select count(*) from memory_data.decision where action = 'forget'"
        assert value(db, forgotten) == 3


def test_a_namespace_is_forgotten_from_whatever_became_of_it(place: Home, clone_url: str) -> None:
    """Evicted into outbox and files, restored, edited, pinned, promoted, merged, stored."""
    with session(clone_url) as db:
        lives = Lives(db, LAYERS)
        words = [lives.store(n, "user_interaction", vector=bool(n)) for n in range(0, 8, 2)]
        for word in words[:3]:
            lives.edit(word)
        lives.evict()
        place.run("archive", "run")
        place.run("archive", "restore", "--namespace", "ann", "--id", str(lives.ids[words[0]][0]))
        lives.send(words[0])
        place.run("archive", "run")
        place.run("archive", "restore", "--namespace", "ann", "--id", str(lives.ids[words[0]][0]))
        words += [lives.store(n, "user_interaction", vector=True) for n in range(8, 16, 2)]
        lives.store(8, "user_interaction", vector=True, above=True)
        lives.use(words[-4])
        lives.edit(words[-3])
        lives.promote()
        lives.pin(words[-2])
        lives.evict()
        words.append(lives.store(16, "recent_query", vector=False))
        other = lives.store(1, "user_interaction", vector=True)
        there = set().union(*(lives.told(word) for word in words))
    dry = rows(place.run("forget", "--namespace", "ann", "--dry-run", "--json").stdout)
    (done,) = rows(place.run("forget", "--namespace", "ann", "--yes", "--json").stdout)
    assert done["forgotten"] == sum(row["memories"] for row in dry) == len(there)
    assert (done["waiting"], done["problems"]) == (0, [])
    assert list(folder(place).rglob("*.parquet")) == []
    with session(clone_url) as db:
        assert [(word, leftovers(db, word)) for word in words if leftovers(db, word)] == []
        assert leftovers(db, other)


def test_a_file_that_is_gone_is_settled_when_told(
    place: Home, clone_url: str, memories: list[uuid.UUID]
) -> None:
    place.run("archive", "run")
    (path,) = folder(place).rglob("*.parquet")
    path.unlink()
    one, code = str(memories[0]), StorageError.exit_code
    told = place.run("forget", "--namespace", "n", "--id", one, "--yes", "--json", code=code)
    assert rows(told.stdout)[0]["waiting"] == 1
    ran = place.run("archive", "run", code=code)
    assert ("cannot be erased" in ran.stderr, "cannot be" in ran.stdout) == (True, False)
    checked = {row["condition"]: row for row in rows(place.run("check", "--json").stdout)}
    hint = "magray archive clean --accept-missing --dry-run"
    assert checked["archive backlog"]["hint"] == checked["archive files"]["hint"] == hint
    assert "cannot be erased" in place.run("archive", "clean", code=code).stderr
    # somebody else is forgotten as ever
    place.run("forget", "--namespace", "m", "--yes")

    (would,) = rows(place.run(*hint.split()[1:], "--json").stdout)
    assert would["action"] == "missing, would settle: 1 erased, 1 lost, 0 copies"
    (done,) = rows(place.run("archive", "clean", "--accept-missing", "--json").stdout)
    assert (done["file"], done["action"]) == (
        would["file"],
        "missing, settled: 1 erased, 1 lost, 0 copies",
    )
    place.run("archive", "run")
    checked = {row["condition"]: row for row in rows(place.run("check", "--json").stdout)}
    assert checked["archive files"]["ok"]
    with session(clone_url) as db:
        (*_, last) = call(db, "history", namespace="n", id=memories[1])
    assert (last["event"], last["detail"]["detail"]["lost"]) == ("forget", True)


def test_a_store_that_is_none_is_told(place: Home, memories: list[uuid.UUID]) -> None:
    place.more["MAGRAY_ARCHIVE__URL"] = "ftp://host/x"
    assert "names no store" in place.run("archive", "run", code=78).stderr


def test_the_settings_switch_the_archive_on(
    place: Home, clone_url: str, memories: list[uuid.UUID]
) -> None:
    place.more["MAGRAY_MEMORY__LAYERS__INTERACT__ARCHIVE_AFTER_DAYS"] = "0.5"
    place.more["MAGRAY_MEMORY__LAYERS__ASSETS__ARCHIVE_FIRST"] = "true"
    drift = {row["condition"]: row["detail"] for row in rows(place.run("check", "--json").stdout)}
    assert "the settings 43200 seconds" in drift["layer interact archive_after"]
    assert drift["layer assets archive_first"] == "the database has false, the settings true"
    place.run("migrate")
    checked = {row["condition"]: row["ok"] for row in rows(place.run("check", "--json").stdout)}
    assert checked["policy"] is True
    with session(clone_url) as db:
        later = datetime.now(UTC) + timedelta(hours=13)
        assert [row["id"] for row in call(db, "archive", now=later)] == [memories[2]]
