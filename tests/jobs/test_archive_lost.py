"""Files of the archive that are gone or damaged: what they held is settled when told to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobs.archive import check, parquet
from jobs.archive.forget import forget as forget_memories
from jobs.archive.restore import restore
from jobs.storage.store import Store, open_store
from service.core.errors import StorageError, UnreadableObjectError
from tests.jobs.archives import archive_of, counts, files, forget, hand_over, run, stored
from tests.jobs.buckets import serve_bucket
from tests.sql.calls import call, session, value

if TYPE_CHECKING:
    import uuid
    from pathlib import Path

pytestmark = pytest.mark.anyio

STATE = "select state from memory.archives where file = %s"


async def accept(
    url: str, store: Store, fault: str = "missing", *, dry_run: bool = False
) -> check.Cleaned:
    async with archive_of(url) as archive:
        return await check.clean(
            archive, store, copies_after_days=None, accept=[fault], dry_run=dry_run
        )


def history(url: str, namespace: str, memory: uuid.UUID) -> list[dict[str, Any]]:
    with session(url) as db:
        return call(db, "history", namespace=namespace, id=memory)


async def test_what_was_owed_and_lost_with_a_file_is_settled(
    clone_url: str, store: Store, folder: Path
) -> None:
    forgotten, others = hand_over(clone_url), hand_over(clone_url, namespace="m")
    await run(clone_url, store)
    hand_over(clone_url, namespace="safe")
    await run(clone_url, store)
    back, *lost = others
    async with archive_of(clone_url) as archive:
        await restore(archive, store, "m", ids=[back])
        (place,) = await archive.find("m", None, None)
        gone = folder / place.file
        gone.unlink()

        answer = await forget_memories(archive, lambda: store, "n")
        assert (answer.memories, answer.waiting) == (6, 6)
        assert "6 records cannot be erased" in answer.outcome.problems[0]
        # nobody else's forgetting waits for that
        other = await forget_memories(archive, lambda: store, "safe")
        assert (other.memories, other.waiting, other.outcome.problems) == (6, 0, [])
        assert (await forget_memories(archive, lambda: store, "nobody")).waiting == 0

    assert len((await run(clone_url, store)).problems) == 1
    before = counts(clone_url)
    told = await accept(clone_url, store, dry_run=True)
    assert told.faulty == [check.Faulty(place.file, "missing", True, erased=6, lost=5, copies=1)]
    assert counts(clone_url) == before
    with session(clone_url) as db:
        for condition in ("archive files", "archive backlog"):
            assert "clean --accept-missing" in value(
                db, "select hint from memory.check_database() where condition = %s", condition
            )
    done = await accept(clone_url, store)
    assert (done.faulty, done.outcome.problems) == (told.faulty, [])
    assert counts(clone_url) == dict.fromkeys(before, 0)
    assert (await run(clone_url, store)).problems == []
    assert (await accept(clone_url, store)).faulty == []

    detail = {"archived": True, "lost": True, "file": place.file}
    for memory in lost:
        last = history(clone_url, "m", memory)[-1]
        assert (last["event"], last["detail"]["detail"]) == ("forget", detail)
    assert history(clone_url, "m", back)[-1]["event"] == "restore"
    for memory in forgotten:
        events = history(clone_url, "n", memory)
        assert [one["event"] for one in events].count("forget") == 1


async def test_without_being_told_a_missing_file_is_only_named(
    clone_url: str, store: Store, folder: Path
) -> None:
    hand_over(clone_url)
    await run(clone_url, store)
    (path,) = stored(folder)
    data = path.read_bytes()
    path.unlink()
    before = counts(clone_url)
    async with archive_of(clone_url) as archive:
        answer = await check.clean(archive, store, copies_after_days=None, dry_run=False)
    assert answer.faulty == [check.Faulty(str(path.relative_to(folder)), "missing")]
    assert counts(clone_url) == before
    # another file in its place may be what it was rewritten to: that stays for somebody to look at
    successor = path.with_name(f"{'1' * 64}.parquet")
    successor.write_bytes(data)
    kept = await accept(clone_url, store)
    assert ([one.size for one in kept.kept], kept.faulty) == ([len(data)], [])
    assert successor.exists()
    assert counts(clone_url) == before
    # a file that turns up again after all is nobody's
    successor.unlink()
    assert (await accept(clone_url, store)).faulty[0].lost == 6
    path.write_bytes(data)
    assert len((await accept(clone_url, store)).orphans) == 1
    assert not path.exists()


async def test_what_a_damaged_file_held_is_settled_and_the_file_deleted(
    clone_url: str, store: Store, folder: Path
) -> None:
    forgotten, *lost = hand_over(clone_url)
    await run(clone_url, store)
    hand_over(clone_url, namespace="safe")
    await run(clone_url, store)
    async with archive_of(clone_url) as archive:
        (place,) = await archive.find("n", None, None)
        path = folder / place.file
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        before = counts(clone_url)
        # nothing has looked at it yet, so it is not known to be damaged
        assert (await accept(clone_url, store, "damaged")).faulty == []
        answer = await forget_memories(archive, lambda: store, "n", ids=[forgotten])
        assert "1 records cannot be erased" in answer.outcome.problems[0]
    with session(clone_url) as db:
        for condition in ("archive files", "archive backlog"):
            assert "clean --accept-damaged" in value(
                db, "select hint from memory.check_database() where condition = %s", condition
            )

    owed = counts(clone_url)
    assert owed != before
    told = await accept(clone_url, store, "damaged", dry_run=True)
    assert told.faulty == [check.Faulty(place.file, "damaged", True, erased=1, lost=5)]
    assert (await accept(clone_url, store)).faulty == [check.Faulty(place.file, "damaged")]
    assert (counts(clone_url), path.exists()) == (owed, True)
    # mended: nothing is lost any more
    damaged = path.read_bytes()
    path.write_bytes(whole)
    assert (await accept(clone_url, store, "damaged", dry_run=True)).faulty == []
    with session(clone_url) as db:
        assert value(db, STATE, place.file) == "damaged"
    path.write_bytes(damaged)

    done = await accept(clone_url, store, "damaged")
    assert (done.faulty, done.outcome.problems) == (told.faulty, [])
    assert (path.exists(), len(stored(folder))) == (False, 1)
    assert (await run(clone_url, store)).problems == []
    for memory in lost:
        last = history(clone_url, "n", memory)[-1]
        assert (last["event"], last["detail"]["detail"]["file"]) == ("forget", place.file)


async def test_a_file_of_another_version_is_no_damaged_one(
    clone_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over(clone_url)
    await run(clone_url, store)
    (name,) = files(clone_url)
    monkeypatch.setattr(parquet, "VERSION", "99")
    async with archive_of(clone_url) as archive:
        (told,) = await check.verify(archive, store)
        assert (told["state"], "this program reads 99" in told["detail"]) == ("unreadable", True)
        with pytest.raises(UnreadableObjectError, match="another version") as caught:
            await restore(archive, store, "n")
        assert caught.value.hint == "update MAGRAY"
        await archive.note_check((await archive.files())[0].archive, "damaged")
    before = counts(clone_url)
    assert (await accept(clone_url, store, "damaged")).faulty == []
    assert counts(clone_url) == before
    with session(clone_url) as db:
        assert value(db, STATE, name) == "stored"


async def test_a_disk_that_is_not_mounted_is_no_missing_file(
    clone_url: str, store: Store, folder: Path
) -> None:
    hand_over(clone_url)
    await run(clone_url, store)
    before = counts(clone_url)
    folder.rename(folder.with_name("elsewhere"))  # noqa: ASYNC240
    with pytest.raises(StorageError, match="is not there") as caught:
        await accept(clone_url, open_store(folder.as_uri()))
    assert "mkdir" in caught.value.hint
    assert counts(clone_url) == before


async def test_a_store_that_does_not_answer_is_no_missing_file(
    clone_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve_bucket()
    bucket = next(server)
    for name, text in bucket.environment.items():
        monkeypatch.setenv(name, text)
    store = open_store(bucket.url)
    first, *_ = hand_over(clone_url)
    await run(clone_url, store)
    with session(clone_url) as db:
        forget(db, first)
    before, (name,) = counts(clone_url), files(clone_url)

    bucket.faults.deny = {"GET"}
    with pytest.raises(StorageError, match="would not list"):
        await accept(clone_url, store)
    # its list may be old or of fewer rights: then the file is asked for by name
    with monkeypatch.context() as patched:
        patched.setattr(store, "names", _no_names)
        with pytest.raises(StorageError, match="would not read"):
            await accept(clone_url, store)
        bucket.faults.deny = set()
        assert (await accept(clone_url, store, dry_run=True)).faulty == []
    # nor is a bucket that is none: S3 tells that as it tells a missing object
    strange = open_store("s3://no-such-bucket/archive")
    with pytest.raises(StorageError):
        await accept(clone_url, strange)
    assert "would not read" in (await run(clone_url, strange)).problems[0]
    with pytest.raises(StorageError, match="would not delete"):
        await strange.delete(name)
    assert counts(clone_url) == before
    with session(clone_url) as db:
        assert value(db, "select state from memory.archives") == "erasing"

    await store.delete(name)
    answer = await accept(clone_url, store)
    assert answer.faulty == [check.Faulty(name, "missing", True, erased=1, lost=5)]
    server.close()


async def _no_names(prefix: str) -> list[Any]:
    return []
