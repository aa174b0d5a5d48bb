"""EXPLAIN guards: every path on a big table uses its index, and only the partitions it must.

They ask for properties (index names, no sequential scan of a filled partition, partitions left
out), so that a better plan passes; a failure prints the plans.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.plans.plans import Plans, listening
from tests.sql.calls import call, vector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from tests.plans.conftest import Seeded

LAYERS = ("interact", "insights", "assets")
# Calls on one session: the first plans are custom, later ones generic where PL/pgSQL may choose.
REPEATS = 8


@pytest.fixture
def app(seeded: Seeded) -> Iterator[Connection[Any]]:
    """The service's session on the database without search indexes."""
    with listening(seeded.url, "n0") as db:
        yield db


@pytest.fixture
def large(indexed: Seeded) -> Iterator[Connection[Any]]:
    """The service's session on the database whose namespaces count as large."""
    with listening(indexed.url, "n0") as db:
        yield db


def taken(db: Connection[Any], function: str, **arguments: Any) -> Plans:
    """Plans of a call once it has run often enough to have a cached plan."""
    for _ in range(REPEATS):
        with Plans(db) as plans:
            call(db, function, namespace="n0", **arguments)
    assert plans.texts
    return plans


def assert_no_big_scan(plans: Plans, filled: set[str]) -> None:
    """No sequential scan of a partition that holds rows."""
    big = [
        node["Relation Name"]
        for node in plans.scans()
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in filled
    ]
    assert not big, f"sequential scans of {big}\n{plans}"


def test_the_guard_sees_a_sequential_scan(app: Connection[Any], seeded: Seeded) -> None:
    for way in ("indexscan", "indexonlyscan", "bitmapscan"):
        app.execute(f"set enable_{way} to off")
    with Plans(app) as plans:
        call(app, "get", namespace="n0", id=seeded.ids["insights"])
    with pytest.raises(AssertionError, match="Seq Scan"):
        assert_no_big_scan(plans, seeded.filled)


def test_exact_search_is_index_only_on_the_covering_index(
    app: Connection[Any], seeded: Seeded
) -> None:
    plans = taken(app, "search", embedding=vector(1), top_k=10)
    assert_no_big_scan(plans, seeded.filled)
    covering = [
        node
        for node in plans.scans()
        if node["Node Type"] == "Index Only Scan" and node["Relation Name"] in seeded.filled
    ]
    assert {node["Relation Name"] for node in covering} == seeded.filled, str(plans)
    for node in covering:
        assert node["Index Name"].endswith("_exact"), str(plans)
        assert "namespace" in node["Index Cond"], str(plans)
        assert node["Heap Fetches"] == 0, str(plans)


def test_results_are_fetched_by_namespace_and_id(app: Connection[Any], seeded: Seeded) -> None:
    plans = taken(app, "search", embedding=vector(1), top_k=10)
    fetched = [
        node
        for node in plans.scans()
        if node["Node Type"] == "Index Scan" and node["Relation Name"] in seeded.filled
    ]
    assert fetched, str(plans)
    # the key, or another index that holds namespace and id in a partition of a few rows
    assert all("(id = ANY" in node["Index Cond"] for node in fetched), str(plans)


def test_a_search_of_one_layer_reads_no_row_of_another(
    app: Connection[Any], seeded: Seeded
) -> None:
    for arguments in ({"embedding": vector(1)}, {"query": "tea"}):
        plans = taken(app, "search", layers=["assets"], **arguments)
        others = [*plans.scans("interact_"), *plans.scans("insights_")]
        read = [node for node in others if node["Actual Rows"]]
        assert not read, str(plans)


def test_expired_partitions_are_left_out(app: Connection[Any], seeded: Seeded) -> None:
    """Two days on, whatever expires before is not even opened."""
    now = datetime.now(UTC) + timedelta(hours=48)
    past = now.strftime("interact_%Y%m%d_%H")
    for arguments in ({"embedding": vector(1)}, {"query": "tea"}):
        plans = taken(app, "search", now=now, **arguments)
        opened = {node["Relation Name"] for node in plans.scans("interact_")}
        old = {name for name in seeded.filled if name.startswith("interact") and name < past}
        # the partition of this very moment may be among them
        assert len(old) >= 5
        assert len(opened & old) <= 1, str(plans)


def test_partitions_made_ahead_are_left_out_of_exact_search(
    app: Connection[Any], seeded: Seeded
) -> None:
    plans = taken(app, "search", embedding=vector(1), top_k=10)
    ahead = [
        node
        for node in plans.scans("assets_")
        if node["Relation Name"] > f"assets_{datetime.now(UTC).year + 1}"
    ]
    assert not ahead, str(plans)


def test_words_are_ranked_without_a_sequential_scan(app: Connection[Any], seeded: Seeded) -> None:
    for arguments in ({}, {"embedding": vector(1)}, {"filters": {"session": "s1"}}):
        plans = taken(app, "search", query="tea", **arguments)
        assert_no_big_scan(plans, seeded.filled)


