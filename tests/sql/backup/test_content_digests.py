"""memory.content_digests: equal for equal contents, and for nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, rows

if TYPE_CHECKING:
    from psycopg import Connection


def digests(db: Connection[Any]) -> dict[str, tuple[int, str]]:
    found = rows(db, "select * from memory.content_digests()")
    return {row["layer"]: (row["memories"], row["digest"]) for row in found}


def test_an_empty_layer_has_a_digest_too(db: Connection[Any]) -> None:
    assert digests(db) == dict.fromkeys(("interact", "insights", "assets"), (0, "0"))


@pytest.mark.parametrize(
    "change",
    [
        "update memory_data.interact set content = content || '!'",
        "update memory_data.interact set pinned = not pinned where content = 'one'",
        "update memory_data.interact set metadata = '{\"a\": 1}'",
        "delete from memory_data.interact where content = 'two'",
        "update memory_data.interact set embedding = array_fill(0.5, array[8])::halfvec,"
        " model = (select id from memory_data.embedding_model where active)",
    ],
)
def test_any_change_shows(db: Connection[Any], change: str) -> None:
    for content in ("one", "two"):
        call(db, "remember", namespace="ann", content=content)
    before = digests(db)
    assert before["interact"][0] == 2
    assert digests(db) == before
    db.execute(change)  # type: ignore[arg-type]
    assert digests(db) != before


def test_the_order_of_the_rows_does_not_count(db: Connection[Any]) -> None:
    for content in ("one", "two", "three"):
        call(db, "remember", namespace="ann", content=content)
    before = digests(db)
    db.execute("create temp table kept as select * from memory_data.interact order by id desc")
    db.execute("delete from memory_data.interact")
    db.execute("insert into memory_data.interact select * from kept")
    assert digests(db) == before
