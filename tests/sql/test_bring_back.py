"""memory.dump_records and bring_back: memories of a past instant, back among the living."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.calls import rows, value

if TYPE_CHECKING:
    from psycopg import Connection

VECTOR = "[" + ",".join(["0.5"] * 8) + "]"


@pytest.fixture
def past(db: Connection[Any]) -> list[Any]:
    """One memory a layer, used and rated, as they were in the past; then they are forgotten."""
    for kind in ("user_interaction", "snippet", "core_concept"):
        db.execute(
            "select memory.remember('ann', %s, p_embedding => %s::vector, p_kind => %s,"
            " p_metadata => '{\"a\": [1]}')",
            (f"a {kind}", VECTOR, kind),
        )
    made = [row["id"] for row in rows(db, "select id from memory.records where namespace = 'ann'")]
    db.execute("select * from memory.rate('ann', %s, 5)", (made[0],))
    db.execute("select * from memory.update_memory('ann', %s, '{\"importance\": 1}')", (made[0],))
    return made


def dump(db: Connection[Any], ids: list[Any] | None = None) -> list[Any]:
    found = rows(db, "select memory.dump_records('ann', %s) as record", ids)
    return [row["record"] for row in found]


def bring(db: Connection[Any], records: list[Any], **more: Any) -> list[str]:
    statement = "select * from memory.bring_back('ann', %s, now() + %s::interval, %s)"
    later, dry_run = more.get("later", "0"), more.get("dry_run", False)
    found = rows(db, statement, Jsonb(records), later, dry_run)
    return [row["outcome"] for row in found]


def everything(db: Connection[Any]) -> Any:
    return (
        rows(db, "select m::text from memory._memories as m order by id"),
        rows(db, "select * from memory_data.usage order by id"),
        rows(db, "select * from memory_data.revision order by id"),
    )


def test_they_come_back_as_they_were(db: Connection[Any], past: list[Any]) -> None:
    before, records = everything(db), dump(db)
    assert len(records) == 3
    db.execute("select * from memory.forget('ann', %s)", (past,))
    assert rows(db, "select * from memory._memories") == []
    token = value(db, "select memory.change_token('ann')")
    assert bring(db, records, dry_run=True) == ["brought back"] * 3
    assert rows(db, "select * from memory._memories") == []
    assert bring(db, records) == ["brought back"] * 3
    assert everything(db) == before
    assert value(db, "select memory.change_token('ann')") != token
    assert bring(db, records) == ["lives"] * 3


def test_only_those_asked_for(db: Connection[Any], past: list[Any]) -> None:
    assert len(dump(db, past[:1])) == 1
    assert dump(db, []) == []


def test_the_same_content_stored_meanwhile_stays(db: Connection[Any], past: list[Any]) -> None:
    records = dump(db)
    db.execute("select * from memory.forget('ann', %s)", (past,))
    db.execute("select memory.remember('ann', 'a snippet', p_kind => 'snippet',"
               " p_metadata => '{\"a\": [1]}')")  # fmt: skip
    assert sorted(bring(db, records)) == ["brought back", "brought back", "same content lives"]


def test_what_would_have_expired_meanwhile_does_not_come_back(
    db: Connection[Any], past: list[Any]
) -> None:
    records = dump(db)
    db.execute("select * from memory.forget('ann', %s)", (past,))
    outcomes = bring(db, records, later="25 hours", dry_run=True)
    assert sorted(outcomes) == ["brought back", "brought back", "expired"]


def test_what_was_pinned_comes_back_with_a_life_of_its_own_and_a_decision(
    db: Connection[Any], past: list[Any]
) -> None:
    db.execute("update memory_data.interact set pinned = true")
    records = dump(db)
    db.execute("select * from memory.forget('ann', %s)", (past,))
    assert bring(db, records, later="25 hours") == ["brought back"] * 3
    lives = "select expires_at - now() from memory._memories where pinned"
    assert value(db, lives) == timedelta(hours=49)
    told = rows(db, "select id, detail ->> 'from' as source from memory_data.decision"
                    " where action = 'restore'")  # fmt: skip
    assert {row["id"] for row in told} == set(past)
    assert {row["source"] for row in told} == {"backup"}


def test_a_vector_of_another_model_is_left_out(db: Connection[Any], past: list[Any]) -> None:
    records = dump(db, past[:1])
    db.execute("select * from memory.forget('ann', %s)", (past,))
    records[0]["row"]["model"] = 99
    assert bring(db, records) == ["brought back"]
    assert value(db, "select embedding is null and model is null from memory._memories") is True


def test_records_of_another_namespace_are_refused(db: Connection[Any], past: list[Any]) -> None:
    records = dump(db, past[:1])
    with pytest.raises(psycopg.Error) as error:
        rows(db, "select * from memory.bring_back('bob', %s)", Jsonb(records))
    assert error.value.sqlstate == "ML422"
