"""POST /v1/search: by words, by vector, both; filters, explanations, cache, degraded answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.running import Running, problem, until, vector_of
from tests.conftest import DIM

if TYPE_CHECKING:
    import httpx2

pytestmark = pytest.mark.anyio

TEXTS = ["Ann moved to Lisbon in May", "Bob bought a red bicycle", "The cat sleeps all day"]


async def remember(api: httpx2.AsyncClient, memories: list[dict[str, Any]]) -> list[str]:
    answer = await api.post("/v1/memories", json={"memories": memories, "wait": True})
    assert answer.status_code == 201, answer.text
    return [row["id"] for row in answer.json()["memories"]]


async def find(api: httpx2.AsyncClient, namespace: str, **request: Any) -> list[dict[str, Any]]:
    answer = await api.post("/v1/search", json={"namespace": namespace, **request})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


@pytest.fixture
async def filled(api: httpx2.AsyncClient, namespace: str) -> str:
    await remember(api, [{"namespace": namespace, "content": text} for text in TEXTS])
    return namespace


async def test_words_and_vectors_find_what_they_mean(api: httpx2.AsyncClient, filled: str) -> None:
    near = vector_of(TEXTS[1]).tolist()
    by_words = await find(api, filled, query="bicycle")
    by_vector = await find(api, filled, embedding=near)
    by_both = await find(api, filled, query="bicycle", embedding=near)
    for results in (by_words, by_vector, by_both):
        assert results[0]["content"] == TEXTS[1]
        assert results[0]["namespace"] == filled
        assert [hit["score"] for hit in results] == sorted(
            (hit["score"] for hit in results), reverse=True
        )
        assert all(hit["explain"] is None for hit in results)
    assert len(by_vector) == len(TEXTS)
    assert by_vector[0]["score"] == pytest.approx(1.0, abs=1e-3)


async def test_top_k_rows_come_back_when_they_exist(api: httpx2.AsyncClient, filled: str) -> None:
    for top_k in (1, 2, 3, 1000):
        found = await find(api, filled, embedding=[1.0] * DIM, top_k=top_k)
        assert len(found) == min(top_k, len(TEXTS))


async def test_an_explained_hit_tells_its_parts(api: httpx2.AsyncClient, filled: str) -> None:
    (best, *_) = await find(api, filled, query="red bicycle", explain=True)
    parts = best["explain"]
    assert best["score"] == pytest.approx(
        parts["words"] + parts["meaning"] + parts["speaker"], abs=1e-3
    )
    assert "bicycl" in parts["lexemes"]
    assert parts["vectors"] == "exact"
    (near, *_) = await find(api, filled, embedding=vector_of(TEXTS[2]).tolist(), explain=True)
    assert near["explain"]["similarity"] == pytest.approx(1.0, abs=1e-3)


async def test_every_filter_narrows(api: httpx2.AsyncClient, namespace: str) -> None:
    await remember(
        api,
        [
            {
                "namespace": namespace,
                "content": f"word number {n}",
                "session": f"s{n}",
                "kind": kind,
                "metadata": {"speaker": name, "nested": {"n": n}},
                "created_at": f"2024-0{n + 1}-01T00:00:00Z",
            }
            for n, (kind, name) in enumerate(
                [("recent_query", "Ann"), ("snippet", "Bob"), ("core_concept", "Eve")]
            )
        ],
    )
    cases: list[tuple[dict[str, Any], set[int]]] = [
        ({}, {0, 1, 2}),
        ({"layers": ["insights"]}, {1}),
        ({"layers": ["interact", "assets"]}, {0, 2}),
        ({"kinds": ["core_concept"]}, {2}),
        ({"session": "s1"}, {1}),
        ({"metadata": {"speaker": "Ann"}}, {0}),
        ({"metadata": {"nested": {"n": 2}}}, {2}),
        ({"metadata": {"speaker": "Nobody"}}, set()),
        ({"created_after": "2024-02-01T00:00:00Z"}, {1, 2}),
        ({"created_before": "2024-02-01T00:00:00Z"}, {0}),
        ({"created_after": "2024-02-01T01:00:00+01:00"}, {1, 2}),
        ({"created_after": "2024-02-01T00:00:00Z", "layers": ["assets"]}, {2}),
        ({"language": "english", "session": "s0"}, {0}),
    ]
    for filters, wanted in cases:
        for way in ({"query": "word"}, {"embedding": [1.0] * DIM}):
            found = await find(api, namespace, filters=filters, **way)
            assert {int(hit["content"][-1]) for hit in found} == wanted, (filters, way)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({}, 422),
        ({"query": ""}, 422),
        ({"query": " \t"}, 422),
        ({"query": "x", "top_k": 0}, 400),
        ({"query": "x", "top_k": 1001}, 400),
        ({"query": "x", "top_k": 1.5}, 400),
        ({"query": "x", "limit": 3}, 400),
        ({"query": "x", "filters": {"layers": ["attic"]}}, 422),
        ({"query": "x", "filters": {"kinds": ["gossip"]}}, 422),
        ({"query": "x", "filters": {"color": "red"}}, 400),
        ({"query": "x", "filters": {"created_after": "yesterday"}}, 400),
        ({"query": "x", "filters": {"language": "klingon"}}, 422),
        ({"embedding": []}, 422),
        ({"embedding": [0.0] * DIM}, 422),
        ({"embedding": [1.0] * (DIM + 1)}, 422),
        ({"embedding": ["1"] * DIM}, 400),
        ({"query": "x" * 10_001}, 400),
    ],
)
async def test_a_search_that_cannot_be_is_refused(
    api: httpx2.AsyncClient, filled: str, request_: dict[str, Any], status: int
) -> None:
    answer = await api.post("/v1/search", json={"namespace": filled, **request_})
    problem(answer, status)


async def test_a_word_of_no_meaning_is_no_error(api: httpx2.AsyncClient, filled: str) -> None:
    for query in ("the", "!?", "'", "\\", ":* & | !", "a'b\"c", "%", "\u200b", "🙂"):
        await find(api, filled, query=query)


async def test_a_repeated_search_is_answered_from_the_cache(
    api: httpx2.AsyncClient, filled: str
) -> None:
    request = {"namespace": filled, "query": "cat"}
    first = (await api.post("/v1/search", json=request)).json()
    again = (await api.post("/v1/search", json=request)).json()
    assert (first["cached"], again["cached"]) == (False, True)
    assert first["results"] == again["results"]
    other = (await api.post("/v1/search", json={**request, "top_k": 2})).json()
    assert other["cached"] is False


async def test_without_its_provider_search_goes_on_by_words_and_says_so(
    service: Running, api: httpx2.AsyncClient, filled: str
) -> None:
    request = {"namespace": filled, "query": "lisbon while the provider is away"}
    service.embedder.down = True
    try:
        answer = (await api.post("/v1/search", json=request)).json()
    finally:
        service.embedder.down = False
    assert "provider is down" in answer["degraded"]
    assert answer["results"][0]["content"] == TEXTS[0]
    assert answer["results"][0]["explain"] is None
    # and it is not remembered as the answer
    whole = (await api.post("/v1/search", json=request)).json()
    assert (whole["degraded"], whole["cached"]) == (None, False)


async def test_an_explanation_says_that_the_provider_was_missing(
    service: Running, api: httpx2.AsyncClient, filled: str
) -> None:
    request = {"namespace": filled, "query": "lisbon explained in its absence", "explain": True}
    service.embedder.down = True
    try:
        answer = (await api.post("/v1/search", json=request)).json()
    finally:
        service.embedder.down = False
    assert answer["results"]
    for hit in answer["results"]:
        assert hit["explain"]["degraded"] == answer["degraded"]
        assert "lexemes" in hit["explain"]
    whole = (await api.post("/v1/search", json=request)).json()
    assert all("degraded" not in hit["explain"] for hit in whole["results"])


async def test_a_memory_is_found_by_its_words_before_it_has_a_vector(
    service: Running, api: httpx2.AsyncClient, namespace: str
) -> None:
    service.embedder.down = True
    try:
        memory = {"namespace": namespace, "content": "an early sentence"}
        await api.post("/v1/memories", json={"memories": [memory]})
        assert len(await find(api, namespace, query="sentence")) == 1
    finally:
        service.embedder.down = False
    await until(lambda: find(api, namespace, embedding=[1.0] * DIM))


async def test_a_russian_memory_is_found_by_another_form_of_its_word(
    api: httpx2.AsyncClient, namespace: str
) -> None:
    memories = ["Мама купила красную машину", "Погода была хорошая"]
    await remember(api, [{"namespace": namespace, "content": text} for text in memories])
    (best, *_) = await find(api, namespace, query="машины", explain=True)
    assert best["content"] == memories[0]
    assert best["explain"]["words"] > 0
