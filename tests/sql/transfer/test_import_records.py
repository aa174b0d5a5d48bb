"""memory.import_records: memories of an export, as they were."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import pytest

from tests.sql.archiving import LAYERS, hand, keep, register
from tests.sql.calls import call, found, one, refused, rows, value, vector

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from tests.sql.calls import Row

WORDS = ["tea", "Lisbon", "вечер", "東京", "it's", '"quoted"', "a\nb", "\u2028", "🜁", "%s", "{}"]
# What a record is, everywhere it leaves a trace; the namespace and what a model gives anew aside.
LIVING = (
    " where m.namespace = %s and m.id in (select l.id from memory._memories as l"
    " where l.namespace = m.namespace and l.expires_at > %s)"
)
EVERYTHING = {
    "memories": "select layer, to_jsonb(m) - array['namespace', 'layer'] as row,"
    " m.embedding::text, m.content_hash from memory._memories as m",
    "usage": "select to_jsonb(m) - array['namespace'] as row from memory_data.usage as m",
    "revisions": "select to_jsonb(m) - array['namespace'] as row from memory_data.revision as m",
    "events": "select to_jsonb(m) - array['namespace'] as row from memory_data.access_event as m",
    "decisions": "select to_jsonb(m) - array['namespace', 'job_run', 'members'] as row"
    " from memory_data.decision as m",
}


def everything(
    db: Connection[Any], namespace: str, now: datetime | str = "-infinity"
) -> dict[str, list[Row]]:
    """What there is of the memories that live then."""
    return {
        name: sorted(rows(db, query + LIVING, namespace, now), key=str)
        for name, query in EVERYTHING.items()
    }


def export(
    db: Connection[Any], namespace: str = "n", *, embeddings: bool = True, **more: Any
) -> str:
    """The records of a namespace as the text of a JSON array."""
    page = call(
        db, "export_memories", namespace=namespace, limit=1000, embeddings=embeddings, **more
    )
    return "[" + ",".join(row["record"] for row in page) + "]"


def bring(db: Connection[Any], records: Any, namespace: str = "copy", **more: Any) -> list[Row]:
    text = records if isinstance(records, str) else msgspec.json.encode(records).decode()
    return call(db, "import_records", namespace=namespace, records=text, **more)


def outcomes(answer: list[Row]) -> list[str]:
    return [row["outcome"] for row in answer]


def changed(db: Connection[Any], **fields: Any) -> list[Any]:
    """The only record of namespace n, with other fields."""
    (record,) = msgspec.json.decode(export(db))
    return [record | fields]


def random_store(db: Connection[Any], dice: random.Random, start: datetime) -> datetime:
    """Weeks of remembering, using, rating, editing and promoting, then an hour; when it ends."""
    now = start
    ids: list[uuid.UUID] = []
    for step in range(60):
        now += timedelta(seconds=dice.choice([1, 4000, 90_000] if step < 30 else [1, 100]))
        if step <= 30:
            call(db, "make_partitions", now=now, limit=1000)
        live = [
            row["id"]
            for row in rows(
                db,
                "select id from memory._memories where namespace = 'n' and expires_at > %s"
                " order by id",
                now,
            )
        ]
        ids = [one for one in ids if one in live]
        deed = dice.choice(["remember"] * 3 + ["touch", "rate", "edit", "promote"])
        if deed == "remember" or not ids:
            kind = dice.choice([*LAYERS.values(), "snippet", "recent_query"])
            ids.append(
                one(
                    db,
                    "remember",
                    namespace="n",
                    content=" ".join(dice.choices(WORDS, k=5)) + f" {step}",
                    kind=kind,
                    metadata=dice.choice([{}, {"speaker": "Ann"}, {"n": [None, 1.5, {"ü": True}]}]),
                    session=dice.choice([None, "s", "т"]),
                    importance=dice.choice([0.1, 0.5, 1.0]),
                    pinned=dice.random() < 0.2,
                    now=now,
                    ttl=dice.choice([None, None, timedelta(hours=40, microseconds=7)]),
                    created_at=now - timedelta(days=dice.choice([0, 0, 400])),
                    embedding=dice.choice([None, vector(dice.random(), 6e-8, -2)]),
                )["id"]
            )
            continue
        chosen = dice.choice(ids)
        at = {"namespace": "n", "now": now}
        if deed == "touch":
            call(db, "touch", ids=dice.sample(ids, min(3, len(ids))), session="s", **at)
        elif deed == "rate":
            call(db, "rate", id=chosen, rating=dice.choice([1.0, 4.5]), **at)
        elif deed == "edit":
            change = dice.choice(
                [
                    {"content": f"edited {step}"},
                    {"pinned": True},
                    {"metadata": {"edit": step}},
                    {"importance": 0.7},
                    {"pinned": False},
                ]
            )
            call(db, "update_memory", id=chosen, changes=change, **at)
        else:
            db.execute("update memory_data.promotion_rule set threshold = -1")
            db.execute("select set_config('magray.actor', %s, true)", (f"key {step}",))
            call(db, "promote", **at)
    return now


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_exported_is_there_again_in_an_empty_database(
    db: Connection[Any], clone: Callable[[], str], seed: int
) -> None:
    start = datetime.now(UTC) - timedelta(days=100)
    end = random_store(db, random.Random(seed), start)
    text = export(db, now=end)
    before = everything(db, "n", end)
    assert {row["layer"] for row in before["memories"]} == set(LAYERS)
    assert all(before.values())
    with psycopg.connect(clone()) as other:
        assert set(outcomes(bring(other, text, "n", now=end))) == {"stored"}
        assert everything(other, "n") == before
        # and once more: nothing changes
        assert set(outcomes(bring(other, text, "n", now=end))) == {"known"}
        assert everything(other, "n") == before
        assert export(other, now=end) == text
        for row in before["memories"]:
            memory = row["row"]["id"]
            assert call(other, "history", namespace="n", id=memory, now=end) == call(
                db, "history", namespace="n", id=memory, now=end
            )


@pytest.mark.parametrize("layer", LAYERS)
def test_a_copy_in_another_namespace_is_the_same_and_found(db: Connection[Any], layer: str) -> None:
    now = datetime.now(UTC)
    keep(db, "comes back", now, layer=layer)
    (told,) = bring(db, export(db, now=now), now=now)
    assert (told["outcome"], told["layer"], told["has_embedding"]) == ("stored", layer, True)
    assert everything(db, "copy") == everything(db, "n")
    assert found(db, "copy", "comes back", now=now) == ["comes back"]
    assert found(db, "copy", embedding=vector(0.1, -2), now=now) == ["comes back"]


def test_what_expired_in_between_stays_dead(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    for layer in LAYERS:
        keep(db, f"of {layer}", now, layer=layer)
    keep(db, "pinned", now, pinned=True)
    db.execute("update memory_data.interact set pinned = true where content = 'pinned'")
    text = export(db, now=now)
    later = now + timedelta(hours=25)
    call(db, "make_partitions", now=later)
    answer = bring(db, text, now=later)
    told = {row["layer"] + (" pinned" if row["pinned"] else ""): row["outcome"] for row in answer}
    assert told == {
        "interact": "expired",
        "interact pinned": "stored",
        "insights": "stored",
        "assets": "stored",
    }
    assert "of interact" not in {
        row["content"]
        for row in rows(db, "select content from memory._memories where namespace = 'copy'")
    }
    pinned = "select expires_at from memory._memories where namespace = 'copy' and pinned"
    assert value(db, pinned) > later


def test_a_life_that_was_shortened_since_is_over(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = keep(db, "shortened", now)
    text = export(db, now=now)
    call(db, "update_memory", namespace="n", id=memory, changes={"ttl": "1 minute"}, now=now)
    assert outcomes(bring(db, text, "n", now=now + timedelta(hours=1))) == ["expired"]
    assert outcomes(bring(db, text, "n", now=now)) == ["known"]


def test_an_id_that_is_another_memory_is_a_fault_with_its_place(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = keep(db, "as it was", now)
    fresh = keep(db, "another", now, namespace="m")
    text = export(db, now=now)
    both = [*msgspec.json.decode(export(db, "m", now=now)), *msgspec.json.decode(text)]
    call(db, "update_memory", namespace="n", id=memory, changes={"content": "edited"}, now=now)
    with refused(db, "ML409", f"memory 2: id {memory} is another memory here", "edited"):
        bring(db, both, "n", now=now)
    assert value(db, "select count(*) from memory._memories where id = %s", fresh) == 1


def test_the_same_id_twice_in_a_batch(db: Connection[Any]) -> None:
    keep(db, "twice", datetime.now(UTC))
    (record,) = msgspec.json.decode(export(db))
    assert outcomes(bring(db, [record, record])) == ["stored", "known"]
    with refused(db, "ML409", "memory 2: id"):
        bring(db, [record, record | {"content": "other"}], "elsewhere")


def test_the_same_content_under_another_id_is_told(db: Connection[Any]) -> None:
    keep(db, "said before", datetime.now(UTC))
    (record,) = msgspec.json.decode(export(db))
    other = str(uuid.uuid4())
    answer = bring(db, [record, record | {"id": other}])
    assert outcomes(answer) == ["stored", "same content"]
    assert answer[1]["twin"] == uuid.UUID(record["id"])
    (told,) = bring(db, [record | {"id": other}])
    assert (told["outcome"], told["twin"]) == ("same content", uuid.UUID(record["id"]))
    assert value(db, "select count(*) from memory._memories where namespace = 'copy'") == 1


def test_a_promoted_memory_is_recognised_by_what_it_was(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    keep(db, "moves up", now, layer="insights")
    db.execute("update memory_data.promotion_rule set threshold = -1")
    db.execute("update memory_data.route set overrides = '{}'")
    assert len(call(db, "promote", layer="insights", now=now, namespace="n")) == 1
    (record,) = msgspec.json.decode(export(db, now=now))
    assert (record["layer"], record["kind"], record["remembered_as"]) == (
        "assets",
        "documentation",
        "pattern",
    )
    bring(db, [record], now=now)
    again = one(
        db,
        "remember",
        namespace="copy",
        content="moves up",
        kind="pattern",
        session="s",
        metadata=record["metadata"],
        now=now,
    )
    assert not again["created"]


def test_assets_of_years_ago_and_old_history_find_their_place(db: Connection[Any]) -> None:
    keep(db, "old", datetime.now(UTC), layer="assets")
    old = "2019-02-03T04:05:06Z"
    edit = {
        "at": old,
        "content": "older",
        "kind": "core_concept",
        "metadata": {},
        "importance": 0.5,
        "pinned": False,
    }
    last_year = (datetime.now(UTC) - timedelta(days=150)).isoformat()
    (record,) = changed(db, created_at=old, entered_at=old)
    record["revisions"] = [edit, edit | {"at": last_year}]
    record["events"] = [{"at": last_year, "session": None, "source": "get", "rating": None}]
    record["decisions"] = [
        {"at": last_year, "action": "promote", "layer": "insights", "to_layer": "assets"}
    ]
    assert outcomes(bring(db, [record])) == ["stored"]
    events = call(db, "history", namespace="copy", id=record["id"])
    # what is past its retention is past
    assert [event["event"] for event in events] == ["created", "edited", "promote", "used"]
    assert found(db, "copy", "old") == ["old"]


def test_a_vector_of_another_model_is_left_out(db: Connection[Any]) -> None:
    keep(db, "old model", datetime.now(UTC))
    size = "select size from memory._memories where namespace = 'copy'"
    for model in ("other-model", None):
        (told,) = bring(db, changed(db, model=model))
        assert (told["outcome"], told["has_embedding"]) == ("stored", False)
        bare = value(db, size)
        call(db, "forget", namespace="copy", ids=[told["id"]])
    (told,) = bring(db, export(db, embeddings=False))
    assert value(db, size) == bare
    assert told["id"] in {row["id"] for row in call(db, "pending_embeddings")}


def test_what_lies_in_the_archive_stays_there(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    waits, filed = keep(db, "waits", now), keep(db, "filed", now)
    text = export(db, now=now)
    hand(db, [filed], now)
    register(db, now)
    hand(db, [waits], now)
    assert outcomes(bring(db, text, "n", now=now)) == ["archived", "archived"]
    assert value(db, "select count(*) from memory._memories") == 0


def test_what_was_forgotten_comes_back_when_it_is_imported(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    memory = keep(db, "regretted", now)
    text, before = export(db, now=now), everything(db, "n")
    call(db, "forget", namespace="n", ids=[memory], now=now)
    token = value(db, "select memory.change_token('n')")
    assert outcomes(bring(db, text, "n", now=now)) == ["stored"]
    after = everything(db, "n")
    assert after | {"decisions": []} == before | {"decisions": []}
    assert [row["row"]["action"] for row in after["decisions"]] == ["forget"]
    assert value(db, "select memory.change_token('n')") != token


def test_a_line_another_program_wrote_needs_only_what_makes_a_memory(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    record = {
        "id": str(uuid.uuid4()),
        "layer": "insights",
        "kind": "pattern",
        "content": "bare",
        "created_at": now.isoformat(),
        "entered_at": now.isoformat(),
        "expires_at": (now + timedelta(days=3)).isoformat(),
        "metadata": None,
        "usage": None,
    }
    assert outcomes(bring(db, [record], now=now)) == ["stored"]
    row = one(db, "get", namespace="copy", id=record["id"], now=now)
    assert (row["importance"], row["pinned"], row["language"], row["turn"]) == (
        0.5,
        False,
        "english",
        0,
    )
    assert row["bytes"] > 0


def test_a_use_another_program_counted_needs_no_rating(db: Connection[Any]) -> None:
    keep(db, "used", datetime.now(UTC))
    (record,) = changed(db, usage={"access_count": 7})
    assert outcomes(bring(db, [record])) == ["stored"]
    row = one(db, "get", namespace="copy", id=record["id"])
    assert (row["access_count"], row["rating"], row["rating_count"]) == (7, None, 0)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"id": "no id"}, ["id is no id", "no id"]),
        ({"id": None}, ["id is missing"]),
        ({"entered_at": None}, ["entered_at is missing"]),
        ({"created_at": "soon"}, ["created_at is no time"]),
        ({"created_at": "2999-01-01T00:00:00Z"}, ["created_at lies in the future"]),
        ({"entered_at": "1999-12-31T00:00:00Z"}, ["entered_at"]),
        ({"entered_at": "infinity"}, ["entered_at"]),
        ({"expires_at": None}, ["expires_at lies further", "never"]),
        ({"expires_at": "2999-01-01T00:00:00Z"}, ["expires_at lies further"]),
        ({"layer": "assets"}, ['layer "assets" does not hold kind "user_interaction"']),
        ({"kind": "gossip"}, ['kind "gossip" is not known']),
        ({"turn": -1}, ["turn is below 0"]),
        ({"turn": "first"}, ["turn is no whole number"]),
        ({"bytes": -5}, ["bytes is below 0"]),
        ({"usage": [1]}, ["usage is not object"]),
        ({"events": {}}, ["events is not array"]),
        ({"usage": {"access_count": "many"}}, ["usage access_count is no integer", "many"]),
        ({"events": [7]}, ["events, entry 1 is not object", "number"]),
        ({"events": [{"source": "get"}]}, ["events, entry 1 at is missing"]),
        (
            {"events": [{"at": "2999-01-01T00:00:00Z", "source": "get"}]},
            ["events, entry 1 at is no time of the past", "2999"],
        ),
        (
            {"decisions": [{"at": "infinity", "action": "keep", "layer": "interact"}]},
            ["decisions, entry 1 at is no time of the past"],
        ),
        (
            {"decisions": [{"at": "2026-01-01T00:00:00Z", "layer": "interact"}]},
            ["decisions, entry 1 action is missing", "nothing"],
        ),
        ({"revisions": [{"at": "soon"}]}, ["revisions, entry 1 at is no timestamp", "soon"]),
        ({"content": " "}, ["content is empty"]),
        ({"embedding": [1e9] * 8}, ["embedding is no vector"]),
        ({"embedding": [0.0] * 8}, ["embedding has no direction"]),
        ({"ttl": 5, "contnt": "x"}, ['field "contnt" is not known']),
    ],
)
def test_a_field_that_does_not_fit_is_named_with_its_place(
    db: Connection[Any], fields: dict[str, Any], words: list[str]
) -> None:
    keep(db, "right", datetime.now(UTC))
    (wrong,) = changed(db, **fields)
    (right,) = changed(db)
    with refused(db, "ML422", "memory 2: ", *words):
        bring(db, [right, wrong])
    assert rows(db, "select from memory._memories where namespace = 'copy'") == []


@pytest.mark.parametrize("records", [[], {}, [{}] * 1001])
def test_a_batch_has_1_to_1000_records(db: Connection[Any], records: Any) -> None:
    with refused(db, "ML422", "1 to 1000"):
        bring(db, records)


@pytest.mark.parametrize("role", ["memory_app", "memory_operator", "memory_analyst"])
def test_only_the_owner_imports_history(db: Connection[Any], role: str) -> None:
    keep(db, "right", datetime.now(UTC))
    text = export(db)
    db.execute(f"set local role {role}")  # type: ignore[call-overload]
    with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
        bring(db, text)
    db.execute("reset role")
    db.execute("set local role memory_owner")
    assert outcomes(bring(db, text)) == ["stored"]
