"""memory.remember: where one memory lands, what is worked out for it, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, one, refused, rows, value, vector

if TYPE_CHECKING:
    from psycopg import Connection

LIVES = {"interact": timedelta(hours=24), "insights": timedelta(days=90), "assets": None}
KINDS = {
    "session_data": "interact",
    "recent_query": "interact",
    "temporary_context": "interact",
    "user_interaction": "interact",
    "pattern": "insights",
    "learned_context": "insights",
    "snippet": "insights",
    "solution": "insights",
    "documentation": "assets",
    "system_knowledge": "assets",
    "best_practice": "assets",
    "core_concept": "assets",
}


@pytest.mark.parametrize(("kind", "layer"), KINDS.items())
def test_a_memory_lands_in_the_layer_of_its_kind(
    db: Connection[Any], kind: str, layer: str
) -> None:
    now = datetime.now(UTC)
    row = one(db, "remember", namespace="n", content="something", kind=kind, now=now)
    life = LIVES[layer]
    assert (row["layer"], row["kind"], row["created"]) == (layer, kind, True)
    assert row["expires_at"] == (None if life is None else now + life)
    assert row["created_at"] == now
    (stored,) = rows(db, f"select id from memory_data.{layer} where namespace = 'n'")  # noqa: S608
    assert stored["id"] == row["id"]


def test_what_is_not_given_is_the_default(db: Connection[Any]) -> None:
    made = one(db, "remember", namespace="n", content="plain words")
    row = one(db, "get", namespace="n", id=made["id"])
    assert row["kind"] == "user_interaction"
    assert row["metadata"] == {}
    assert (row["session"], row["turn"]) == (None, 0)
    assert (row["importance"], row["pinned"]) == (0.5, False)
    assert row["has_embedding"] is False


def test_a_repeated_memory_answers_with_the_first_id(db: Connection[Any]) -> None:
    first = one(db, "remember", namespace="n", content="the same")
    again = one(db, "remember", namespace="n", content="the same")
    other = one(db, "remember", namespace="m", content="the same")
    assert (again["id"], again["created"]) == (first["id"], False)
    assert other["created"]
    assert other["id"] != first["id"]


@pytest.mark.parametrize(
    "difference",
    [
        {"content": "the same!"},
        {"kind": "recent_query"},
        {"kind": "snippet"},
        {"session": "s"},
        {"metadata": {"speaker": "Ann"}},
    ],
)
def test_content_kind_session_and_metadata_make_a_memory_another_one(
    db: Connection[Any], difference: dict[str, Any]
) -> None:
    first = one(db, "remember", namespace="n", content="the same")
    other = one(db, "remember", **({"namespace": "n", "content": "the same"} | difference))
    assert other["created"]
    assert other["id"] != first["id"]


def test_importance_and_ttl_do_not_make_a_memory_another_one(db: Connection[Any]) -> None:
    first = one(db, "remember", namespace="n", content="the same")
    again = one(
        db, "remember", namespace="n", content="the same", importance=0.9, ttl=timedelta(hours=1)
    )
    assert (again["id"], again["created"]) == (first["id"], False)
    assert again["expires_at"] == first["expires_at"]


def test_an_expired_memory_is_not_recognised(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    first = one(db, "remember", namespace="n", content="the same", ttl=timedelta(hours=1), now=now)
    later = now + timedelta(hours=1)
    again = one(db, "remember", namespace="n", content="the same", now=later)
    assert again["created"]
    assert again["id"] != first["id"]


def test_ttl_is_only_another_expires_at(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    for kind in ("user_interaction", "pattern", "core_concept"):
        made = one(
            db,
            "remember",
            namespace="n",
            content="short",
            kind=kind,
            ttl=timedelta(minutes=5),
            now=now,
        )
        assert made["expires_at"] == now + timedelta(minutes=5)
        at = {"namespace": "n", "id": made["id"]}
        assert one(db, "get", **at, now=now + timedelta(minutes=4, seconds=59))
        with refused(db, "ML404", str(made["id"])):
            call(db, "get", **at, now=now + timedelta(minutes=5))


def test_ttl_may_be_longer_than_the_layers_but_not_than_its_horizon(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    longest = timedelta(hours=24) + 6 * timedelta(hours=8)
    made = one(db, "remember", namespace="n", content="long", ttl=longest, now=now)
    assert made["expires_at"] == now + longest
    with refused(db, "ML422", "memory 1", "ttl is longer", "interact"):
        call(
            db,
            "remember",
            namespace="n",
            content="longer",
            now=now,
            ttl=longest + timedelta(seconds=1),
        )


def test_the_longest_ttl_has_a_partition_while_the_partition_job_is_late(
    db: Connection[Any],
) -> None:
    made_at = value(db, "select date_bin('8 hours', now(), '2000-01-01Z')") + timedelta(days=400)
    while call(db, "make_partitions", now=made_at):
        pass
    late = made_at + timedelta(hours=7, minutes=59)
    longest = timedelta(hours=24) + 6 * timedelta(hours=8)
    assert one(db, "remember", namespace="n", content="long", ttl=longest, now=late)["created"]


def test_a_longer_life_than_ever_widens_what_searches_look_at(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    made = one(
        db,
        "remember",
        namespace="n",
        content="long",
        embedding=vector(1),
        ttl=timedelta(hours=70),
        now=now,
    )
    reach = value(db, "select reach from memory_data.layer where name = 'interact'")
    assert reach >= timedelta(hours=70)
    hits = call(db, "search", namespace="n", embedding=vector(1), now=now)
    assert [hit["id"] for hit in hits] == [made["id"]]


def test_created_at_may_lie_in_the_past_and_changes_no_expiry(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    spoken = datetime(2023, 5, 8, tzinfo=UTC)
    for kind, life in (("user_interaction", LIVES["interact"]), ("core_concept", None)):
        made = one(
            db, "remember", namespace="n", content="old", kind=kind, created_at=spoken, now=now
        )
        assert made["created_at"] == spoken
        assert made["expires_at"] == (None if life is None else now + life)
        row = one(db, "get", namespace="n", id=made["id"])
        assert (row["created_at"], row["entered_at"]) == (spoken, now)


@pytest.mark.parametrize(
    ("content", "language"),
    [
        ("The meeting was moved to Friday", "english"),
        ("Встреча перенесена на пятницу", "russian"),
        ("Релиз кубернетес кластера: kubectl apply", "russian"),
        ("συνάντηση μεταφέρθηκε", "greek"),
        ("تم نقل الاجتماع", "arabic"),
        ("बैठक शुक्रवार को है", "hindi"),
        ("12345 67890", "simple"),
        ("会議は金曜日", "simple"),
    ],
)
def test_the_language_is_detected_by_script(
    db: Connection[Any], content: str, language: str
) -> None:
    made = one(db, "remember", namespace="n", content=content)
    assert one(db, "get", namespace="n", id=made["id"])["language"] == language


def test_a_given_language_stands(db: Connection[Any]) -> None:
    made = one(db, "remember", namespace="n", content="Die Häuser am See", language="German")
    assert one(db, "get", namespace="n", id=made["id"])["language"] == "german"
    words = value(db, "select search::text from memory_data.interact where id = %s", made["id"])
    assert "'haus'" in words
    assert "'die'" not in words


def test_size_is_the_bytes_of_content_vector_words_and_metadata(db: Connection[Any]) -> None:
    for embedding in (None, vector(1, 2, 3)):
        made = one(
            db,
            "remember",
            namespace="n",
            content=f"Größe {embedding}",
            embedding=embedding,
            metadata={"speaker": "Ann"},
        )
        (row,) = rows(
            db,
            "select size, octet_length(content) + coalesce(pg_column_size(embedding), 0)"
            " + pg_column_size(search) + pg_column_size(metadata) as bytes,"
            " pg_column_size(embedding) as vector from memory_data.interact where id = %s",
            made["id"],
        )
        # stored values may have a shorter header than those in hand: at most 3 bytes each
        assert abs(row["size"] - row["bytes"]) <= 9
        assert (row["vector"] is None) == (embedding is None)


def test_a_vector_that_comes_along_is_stored_with_its_model(db: Connection[Any]) -> None:
    made = one(db, "remember", namespace="n", content="with a vector", embedding=vector(1, 2))
    assert made["has_embedding"]
    (row,) = rows(
        db,
        "select i.embedding::text, m.name from memory_data.interact as i"
        " join memory_data.embedding_model as m on m.id = i.model where i.id = %s",
        made["id"],
    )
    assert row == {"embedding": "[1,2,0,0,0,0,0,0]", "name": "test-model"}


def test_metadata_keeps_its_nulls(db: Connection[Any]) -> None:
    made = one(db, "remember", namespace="n", content="x y", metadata={"a": None, "b": {"c": None}})
    assert one(db, "get", namespace="n", id=made["id"])["metadata"] == {"a": None, "b": {"c": None}}


@pytest.mark.parametrize("namespace", [None, "", "x" * 201])
def test_a_namespace_has_1_to_200_characters(db: Connection[Any], namespace: str | None) -> None:
    with refused(db, "ML422", "1 to 200"):
        call(db, "remember", namespace=namespace, content="x")


def test_a_namespace_may_be_any_text(db: Connection[Any]) -> None:
    for namespace in ("x" * 200, "пользователь 1", "a'b\"c;--", " "):
        made = one(db, "remember", namespace=namespace, content="x")
        assert one(db, "get", namespace=namespace, id=made["id"])["namespace"] == namespace


UNREADABLE = {
    "deep list": ('{"a": ' + "[" * 501 + "]" * 501 + "}", "nested too deep"),
    "deep object": ('{"a":' * 501 + "{}" + "}" * 501, "nested too deep"),
    "long number": ('{"a": [{"b": ' + "9" * 4001 + "}]}", "a number that is too long"),
    "number written short": ('{"a": 1e5000}', "a number that is too long"),
    "long fraction": ('{"a": 0.' + "3" * 6000 + "}", "a number that is too long"),
}


@pytest.mark.parametrize(("metadata", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_metadata_no_reader_of_json_takes_is_refused_by_every_writer(
    db: Connection[Any], metadata: str, said: str
) -> None:
    whole = f'{{"content": "x", "metadata": {metadata}}}'
    with refused(db, "ML422", "memory 1: metadata", said):
        value(db, "select memory.remember('n', 'x', p_metadata => %s::jsonb)", metadata)
    with refused(db, "ML422", "memory 2: metadata", said):
        db.execute(
            "select memory.remember_many('n', %s::jsonb)", [f'[{{"content": "y"}}, {whole}]']
        )
    with refused(db, "ML422", "memory 1: metadata", said):
        db.execute("select memory.import_records('n', %s::jsonb)", [f"[{whole}]"])
    made = one(db, "remember", namespace="n", content="fine")
    for field in ("metadata", "replace_metadata"):
        with refused(db, "ML422", "metadata", said):
            db.execute(
                "select memory.update_memory('n', %s, %s::jsonb)",
                [made["id"], f'{{"{field}": {metadata}}}'],
            )


def test_metadata_up_to_the_limits_is_taken(db: Connection[Any]) -> None:
    for metadata in (
        '{"a": ' + "[" * 500 + "]" * 500 + "}",
        '{"a": ' + "9" * 4000 + "}",
        '{"a": "' + "9" * 9000 + '"}',
        '{"a": "' + "[" * 9000 + '"}',
    ):
        assert one(db, "remember", namespace="n", content="x", metadata=metadata)["id"]
