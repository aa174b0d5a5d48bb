"""Storing memories over HTTP: one, many, the same again, with and without vectors."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import pytest

from tests.api.running import Running, problem, vector_of
from tests.api.stored import LAYERS, count, store
from tests.conftest import DIM

if TYPE_CHECKING:
    import httpx2

pytestmark = pytest.mark.anyio


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
