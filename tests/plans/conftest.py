"""A seeded database: three layers, a few namespaces of thousands, vacuumed and analysed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pgvector import HalfVector

from tests.conftest import DIM
from tests.sql.calls import call, rows, session, value

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

KINDS = ("user_interaction", "pattern", "core_concept")
NAMESPACES = [f"n{i}" for i in range(8)]
ROWS = 600  # a namespace, over the three layers


@dataclass(frozen=True)
class Seeded:
    """The database and what is needed to call something in it.

    Attributes:
        url: as a superuser.
        ids: memories of the first namespace, one a layer.
        filled: partitions that hold rows.
    """

    url: str
    ids: dict[str, Any]
    filled: set[str]


def vacuum(db: Connection[Any]) -> None:
    """Until every page is known to be visible: one that is being written out is passed over."""
    for _ in range(10):
        db.execute("vacuum (freeze, analyze)")
        if not rows(
            db,
            "select from pg_class where relnamespace = 'memory_data'::regnamespace"
            " and relkind = 'r' and relallvisible < relpages",
        ):
            return


def seed(url: str) -> Seeded:
    """Fill a database; every partition of the layers is vacuumed."""
    random = np.random.default_rng(5)
    with session(url) as db:
        for namespace in NAMESPACES:
            memories = [
                {
                    "content": f"memory {i} about {'tea' if i % 50 == 0 else 'trains'}",
                    "kind": KINDS[i % 3],
                    "session": f"s{i % 20}",
                    # every six hours, so that no partition that is closed holds too few to count
                    # as written to, whatever the hour
                    "ttl": f"{2 + i % 60 // 6 * 6} hours" if i % 3 == 0 else None,
                }
                for i in range(ROWS)
            ]
            vectors = random.normal(size=(ROWS, DIM)).astype(np.float16)
            answer = call(
                db,
                "remember_many",
                namespace=namespace,
                memories=memories,
                embeddings=[HalfVector(one) for one in vectors],
            )
            call(db, "touch", namespace=namespace, ids=[row["id"] for row in answer[:100]])
            if namespace == NAMESPACES[0]:
                ids = {row["layer"]: row["id"] for row in answer}
        vacuum(db)
        filled = {
            row["name"]
            for row in rows(
                db,
                "select distinct tableoid::regclass::text as name from memory_data.interact"
                " union select distinct tableoid::regclass::text from memory_data.insights"
                " union select distinct tableoid::regclass::text from memory_data.assets",
            )
        }
        assert value(db, "select count(*) from memory._memories") == ROWS * len(NAMESPACES)
    return Seeded(url=url, ids=ids, filled={name.split(".")[-1] for name in filled})


@pytest.fixture(scope="session")
def seeded(clone: Callable[[], str]) -> Seeded:
    """Without search indexes, which partitions of this size have not earned."""
    return seed(clone())


@pytest.fixture(scope="session")
def indexed(clone: Callable[[], str]) -> Seeded:
    """Where these sizes count as large: indexes earned at 50 rows, HNSW beyond 100 memories."""
    url = clone()
    seeded = seed(url)
    with session(url) as db:
        db.execute("update memory_data.layer set index_rows = 50")
        db.execute("update memory_data.setting set value = '100' where key = 'exact_rows'")
        for row in call(db, "plan_indexes"):
            db.execute(row["statement"])
        vacuum(db)
    return seeded
