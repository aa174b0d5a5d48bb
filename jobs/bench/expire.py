"""What it takes to expire many memories at once, and how long readers wait meanwhile.

Memories of layer interact that expire within a day; expiry is asked for two days later, so that all
their partitions are past. First with a transaction open that has read the layer, which keeps every
partition: nothing is to be dropped, and nobody is to wait. Then without it. A reader asks for a
page of memories all the time, on a connection of its own. Beside it a plain table of as many bytes
is dropped: what the file system takes to free them, whoever asks.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from jobs.bench.corpus import DIM
from service.core.database import connect
from service.core.memory import Operator
from service.core.paths import SQL_DIR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobs.scratch import Scratch

_BATCH = 20_000
_NAMESPACE = {"namespace": "namespace 1"}
_PERIOD = 0.01  # seconds from one call of the reader to the next
_IDLE = 3.0  # seconds the reader is watched before anything expires


@dataclass
class Watch:
    """What the reader saw.

    Attributes:
        longest: milliseconds of the slowest of its calls.
        calls: how many it made.
        empty_at: when it first found nothing any more, as `time.perf_counter` has it.
    """

    longest: float = 0.0
    calls: int = 0
    empty_at: float | None = None


@dataclass(kw_only=True)
class Outcome:
    """Calls of `memory.expire` until nothing is left to do, or the time before them.

    Attributes:
        name: what was tried.
        records: how many were reclaimed.
        partitions: how many partitions they lay in.
        calls: how many calls there were.
        seconds: how long those took together that let records expire.
        gone: after how many seconds of these a reader found nothing any more. None: it always
            found something.
        freeing: seconds of the call after them, which drops what they detached: until
            the file system has its space back.
        wal: bytes of write-ahead log they wrote.
        watch: the reader meanwhile.
    """

    name: str
    records: int = 0
    partitions: int = 0
    calls: int = 0
    seconds: float = 0.0
    gone: float | None = None
    freeing: float = 0.0
    wal: int = 0
    watch: Watch = field(default_factory=Watch)


async def fill(
    scratch: Scratch,
    *,
    records: int,
    namespaces: int,
    vectors: bool,
    advance: Callable[[int], None],
) -> None:
    """Store the memories, vacuumed as autovacuum does within a minute, and the plain table.

    All is written to disk at the end: freeing what never got there costs next to nothing.
    """
    text = _text("expire_fill")
    async with connect(scratch.database.url) as connection:
        for first in range(1, records + 1, _BATCH):
            last = min(first + _BATCH - 1, records)
            values = {
                "first": first,
                "last": last,
                "namespaces": namespaces,
                "dim": DIM,
                "vectors": vectors,
            }
            await connection.execute(text, values)
            advance(last - first + 1)
        await Operator(connection).vacuum("memory_data.interact")
        await connection.execute(_text("expire_plain"))
        # a login that may not measures a file system that has written most of it by itself
        with suppress(psycopg.errors.InsufficientPrivilege):
            await connection.execute(_text("expire_checkpoint"))


def measure(url: str) -> list[Outcome]:
    """Expire with a long reader open, then without, a reader watched all the time; drop as much."""
    with psycopg.connect(url, autocommit=True) as connection, psycopg.connect(url) as long_reader:
        before = Outcome(name="nothing expires")
        with _watched(url) as watch:
            time.sleep(_IDLE)
        before.watch = watch
        long_reader.execute(_text("expire_read"), _NAMESPACE)
        held = _expire(connection, url, "long reader open")
        long_reader.rollback()
        free = _expire(connection, url, "no long reader")
        plain = Outcome(name="a plain table of as many bytes", calls=1)
        began = time.perf_counter()
        connection.execute(_text("expire_plain_drop"))
        plain.seconds = time.perf_counter() - began
    return [before, held, free, plain]


def _expire(connection: psycopg.Connection[Any], url: str, name: str) -> Outcome:
    with _watched(url) as watch:
        (written,) = _row(connection, "wal")
        outcome = Outcome(name=name, watch=watch)
        first = time.perf_counter()
        while True:
            began = time.perf_counter()
            records, partitions, freed = _row(connection, "expire_run")
            took = time.perf_counter() - began
            if records:
                outcome.seconds += took
            else:
                outcome.freeing += took
            outcome.calls += 1
            outcome.records += records
            outcome.partitions += partitions
            if not records and not freed:
                break
        outcome.wal = _row(connection, "wal")[0] - written
    outcome.gone = None if watch.empty_at is None else watch.empty_at - first
    return outcome


def _row(connection: psycopg.Connection[Any], text: str) -> tuple[Any, ...]:
    """The only row of a statement of `sql/bench`."""
    row: tuple[Any, ...] | None = connection.execute(_text(text)).fetchone()
    if row is None:
        raise LookupError(text)
    return row


def _text(name: str) -> bytes:
    return (SQL_DIR / "bench" / f"{name}.sql").read_bytes()


@contextmanager
def _watched(url: str) -> Iterator[Watch]:
    """Read once a period, a little before and after the block as well.

    A read is timed from the moment it was due, however long the one before it took.
    """
    watch, going = Watch(), threading.Event()
    going.set()
    text = _text("expire_read")

    def read() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(text, _NAMESPACE)
            due = time.perf_counter()
            while going.is_set():
                found = connection.execute(text, _NAMESPACE).fetchone()
                ended = time.perf_counter()
                watch.longest = max(watch.longest, (ended - due) * 1000)
                if found == (0,) and watch.empty_at is None:
                    watch.empty_at = ended
                watch.calls += 1
                due = max(due + _PERIOD, ended)
                time.sleep(due - ended)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        time.sleep(0.3)
        yield watch
        time.sleep(0.3)
    finally:
        going.clear()
        thread.join()
