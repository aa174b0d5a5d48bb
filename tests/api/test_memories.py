"""Reading, listing, editing, rating, explaining and forgetting memories over HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.api.running import Running, problem, until
from tests.api.stored import LAYERS, count, store

if TYPE_CHECKING:
    import httpx2

pytestmark = pytest.mark.anyio


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
        {"replace_metadata": {"b": [2]}},
        {"importance": 0.75, "pinned": True},
        {"kind": "session_data"},
        {"pinned": False},
        {"ttl": 60},
        {"ttl": "2 hours"},
        {"language": "german"},
        {},
    ):
        changed = await api.patch(path, params=params, json=change)
        assert changed.status_code == 200, changed.text
        after = (await api.get(path, params=params)).json()
        for name in ("content", "metadata", "importance", "pinned", "kind", "session", "turn"):
            expected = change.get(f"replace_{name}", change.get(name, before[name]))
            assert after[name] == expected, (change, name)
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
        ({"content": " \n "}, 400),
        ({"importance": 1.1}, 400),
        ({"namespace": "other"}, 400),
        ({"metadata": [1]}, 400),
        ({"pinned": True, "ttl": 60}, 422),
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
        ({"namespace": ""}, 422),
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
        "relevance",
        "recency",
        "frequency",
        "importance",
        "ml_score",
        "access_count",
        "time_span",
        "user_rating",
        "context_relevance",
    }
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
