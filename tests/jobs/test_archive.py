"""The archive's jobs on a local folder: what is written, what comes back, what is forgotten."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from jobs.archive import check, write
from jobs.archive.forget import forget as forget_memories
from jobs.archive.restore import restore
from service.core.errors import DamagedObjectError, MissingObjectError
from tests.jobs.archives import archive_of, counts, files, forget, hand_over, pictures, run, stored
from tests.sql.archiving import LAYERS, hand
from tests.sql.calls import call, one, rows, session, value

if TYPE_CHECKING:
    from pathlib import Path

    from jobs.storage.store import Store

pytestmark = pytest.mark.anyio


async def test_everything_comes_back_as_it_was(clone_url: str, store: Store) -> None:
    before = hand_over(clone_url)
    outcome = await run(clone_url, store)
    assert (outcome.files, outcome.written, outcome.problems) == (1, 6, [])
    assert counts(clone_url)["archive_outbox"] == 0
    async with archive_of(clone_url) as archive:
        told = await restore(archive, store, "n", dry_run=True)
        assert told.restored == 6
        assert not any(one["memory"] for one in pictures(clone_url, list(before)).values())
        answer = await restore(archive, store, "n")
        assert answer == told
        assert pictures(clone_url, list(before)) == before
        # and only once
        assert (await restore(archive, store, "n")).restored == 0
        wanted = list(before)[:1]
        assert (await restore(archive, store, "n", ids=wanted)).absent == wanted
    assert pictures(clone_url, list(before)) == before


async def test_a_file_is_read_by_duckdb_and_pandas(
    clone_url: str, store: Store, folder: Path
) -> None:
    before = hand_over(clone_url)
    with session(clone_url) as db:
        one(db, "remember", namespace="m", content="no vector", kind="core_concept")
        bare = value(db, "select id from memory.records where namespace = 'm'")
        hand(db, [bare], value(db, "select now()"), namespace="m", layer="assets")
    await run(clone_url, store)
    (path,) = stored(folder)

    frame = pd.read_parquet(path).set_index("id")
    assert set(frame.index) == {str(memory) for memory in [*before, bare]}
    for memory, was in before.items():
        row, whole = frame.loc[str(memory)], was["memory"][0]
        assert row["content"] == whole["row"]["content"]
        assert row["created_at"] == pd.Timestamp(whole["row"]["created_at"])
        assert str(row["created_at"].tz) == "UTC"
        assert json.loads(row["metadata"]) == whole["row"]["metadata"]
        assert row["embedding"].dtype == np.float16
        vector = np.array(json.loads(whole["embedding"]), dtype=np.float16)
        assert row["embedding"].tobytes() == vector.tobytes()
        assert row["access_count"] == was["usage"][0]["access_count"]
        assert [edit["importance"] for edit in json.loads(row["revisions"])] == [
            pytest.approx(edit["importance"]) for edit in was["revisions"]
        ]
        assert len(json.loads(row["events"])) == len(was["events"])
    assert frame.loc[str(bare), "embedding"] is None
    assert pd.isna(frame.loc[str(bare), "access_count"])

    told = duckdb.sql(
        "select layer, count(*), count(embedding), max(len(embedding)), sum(rating_sum),"
        " bool_and(expires_at > archived_at) from read_parquet($files) group by 1 order by 1",
        params={"files": str(folder / "**" / "*.parquet")},
    ).fetchall()
    assert told == [
        ("assets", 3, 2, 8, 9.0, None),
        ("insights", 2, 2, 8, 9.0, True),
        ("interact", 2, 2, 8, 9.0, True),
    ]
    version = duckdb.sql(
        "select value from parquet_kv_metadata($file) where key = 'magray.archive.version'",
        params={"file": str(path)},
    ).fetchall()
    assert version == [(b"1",)]


async def test_files_are_bounded_named_by_their_digest_and_listed(
    clone_url: str, store: Store, folder: Path
) -> None:
    hand_over(clone_url, 3)
    outcome = await run(clone_url, store, file_rows=4)
    assert (outcome.files, outcome.written) == (3, 9)
    for path in stored(folder):
        assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [str(path.relative_to(folder)) for path in stored(folder)] == files(clone_url)
    with session(clone_url, "memory_analyst") as db:
        listed = rows(db, "select * from memory.archives")
    assert sorted(row["rows"] for row in listed) == [1, 4, 4]
    assert {row["state"] for row in listed} == {"stored"}
    assert {row["tier"] for row in listed} == {"local"}
    assert set().union(*(row["layers"] for row in listed)) == set(LAYERS)
    assert all(row["oldest"] <= row["newest"] <= row["created_at"] for row in listed)


async def test_numbers_in_json_keep_every_digit(clone_url: str, store: Store) -> None:
    metadata = '{"n": 0.1000000000000000055511151231257827, "big": 123456789012345678901234567890}'
    with session(clone_url) as db:
        made = value(
            db,
            "select id from memory.remember_many('n', jsonb_build_array(jsonb_build_object("
            "'content', 'x', 'metadata', %s::jsonb)))",
            metadata,
        )
        hand(db, [made], value(db, "select now()"))
        await run(clone_url, store)
        async with archive_of(clone_url) as archive:
            await restore(archive, store, "n")
        assert value(db, "select metadata = %s::jsonb from memory._memories", metadata)


async def test_restore_takes_one_id_or_one_file(clone_url: str, store: Store) -> None:
    before = hand_over(clone_url, layers=["assets"])
    await run(clone_url, store)
    later = hand_over(clone_url, layers=["interact"])
    await run(clone_url, store)
    waiting = hand_over(clone_url, layers=["insights"])
    first, second = before
    async with archive_of(clone_url) as archive:
        answer = await restore(archive, store, "n", ids=[first])
        assert (answer.restored, answer.files) == (1, 1)
        (of_later,) = [row.file for row in await archive.find("n", list(later), None)]
        assert (await restore(archive, store, "n", file=of_later)).restored == 2
        assert (await restore(archive, store, "m")).restored == 0
        assert pictures(clone_url, [first, *later]) == {first: before[first], **later}
        assert pictures(clone_url, [second])[second]["memory"] == []
        assert (await restore(archive, store, "n")).restored == 3
    assert pictures(clone_url, list(waiting)) == waiting


async def test_of_equal_memories_in_two_files_one_comes_back(clone_url: str, store: Store) -> None:
    """The dry run says so; what stays is told apart from what lives."""
    ids = []
    for _ in range(3):  # two files and the outbox
        await run(clone_url, store)
        ids += hand_over(clone_url, 1, layers=["interact"])
    async with archive_of(clone_url) as archive:
        told = await restore(archive, store, "n", dry_run=True)
        assert (told.restored, told.live, told.same_content) == (1, [], ids[1:])
        assert await restore(archive, store, "n") == told
        assert [bool(one["memory"]) for one in pictures(clone_url, ids).values()] == [
            True,
            False,
            False,
        ]
        # the same memory at two places: restored, and then its copy is what lives
        with session(clone_url) as db:
            db.execute("update memory_data.archived set restored_at = null")
        again = await restore(archive, store, "n", dry_run=True)
        assert (again.restored, again.live, again.same_content) == (0, ids[:1], ids[1:])


async def test_a_damaged_file_stops_a_restore_before_anything(
    clone_url: str, store: Store, folder: Path
) -> None:
    before = hand_over(clone_url, layers=["assets"])
    await run(clone_url, store)
    before |= hand_over(clone_url, layers=["interact"])
    await run(clone_url, store)
    before |= hand_over(clone_url, layers=["insights"])  # in the outbox
    newest = max(stored(folder), key=lambda path: path.stat().st_mtime_ns)
    good = newest.read_bytes()
    name = str(newest.relative_to(folder))
    async with archive_of(clone_url) as archive:
        for bad in (
            good[:100] + bytes([good[100] ^ 1]) + good[101:],
            good[:-1],
            b"",
            good + b"\0",
        ):
            newest.write_bytes(bad)
            with pytest.raises(DamagedObjectError, match="damaged") as caught:
                await restore(archive, store, "n")
            assert name in str(caught.value)
            assert not any(one["memory"] for one in pictures(clone_url, list(before)).values())
        (told,) = [row for row in await check.verify(archive, store) if row["state"] != "ok"]
        assert (told["file"], told["state"]) == (name, "damaged")
        with session(clone_url) as db:
            assert name in value(
                db, "select detail from memory.check_database() where condition = 'archive files'"
            )
        newest.unlink()
        with pytest.raises(MissingObjectError):
            await restore(archive, store, "n")
        assert {row["state"] for row in await check.verify(archive, store)} == {"ok", "missing"}
        newest.write_bytes(good)
        assert {row["state"] for row in await check.verify(archive, store)} == {"ok"}
        assert {row.state for row in await archive.archives()} == {"stored"}
        await restore(archive, store, "n")
    assert pictures(clone_url, list(before)) == before


async def test_the_forgotten_leave_files_and_the_rest_stays(
    clone_url: str, store: Store, folder: Path
) -> None:
    mine, theirs = hand_over(clone_url), hand_over(clone_url, namespace="m")
    await run(clone_url, store)
    (was,) = files(clone_url)
    gone, *rest = mine
    with session(clone_url) as db:
        forget(db, gone)
        # out of every view at once, and the bytes are owed
        assert call(db, "find_archived", namespace="n", ids=[gone]) == []
        assert value(db, "select state from memory.archives") == "erasing"
        (*_, last) = call(db, "history", namespace="n", id=gone)
        assert (last["event"], last["detail"]["detail"]) == ("forget", {"archived": True})
    assert (folder / was).exists()
    outcome = await run(clone_url, store)
    assert (outcome.erased, outcome.rewritten, outcome.deleted) == (1, 1, 1)
    (now,) = files(clone_url)
    assert now != was
    assert [str(path.relative_to(folder)) for path in stored(folder)] == [now]
    assert str(gone) not in set(pd.read_parquet(folder / now)["id"])
    assert counts(clone_url) == {
        "archive_outbox": 0,
        "archive": 1,
        "archived": 11,
        "archive_erasure": 0,
        "archive_deletion": 0,
    }
    async with archive_of(clone_url) as archive:
        assert {row["state"] for row in await check.verify(archive, store)} == {"ok"}
        assert (await restore(archive, store, "n")).restored == len(rest)
        assert (await restore(archive, store, "m")).restored == len(theirs)
    assert pictures(clone_url, rest) == {memory: mine[memory] for memory in rest}
    assert pictures(clone_url, list(theirs)) == theirs


async def test_a_forgotten_namespace_is_nowhere(clone_url: str, store: Store, folder: Path) -> None:
    hand_over(clone_url)
    await run(clone_url, store)
    hand_over(clone_url, namespace="m")
    await run(clone_url, store)
    with session(clone_url) as db:
        one(db, "remember", namespace="n", content="live")
    hand_over(clone_url, layers=["assets"])
    async with archive_of(clone_url) as archive:
        # a restored one leaves a copy in its file, which must go as well
        place, *_ = await archive.find("n", None, None)
        await restore(archive, store, "n", ids=place.ids[:1])
        counted = await archive.count("n", None)
        places = {row.place: (row.memories, row.copies) for row in counted}
        assert (places["outbox"], places["archive"]) == ((2, 0), (5, 1))
        answer = await forget_memories(archive, lambda: store, "n")
        assert answer.memories == sum(row.memories for row in counted) == 2 + 2 + 5
        assert (answer.outcome.rewritten, answer.outcome.deleted, answer.waiting) == (1, 1, 0)
        assert {row.memories for row in await archive.count("n", None)} == {0}
        assert (await restore(archive, store, "n")).restored == 0
        # the file that held nothing else is gone; the other namespace is untouched
        assert (await restore(archive, store, "m", dry_run=True)).restored == 6
    assert len(stored(folder)) == 1
    assert set(pd.read_parquet(stored(folder)[0])["namespace"]) == {"m"}
    with session(clone_url) as db:
        decided = rows(
            db,
            "select action, count(*) from memory_data.decision"
            " where namespace = 'n' and action = 'forget' group by 1",
        )
        assert decided == [{"action": "forget", "count": 9}]
        for table in ("usage", "revision", "access_event"):
            assert value(
                db, f"select count(*) from memory_data.{table} where namespace = 'n'") == 0  # noqa: S608 # fmt: skip


async def test_orphans_are_found_and_cleaned(clone_url: str, store: Store, folder: Path) -> None:
    hand_over(clone_url)
    await run(clone_url, store)
    (known,) = files(clone_url)
    site = known.split("/")[0]
    orphan = folder / site / "2026/01/orphan" / f"{'0' * 64}.parquet"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"x" * 10)
    elsewhere = folder / "another-database" / "file.parquet"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(b"not ours")
    async with archive_of(clone_url) as archive:
        told = await check.clean(archive, store, copies_after_days=None, dry_run=True)
        assert [(one.name, one.size) for one in told.orphans] == [
            (str(orphan.relative_to(folder)), 10)
        ]
        assert orphan.exists()
        done = await check.clean(archive, store, copies_after_days=None, dry_run=False)
        assert done.orphans == told.orphans
        assert not orphan.exists()
        assert elsewhere.exists()
        again = await check.clean(archive, store, copies_after_days=None, dry_run=False)
        assert again.orphans == []
        # what a database restored to an earlier moment finds: its file was rewritten since
        successor = (folder / known).with_name(f"{'1' * 64}.parquet")
        (folder / known).rename(successor)
        kept = await check.clean(archive, store, copies_after_days=None, dry_run=False)
        assert [one.name for one in kept.kept] == [str(successor.relative_to(folder))]
        assert successor.exists()


async def test_copies_of_the_restored_go_when_told(
    clone_url: str, store: Store, folder: Path
) -> None:
    before = hand_over(clone_url)
    await run(clone_url, store)
    first, *_ = before
    async with archive_of(clone_url) as archive:
        await restore(archive, store, "n", ids=[first])
        kept = await check.clean(archive, store, copies_after_days=1, dry_run=False)
        assert kept.copies == 0
        told = await check.clean(archive, store, copies_after_days=0, dry_run=True)
        done = await check.clean(archive, store, copies_after_days=0, dry_run=False)
        assert told.copies == done.copies == done.outcome.erased == 1
    (path,) = stored(folder)
    assert str(first) not in set(pd.read_parquet(path)["id"])
    assert pictures(clone_url, [first]) == {first: before[first]}


async def test_one_program_at_a_time_has_the_files(clone_url: str, store: Store) -> None:
    hand_over(clone_url)
    async with archive_of(clone_url) as first, archive_of(clone_url) as second:
        assert await write.take(first)
        assert not await write.take(second, patience=0.3)
    outcome = await run(clone_url, store)
    assert outcome.written == 6


async def test_a_record_forgotten_while_its_file_is_written_is_in_no_file(
    clone_url: str, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memories = list(hand_over(clone_url))
    put, gone = store.put_verified, iter(memories[:1])

    async def forget_then_put(name: str, data: bytes, **more: Any) -> None:
        for memory in gone:
            with session(clone_url) as db:
                forget(db, memory)
        await put(name, data, **more)

    monkeypatch.setattr(store, "put_verified", forget_then_put)
    outcome = await run(clone_url, store)
    assert (outcome.written, outcome.deleted) == (5, 1)
    (path,) = stored(folder)
    assert set(pd.read_parquet(path)["id"]) == {str(memory) for memory in memories[1:]}
    assert counts(clone_url)["archive_deletion"] == 0
