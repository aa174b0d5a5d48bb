"""What compression of a cold partition saves, and what it costs: bytes, recall, latency.

One partition of insights: namespaces of 500 memories, searched exactly, and a large one, searched
by HNSW. Either made-up memories, or the turns of real conversations: mixtures of two of them at a
time, vectors and texts, so that there are enough. Everything is measured before, compressed and
back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from psycopg.rows import dict_row

from jobs.bench.corpus import KINDS, Corpus
from service.core.database import connect
from service.core.memory import Operator, Pressure
from service.core.model.memories import NewMemory
from service.core.paths import SQL_DIR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jobs.scratch import Scratch
    from jobs.statistics import Floats
    from service.core.embedding.port import Vectors

TOP_K = 10
SMALL, LARGE = "500 memories", "large"
STATES = ("before", "compressed", "back")
_KIND = KINDS[1]  # of insights
_BATCH = 100  # memories of one namespace in a row, as they come in while others write too
_COLD = timedelta(days=40)  # a partition of insights that is filled now is cold by then
_SHARES = (0.9, 0.45)  # of two mixed vectors
_NOISE = 0.01


@dataclass
class Measured:
    """One state of the partition.

    Attributes:
        parts: bytes by part.
        recalls: for the small and the large namespaces, recall@10 a call.
        samples: the same, milliseconds a call.
    """

    parts: dict[str, int] = field(default_factory=dict)
    recalls: dict[str, list[float]] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Bytes of the partition."""
        return sum(self.parts.values())


Batch = tuple[list[NewMemory], "Vectors"]


def made_up(rows: int) -> Iterator[Batch]:
    """Clustered vectors and sentences of common words."""
    corpus = Corpus()
    batches = {
        name: corpus.batches(name, count, (_KIND,)) for name, count in _namespaces(rows).items()
    }
    while batches:
        for name in list(batches):
            if (batch := next(batches[name], None)) is None:
                del batches[name]
            else:
                yield batch


def mixed(rows: int, turns: Sequence[NewMemory], vectors: Vectors) -> Iterator[Batch]:
    """Mixtures of two turns of conversations, their vectors mixed as well."""
    random = np.random.default_rng(0)
    order = [name for name, count in _namespaces(rows).items() for _ in range(0, count, _BATCH)]
    random.shuffle(order)
    for place, namespace in enumerate(order):
        one, other = random.integers(len(turns), size=(2, _BATCH))
        drawn = _SHARES[0] * vectors[one] + _SHARES[1] * vectors[other]
        drawn += random.normal(scale=_NOISE, size=drawn.shape)
        memories = [
            NewMemory(
                namespace=namespace,
                content=f"{turns[a].content} {turns[b].content[:60]} {place * _BATCH + n}",
                kind=_KIND,
                session=turns[a].session,
                metadata=turns[a].metadata,
            )
            for n, (a, b) in enumerate(zip(one, other, strict=True))
        ]
        norms = np.linalg.norm(drawn, axis=1, keepdims=True)
        yield memories, (drawn / norms).astype(np.float32)


async def run(
    scratch: Scratch,
    batches: Iterator[Batch],
    questions: Vectors | None,
    *,
    calls: int,
    advance: Callable[[int], None],
    note: Callable[[str], None],
) -> tuple[dict[str, Measured], dict[str, int]]:
    """Fill, measure, compress, measure, decompress, measure.

    Args:
        scratch: an empty database.
        batches: what to store.
        questions: vectors to ask the large namespace with, beside some near stored ones.
        calls: searches of each namespace size and state.
        advance: called with the number of memories stored.
        note: called with what is done now.

    Returns:
        The measurements by state, and the bytes of the ways that lost.
    """
    stored: dict[str, list[Vectors]] = {}
    for memories, vectors in batches:
        await scratch.memory.remember(memories, list(vectors))
        stored.setdefault(memories[0].namespace, []).append(vectors)
        advance(len(memories))
    asked = _Asked({name: np.concatenate(of) for name, of in stored.items()}, questions, calls)
    later = datetime.now(UTC) + _COLD
    found: dict[str, Measured] = {}
    async with connect(scratch.database.url, role="memory_owner") as connection:
        operator, pressure = Operator(connection), Pressure(connection)

        async def build(what: str) -> None:
            note(what)
            await operator.vacuum()
            await operator.build_indexes(later)

        await build("building the indexes")
        (begun,) = await pressure.compress("insights", now=later, dry_run=True)
        partition = begun.partition_name
        note("searching")
        found["before"] = _measure(scratch.database.url, partition, asked)
        await pressure.compress("insights", now=later)
        await build("building the small index")
        await pressure.compress("insights", now=later)
        note("searching compressed")
        found["compressed"] = _measure(scratch.database.url, partition, asked)
        lost = await _others(connection, found)
        await pressure.decompress("insights", now=later)
        await build("building the indexes again")
        await pressure.decompress("insights", now=later)
        note("searching decompressed")
        found["back"] = _measure(scratch.database.url, partition, asked)
    return found, lost


