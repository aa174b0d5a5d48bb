"""`GET /v1/decisions`: filters, pages, and whose decisions they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.running import Running, running
from tests.sql.calls import call, one, session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
async def service(clone: Callable[[], str]) -> AsyncIterator[Running]:
    """One for all: they only read."""
    url = clone()
    seed(url)
    # without jobs: one of them decides something itself
    async with running(url, jobs=False) as made:
        yield made


def seed(url: str) -> None:
    """In two namespaces a promotion, two keeps, and five memories forgotten at once."""
    with session(url) as db:
        for namespace in ("n", "m"):
            for number in range(3):
                made = one(
                    db,
                    "remember",
                    namespace=namespace,
                    content=f"{number}",
                    kind="session_data",
                    importance=1.0,
                    now=NOW - timedelta(hours=20),
                )
                db.execute(
                    "insert into memory_data.usage (namespace, id, access_count, first_access,"
                    " last_access, context_relevance) values (%s, %s, 50, %s, %s, %s)",
                    (namespace, made["id"], NOW - timedelta(hours=20), NOW, (1, 0.5, 0.5)[number]),
                )
            gone = [
                one(db, "remember", namespace=namespace, content=f"x{n}")["id"] for n in range(5)
            ]
            call(db, "forget", namespace=namespace, ids=gone, now=NOW - timedelta(minutes=1))
        assert len(call(db, "promote", now=NOW)) == 2


async def ask(service: Running, expected: int = 200, **query: Any) -> dict[str, Any]:
    key = query.pop("key", None) or await service.key("n")
    answer = await service.http.get(
        "/v1/decisions", params=query, headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == expected, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_a_decision_says_what_was_judged(service: Running) -> None:
    (row,) = (await ask(service, action="promote"))["decisions"]
    assert (row["layer"], row["to_layer"]) == ("interact", "insights")
    assert (row["kind"], row["to_kind"], row["route"]) == (
        "session_data",
        "pattern",
        "ml_promotion",
    )
    assert row["criteria"]["access_count"] == {"value": 50, "threshold": 3, "passed": True}
    assert row["model"] == "fixed weighting"
    assert row["namespace"] == "n"
    kept = (await ask(service, action="keep"))["decisions"]
    assert len(kept) == 2
    assert {row["criteria"]["context_relevance"]["passed"] for row in kept} == {False}


async def test_filters_narrow(service: Running) -> None:
    everything = (await ask(service))["decisions"]
    assert [row["action"] for row in everything].count("forget") == 5
    assert len(everything) == 8
    assert [row["at"] for row in everything] == sorted(
        (row["at"] for row in everything), reverse=True
    )
    one_id = everything[0]["id"]
    assert {row["id"] for row in (await ask(service, id=one_id))["decisions"]} == {one_id}
    both = await ask(service, action=["promote", "forget"])
    assert {row["action"] for row in both["decisions"]} == {"promote", "forget"}
    assert len((await ask(service, layer="insights"))["decisions"]) == 1
    assert len((await ask(service, layer="interact"))["decisions"]) == 8
    since = (NOW - timedelta(seconds=30)).isoformat()
    assert len((await ask(service, since=since))["decisions"]) == 3
    # without a zone: UTC
    naive = (NOW - timedelta(seconds=30)).replace(tzinfo=None).isoformat()
    assert len((await ask(service, since=naive))["decisions"]) == 3


@pytest.mark.parametrize("limit", [1, 3, 8, 50])
async def test_pages_hold_every_decision_once(service: Running, limit: int) -> None:
    """Most of them share a moment."""
    everything = (await ask(service))["decisions"]
    seen: list[Any] = []
    cursor = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = await ask(service, limit=limit, **more)
        seen += page["decisions"]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == everything


async def test_only_ones_own_namespace(service: Running) -> None:
    mine = await ask(service)
    assert {row["namespace"] for row in mine["decisions"]} == {"n"}
    await ask(service, 403, namespace="m")
    await ask(service, 422, key=await service.key("n", "m"))
    theirs = await ask(service, namespace="m", key=await service.key("n", "m"))
    assert {row["namespace"] for row in theirs["decisions"]} == {"m"}
    foreign = theirs["decisions"][0]["id"]
    assert (await ask(service, id=foreign))["decisions"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"layer": "attic"}, 422),
        ({"cursor": "no cursor"}, 422),
        ({"cursor": "YSBiIGMgZA=="}, 422),
        ({"action": "explode"}, 400),
        ({"limit": 0}, 400),
        ({"id": "x"}, 400),
        ({"since": "x"}, 422),
        ({"since": "0.5"}, 422),
        ({"layer": "a\x00"}, 422),
    ],
)
async def test_what_cannot_be_is_refused(
    service: Running, query: dict[str, Any], status: int
) -> None:
    told = await ask(service, status, **query)
    assert told["status"] == status
