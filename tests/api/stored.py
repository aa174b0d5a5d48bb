"""Memories stored over HTTP, for the tests of what is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

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
