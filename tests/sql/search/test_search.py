"""memory.search: what is found by words, by vectors, by both, through filters; what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, contents, found, one, refused, vector

if TYPE_CHECKING:
    from psycopg import Connection

LAYERS = {"user_interaction": "interact", "pattern": "insights", "core_concept": "assets"}


def remember(db: Connection[Any], content: str, **fields: Any) -> Any:
    return one(db, "remember", **({"namespace": "n", "content": content} | fields))["id"]


def talk(db: Connection[Any], *turns: str, session: str = "s", **fields: Any) -> None:
    memories = [{"content": turn, "session": session, **fields} for turn in turns]
    call(db, "remember_many", namespace="n", memories=memories)


# --- words


@pytest.mark.parametrize(
    ("content", "query"),
    [
        ("She was running along the river", "who runs?"),
        ("The houses were painted", "painting a house"),
        ("Мы обсудили поездки в Казань", "поездка"),
        ("Анна переехала в новую квартиру", "новые квартиры Анны"),
        ("Настроил kubernetes и развёртывание", "kubernetes"),
        ("Настроил deployments в кластере", "deployment"),
        ("The meeting with Анна is on Friday", "meetings"),
        ("Заказ 48215 отправлен", "48215"),
    ],
)
def test_another_form_of_a_word_finds_it(db: Connection[Any], content: str, query: str) -> None:
    remember(db, content)
    remember(db, "Something else entirely")
    remember(db, "Что-то совсем иное")
    assert found(db, "n", query) == [content]


def test_a_given_language_is_asked_in(db: Connection[Any]) -> None:
    remember(db, "Die Häuser am See wurden verkauft", language="german")
    filters = {"language": "german"}
    assert len(found(db, "n", "verkauftes Haus", filters=filters)) == 1


def test_any_word_may_match_and_rare_words_weigh_more(db: Connection[Any]) -> None:
    for i in range(10):
        remember(db, f"meeting number {i}")
    remember(db, "the giraffe was fed")
    assert found(db, "n", "meeting giraffe", top_k=1) == ["the giraffe was fed"]
    assert len(found(db, "n", "meeting giraffe", top_k=20)) == 11


def test_words_nobody_said_find_nothing(db: Connection[Any]) -> None:
    remember(db, "Ann likes tea")
    assert found(db, "n", "volcano") == []


def test_a_question_of_stop_words_finds_nothing_without_a_vector(db: Connection[Any]) -> None:
    remember(db, "Ann likes tea", embedding=vector(1))
    assert found(db, "n", "what is the") == []
    assert found(db, "n", "what is the", embedding=vector(1)) == ["Ann likes tea"]


@pytest.mark.parametrize(
    "query", ["' & | ! :* <-> ()", "\\", "a'b'c \"d\"", "%s $1 :x", "x" * 3000]
)
def test_a_query_is_text_and_never_syntax(db: Connection[Any], query: str) -> None:
    remember(db, "Ann likes tea")
    found(db, "n", query)
    remember(db, f"tea {query} tea")
    assert f"tea {query} tea" in found(db, "n", f"tea {query}")


def test_neighbours_of_a_hit_come_along_in_their_session(db: Connection[Any]) -> None:
    talk(db, "Where did you go?", "To Lisbon by train", "It was sunny", session="a")
    talk(db, "Nothing here", "of any use", session="b")
    hits = found(db, "n", "Lisbon")
    assert hits[0] == "To Lisbon by train"
    assert set(hits) <= {"Where did you go?", "To Lisbon by train", "It was sunny"}
    assert len(hits) == 3


def test_words_of_neighbours_add_up(db: Connection[Any]) -> None:
    talk(db, "Did you see the volcano?", "Yes it smoked", session="a")
    talk(db, "Yes it smoked too", session="b")
    assert found(db, "n", "volcano smoked").index("Yes it smoked") < found(
        db, "n", "volcano smoked"
    ).index("Yes it smoked too")


def test_the_named_speaker_is_preferred(db: Connection[Any]) -> None:
    remember(db, "I bought a bicycle", metadata={"speaker": "Bob"})
    remember(db, "I bought a bicycle", metadata={"speaker": "Ann"})
    for name in ("Ann", "Bob"):
        answer = call(db, "search", namespace="n", query=f"{name} bicycle", explain=True)
        assert answer[0]["metadata"] == {"speaker": name}
        assert [hit["explain"]["speaker"] for hit in answer] == [0.2, 0]


def test_the_spoken_date_is_a_word(db: Connection[Any]) -> None:
    remember(db, "We met", metadata={"date": "2023-05-08"})
    remember(db, "We met again", metadata={"date": "2023-09-01"})
    assert found(db, "n", "8 May 2023", top_k=1) == ["We met"]


# --- vectors, and both


def test_vectors_are_ordered_by_cosine_similarity(db: Connection[Any]) -> None:
    for content, at in (
        ("same", (3, 0)),
        ("near", (1, 0.5)),
        ("far", (0, 1)),
        ("against", (-1, 0)),
    ):
        remember(db, content, embedding=vector(*at))
    answer = call(db, "search", namespace="n", embedding=vector(1, 0))
    assert contents(answer) == ["same", "near", "far", "against"]
    assert [hit["score"] for hit in answer] == pytest.approx([1, 0.8944, 0, -1], abs=1e-3)


def test_only_vectors_of_the_model_in_use_are_compared(db: Connection[Any]) -> None:
    remember(db, "old vector", embedding=vector(1))
    db.execute("update memory_data.embedding_model set active = false")
    db.execute(
        "insert into memory_data.embedding_model (name, dim, active) values ('new', 8, true)"
    )
    remember(db, "new vector", embedding=vector(0, 1))
    assert found(db, "n", embedding=vector(1)) == ["new vector"]


def test_a_hit_of_one_list_alone_is_found_and_may_win(db: Connection[Any]) -> None:
    for i in range(5):
        remember(db, f"filler {i}", embedding=vector(0, 1, i))
    remember(db, "only the giraffe says it")
    remember(db, "meant but not said", embedding=vector(1))
    hits = found(db, "n", "giraffe", embedding=vector(1))
    assert set(hits[:2]) == {"only the giraffe says it", "meant but not said"}
    assert found(db, "n", "volcano", embedding=vector(1))[0] == "meant but not said"


def test_memories_without_a_vector_are_found_by_their_words(db: Connection[Any]) -> None:
    remember(db, "no vector yet")
    assert found(db, "n", "vectors", embedding=vector(1)) == ["no vector yet"]
    assert found(db, "n", embedding=vector(1)) == []


def test_the_parts_add_up_to_the_score_and_the_best_is_first(db: Connection[Any]) -> None:
    talk(db, "Did you see the volcano?", "Yes the volcano smoked", "It was loud", session="a")
    for i in range(20):
        remember(db, f"filler about trains {i}", embedding=vector(1, i))
    remember(db, "The volcano slept", metadata={"speaker": "Ann"}, embedding=vector(1, 0.1))
    answer = call(
        db,
        "search",
        namespace="n",
        query="Ann volcano",
        embedding=vector(1),
        top_k=15,
        explain=True,
    )
    scores = [hit["score"] for hit in answer]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[0] <= 1.7
    for hit in answer:
        parts = hit["explain"]
        total = parts["words"] + parts["meaning"] + parts["speaker"]
        assert total == pytest.approx(hit["score"], abs=2e-4)
        assert set(parts["lexemes"]) == {"ann", "volcano"}
        assert parts["vectors"] == "exact"


def test_parts_are_told_only_when_asked_for(db: Connection[Any]) -> None:
    remember(db, "Ann likes tea", embedding=vector(1))
    for arguments in ({"query": "tea"}, {"embedding": vector(1)}):
        (plain,) = call(db, "search", namespace="n", **arguments)
        (told,) = call(db, "search", namespace="n", **arguments, explain=True)
        assert plain["explain"] is None
        assert told.pop("explain")
        assert plain | {"explain": 0} == told | {"explain": 0}


def test_a_result_carries_the_memory(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    made = remember(
        db,
        "Ann likes tea",
        kind="pattern",
        session="s",
        metadata={"speaker": "Ann"},
        importance=0.75,
        pinned=True,
        embedding=vector(2),
        now=now,
    )
    (hit,) = call(db, "search", namespace="n", embedding=vector(1), now=now)
    assert hit == {
        "id": made,
        "namespace": "n",
        "content": "Ann likes tea",
        "kind": "pattern",
        "layer": "insights",
        "session": "s",
        "metadata": {"speaker": "Ann"},
        "score": 1.0,
        "importance": 0.75,
        "pinned": True,
        "created_at": now,
        "expires_at": now + timedelta(days=90),
        "explain": None,
    }


# --- filters, in every way of searching

WAYS = {
    "words": {"query": "memory"},
    "vectors": {"embedding": vector(1)},
    "both": {"query": "memory", "embedding": vector(1)},
}


@pytest.fixture
def many(db: Connection[Any]) -> datetime:
    """Thirty memories of three layers, two sessions, two moods, ten days."""
    now = datetime.now(UTC)
    kinds = list(LAYERS)
    memories = [
        {
            "content": f"memory {i:02}",
            "kind": kinds[i % 3],
            "session": f"s{i % 2}",
            "metadata": {"mood": ["fine", "sad"][i % 2], "n": i, "tags": [i % 5]},
            "created_at": (now - timedelta(days=i // 3)).isoformat(),
        }
        for i in range(30)
    ]
    embeddings = [vector(1, i / 10) for i in range(30)]
    call(db, "remember_many", namespace="n", memories=memories, embeddings=embeddings, now=now)
    one(db, "remember", namespace="m", content="memory 00 of another", embedding=vector(1))
    return now


@pytest.mark.parametrize("way", WAYS)
def test_filters_narrow_every_way_of_searching(
    db: Connection[Any], many: datetime, way: str
) -> None:
    def chosen(**arguments: Any) -> set[int]:
        return {
            int(content[-2:])
            for content in found(db, "n", **WAYS[way], top_k=50, now=many, **arguments)
        }

    edge = (many - timedelta(days=4)).isoformat()
    numbers = range(30)
    assert chosen() == set(numbers)
    assert chosen(layers=["insights"]) == {i for i in numbers if i % 3 == 1}
    assert chosen(layers=["interact", "assets"]) == {i for i in numbers if i % 3 != 1}
    assert chosen(layers=[]) == set()
    assert chosen(kinds=["core_concept", "pattern"]) == {i for i in numbers if i % 3 != 0}
    assert chosen(filters={"session": "s1"}) == {i for i in numbers if i % 2 == 1}
    assert chosen(filters={"session": "nobody"}) == set()
    assert chosen(filters={"metadata": {"mood": "sad"}}) == {i for i in numbers if i % 2 == 1}
    assert chosen(filters={"metadata": {"tags": [3]}}) == {i for i in numbers if i % 5 == 3}
    assert chosen(filters={"created_after": edge}) == {i for i in numbers if i // 3 <= 4}
    assert chosen(filters={"created_before": edge}) == {i for i in numbers if i // 3 > 4}
    assert chosen(
        layers=["assets"],
        kinds=["core_concept"],
        filters={"session": "s0", "metadata": {"mood": "fine"}, "created_before": edge},
    ) == {i for i in numbers if i % 3 == 2 and i % 2 == 0 and i // 3 > 4}


@pytest.mark.parametrize("way", WAYS)
def test_top_k_rows_come_when_they_exist(db: Connection[Any], many: datetime, way: str) -> None:
    for top_k in (1, 7, 30, 1000):
        hits = found(db, "n", **WAYS[way], top_k=top_k, now=many)
        assert len(hits) == len(set(hits)) == min(top_k, 30)


@pytest.mark.parametrize("way", WAYS)
def test_top_k_may_be_more_than_the_candidates_of_a_list(db: Connection[Any], way: str) -> None:
    memories = [{"content": f"memory {i}"} for i in range(250)]
    embeddings = [vector(1, i / 100) for i in range(250)]
    call(db, "remember_many", namespace="n", memories=memories, embeddings=embeddings)
    assert len(found(db, "n", **WAYS[way], top_k=240)) == 240


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", LAYERS)
def test_expired_and_forgotten_memories_are_gone_at_once(
    db: Connection[Any], way: str, kind: str
) -> None:
    now = datetime.now(UTC)
    short = remember(
        db, "memory short", kind=kind, ttl=timedelta(hours=1), embedding=vector(1), now=now
    )
    gone = remember(db, "memory gone", kind=kind, embedding=vector(1, 0.1), now=now)
    remember(db, "memory stays", kind="core_concept", embedding=vector(1, 0.2), now=now)
    edge = now + timedelta(hours=1)
    before = edge - timedelta(seconds=1)
    assert len(found(db, "n", **WAYS[way], now=before)) == 3
    assert set(found(db, "n", **WAYS[way], now=edge)) == {"memory gone", "memory stays"}
    call(db, "forget", namespace="n", ids=[gone], now=edge)
    assert found(db, "n", **WAYS[way], now=edge) == ["memory stays"]
    assert short


@pytest.mark.parametrize("way", WAYS)
def test_an_unknown_namespace_holds_nothing(db: Connection[Any], many: datetime, way: str) -> None:
    assert found(db, "nobody", **WAYS[way]) == []


# --- large namespaces


@pytest.mark.parametrize("way", WAYS)
def test_beyond_exact_rows_the_same_is_found(db: Connection[Any], many: datetime, way: str) -> None:
    """Without indexes the way for large namespaces compares the same vectors.

    Words are weighed within another pool there, so equal scores may come in another order.
    """
    small = found(db, "n", **WAYS[way], top_k=10, now=many)
    filtered = found(db, "n", **WAYS[way], top_k=10, layers=["assets"], now=many)
    db.execute("update memory_data.setting set value = '10' where key = 'exact_rows'")
    if way == "vectors":
        assert found(db, "n", **WAYS[way], top_k=10, now=many) == small
    assert set(found(db, "n", **WAYS[way], top_k=10, layers=["assets"], now=many)) == set(filtered)
    assert len(found(db, "n", **WAYS[way], top_k=30, now=many)) == 30


# --- refusals


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, ["a query or an embedding"]),
        ({"query": " \n"}, ["a query or an embedding"]),
        ({"namespace": None}, ["1 to 200"]),
        ({"query": "x", "top_k": 0}, ["top_k", "1..1000"]),
        ({"query": "x", "top_k": 1001}, ["top_k", "1..1000"]),
        ({"query": "x", "top_k": None}, ["top_k"]),
        ({"embedding": vector(1, dim=7)}, ["does not fit", "7", "test-model", "8"]),
        ({"embedding": vector(0)}, ["does not fit", "direction"]),
        ({"query": "x", "layers": ["attic"]}, ["attic"]),
        ({"query": "x", "kinds": ["gossip"]}, ["gossip"]),
        ({"query": "x", "filters": {"sesion": "s"}}, ["sesion"]),
        ({"query": "x", "filters": "[]"}, ["not an object"]),
        ({"query": "x", "filters": {"language": "klingon"}}, ["klingon"]),
        ({"query": "x", "filters": {"created_after": "yesterday-ish"}}, ["created_after"]),
    ],
)
def test_what_cannot_be_searched_is_refused(
    db: Connection[Any], arguments: dict[str, Any], words: list[str]
) -> None:
    with refused(db, "ML422", *words):
        call(db, "search", **({"namespace": "n"} | arguments))


def test_a_vector_needs_a_model(db: Connection[Any]) -> None:
    db.execute("update memory_data.embedding_model set active = false")
    with refused(db, "ML422", "none"):
        call(db, "search", namespace="n", embedding=vector(1))
