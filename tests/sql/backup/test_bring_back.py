"""memory.dump_records and bring_back: memories of a past instant, back among the living."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.calls import call, rows, value

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC)
VECTOR = "[" + ",".join(["0.5"] * 8) + "]"


@pytest.fixture
def past(db: Connection[Any]) -> list[Any]:
    """One memory a layer, used and rated, as they were in the past; then they are forgotten."""
    for kind in ("user_interaction", "snippet", "core_concept"):
        call(
            db,
            "remember",
            namespace="ann",
            content=f"a {kind}",
            embedding=VECTOR,
            kind=kind,
            metadata={"a": [1]},
            now=NOW,
        )
    made = [row["id"] for row in rows(db, "select id from memory.records where namespace = 'ann'")]
    call(db, "rate", namespace="ann", id=made[0], rating=5.0, now=NOW)
    call(db, "update_memory", namespace="ann", id=made[0], changes={"importance": 1}, now=NOW)
    return made


def dump(db: Connection[Any], ids: list[Any] | None = None) -> list[Any]:
    found = rows(db, "select memory.dump_records('ann', %s) as record", ids)
    return [row["record"] for row in found]


def bring(
    db: Connection[Any], records: list[Any], later: timedelta = timedelta(0), **more: Any
) -> list[str]:
    found = call(db, "bring_back", namespace="ann", records=Jsonb(records), now=NOW + later, **more)
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
    call(db, "forget", namespace="ann", ids=past, now=NOW)
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
    call(db, "forget", namespace="ann", ids=past, now=NOW)
    call(
        db,
        "remember",
        namespace="ann",
        content="a snippet",
        kind="snippet",
        metadata={"a": [1]},
        now=NOW,
    )
    assert sorted(bring(db, records)) == ["brought back", "brought back", "same content lives"]


def test_what_would_have_expired_meanwhile_does_not_come_back(
    db: Connection[Any], past: list[Any]
) -> None:
    records = dump(db)
    call(db, "forget", namespace="ann", ids=past, now=NOW)
    outcomes = bring(db, records, later=timedelta(hours=25), dry_run=True)
    assert sorted(outcomes) == ["brought back", "brought back", "expired"]


def test_what_was_pinned_comes_back_with_a_life_of_its_own_and_a_decision(
    db: Connection[Any], past: list[Any]
) -> None:
    db.execute("update memory_data.interact set pinned = true")
    records = dump(db)
    call(db, "forget", namespace="ann", ids=past, now=NOW)
    assert bring(db, records, later=timedelta(hours=25)) == ["brought back"] * 3
    ends = value(db, "select expires_at from memory._memories where pinned")
    assert ends == NOW + timedelta(hours=49)
    told = rows(
        db,
        "select id, detail ->> 'from' as source from memory_data.decision where action = 'restore'",
    )
    assert {row["id"] for row in told} == set(past)
    assert {row["source"] for row in told} == {"backup"}


def test_a_vector_of_another_model_is_left_out(db: Connection[Any], past: list[Any]) -> None:
    records = dump(db, past[:1])
    call(db, "forget", namespace="ann", ids=past, now=NOW)
    records[0]["row"]["model"] = 99
    assert bring(db, records) == ["brought back"]
    assert value(db, "select embedding is null and model is null from memory._memories") is True


def test_records_of_another_namespace_are_refused(db: Connection[Any], past: list[Any]) -> None:
    records = dump(db, past[:1])
    with pytest.raises(psycopg.Error) as error:
        rows(db, "select * from memory.bring_back('bob', %s)", Jsonb(records))
    assert error.value.sqlstate == "ML422"
