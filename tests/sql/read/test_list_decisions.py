"""memory.list_decisions: newest first, filters, pages, and refusals."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, refused

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC)
IDS = [uuid.UUID(int=number) for number in range(1, 5)]


@pytest.fixture
def decided(db: Connection[Any]) -> Connection[Any]:
    """Decisions at two moments, one of many records at once, one of another namespace."""
    db.execute(
        "insert into memory_data.decision (namespace, id, at, action, layer, to_layer, records)"
        " values ('n', %(a)s, %(old)s, 'keep', 'interact', null, 1),"
        " ('n', %(a)s, %(now)s, 'promote', 'interact', 'insights', 1),"
        " ('n', %(b)s, %(now)s, 'promote', 'interact', 'insights', 1),"
        " ('n', %(b)s, %(now)s, 'keep', 'insights', null, 1),"
        " ('n', null, %(now)s, 'expire', 'interact', null, 100),"
        " ('m', %(c)s, %(now)s, 'evict', 'interact', null, 1)",
        {"a": IDS[0], "b": IDS[1], "c": IDS[2], "now": NOW, "old": NOW - timedelta(minutes=1)},
    )
    return db


def told(db: Connection[Any], **arguments: Any) -> list[tuple[Any, str]]:
    answer = call(db, "list_decisions", namespace="n", **arguments)
    return [(row["id"], row["action"]) for row in answer]


ALL = [
    (IDS[1], "promote"),
    (IDS[1], "keep"),
    (IDS[0], "promote"),
    (None, "expire"),
    (IDS[0], "keep"),
]


def test_newest_first_and_no_other_namespace(decided: Connection[Any]) -> None:
    assert told(decided) == ALL
    assert call(decided, "list_decisions", namespace="m")[0]["action"] == "evict"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"id": IDS[0]}, [ALL[2], ALL[4]]),
        ({"id": IDS[2]}, []),
        ({"actions": ["keep", "expire"]}, [ALL[1], ALL[3], ALL[4]]),
        ({"layer": "insights"}, [ALL[0], ALL[1], ALL[2]]),
        ({"since": NOW}, ALL[:4]),
        ({"since": NOW + timedelta(microseconds=1)}, []),
        ({"id": IDS[1], "actions": ["keep"], "layer": "insights", "since": NOW}, [ALL[1]]),
    ],
)
def test_filters(decided: Connection[Any], filters: dict[str, Any], expected: list[Any]) -> None:
    assert told(decided, **filters) == expected


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages(decided: Connection[Any], limit: int) -> None:
    seen: list[Any] = []
    after: dict[str, Any] = {}
    while page := call(decided, "list_decisions", namespace="n", limit=limit, **after):
        seen += [(row["id"], row["action"]) for row in page]
        last = page[-1]
        after = {f"after_{name}": last[name] for name in ("at", "id", "action", "layer")}
    assert seen == ALL


@pytest.mark.parametrize("limit", [0, 1001, None])
def test_limits(db: Connection[Any], limit: int | None) -> None:
    with refused(db, "ML422", "limit"):
        call(db, "list_decisions", namespace="n", limit=limit)


def test_an_unknown_layer_is_refused(db: Connection[Any]) -> None:
    with refused(db, "ML422", "attic", "interact, insights, assets"):
        call(db, "list_decisions", namespace="n", layer="attic")


def test_the_service_sees_its_namespace_only(app_db: Connection[Any]) -> None:
    for namespace in ("n", "m"):
        app_db.execute("select set_config('magray.namespace', %s, true)", (namespace,))
        app_db.execute(
            "insert into memory_data.decision (namespace, id, at, action, layer)"
            " values (%s, %s, %s, 'forget', 'interact')",
            (namespace, IDS[0], NOW),
        )
    # m is set now
    assert call(app_db, "list_decisions", namespace="n") == []
    assert len(call(app_db, "list_decisions", namespace="m")) == 1
