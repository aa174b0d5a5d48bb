"""Vector search within a namespace is exact: recall@10 against numpy is 1.000."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pgvector import HalfVector

from tests.conftest import DIM
from tests.sql.calls import call, rows, value

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from psycopg import Connection

K, QUERIES = 10, 20
KINDS = ("user_interaction", "pattern", "core_concept")


def seed(db: Connection[Any], namespace: str, count: int, random: np.random.Generator) -> None:
    """Memories over the three layers, with vectors in a few clusters as real texts have them."""
    centres = random.normal(size=(8, DIM))
    for start in range(0, count, 1000):
        size = min(1000, count - start)
        vectors = centres[random.integers(8, size=size)] + random.normal(size=(size, DIM)) / 2
        memories = [{"content": f"memory {start + i}", "kind": KINDS[i % 3]} for i in range(size)]
        call(
            db,
            "remember_many",
            namespace=namespace,
            memories=memories,
            embeddings=[HalfVector(one) for one in vectors.astype(np.float16)],
        )


def stored(db: Connection[Any], namespace: str) -> tuple[list[Any], NDArray[np.float64]]:
    """Ids and unit vectors as they are stored: 16 bit numbers."""
    found = rows(db, "select id, embedding from memory._memories where namespace = %s", namespace)
    vectors = np.stack([row["embedding"].to_numpy() for row in found]).astype(np.float64)
    return [row["id"] for row in found], vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("count", [1, 10, 500, 10_000])
def test_recall_is_one_and_k_rows_come(db: Connection[Any], count: int) -> None:
    random = np.random.default_rng(7)
    seed(db, "n", count, random)
    # neighbours of other namespaces must take no place
    seed(db, "m", 500, random)
    db.execute("analyze")
    ids, vectors = stored(db, "n")
    assert len(ids) == count
    for query in random.normal(size=(QUERIES, DIM)).astype(np.float16):
        hits = call(db, "search", namespace="n", embedding=HalfVector(query), top_k=K)
        assert len(hits) == min(K, count)
        similarities = vectors @ (query.astype(np.float64) / np.linalg.norm(query.astype(float)))
        best = np.sort(similarities)[::-1][: min(K, count)]
        # equal distances may come in any order, so similarities are compared, not ids
        assert [hit["score"] for hit in hits] == pytest.approx(best, abs=1e-5)
        mine = dict(zip(ids, similarities, strict=True))
        for hit in hits:
            assert hit["score"] == pytest.approx(mine[hit["id"]], abs=1e-5)


def test_foreign_neighbours_change_no_answer(db: Connection[Any]) -> None:
    """A namespace is searched as if it were alone, however near the others' vectors are."""
    random = np.random.default_rng(11)
    seed(db, "n", 100, random)
    query = HalfVector(random.normal(size=DIM).astype(np.float16))
    alone = call(db, "search", namespace="n", embedding=query)
    memories = [{"content": f"near {i}"} for i in range(1000)]
    call(db, "remember_many", namespace="m", memories=memories, embeddings=[query] * 1000)
    db.execute("analyze")
    assert call(db, "search", namespace="n", embedding=query) == alone
    assert value(db, "select count(*) from memory._memories") == 1100
