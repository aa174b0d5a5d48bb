"""The archive on a real S3-protocol server that fails, and programs that are killed on the way."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from jobs.archive import check
from jobs.archive.forget import forget as forget_memories
from jobs.archive.restore import restore
from jobs.storage.store import open_store
from service.core.errors import DamagedObjectError, StorageError
from tests.jobs.archives import archive_of, counts, files, forget, hand_over, pictures, run
from tests.jobs.buckets import serve_bucket
from tests.jobs.commands import COMMAND, environment, magray, rows
from tests.sql.calls import session, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobs.storage.store import Store
    from tests.jobs.buckets import Bucket

pytestmark = pytest.mark.anyio
DONE = {"archive_outbox": 0, "archive": 1, "archive_erasure": 0, "archive_deletion": 0}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    server = serve_bucket()
    bucket = next(server)
    for name, text in bucket.environment.items():
        monkeypatch.setenv(name, text)
    yield bucket
    server.close()


@pytest.fixture
def store(bucket: Bucket) -> Store:
    return open_store(bucket.url)


def more(bucket: Bucket) -> dict[str, str]:
    return {**bucket.environment, "MAGRAY_ARCHIVE__URL": bucket.url}


@contextmanager
def archiving(url: str, bucket: Bucket) -> Iterator[subprocess.Popen[bytes]]:
    """A `magray archive run` that is under way; killed at the end if it still is."""
    with subprocess.Popen(
        [*COMMAND, "archive", "run", "--json"],
        env=environment(url, **more(bucket)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition: Callable[[], bool]) -> None:
    """Return once this holds."""
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


async def test_what_is_archived_in_a_bucket_comes_back(clone_url: str, bucket: Bucket) -> None:
    before = hand_over(clone_url)
    (ran,) = rows(magray(clone_url, "archive", "run", "--json", more=more(bucket)))
    assert (ran["written"], ran["problems"]) == (6, [])
    (listed,) = rows(magray(clone_url, "archive", "list", "--json", more=more(bucket)))
    assert (listed["tier"], listed["rows"], listed["state"]) == ("s3", 6, "stored")
    (back,) = rows(
        magray(clone_url, "archive", "restore", "--namespace", "n", "--json", more=more(bucket))
    )
    assert back["restored"] == 6
    assert pictures(clone_url, list(before)) == before


async def test_passing_errors_are_tried_again(clone_url: str, bucket: Bucket, store: Store) -> None:
    hand_over(clone_url)
    bucket.faults.fail = {"PUT": 2, "GET": 2}
    assert (await run(clone_url, store)).written == 6
    assert [method for method, _ in bucket.faults.seen].count("PUT") == 3
    assert counts(clone_url).items() >= DONE.items()


async def test_a_store_that_is_away_loses_nothing(
    clone_url: str, bucket: Bucket, store: Store
) -> None:
    before = hand_over(clone_url)
    bucket.faults.fail = {"PUT": 1000}
    with pytest.raises(StorageError, match="would not write"):
        await run(clone_url, store)
    told = magray(clone_url, "archive", "run", more=more(bucket))
    assert told.returncode == StorageError.exit_code
    assert "would not write" in told.stderr
    assert counts(clone_url)["archive_outbox"] == 6
    bucket.faults.fail = {}
    assert (await run(clone_url, store)).written == 6
    async with archive_of(clone_url) as archive:
        await restore(archive, store, "n")
    assert pictures(clone_url, list(before)) == before


async def test_a_short_upload_is_noticed_and_mended(
    clone_url: str, bucket: Bucket, store: Store
) -> None:
    before = hand_over(clone_url)
    bucket.faults.shorten = 1
    with pytest.raises(DamagedObjectError, match="other bytes"):
        await run(clone_url, store)
    assert counts(clone_url)["archive"] == 0
    bucket.faults.shorten = 0
    # the same records make the same name, under which the damaged object lies
    assert (await run(clone_url, store)).written == 6
    async with archive_of(clone_url) as archive:
        assert {row["state"] for row in await check.verify(archive, store)} == {"ok"}
        assert len(await store.names("")) == 1
        await restore(archive, store, "n")
    assert pictures(clone_url, list(before)) == before


async def test_a_refused_deletion_is_told_and_tried_again(
    clone_url: str, bucket: Bucket, store: Store
) -> None:
    gone, *rest = hand_over(clone_url)
    await run(clone_url, store)
    with session(clone_url) as db:
        forget(db, gone)
    bucket.faults.deny = {"DELETE"}
    outcome = await run(clone_url, store)
    assert (outcome.rewritten, outcome.deleted) == (1, 0)
    assert "would not delete" in outcome.problems[0]
    assert counts(clone_url)["archive_deletion"] == 1
    with session(clone_url) as db:
        assert "Forbidden" in value(
            db, "select detail from memory.check_database() where condition = 'archive backlog'"
        )
    # a user who wants to be forgotten is told that it is not done yet
    told = magray(
        clone_url,
        "forget",
        "--namespace",
        "n",
        "--id",
        rest[0],
        "--yes",
        "--json",
        more=more(bucket),
    )
    assert told.returncode == StorageError.exit_code
    assert '"waiting":2' in told.stdout
    assert len(await store.names("")) == 3
    bucket.faults.deny = set()
    outcome = await run(clone_url, store)
    assert (outcome.deleted, outcome.problems) == (2, [])
    assert [one.name for one in await store.names("")] == files(clone_url)


async def test_when_the_store_is_away_what_is_forgotten_stays_owed(
    clone_url: str, bucket: Bucket, store: Store
) -> None:
    hand_over(clone_url)
    await run(clone_url, store)
    bucket.faults.fail = {"GET": 1000}
    async with archive_of(clone_url) as archive:
        answer = await forget_memories(archive, lambda: store, "n")
        assert (answer.memories, answer.waiting) == (6, 6)
        assert "would not read" in answer.outcome.problems[0]
    assert files(clone_url) != []
    bucket.faults.fail = {}
    assert (await run(clone_url, store)).erased == 6
    assert counts(clone_url) == dict.fromkeys(counts(clone_url), 0)
    assert await store.names("") == []


@pytest.mark.parametrize("request_number", [1, 2, 3])
async def test_killed_at_a_request_nothing_is_lost_or_doubled(
    clone_url: str, bucket: Bucket, store: Store, request_number: int
) -> None:
    """The requests of a run: the upload, and two that read it back."""
    before = hand_over(clone_url)
    started: list[subprocess.Popen[bytes]] = []

    def kill(number: int) -> None:
        if number == request_number:
            started[0].send_signal(signal.SIGKILL)

    bucket.faults.act = kill
    with archiving(clone_url, bucket) as process:
        started.append(process)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    bucket.faults.act = lambda _: None
    assert counts(clone_url)["archive_outbox"] == 6
    assert counts(clone_url)["archive_deletion"] == 1

    assert (await run(clone_url, store)).written == 6
    assert counts(clone_url).items() >= DONE.items()
    assert [one.name for one in await store.names("")] == files(clone_url)
    async with archive_of(clone_url) as archive:
        assert (await restore(archive, store, "n")).restored == 6
    assert pictures(clone_url, list(before)) == before


async def test_killed_between_upload_and_registration(
    clone_url: str, bucket: Bucket, store: Store
) -> None:
    before = hand_over(clone_url)
    registering = (
        " from pg_stat_activity where datname = current_database()"
        " and query ~ 'register_archive' and wait_event_type = 'Lock'"
    )
    with (
        session(clone_url) as db,
        session(clone_url) as watcher,
        db.transaction(),
        archiving(clone_url, bucket) as process,
    ):
        db.execute("select from memory_data.archive_outbox for update")
        wait_for(lambda: value(watcher, "select count(*)" + registering))
        uploaded = await store.names("")
        assert len(uploaded) == 1
        process.kill()
        process.communicate(timeout=60)
        # its server process still waits for the lock, and must not register after all
        watcher.execute("select pg_terminate_backend(pid)" + registering)
    assert counts(clone_url)["archive_outbox"] == 6
    assert (await run(clone_url, store)).written == 6
    # the same records made the same object
    assert await store.names("") == uploaded
    assert counts(clone_url).items() >= DONE.items()
    async with archive_of(clone_url) as archive:
        assert (await restore(archive, store, "n")).restored == 6
        assert (await restore(archive, store, "n")).restored == 0
    assert pictures(clone_url, list(before)) == before


async def test_two_runners_at_once_write_every_record_once(
    clone_url: str, bucket: Bucket, store: Store
) -> None:
    before = hand_over(clone_url, 10)
    with archiving(clone_url, bucket) as one, archiving(clone_url, bucket) as other:
        both = (one, other)
        with session(clone_url) as db, db.transaction():
            db.execute("select from memory_data.archive_outbox for update")
            # one waits to register, the other sees that it is not alone and ends
            wait_for(lambda: any(process.poll() is not None for process in both))
        ended = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    assert sorted(len(out.splitlines()) for out, _ in ended) == [0, 1]
    assert counts(clone_url) == {**DONE, "archived": 30}
    async with archive_of(clone_url) as archive:
        assert (await restore(archive, store, "n")).restored == 30
    assert pictures(clone_url, list(before)) == before
