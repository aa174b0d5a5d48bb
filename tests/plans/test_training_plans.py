"""EXPLAIN guards of training: a batch is found by its keys, and events by theirs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.plans.plans import Plans, listening
from tests.plans.test_plans import assert_no_big_scan
from tests.sql.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from tests.plans.conftest import Seeded


@pytest.fixture
def operator(seeded: Seeded) -> Iterator[Connection[Any]]:
    """The trainer's session."""
    with listening(seeded.url, "", role="memory_operator") as db:
        yield db


def test_a_batch_to_score_is_read_in_the_order_of_the_key(
    operator: Connection[Any], seeded: Seeded
) -> None:
    with Plans(operator) as plans:
        answer = call(operator, "scoring_rows", limit=20, after_namespace="n3")
    assert len(answer) == 20
    assert {row["namespace"] for row in answer} == {"n3"}
    assert_no_big_scan(plans, seeded.filled)
    keyed = [node for node in plans.scans() if "ROW(" in str(node.get("Index Cond"))]
    assert {node["Relation Name"] for node in keyed} >= seeded.filled, str(plans)


def test_few_records_are_looked_up(operator: Connection[Any], seeded: Seeded) -> None:
    ids = list(seeded.ids.values())
    with Plans(operator) as plans:
        answer = call(
            operator, "_features", namespaces=["n0"] * 3, ids=ids, times=[datetime.now(UTC)] * 3
        )
    assert len(answer) == 3
    assert_no_big_scan(plans, seeded.filled)
    events = [node for node in plans.scans("access_event") if node["Actual Rows"]]
    assert all("Index" in node["Node Type"] for node in events), str(plans)