def test_filtered_search_stays_within_the_namespace(app: Connection[Any], seeded: Seeded) -> None:
    plans = taken(app, "search", embedding=vector(1), kinds=["pattern"])
    assert_no_big_scan(plans, seeded.filled)
    assert all(
        "namespace" in node.get("Index Cond", "")
        for node in plans.scans()
        if node["Relation Name"] in seeded.filled
    ), str(plans)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("function", ["get", "explain", "history"])
def test_one_memory_is_probed_for_by_namespace_and_id(
    app: Connection[Any], seeded: Seeded, function: str, layer: str
) -> None:
    plans = taken(app, function, id=seeded.ids[layer])
    assert_no_big_scan(plans, seeded.filled)
    for node in plans.scans():
        if node["Relation Name"] in seeded.filled:
            # the key, or another index that holds namespace and id in a partition of a few rows
            assert "(id = " in node["Index Cond"], str(plans)


def test_uses_are_counted_by_keys(app: Connection[Any], seeded: Seeded) -> None:
    plans = taken(app, "touch", ids=list(seeded.ids.values()))
    assert_no_big_scan(plans, seeded.filled)


def test_listing_walks_the_index_of_its_order(app: Connection[Any], seeded: Seeded) -> None:
    cursor = {"after_created_at": datetime.now(UTC), "after_id": seeded.ids["assets"]}
    for arguments in ({}, cursor):
        plans = taken(app, "list_memories", limit=10, **arguments)
        assert_no_big_scan(plans, seeded.filled)
        used = plans.indexes()
        for layer in LAYERS:
            assert any(name.startswith(layer) and "created_at" in name for name in used), str(plans)
        # a page reads about a page of each partition, not the namespace
        read = sum(
            node["Actual Rows"] * node["Actual Loops"]
            for node in plans.scans()
            if node["Relation Name"] in seeded.filled
        )
        assert read <= 10 + 2 * len(seeded.filled), str(plans)


def test_a_cursor_bounds_the_index(app: Connection[Any], seeded: Seeded) -> None:
    """A deep page must not read the pages before it."""
    cursor = {"after_created_at": datetime.now(UTC), "after_id": seeded.ids["assets"]}
    plans = taken(app, "list_memories", limit=10, **cursor)
    walked = [node for node in plans.scans() if "created_at" in node.get("Index Name", "")]
    assert walked
    assert all("created_at" in node["Index Cond"] for node in walked), str(plans)


def test_a_repeated_memory_is_recognised_by_its_index(app: Connection[Any], seeded: Seeded) -> None:
    plans = taken(app, "remember", content="memory 0 about tea", session="s0")
    assert_no_big_scan(plans, seeded.filled)
    assert any("content_hash" in name for name in plans.indexes()), str(plans)


def test_a_turn_is_numbered_by_the_index_of_the_session(
    app: Connection[Any], seeded: Seeded
) -> None:
    for i in range(REPEATS):
        with Plans(app) as plans:
            call(app, "remember", namespace="n0", content=f"new {i}", session="s0")
    assert_no_big_scan(plans, seeded.filled)
    assert any("session" in name for name in plans.indexes()), str(plans)


def test_pending_memories_are_found_by_their_index(seeded: Seeded) -> None:
    with listening(seeded.url, "n0", role="memory_owner") as db:
        for _ in range(REPEATS):
            with Plans(db) as plans:
                call(db, "pending_embeddings")
    assert_no_big_scan(plans, seeded.filled)


# --- large namespaces


def test_large_namespaces_are_searched_by_hnsw(large: Connection[Any], indexed: Seeded) -> None:
    plans = taken(large, "search", embedding=vector(1), top_k=10)
    ordered = [node for node in plans.scans() if node.get("Index Name", "").endswith("_hnsw")]
    assert ordered, str(plans)
    assert all("<=>" in node["Order By"] for node in ordered), str(plans)
    assert_no_big_scan(plans, indexed.filled)


def test_large_namespaces_say_so_and_give_all_rows(large: Connection[Any], indexed: Seeded) -> None:
    for top_k in (1, 10, 100, 300):
        hits = call(large, "search", namespace="n0", embedding=vector(1), top_k=top_k, explain=True)
        assert len(hits) == top_k
    (hit,) = call(large, "search", namespace="n0", embedding=vector(1), top_k=1, explain=True)
    assert hit["explain"]["vectors"] == "hnsw"


def test_a_filter_that_leaves_few_rows_is_exact(large: Connection[Any], indexed: Seeded) -> None:
    (hit, *_) = call(
        large,
        "search",
        namespace="n0",
        embedding=vector(1),
        filters={"session": "s1"},
        explain=True,
    )
    assert hit["explain"]["vectors"] == "exact"


def test_words_of_large_namespaces_use_an_index(large: Connection[Any], indexed: Seeded) -> None:
    for arguments in ({}, {"embedding": vector(1)}):
        plans = taken(large, "search", query="tea", **arguments)
        assert_no_big_scan(plans, indexed.filled)
