"""What memory_analyst may ask: what explains, without changing anything, and content by policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, one, refused, rows, value, vector

if TYPE_CHECKING:
    from psycopg import Connection

SPOKEN = {"metadata": {"speaker": "Ann"}}
KINDS = ("user_interaction", "pattern", "core_concept")


@pytest.fixture(params=[20000, 1], ids=["small", "large"])
def ids(db: Connection[Any], request: pytest.FixtureRequest) -> list[Any]:
    """Memories of two namespaces, one used, rated and edited; those of n."""
    db.execute(
        "update memory_data.setting set value = %s::text::jsonb where key = 'exact_rows'",
        (request.param,),
    )
    made = [
        one(
            db,
            "remember",
            namespace=namespace,
            content=f"secret of {namespace}",
            kind=kind,
            metadata={"speaker": "Ann"},
            embedding=vector(1, place),
        )["id"]
        for namespace in ("n", "m")
        for place, kind in enumerate(KINDS)
    ]
    mine = made[:3]
    call(db, "touch", namespace="n", ids=mine[:2])
    call(db, "rate", namespace="n", id=mine[0], rating=4.0)
    call(db, "update_memory", namespace="n", id=mine[0], changes={"content": "another secret"})
    return mine


def questions(memory: Any) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("search", {"namespace": "n", "query": "secret", "explain": True}),
        ("search", {"namespace": "n", "embedding": vector(1)}),
        ("search", {"namespace": "n", "query": "secret", "embedding": vector(1, 1), "top_k": 2}),
        ("search", {"namespace": "n", "query": "secret", "filters": SPOKEN}),
        ("explain", {"namespace": "n", "id": memory}),
        ("history", {"namespace": "n", "id": memory}),
        ("kpis", {}),
        *(("blocking_criteria", {"layer": layer}) for layer in ("interact", "insights")),
    ]


def become_julia(db: Connection[Any]) -> None:
    """A person's login, in a transaction that may write nothing."""
    db.execute("create role julia login in role memory_analyst")
    db.execute("set local session authorization julia")
    db.execute("set transaction read only")


def test_an_analyst_is_told_what_an_operator_is(db: Connection[Any], ids: list[Any]) -> None:
    with db.transaction():
        db.execute("set local role memory_operator")
        told = [call(db, function, **arguments) for function, arguments in questions(ids[0])]
        db.execute("reset role")
    assert all(told)
    become_julia(db)
    seen = [call(db, function, **arguments) for function, arguments in questions(ids[0])]
    for (function, _), mine, theirs in zip(questions(ids[0]), seen, told, strict=True):
        assert len(mine) == len(theirs), function
        if function != "kpis":  # bytes on disk may have changed
            assert mine == theirs, function


def test_what_is_not_there_is_not_there_for_an_analyst(db: Connection[Any], ids: list[Any]) -> None:
    become_julia(db)
    for function in ("explain", "history"):
        with refused(db, "ML404"):
            call(db, function, namespace="m", id=ids[0])
    with refused(db, "ML422"):
        call(db, "search", namespace="n", query="x", top_k=0)
    assert call(db, "search", namespace="nobody", query="secret") == []


def test_content_is_shown_as_the_policy_says(db: Connection[Any], ids: list[Any]) -> None:
    policy = {"settings": {"analyst_sees_content": False}}
    assert call(db, "apply_policy", policy=policy)
    assert value(db, "select count(distinct content) from memory.records") == 3
    # what a provider says of a text may quote it
    db.execute(
        "insert into memory_data.embedding_failure"
        " (namespace, id, attempts, next_attempt_at, last_error, shortened_to)"
        " select namespace, id, 1, now(), 'too long: secret', 9 from memory.records"
    )
    db.execute("update memory_data.interact set embedding = null, model = null")
    assert value(db, "select count(reason) from memory.shortened") == 6
    assert value(db, "select count(last_error) from memory.unembedded") > 0
    become_julia(db)
    assert value(db, "select count(reason) from memory.shortened") == 0
    assert value(db, "select count(last_error) from memory.unembedded") == 0
    told: list[dict[str, Any]] = rows(db, "select * from memory.records")
    assert len(told) == 6
    for function, arguments in questions(ids[0]):
        told += call(db, function, **arguments)
    assert "secret" not in "".join(
        str({key: one for key, one in row.items() if key != "explain"}) for row in told
    )
    assert {row["metadata"] for row in told if "metadata" in row} == {None}
    (edit,) = [row for row in told if row.get("event") == "edited"]
    assert set(edit["detail"]["before"]) == {"kind", "importance", "pinned"}
    assert [row["event"] for row in told if row.get("event") == "rated"] == ["rated"]
    # neither does a condition tell
    assert rows(db, "select from memory.records where content like '%%secret%%'") == []
    assert rows(db, "select from memory.records where metadata ? 'speaker'") == []


def test_nobody_else_is_kept_from_content(db: Connection[Any], ids: list[Any]) -> None:
    db.execute("update memory_data.setting set value = 'false' where key = 'analyst_sees_content'")
    db.execute("set local role memory_operator")
    assert value(db, "select count(content) from memory.records") == 6
    db.execute("set local role memory_app")
    db.execute("select set_config('magray.namespace', 'n', true)")
    found = call(db, "search", namespace="n", query="secret")
    assert {row["id"] for row in found} == set(ids)
    assert all(row["content"] for row in found)


def test_a_decision_says_who_made_it(db: Connection[Any], ids: list[Any]) -> None:
    call(db, "forget", namespace="n", ids=ids[:1])
    db.execute("select set_config('magray.actor', 'key phone', true)")
    call(db, "forget", namespace="n", ids=ids[1:2])
    db.execute("update memory_data.promotion_rule set threshold = -1")
    (run,) = call(db, "run_job", name="promote")
    assert run["error"] is None
    call(db, "evict", layer="assets", bytes=1)
    me = value(db, "select session_user::text")
    become_julia(db)
    told = rows(db, "select action, actor from memory.decisions where action <> 'keep'")
    actors = {(row["action"], row["actor"]) for row in told}
    assert {("forget", f"login {me}"), ("forget", "key phone"), ("evict", "key phone")} <= actors
    assert {row["actor"] for row in told if row["action"] == "promote"} <= {"job promote"}
    assert [row["actor"] for row in rows(db, "select actor from memory.evictions")] == ["key phone"]
    kept = rows(db, "select distinct actor from memory.decisions where job_run is not null")
    assert [row["actor"] for row in kept] in ([], ["job promote"])
