"""EXPLAIN guards of promotion: usage is read once a layer, a layer only by the keys of the few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plans.plans import Plans, listening
from tests.sql.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from tests.plans.conftest import Seeded

USED_OFTEN = 30  # of a namespace, over the three layers
REPEATS = 8


@pytest.fixture
def operator(seeded: Seeded) -> Iterator[Connection[Any]]:
    """The operator's session; some memories of each namespace are used often, until it ends."""
    with listening(seeded.url, "", role="memory_operator") as db, db.transaction() as changes:
        db.execute(
            "update memory_data.usage as u set access_count = 50"
            " from (select namespace, id, row_number() over (partition by namespace order by id)"
            "           as n from memory_data.usage) as o"
            " where o.namespace = u.namespace and o.id = u.id and o.n <= %s",
            (USED_OFTEN,),
        )
        yield db
        changes.force_rollback = True


@pytest.mark.parametrize("layer", ["interact", "insights"])
def test_a_layer_is_read_by_the_keys_of_what_was_used_often(
    operator: Connection[Any], seeded: Seeded, layer: str
) -> None:
    for _ in range(REPEATS):
        with Plans(operator) as plans:
            call(operator, "promote", layer=layer, dry_run=True)
    read = [node for node in plans.scans(f"{layer}_") if node["Relation Name"] in seeded.filled]
    assert read, str(plans)
    for node in read:
        assert node["Node Type"] != "Seq Scan", str(plans)
        # a record by its key, or a bounded sample of a namespace
        assert "namespace = " in node["Index Cond"], str(plans)
    by_key = [node for node in read if "(id = " in node["Index Cond"]]
    # often used ones of eight namespaces: measured and scored, never the whole layer
    assert by_key, str(plans)
    assert max(node["Actual Loops"] for node in by_key) <= 8 * USED_OFTEN, str(plans)
    # no other layer holds what is looked for
    others = {"interact_", "insights_", "assets_"} - {f"{layer}_"}
    assert not [node for other in others for node in plans.scans(other)], str(plans)


def test_usage_is_read_once_to_find_them(operator: Connection[Any]) -> None:
    with Plans(operator) as plans:
        call(operator, "promote", layer="insights", dry_run=True)
    whole = [node for node in plans.scans("usage") if "(id = " not in node.get("Index Cond", "")]
    assert len(whole) == 1, str(plans)


def test_listing_decisions_stops_at_its_limit(seeded: Seeded) -> None:
    """By the index that has their order: no sort of a namespace's decisions, no other's rows."""
    with listening(seeded.url, "n0") as db, db.transaction() as changes:
        changes.force_rollback = True
        db.execute(
            "insert into memory_data.decision (namespace, id, at, action, layer)"
            " select 'n0', uuidv7(), now() + n * interval '1 second', 'keep', 'interact'"
            " from generate_series(1, 3000) as n"
        )
        for _ in range(REPEATS):
            with Plans(db) as plans:
                assert len(call(db, "list_decisions", namespace="n0", limit=20)) == 20
        scans = [node for node in plans.scans("decision_") if node["Actual Rows"]]
        assert scans, str(plans)
        assert max(node["Actual Rows"] * node["Actual Loops"] for node in scans) < 100, str(plans)
