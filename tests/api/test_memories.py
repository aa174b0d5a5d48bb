"""Storing, reading, editing, forgetting, rating and explaining memories over HTTP."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.api.running import Running, problem, until, vector_of
from tests.conftest import DIM

if TYPE_CHECKING:
    import httpx2

pytestmark = pytest.mark.anyio

LAYERS = {"recent_query": "interact", "snippet": "insights", "core_concept": "assets"}


async def store(api: httpx2.AsyncClient, namespace: str, *contents: str, **more: Any) -> list[str]:
    """Store memories; returns their ids."""
    answer = await api.post(
        "/v1/memories",
        json={"memories": [{"namespace": namespace, "content": text, **more} for text in contents]},
    )
    assert answer.status_code == 201, answer.text
    return [row["id"] for row in answer.json()["memories"]]


async def count(api: httpx2.AsyncClient, namespace: str) -> int:
    answer = await api.get("/v1/memories", params={"namespace": namespace, "limit": 1000})
    assert answer.status_code == 200
    return len(answer.json()["memories"])


async def test_a_stored_memory_is_read_with_all_it_was_given(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    given = {
        "namespace": namespace,
        "content": "Ann moved to Lisbon in May.",
        "kind": "solution",
        "metadata": {"speaker": "Ann", "tags": ["a", "b"], "deep": {"n": 1.5, "none": None}},
        "session": "s1",
        "importance": 0.9,
        "pinned": True,
        "language": "english",
        "created_at": "2024-05-08T12:30:00.123456Z",
    }
    answer = await api.post("/v1/memories", json={"memories": [given]})
    assert answer.status_code == 201
    (row,) = answer.json()["memories"]
    assert row["created"] is True
    assert row["layer"] == "insights"
    assert row["namespace"] == namespace
    read = await api.get(f"/v1/memories/{row['id']}", params={"namespace": namespace})
    assert read.status_code == 200
    record = read.json()
    for name in ("namespace", "content", "kind", "metadata", "session", "pinned", "language"):
        assert record[name] == given[name]
    assert record["importance"] == pytest.approx(0.9)
    assert record["created_at"] == "2024-05-08T12:30:00.123456Z"
    assert record["turn"] == 1
    assert record["layer"] == "insights"
    assert record["expires_at"] is not None


@pytest.mark.parametrize(("kind", "layer"), LAYERS.items())
async def test_the_kind_decides_the_layer(
    api: httpx2.AsyncClient, namespace: str, kind: str, layer: str
) -> None:
    (memory,) = await store(api, namespace, "x", kind=kind)
    record = (await api.get(f"/v1/memories/{memory}", params={"namespace": namespace})).json()
    assert record["layer"] == layer
    assert (record["expires_at"] is None) == (layer == "assets")


async def test_a_batch_keeps_its_order_over_several_namespaces(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    places = [f"{namespace}-{n % 3}" for n in range(30)]
    answer = await api.post(
        "/v1/memories",
        json={
            "memories": [
                {"namespace": place, "content": f"memory {n}"} for n, place in enumerate(places)
            ]
        },
    )
    rows = answer.json()["memories"]
    assert [row["namespace"] for row in rows] == places
    for n, row in enumerate(rows):
        read = await api.get(f"/v1/memories/{row['id']}", params={"namespace": row["namespace"]})
        assert read.json()["content"] == f"memory {n}"


async def test_a_batch_is_stored_all_or_nothing_over_namespaces(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    good, bad = f"{namespace}-a", f"{namespace}-b"
    answer = await api.post(
        "/v1/memories",
        json={
            "memories": [
                {"namespace": good, "content": "fine"},
                {"namespace": bad, "content": "fine too"},
                {"namespace": bad, "content": "not fine", "kind": "gossip"},
            ]
        },
    )
    found = problem(answer, 422, code="ML422")
    assert "gossip" in found["title"]
    assert "core_concept" in found["detail"]
    assert await count(api, good) == 0
    assert await count(api, bad) == 0


async def test_one_forbidden_namespace_refuses_the_whole_batch(
    service: Running, api: httpx2.AsyncClient, namespace: str
) -> None:
    bound = service.client(await service.key(namespace))
    other = f"{namespace}-other"
    memories = [{"namespace": name, "content": "x"} for name in (namespace, other)]
    problem(await bound.post("/v1/memories", json={"memories": memories}), 403, code="ML403")
    assert await count(api, namespace) == 0
    assert await count(api, other) == 0


async def test_a_thousand_memories_are_one_batch_and_one_more_is_refused(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    assert len(set(await store(api, namespace, *(f"number {n}" for n in range(1000))))) == 1000
    assert await count(api, namespace) == 1000
    memories = [{"namespace": namespace, "content": f"more {n}"} for n in range(1001)]
    problem(await api.post("/v1/memories", json={"memories": memories}), 400)
    problem(await api.post("/v1/memories", json={"memories": []}), 400)
    assert await count(api, namespace) == 1000


async def test_an_identical_memory_is_recognised(api: httpx2.AsyncClient, namespace: str) -> None:
    memory = {"namespace": namespace, "content": "the same", "metadata": {"a": 1}}
    first = (await api.post("/v1/memories", json={"memories": [memory, memory]})).json()["memories"]
    again = (await api.post("/v1/memories", json={"memories": [memory]})).json()["memories"]
    assert [row["created"] for row in first + again] == [True, False, False]
    assert len({row["id"] for row in first + again}) == 1
    for change in ({"metadata": {"a": 2}}, {"session": "s"}, {"kind": "snippet"}):
        (row,) = (await api.post("/v1/memories", json={"memories": [{**memory, **change}]})).json()[
            "memories"
        ]
        assert row["created"] is True


async def test_writers_of_the_same_memory_at_once_store_it_once(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    answers = await asyncio.gather(*(store(api, namespace, "all at once") for _ in range(12)))
    assert len({answer[0] for answer in answers}) == 1
    assert await count(api, namespace) == 1


async def test_an_idempotency_key_makes_a_retry_safe(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    places = [namespace, f"{namespace}-2"]
    body = {"memories": [{"namespace": place, "content": "once"} for place in places]}
    key = {"Idempotency-Key": uuid.uuid4().hex}
    answers = await asyncio.gather(
        *(api.post("/v1/memories", json=body, headers=key) for _ in range(6))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    for row in answers[0].json()["memories"]:
        params = {"namespace": row["namespace"]}
        assert (await api.delete(f"/v1/memories/{row['id']}", params=params)).status_code == 200
    # the retry answers as before and does not bring the memory back
    retried = await api.post("/v1/memories", json=body, headers=key)
    assert retried.text == answers[0].text
    assert await count(api, namespace) == 0
    body["memories"][0]["content"] = "twice"
    conflict = problem(await api.post("/v1/memories", json=body, headers=key), 409, code="ML409")
    assert key["Idempotency-Key"] in conflict["title"]
    assert await count(api, namespace) == 0


async def test_a_failed_write_does_not_use_up_its_idempotency_key(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    wrong = {"memories": [{"namespace": namespace, "content": "x", "kind": "gossip"}]}
    right = {"memories": [{"namespace": namespace, "content": "x"}]}
    problem(await api.post("/v1/memories", json=wrong, headers=key), 422)
    assert (await api.post("/v1/memories", json=right, headers=key)).status_code == 201


async def test_an_idempotency_key_has_1_to_200_characters(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    body = {"memories": [{"namespace": namespace, "content": "x"}]}
    for key in ("", "k" * 201):
        answer = await api.post("/v1/memories", json=body, headers={"Idempotency-Key": key})
        problem(answer, 400)


async def test_callers_may_bring_their_own_vectors(
    service: Running, api: httpx2.AsyncClient, namespace: str
) -> None:
    mine = [1.0] + [0.0] * (DIM - 1)
    memories = [
        {"namespace": namespace, "content": "with a vector", "embedding": mine},
        {"namespace": namespace, "content": "without one"},
    ]
    rows = (await api.post("/v1/memories", json={"memories": memories})).json()["memories"]
    assert [row["has_embedding"] for row in rows] == [True, False]
    found = await api.post("/v1/search", json={"namespace": namespace, "embedding": mine})
    best = found.json()["results"][0]
    assert best["content"] == "with a vector"
    assert best["score"] == pytest.approx(1.0, abs=1e-3)
    assert "with a vector" not in service.embedder.documents


@pytest.mark.parametrize("embedding", [[1.0] * (DIM - 1), [1.0] * (DIM + 1), [0.0] * DIM])
async def test_a_vector_that_does_not_fit_is_refused_by_its_place(
    api: httpx2.AsyncClient, namespace: str, embedding: list[float]
) -> None:
    memories = [
        {"namespace": namespace, "content": "fine"},
        {"namespace": namespace, "content": "misfit", "embedding": embedding},
    ]
    found = problem(await api.post("/v1/memories", json={"memories": memories}), 422, code="ML422")
    assert "memory 2" in found["title"]
    assert "test-model" in found["detail"]
    assert await count(api, namespace) == 0


async def test_wait_answers_when_the_vectors_are_there(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    memories = [{"namespace": f"{namespace}-{n % 2}", "content": f"text {n}"} for n in range(40)]
    answer = await api.post("/v1/memories", json={"memories": memories, "wait": True})
    assert [row["has_embedding"] for row in answer.json()["memories"]] == [True] * 40
    found = await api.post(
        "/v1/search",
        json={"namespace": f"{namespace}-0", "embedding": vector_of("text 4").tolist()},
    )
    assert found.json()["results"][0]["content"] == "text 4"


async def test_wait_answers_without_vectors_when_the_provider_is_down(
    service: Running, api: httpx2.AsyncClient, namespace: str
) -> None:
    service.embedder.down = True
    try:
        memories = [{"namespace": namespace, "content": "provider away"}]
        answer = await api.post("/v1/memories", json={"memories": memories, "wait": True})
    finally:
        service.embedder.down = False
    assert answer.status_code == 201
    assert answer.json()["memories"][0]["has_embedding"] is False


async def test_an_edit_changes_what_it_names_and_nothing_else(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    (memory,) = await store(
        api, namespace, "old words", session="s", metadata={"a": 1}, importance=0.25
    )
    path, params = f"/v1/memories/{memory}", {"namespace": namespace}
    before = (await api.get(path, params=params)).json()
    for change in (
        {"content": "new words"},
        {"metadata": {"b": [2]}},
        {"importance": 0.75, "pinned": True},
        {"kind": "session_data"},
        {"ttl": 60},
        {"ttl": "2 hours"},
        {"language": "german"},
        {},
    ):
        changed = await api.patch(path, params=params, json=change)
        assert changed.status_code == 200, changed.text
        after = (await api.get(path, params=params)).json()
        for name in ("content", "metadata", "importance", "pinned", "kind", "session", "turn"):
            assert after[name] == change.get(name, before[name]), (change, name)
        assert (after["expires_at"] != before["expires_at"]) == ("ttl" in change)
        before = after
    found = await api.post("/v1/search", json={"namespace": namespace, "query": "new"})
    assert [hit["id"] for hit in found.json()["results"]] == [memory]
    events = (await api.get(f"{path}/history", params=params)).json()["events"]
    edits = [event["detail"]["before"]["content"] for event in events if event["event"] == "edited"]
    assert edits[:2] == ["old words", "new words"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"kind": "core_concept"}, 422),
        ({"kind": "gossip"}, 422),
        ({"language": "klingon"}, 422),
        ({"ttl": "soon"}, 422),
        ({"ttl": "-1 hour"}, 422),
        ({"ttl": 0}, 400),
        ({"content": ""}, 400),
        ({"content": " \n "}, 422),
        ({"importance": 1.1}, 400),
        ({"namespace": "other"}, 400),
        ({"metadata": []}, 400),
        ([], 400),
    ],
)
async def test_an_edit_that_makes_no_sense_is_refused(
    api: httpx2.AsyncClient, namespace: str, change: Any, status: int
) -> None:
    (memory,) = await store(api, namespace, "stays")
    path, params = f"/v1/memories/{memory}", {"namespace": namespace}
    problem(await api.patch(path, params=params, json=change), status)
    assert (await api.get(path, params=params)).json()["content"] == "stays"


async def test_a_forgotten_memory_is_gone_from_everywhere(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    (memory,) = await store(api, namespace, "to be forgotten", kind="snippet")
    path, params = f"/v1/memories/{memory}", {"namespace": namespace}
    would = await api.delete(path, params={**params, "dry_run": "true"})
    assert would.status_code == 200
    assert (await api.get(path, params=params)).status_code == 200
    gone = await api.delete(path, params=params)
    assert gone.json() == would.json() == {"id": memory, "layer": "insights", "kind": "snippet"}
    problem(await api.get(path, params=params), 404, code="ML404")
    problem(await api.delete(path, params=params), 404)
    problem(await api.patch(path, params=params, json={"pinned": True}), 404, code="ML404")
    problem(await api.get(f"{path}/explain", params=params), 404, code="ML404")
    problem(await api.post(f"{path}/feedback", params=params, json={"rating": 5}), 404)
    found = await api.post("/v1/search", json={"namespace": namespace, "query": "forgotten"})
    assert found.json()["results"] == []
    assert await count(api, namespace) == 0
    # the decision stays, the content does not
    history = await api.get(f"{path}/history", params=params)
    assert [event["event"] for event in history.json()["events"]] == ["forget"]
    assert "to be" not in history.text


async def test_pages_follow_each_other_without_a_gap(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    # equal times: the id breaks the tie
    ids = await store(
        api, namespace, *(f"m {n}" for n in range(25)), created_at="2024-01-01T00:00:00Z"
    )
    ids += await store(api, namespace, *(f"later {n}" for n in range(10)))
    seen: list[str] = []
    params: dict[str, Any] = {"namespace": namespace, "limit": 7}
    for _ in range(10):
        page = (await api.get("/v1/memories", params=params)).json()
        seen += [memory["id"] for memory in page["memories"]]
        if page["cursor"] is None:
            break
        params["cursor"] = page["cursor"]
    assert sorted(seen) == sorted(ids)
    assert len(seen) == 35
    assert set(seen[:10]) == set(ids[25:])


async def test_a_list_is_filtered(api: httpx2.AsyncClient, namespace: str) -> None:
    for kind in LAYERS:
        await store(api, namespace, f"about {kind}", kind=kind, session=f"s {kind}")
    for kind, layer in LAYERS.items():
        for narrowed in ({"kind": kind}, {"layer": layer}, {"session": f"s {kind}"}):
            answer = await api.get("/v1/memories", params={"namespace": namespace, **narrowed})
            assert [memory["kind"] for memory in answer.json()["memories"]] == [kind], narrowed
    both = await api.get(
        "/v1/memories", params={"namespace": namespace, "layer": ["interact", "assets"]}
    )
    assert {memory["layer"] for memory in both.json()["memories"]} == {"interact", "assets"}


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"cursor": "nonsense"}, 422),
        ({"cursor": "%00"}, 422),
        ({"cursor": "MjAyNC0wMS0wMSAx"}, 422),
        ({"layer": "attic"}, 422),
        ({"kind": "gossip"}, 422),
        ({"limit": 0}, 400),
        ({"limit": 1001}, 400),
        ({"limit": "many"}, 400),
        ({"session": "s" * 201}, 400),
        ({"namespace": ""}, 400),
        ({"namespace": "n" * 201}, 400),
    ],
)
async def test_a_list_that_cannot_be_is_refused(
    api: httpx2.AsyncClient, namespace: str, params: dict[str, Any], status: int
) -> None:
    answer = await api.get("/v1/memories", params={"namespace": namespace, **params})
    problem(answer, status)


async def test_ratings_are_averaged(api: httpx2.AsyncClient, namespace: str) -> None:
    (memory,) = await store(api, namespace, "rated")
    path, params = f"/v1/memories/{memory}", {"namespace": namespace}
    for rating in (5, 2):
        rated = await api.post(
            f"{path}/feedback", params=params, json={"rating": rating, "session": "s"}
        )
        assert rated.status_code == 201
    assert rated.json() == {"id": memory, "rating": 3.5, "rating_count": 2}
    record = (await api.get(path, params=params)).json()
    assert (record["rating"], record["rating_count"]) == (3.5, 2)
    for wrong in ({"rating": 0.9}, {"rating": 5.1}, {"rating": "5"}, {}, {"rating": 5, "x": 1}):
        problem(await api.post(f"{path}/feedback", params=params, json=wrong), 400)
    assert (await api.get(path, params=params)).json()["rating_count"] == 2


async def test_reading_and_finding_count_as_uses(
    service: Running, api: httpx2.AsyncClient, namespace: str
) -> None:
    (memory,) = await store(api, namespace, "useful words")
    path, params = f"/v1/memories/{memory}", {"namespace": namespace}
    search = {"namespace": namespace, "query": "useful"}
    await api.get(path, params=params)
    await api.post("/v1/search", json={**search, "session": "one"})
    await api.post("/v1/search", json={**search, "session": "two", "touch": False})
    with psycopg.connect(service.url, autocommit=True) as connection:
        while True:  # until the service has written its counts
            counted = connection.execute(
                "select access_count from memory_data.usage where id = %s", (memory,)
            ).fetchone()
            if counted == (2,):
                break
            await asyncio.sleep(0.05)
        sources = connection.execute(
            "select source, session from memory_data.access_event where id = %s order by source",
            (memory,),
        ).fetchall()
    assert sources == [("get", None), ("search", "one")]


async def test_explain_tells_every_criterion(api: httpx2.AsyncClient, namespace: str) -> None:
    (memory,) = await store(api, namespace, "explained", kind="user_interaction")
    answer = await api.get(f"/v1/memories/{memory}/explain", params={"namespace": namespace})
    assert answer.status_code == 200
    criteria = {one["criterion"]: one for one in answer.json()["criteria"]}
    assert set(criteria) >= {
        "relevance", "recency", "frequency", "importance", "ml_score", "access_count", "time_span",
        "user_rating", "context_relevance",
    }  # fmt: skip
    assert criteria["access_count"]["passed"] is False
    assert criteria["access_count"]["threshold"] == 3
    assert criteria["user_rating"]["passed"] is True  # nobody rated it


async def test_layers_tell_the_namespace_apart(api: httpx2.AsyncClient, namespace: str) -> None:
    await store(api, namespace, "x", kind="snippet", pinned=True)
    answer = await api.get("/v1/layers", params={"namespace": namespace})
    assert answer.status_code == 200
    layers = {layer["layer"]: layer for layer in answer.json()["layers"]}
    assert list(layers) == ["interact", "insights", "assets"]
    assert [layers[name]["memories"] for name in layers] == [0, 1, 0]
    assert layers["insights"]["pinned"] == 1
    assert layers["interact"]["ttl_seconds"] == 86400
    assert layers["assets"]["ttl_seconds"] is None
    assert layers["insights"]["max_bytes"] == 2048 << 20


async def test_a_short_ttl_ends_a_memory(api: httpx2.AsyncClient, namespace: str) -> None:
    (memory,) = await store(api, namespace, "short lived words", ttl="300 milliseconds")
    params = {"namespace": namespace}

    async def over() -> bool:
        return (await api.get(f"/v1/memories/{memory}", params=params)).status_code != 200

    await until(over)
    problem(await api.get(f"/v1/memories/{memory}", params=params), 404, code="ML404")
    assert await count(api, namespace) == 0
    found = await api.post("/v1/search", json={"namespace": namespace, "query": "short lived"})
    assert found.json()["results"] == []
    # what is over may be stored again
    assert await store(api, namespace, "short lived words") != [memory]


async def test_an_archived_memory_is_erased_like_any_other(
    service: Running, api: httpx2.AsyncClient, namespace: str
) -> None:
    ids = await store(api, namespace, "goes to the archive", "so does this")
    with psycopg.connect(service.url) as db:
        db.execute(
            "select memory._hand_to_archive('interact', %s, %s::uuid[], 'test')",
            ([namespace] * 2, ids),
        )
    where = {"namespace": namespace}
    problem(await api.get(f"/v1/memories/{ids[0]}", params=where), 404)
    history = await api.get(f"/v1/memories/{ids[0]}/history", params=where)
    assert [event["event"] for event in history.json()["events"]] == ["created", "archive"]
    gone = await api.delete(f"/v1/memories/{ids[0]}", params={**where, "dry_run": True})
    assert gone.status_code == 200
    gone = await api.delete(f"/v1/memories/{ids[0]}", params=where)
    assert (gone.status_code, gone.json()["id"]) == (200, ids[0])
    problem(await api.delete(f"/v1/memories/{ids[0]}", params=where), 404)
    with psycopg.connect(service.url) as db:
        left = db.execute(
            "select id::text from memory_data.archive_outbox where namespace = %s", (namespace,)
        ).fetchall()
    assert left == [(ids[1],)]
