"""The plan of an eviction: one pass over the layer, a top-N sort, then only the rows that go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.plans.plans import Plans, listening
from tests.sql.calls import call

if TYPE_CHECKING:
    from tests.plans.conftest import Seeded


def test_one_pass_ranks_and_the_rest_goes_by_key(seeded: Seeded) -> None:
    with listening(seeded.url, "", role="memory_operator") as db:
        call(db, "learn_reuse")
        with Plans(db) as plans, db.transaction(force_rollback=True):
            gone = call(db, "evict", layer="insights", bytes=1)
    assert len(gone) == 1
    (ranking,) = [text for text in plans.texts if "offset 0" in text["Query Text"]]
    rank = Plans(db, [ranking])
    read = [node for node in rank.scans("insights") if node["Relation Name"] in seeded.filled]
    # each partition once, as a whole: what is looked up record by record would loop
    assert {node["Actual Loops"] for node in read} == {1}, str(rank)
    assert len(read) == len({node["Relation Name"] for node in read}), str(rank)
    assert not [node for node in rank.nodes() if "Subplan Name" in node], str(rank)
    assert not rank.scans("interact") + rank.scans("assets"), str(rank)
    assert {node["Sort Method"] for node in rank.nodes() if "Sort Method" in node} <= {
        "top-N heapsort",
        "quicksort",
    }, str(rank)
    assert {node["Actual Loops"] for node in rank.scans("usage")} == {1}, str(rank)
