"""memory.promote: who moves, what moves along, what is decided; each criterion at its threshold."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, found, make_model, one, refused, rows, value, vector

if TYPE_CHECKING:
    from psycopg import Connection

ROUTES = {
    "session_data": ("ml_promotion", "pattern"),
    "recent_query": ("high_score", "learned_context"),
    "temporary_context": ("high_access", "snippet"),
    "user_interaction": ("high_value", "solution"),
    "pattern": ("critical", "documentation"),
    "learned_context": ("long_term", "system_knowledge"),
    "snippet": ("reference", "best_practice"),
    "solution": ("foundation", "core_concept"),
}
STEP = {
    "interact": {
        "ml_score": 0.7,
        "access_count": 3,
        "time_span": 12 * 3600,
        "user_rating": 4.0,
        "context_relevance": 0.8,
    },
    "insights": {
        "ml_score": 0.9,
        "access_count": 10,
        "time_span": 30 * 86400,
        "user_rating": 4.5,
        "context_relevance": 0.95,
    },
}
OVERRIDES = {
    "recent_query": {"ml_score": 0.8},
    "temporary_context": {"access_count": 5},
    "user_interaction": {"importance": 0.5},
    "pattern": {"importance": 0.7},
    "learned_context": {"time_span": 30 * 86400},
    "snippet": {"access_count": 10},
}
ABOVE = {"interact": "insights", "insights": "assets"}
BELOW = dict(zip(ROUTES, ["interact"] * 4 + ["insights"] * 4, strict=True))
# The partitions of the template begin now.
NOW = datetime.now(UTC)


def thresholds(kind: str) -> dict[str, float]:
    return STEP[BELOW[kind]] | OVERRIDES.get(kind, {})


def candidate(db: Connection[Any], kind: str, **values: float) -> Any:
    """A record with these values of its criteria at NOW, the others well above their thresholds.

    ml_score is made by a model that says one number for everything; importance by the hint, the
    rating and the kind's weight alone.
    """
    layer = BELOW[kind]
    span = values.get("time_span", 20 * 3600 if layer == "interact" else 40 * 86400)
    entered = NOW - timedelta(seconds=span)
    importance = values.get("importance", 1.0)
    made = one(db, "remember", namespace="n", content=f"a {kind}", kind=kind, now=entered)
    rating = values.get("user_rating", 5.0)
    db.execute(
        "insert into memory_data.usage (namespace, id, access_count, first_access, last_access,"
        " rating_sum, rating_count, context_relevance) values ('n', %s, %s, %s, %s, %s, 2, %s)",
        (
            made["id"],
            values.get("access_count", 50),
            entered,
            NOW,
            2 * rating,
            values.get("context_relevance", 1.0),
        ),
    )
    # importance has 0.2 of the kind's weight, which makes up for all other parts
    parts = one(db, "_promotion_scores", layer=layer, namespaces=["n"], ids=[made["id"]], now=NOW)
    weight = value(db, "select weight from memory_data.kind where name = %s", kind)
    db.execute("alter table memory_data.kind drop constraint if exists kind_weight_check")
    db.execute(
        "update memory_data.kind set weight = %s where name = %s",
        (weight + (importance - parts["importance"]) / 0.2, kind),
    )
    score = values.get("ml_score", 0.99)
    make_model(db, "constant", active=True, intercept=math.log(score / (1 - score)))
    db.execute(
        "insert into memory_data.score (namespace, id, relevance, model, scored_at)"
        " select 'n', %s, 0.5, m.id, %s from memory_data.model as m where m.active",
        (made["id"], NOW),
    )
    return made["id"]


def nudge(db: Connection[Any], kind: str, criterion: str, below: float) -> None:
    """The threshold of a computed criterion lies `below` under its value."""
    memory = value(db, "select id from memory_data.usage")
    told = {
        row["criterion"]: row["value"]
        for row in call(db, "explain", namespace="n", id=memory, now=NOW)
    }
    threshold = told[criterion] - below
    db.execute(
        "update memory_data.promotion_rule set threshold = %s where layer = %s and criterion = %s",
        (threshold, BELOW[kind], criterion),
    )
    db.execute(
        "update memory_data.route set overrides = overrides || jsonb_build_object(%s::text,"
        " %s::float8) where from_kind = %s and overrides ? %s",
        (criterion, threshold, kind, criterion),
    )


# The smallest difference tried, in the unit of the criterion.
GRAIN = {
    "ml_score": 1e-6,
    "access_count": 1,
    "time_span": 1e-6,
    "user_rating": 0.01,
    "context_relevance": 1e-4,
    "importance": 1e-6,
}


@pytest.mark.parametrize("kind", ROUTES)
def test_every_criterion_below_at_and_above_its_threshold(db: Connection[Any], kind: str) -> None:
    # One session for all of them: a new one would read the catalogue anew for each.
    for criterion, place in itertools.product(thresholds(kind), ("below", "at", "above")):
        with db.transaction(force_rollback=True):
            judge_one(db, kind, criterion, place)


def judge_one(db: Connection[Any], kind: str, criterion: str, place: str) -> None:
    """One criterion just below, at or just above its threshold, all others hold."""
    case = f"{kind}, {criterion} {place}"
    threshold = thresholds(kind)[criterion]
    step = {"below": -1, "at": 0, "above": 1}[place] * GRAIN[criterion]
    memory = candidate(db, kind, **{criterion: threshold + step})
    if criterion in ("ml_score", "importance"):
        # sums of floats hit a number only nearly: put the threshold where the value is
        nudge(db, kind, criterion, step)
    told = {row["criterion"]: row for row in call(db, "explain", namespace="n", id=memory, now=NOW)}
    assert told[criterion]["value"] == pytest.approx(threshold + step, abs=1e-9), case
    assert told[criterion]["threshold"] == pytest.approx(threshold, abs=1e-5), case
    failing = {name for name, row in told.items() if row["passed"] is False}
    assert failing == (set() if place == "above" else {criterion}), case

    moved = call(db, "promote", now=NOW)
    assert [row["id"] for row in moved] == ([memory] if place == "above" else []), case
    layer = ABOVE[BELOW[kind]] if place == "above" else BELOW[kind]
    assert value(db, "select layer from memory._memories where id = %s", memory) == layer, case
    decisions = rows(db, "select * from memory_data.decision")
    if criterion == "access_count" and threshold + step <= STEP[BELOW[kind]]["access_count"]:
        # too little use for any route of the layer: not even looked at
        assert decisions == [], case
        return
    (decision,) = decisions
    assert decision["action"] == ("promote" if place == "above" else "keep"), case
    assert decision["route"] == ROUTES[kind][0], case
    assert set(decision["criteria"]) == set(thresholds(kind)), case
    assert decision["criteria"][criterion]["passed"] is (place == "above"), case
    assert decision["criteria"][criterion]["value"] == told[criterion]["value"], case
    assert decision["model"] == "constant", case
    assert decision["score"] == pytest.approx(told["ml_score"]["value"]), case


@pytest.mark.parametrize("kind", ROUTES)
def test_everything_a_record_is_moves_along(db: Connection[Any], kind: str) -> None:
    memory = candidate(db, kind)
    at = {"namespace": "n", "id": memory}
    call(
        db,
        "update_memory",
        **at,
        now=NOW,
        changes={"pinned": True, "metadata": {"speaker": "Ann"}, "content": "about lanterns"},
    )
    db.execute(
        f"update memory_data.{BELOW[kind]} set embedding = %s, model ="  # noqa: S608
        " (select id from memory_data.embedding_model where active)",
        (vector(1),),
    )
    columns = "to_jsonb(m) - array['layer', 'kind', 'entered_at', 'expires_at']"
    before = value(db, f"select {columns} from memory._memories as m")  # noqa: S608
    usage = rows(db, "select * from memory_data.usage")
    history = call(db, "history", **at, now=NOW)
    token = value(db, "select memory.change_token('n')")

    (moved,) = call(db, "promote", now=NOW)
    route, to_kind = ROUTES[kind]
    layer, above = BELOW[kind], ABOVE[BELOW[kind]]
    assert (moved["layer"], moved["to_layer"], moved["kind"], moved["to_kind"], moved["route"]) == (
        layer,
        above,
        kind,
        to_kind,
        route,
    )
    assert value(db, f"select {columns} from memory._memories as m") == before  # noqa: S608
    assert rows(db, "select * from memory_data.usage") == usage
    row = one(db, "get", **at, now=NOW)
    life = {"insights": timedelta(days=90), "assets": None}[above]
    assert (row["layer"], row["kind"], row["entered_at"]) == (above, to_kind, NOW)
    assert row["expires_at"] == (None if life is None else NOW + life)
    assert row["pinned"]
    after = call(db, "history", **at, now=NOW)
    assert [event["event"] for event in after if event not in history][-1] == "promote"
    assert len(after) == len(history) + 1
    assert found(db, "n", "lantern", now=NOW) == ["about lanterns"]
    assert found(db, "n", embedding=vector(1), now=NOW) == ["about lanterns"]
    assert value(db, "select memory.change_token('n')") > token
    # and its time in the new layer begins now: nothing more to gain
    assert call(db, "promote", now=NOW) == []


def test_a_dry_run_tells_the_same_and_changes_nothing(db: Connection[Any]) -> None:
    memory = candidate(db, "session_data")
    told = call(db, "promote", now=NOW, dry_run=True)
    assert [row["id"] for row in told] == [memory]
    assert value(db, "select layer from memory._memories") == "interact"
    assert value(db, "select count(*) from memory_data.decision") == 0
    assert value(db, "select count(*) from memory_data.promotion_run") == 0
    assert call(db, "promote", now=NOW) == told


def test_layer_and_namespace_can_be_named(db: Connection[Any]) -> None:
    candidate(db, "session_data")
    assert call(db, "promote", layer="insights", now=NOW) == []
    assert call(db, "promote", namespace="m", now=NOW) == []
    assert len(call(db, "promote", layer="interact", namespace="n", now=NOW)) == 1


def used(db: Connection[Any], namespace: str, number: int) -> Any:
    """A record that passes every criterion by plain use; ids of all."""
    begun = NOW - timedelta(hours=20)
    call(db, "make_partitions", now=begun)
    made = one(
        db,
        "remember",
        namespace=namespace,
        content=f"number {number}",
        now=begun,
        kind="session_data",
        importance=1.0,
    )
    for hours in range(0, 21, 2):
        call(db, "touch", namespace=namespace, ids=[made["id"]], now=begun + timedelta(hours=hours))
    return made["id"]


def test_use_alone_moves_a_record_by_the_fixed_weighting(db: Connection[Any]) -> None:
    memory = used(db, "n", 1)
    (moved,) = call(db, "promote", now=NOW)
    assert moved["id"] == memory
    assert value(db, "select model from memory_data.decision") == "fixed weighting"
    run = rows(db, "select * from memory_data.promotion_run order by id")
    assert [row["layer"] for row in run] == ["interact", "insights"]
    assert (run[0]["candidates"], run[0]["judged"], run[0]["promoted"]) == (1, 1, 1)
    assert (run[0]["fallback"], run[0]["kept"]) == (1, 0)


def test_the_limit_bounds_a_call_and_the_next_goes_on(db: Connection[Any]) -> None:
    memories = {used(db, namespace, number) for namespace in "abc" for number in range(2)}
    seen = []
    while moved := call(db, "promote", limit=4, now=NOW):
        assert len(moved) <= 4
        seen += [row["id"] for row in moved]
    assert sorted(seen) == sorted(memories)
    promoted = "select count(*) from memory_data.decision where action = 'promote'"
    assert value(db, promoted) == 6


@pytest.mark.parametrize("limit", [0, -1, 100_001, None])
def test_a_limit_is_within_bounds(db: Connection[Any], limit: int | None) -> None:
    with refused(db, "ML422", "limit"):
        call(db, "promote", limit=limit)


@pytest.mark.parametrize("layer", ["assets", "attic"])
def test_a_layer_has_a_next_one(db: Connection[Any], layer: str) -> None:
    with refused(db, "ML422", layer, "interact, insights"):
        call(db, "promote", layer=layer)


def test_a_keep_is_decided_once_a_verdict(db: Connection[Any]) -> None:
    memory = candidate(db, "session_data", ml_score=0.5, user_rating=1.0)

    def decided() -> list[set[str]]:
        call(db, "promote", now=NOW)
        return [
            {name for name, one in row["criteria"].items() if not one["passed"]}
            for row in rows(
                db, "select criteria from memory_data.decision where action = 'keep' order by ctid"
            )
        ]

    first = [{"ml_score", "user_rating"}]
    assert decided() == first
    assert decided() == first
    db.execute("update memory_data.usage set rating_sum = 10")
    second = [*first, {"ml_score"}]
    assert decided() == second
    # the same criterion with another value is the same verdict
    db.execute("update memory_data.model set combination = combination || '{\"intercept\": -1}'")
    assert decided() == second
    db.execute("update memory_data.usage set access_count = 1")
    assert decided() == [*second, {"ml_score", "access_count"}]
    db.execute("update memory_data.model set combination = combination || '{\"intercept\": 9}'")
    db.execute("update memory_data.usage set access_count = 50")
    (moved,) = call(db, "promote", now=NOW)
    assert moved["id"] == memory


def test_what_was_hardly_used_is_not_decided_about(db: Connection[Any]) -> None:
    candidate(db, "session_data", access_count=3)
    db.execute("update memory_data.usage set verdict = null")
    assert call(db, "promote", now=NOW) == []
    assert value(db, "select count(*) from memory_data.decision") == 0


@pytest.mark.parametrize("required", [True, False])
def test_a_rating_is_needed_only_where_the_rule_says_so(
    db: Connection[Any], required: bool
) -> None:
    candidate(db, "session_data")
    db.execute("update memory_data.usage set rating_sum = 0, rating_count = 0")
    db.execute(
        "update memory_data.promotion_rule set required = %s where criterion = 'user_rating'",
        (required,),
    )
    assert len(call(db, "promote", now=NOW)) == (not required)


def test_an_expired_record_does_not_come_back(db: Connection[Any]) -> None:
    candidate(db, "session_data")
    assert call(db, "promote", now=NOW + timedelta(days=1)) == []
    db.execute("update memory_data.interact set expires_at = %s", (NOW,))
    assert call(db, "promote", now=NOW) == []


def test_without_a_partition_nothing_moves_and_the_error_says_what_to_do(
    db: Connection[Any],
) -> None:
    candidate(db, "session_data")
    for row in rows(
        db,
        "select inhrelid::regclass::text as name from pg_inherits"
        " where inhparent = 'memory_data.insights'::regclass",
    ):
        db.execute(f"drop table {row['name']}")
    with refused(db, "ML409", "insights has no partition"):
        call(db, "promote", now=NOW)
    assert value(db, "select layer from memory._memories") == "interact"
    while call(db, "make_partitions", now=NOW):
        pass
    assert len(call(db, "promote", now=NOW)) == 1


def test_the_same_memory_remembered_again_is_recognised_above(db: Connection[Any]) -> None:
    memory = candidate(db, "session_data")
    call(db, "promote", now=NOW)
    again = one(
        db, "remember", namespace="n", content="a session_data", kind="session_data", now=NOW
    )
    assert (again["id"], again["created"], again["layer"]) == (memory, False, "insights")


def test_an_equal_memory_above_takes_the_uses(db: Connection[Any]) -> None:
    """Stored above before: as what it becomes, so that remembering could not recognise it."""
    memory = candidate(db, "session_data")
    changes = {"importance": 0.9, "pinned": True}
    call(db, "update_memory", namespace="n", id=memory, changes=changes, now=NOW)
    twin = one(db, "remember", namespace="n", content="a session_data", kind="pattern", now=NOW)
    assert twin["created"]
    call(db, "touch", namespace="n", ids=[twin["id"]], now=NOW)
    (moved,) = call(db, "promote", now=NOW)
    assert moved["id"] == memory
    assert found(db, "n", "session_data", now=NOW) == ["a session_data"]
    kept = one(db, "get", namespace="n", id=twin["id"], now=NOW)
    assert (kept["access_count"], kept["rating_count"], kept["rating"]) == (51, 2, 5)
    assert kept["pinned"]
    with refused(db, "ML404"):
        call(db, "get", namespace="n", id=memory, now=NOW)
    (event,) = [
        row
        for row in call(db, "history", namespace="n", id=memory, now=NOW)
        if row["event"] == "promote"
    ]
    assert event["detail"]["detail"] == {"merged_into": str(twin["id"])}
    assert value(db, "select merged_into from memory.promotions") == twin["id"]
    for table in ("usage", "revision", "score"):
        assert value(db, f"select count(*) from memory_data.{table} where id = %s", memory) == 0  # noqa: S608


def test_a_twin_of_another_namespace_is_no_twin(db: Connection[Any]) -> None:
    memory = candidate(db, "session_data")
    one(db, "remember", namespace="m", content="a session_data", kind="pattern", now=NOW)
    call(db, "promote", now=NOW)
    assert one(db, "get", namespace="n", id=memory, now=NOW)["layer"] == "insights"


def test_a_step_at_a_time(db: Connection[Any]) -> None:
    """A rule of zero lets a record through both steps, but not in one call."""
    memory = candidate(db, "session_data")
    db.execute("update memory_data.promotion_rule set threshold = -1")
    db.execute("update memory_data.route set overrides = '{}'")
    layers = [value(db, "select layer from memory._memories where id = %s", memory)]
    for _ in range(2):
        call(db, "promote", now=NOW)
        layers.append(value(db, "select layer from memory._memories where id = %s", memory))
    assert layers == ["interact", "insights", "assets"]


def test_the_job_run_is_noted(db: Connection[Any]) -> None:
    candidate(db, "session_data")
    db.execute("select set_config('magray.job_run', '17', true)")
    call(db, "promote", now=NOW)
    assert value(db, "select job_run from memory_data.decision") == 17


def test_what_blocks_is_counted(db: Connection[Any]) -> None:
    candidate(db, "session_data", ml_score=0.5)
    one(db, "remember", namespace="n", content="never used", now=NOW)
    told = {
        row["criterion"]: row for row in call(db, "blocking_criteria", layer="interact", now=NOW)
    }
    assert set(told) == set(STEP["interact"])
    assert next(iter(told)) == "ml_score"
    score = told["ml_score"]
    assert (score["records"], score["judged"], score["failing"], score["alone"]) == (2, 1, 1, 1)
    assert score["share"] == 1
    assert told["access_count"]["failing"] == told["access_count"]["alone"] == 0
    assert call(db, "blocking_criteria", layer="insights", now=NOW) == []
    with refused(db, "ML404", 'layer "nosuch" does not exist'):
        call(db, "blocking_criteria", layer="nosuch", now=NOW)
