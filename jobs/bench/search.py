"""How fast a search is, beside the best query written by hand, on the same server and vectors.

100,000 memories in namespaces of 500, half of the namespaces in one layer, half spread over all
three; a namespace of 10,000; optionally one of 100,000, where HNSW answers. Every call takes
another namespace and vector, the ways take turns: no way finds its pages warmer than another.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from jobs.bench.client import service
from jobs.bench.corpus import KINDS, Corpus
from service.core.database import connect
from service.core.keys import create_key
from service.core.memory import Operator
from service.core.paths import SQL_DIR

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobs.bench.client import Client
    from jobs.scratch import Scratch
    from jobs.statistics import Floats
    from service.core.embedding.port import Vectors

TOP_K = 10
SMALL = 500
BY_HAND = ("plain", "covering")
_WAYS = (*BY_HAND, "ids", "search", "search_words")


@dataclass
class Group:
    """Timings within namespaces of one kind.

    Attributes:
        name: which namespaces.
        vectors: the stored vectors by namespace, float32 [n, dim].
        samples: for each way its milliseconds.
        recalls: share of the true ten nearest that memory.search found, a number a call.
        short: searches that returned fewer rows than asked for.
    """

    name: str
    vectors: dict[str, Vectors]
    samples: dict[str, list[float]] = field(default_factory=dict)
    recalls: list[float] = field(default_factory=list)
    short: int = 0


async def fill(
    scratch: Scratch, *, namespaces: int, large: int, advance: Callable[[int], None]
) -> list[Group]:
    """Store the made-up memories; vacuumed, analysed and indexed as the service would."""
    corpus = Corpus()
    one = [f"one-{place}" for place in range(namespaces // 2)]
    three = [f"three-{place}" for place in range(namespaces - namespaces // 2)]
    plan = [
        ("500 in one layer", one, SMALL, KINDS[:1]),
        ("500 in three layers", three, SMALL, KINDS),
        ("10,000 in three layers", ["ten thousand"], 10_000, KINDS),
    ]
    if large:
        plan.append((f"{large:,} in one layer", ["large"], large, KINDS[1:2]))
    groups = []
    for name, members, count, kinds in plan:
        group = Group(name, {})
        for namespace in members:
            stored = []
            for memories, vectors in corpus.batches(namespace, count, kinds):
                await scratch.memory.remember(memories, list(vectors))
                stored.append(vectors)
                advance(len(memories))
            group.vectors[namespace] = np.concatenate(stored)
        groups.append(group)
    async with connect(scratch.database.url) as connection:
        operator = Operator(connection)
        await operator.vacuum()
        await operator.build_indexes()
        await connection.execute((SQL_DIR / "bench" / "tables.sql").read_bytes())
        await operator.vacuum("bench.plain", "bench.covering")
    return groups


async def measure(
    scratch: Scratch, groups: list[Group], *, calls: int, advance: Callable[[int], None]
) -> None:
    """Time every way `calls` times in every group, in turn; fills the groups' samples."""
    async with connect(scratch.database.url, role="memory_owner") as connection:
        key = await create_key(
            Operator(connection), "bench", namespaces=["*"], scopes=["read", "write"]
        )
    texts = {way: (SQL_DIR / "bench" / f"{way}.sql").read_bytes() for way in _WAYS}
    corpus = Corpus(seed=1)
    random = np.random.default_rng(1)
    with (
        service(scratch.database.url, key) as client,
        psycopg.connect(scratch.database.url, autocommit=True) as connection,
    ):
        register_vector(connection)
        for group in groups:
            for _ in range(5 + calls):
                # in another order each time: what follows itself, or HTTP, finds other caches
                for way in random.permutation((*_WAYS, "http", "http_words")).tolist():
                    namespace = str(random.choice(list(group.vectors)))
                    near = group.vectors[namespace][random.integers(len(group.vectors[namespace]))]
                    drift = random.normal(scale=0.02, size=near.shape)
                    vector = (near + drift).astype(np.float32)
                    if way.startswith("http"):
                        taken, rows = _over_http(client, way, namespace, vector, corpus.question())
                    else:
                        taken, rows = _in_sql(
                            connection, texts[way], namespace, vector, corpus.question()
                        )
                    group.samples.setdefault(way, []).append(taken)
                    group.short += len(rows) < TOP_K
                    if way == "search":
                        group.recalls.append(_recall(group.vectors[namespace], vector, rows))
                advance(1)
            # the first calls of a connection plan their statements
            group.samples = {way: taken[5:] for way, taken in group.samples.items()}


def medians(group: Group) -> dict[str, Floats]:
    """The samples of each way, and `by hand`: of the better hand-written query."""
    samples = {way: np.asarray(taken) for way, taken in group.samples.items()}
    samples["by hand"] = min((samples[way] for way in BY_HAND), key=np.median)
    return samples


def _in_sql(
    connection: psycopg.Connection[Any],
    text: bytes,
    namespace: str,
    vector: Vectors,
    question: str,
) -> tuple[float, list[Any]]:
    values = {
        "namespace": namespace,
        "vector": HalfVector(vector),
        "top_k": TOP_K,
        "question": question,
    }
    began = time.perf_counter()
    rows = connection.execute(text, values, prepare=True, binary=True).fetchall()
    return (time.perf_counter() - began) * 1000, rows


def _over_http(
    client: Client, way: str, namespace: str, vector: Vectors, question: str
) -> tuple[float, list[Any]]:
    request: dict[str, Any] = {"namespace": namespace, "embedding": vector.tolist()}
    if way == "http_words":
        request["query"] = question
    began = time.perf_counter()
    rows = client.search(**request, top_k=TOP_K)
    return (time.perf_counter() - began) * 1000, rows


def _recall(stored: Vectors, vector: Vectors, rows: list[Any]) -> float:
    """Share of the ten nearest found: by similarity, for memories may be equally near."""
    halves = stored.astype(np.float16).astype(np.float64)
    wanted = vector.astype(np.float16).astype(np.float64)
    similarity = halves @ wanted / (np.linalg.norm(halves, axis=1) * np.linalg.norm(wanted))
    tenth = np.sort(similarity)[-TOP_K]
    found: int = sum(row[7] >= tenth - 1e-6 for row in rows)
    return found / TOP_K