class _Asked:
    """The queries and their true answers."""

    def __init__(self, stored: dict[str, Vectors], questions: Vectors | None, calls: int) -> None:
        random = np.random.default_rng(1)
        small = [name for name in stored if name != LARGE]
        self.queries: list[tuple[str, str, Vectors, Floats]] = []
        for place in range(calls):
            for group, namespace in ((SMALL, str(random.choice(small))), (LARGE, LARGE)):
                vectors = stored[namespace]
                if questions is not None and place % 2:
                    vector = questions[random.integers(len(questions))]
                else:
                    near = vectors[random.integers(len(vectors))]
                    vector = (near + random.normal(scale=0.03, size=near.shape)).astype(np.float32)
                halves = vectors.astype(np.float16).astype(np.float32)
                wanted = vector.astype(np.float16).astype(np.float32)
                similarity = (
                    halves @ wanted / (np.linalg.norm(halves, axis=1) * np.linalg.norm(wanted))
                )
                best = np.partition(similarity, -TOP_K)[-TOP_K:].astype(np.float64)
                self.queries.append((group, namespace, vector, best))


def _measure(url: str, partition: str, asked: _Asked) -> Measured:
    measured = Measured()
    with psycopg.connect(url, autocommit=True) as connection:
        register_vector(connection)
        text = (SQL_DIR / "bench" / "parts.sql").read_bytes()
        for part, size in connection.execute(text, {"partition": partition}).fetchall():
            measured.parts[part] = size
        search = (SQL_DIR / "bench" / "search.sql").read_bytes()
        for place in range(-5, len(asked.queries)):  # the first calls plan their statements
            group, namespace, vector, best = asked.queries[place % len(asked.queries)]
            values = {"namespace": namespace, "vector": HalfVector(vector), "top_k": TOP_K}
            began = time.perf_counter()
            cursor = connection.cursor(row_factory=dict_row)
            rows = cursor.execute(search, values, prepare=True, binary=True).fetchall()
            taken = (time.perf_counter() - began) * 1000
            if place >= 0:
                measured.samples.setdefault(group, []).append(taken)
                # by similarity: memories may be equally near
                hits = sum(row["score"] >= best.min() - 1e-5 for row in rows)
                measured.recalls.setdefault(group, []).append(hits / TOP_K)
    return measured


async def _others(
    connection: psycopg.AsyncConnection[Any], found: dict[str, Measured]
) -> dict[str, int]:
    """Bytes of the partition by the ways that lost."""
    before, after = found["before"], found["compressed"]
    exact = before.parts["index of exact search"]
    await connection.execute((SQL_DIR / "bench" / "rewritten.sql").read_bytes())
    cursor = await connection.execute((SQL_DIR / "bench" / "rewritten_bytes.sql").read_bytes())
    row = await cursor.fetchone()
    rewritten = int(row[0]) if row else 0
    old = sum(before.parts.get(part, 0) for part in ("heap", "TOAST", "keys, sessions, listing"))
    return {
        "small HNSW index, exact index kept": after.total + exact,
        "heap rewritten with pglz, b-trees repacked": before.total - old + rewritten,
        "both": after.total - old + rewritten,
    }


def _namespaces(rows: int) -> dict[str, int]:
    """Three fifths in small namespaces, the rest in a large one."""
    small = rows * 3 // 5 // 500
    return {**{f"n{place}": 500 for place in range(small)}, LARGE: rows - small * 500}
