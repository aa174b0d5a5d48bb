"""Forgetting works from every state a memory can be in, however it came there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jobs.archive.forget import forget as forget_everywhere
from tests.model.lives import KINDS, LAYERS, NAMESPACES, Lives, leftovers
from tests.sql.calls import call

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg import Connection

_OF_ONE = ("use", "edit", "pin", "unpin", "fail", "again", "send", "restore")
_OF_ALL = (
    "evict",
    "promote",
    "embed",
    "ask",
    "file",
    "drop_copies",
    "compress",
    "wait",
    "expire",
    "purge_edits",
)
_STEPS = st.tuples(st.sampled_from(_OF_ONE), st.integers(0, 3)) | st.tuples(
    st.sampled_from(_OF_ALL), st.none()
)
_MEMORIES = st.lists(
    st.tuples(st.sampled_from(KINDS), st.booleans(), st.booleans()), min_size=1, max_size=4
)
# by id or all of a namespace (so many at once), in SQL or with the files rewritten
_WAYS = st.tuples(st.sampled_from(("sql", "files")), st.none() | st.sampled_from((1, 2, 1000)))

Memories = list[tuple[str, bool, bool]]
Steps = list[tuple[str, int | None]]
Way = tuple[str, int | None]


def _check(
    db: Connection[Any], memories: Memories, archive_first: set[str], steps: Steps, way: Way
) -> None:
    with db.transaction(force_rollback=True):
        _live_and_forget(Lives(db, archive_first), memories, steps, way)


def _live_and_forget(lives: Lives, memories: Memories, steps: Steps, way: Way) -> None:
    words = []
    for number, (kind, vector, twin) in enumerate(memories):
        words.append(lives.store(number, kind, vector=vector))
        if twin:
            lives.store(number, kind, vector=vector, above=True)
    for step, number in steps:
        if number is None:
            getattr(lives, step)()
        else:
            getattr(lives, step)(words[number % len(words)])

    mine = words[::2] if way[1] is not None else words[:1]
    others = {word: lives.told(word) for word in words if word not in mine}
    told = set().union(*(lives.told(word) for word in mine))
    ids = None if way[1] is not None else [one for word in mine for one in lives.ids[word]]
    if way[0] == "sql":
        _forget_in_sql(lives, ids, way[1], told)
    _forget_with_files(lives, ids, told if way[0] == "files" else set())
    for word in mine:
        assert leftovers(lives.db, word) == set(), word
    assert {word: lives.told(word) for word in others} == others


def _forget_in_sql(lives: Lives, ids: list[UUID] | None, limit: int | None, told: set[Any]) -> None:
    """The dry run says what the real one does, and a second one finds nothing."""
    where = {"namespace": NAMESPACES[0], "now": lives.now}
    if ids is not None:
        dry = call(lives.db, "forget", ids=ids, dry_run=True, **where)
        gone = call(lives.db, "forget", ids=ids, **where)
        assert call(lives.db, "forget", ids=ids, **where) == []
    else:
        dry = call(lives.db, "forget_namespace", dry_run=True, **where)
        gone = []
        while batch := call(lives.db, "forget_namespace", limit=limit, **where):
            gone += batch
    assert sorted(gone, key=lambda row: row["id"]) == sorted(dry, key=lambda row: row["id"])
    assert {row["id"] for row in gone} == told
    assert len(gone) == len(told)


def _forget_with_files(lives: Lives, ids: list[UUID] | None, told: set[Any]) -> None:
    """As `magray forget`: what it counts is what goes, out of the files too."""
    archive = lives.archiver.clocked(lives.now)
    places = asyncio.run(archive.count(NAMESPACES[0], ids))
    assert sum(place.memories for place in places) == len(told)
    done = asyncio.run(
        forget_everywhere(archive, lambda: lives.archiver.store, NAMESPACES[0], ids=ids)
    )
    assert (done.memories, done.waiting, done.outcome.problems) == (len(told), 0, [])
    forgotten = {str(one) for one in (ids or lives.ids_of(NAMESPACES[0]))}
    held = {row for file in lives.archiver.files().values() for row in file}
    assert not [row for row in held if row[0] == NAMESPACES[0] and row[1] in forgotten]


@pytest.mark.parametrize(
    "examples",
    [
        12,
        pytest.param(30, marks=pytest.mark.full),
        pytest.param(5000, marks=[pytest.mark.drill, pytest.mark.timeout(2 * 3600)]),
    ],
)
def test_what_is_forgotten_is_nowhere_whatever_became_of_it(
    db: Connection[Any], examples: int
) -> None:
    db.execute("select")  # one transaction around all examples

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        memories=_MEMORIES,
        archive_first=st.sets(st.sampled_from(LAYERS)),
        steps=st.lists(_STEPS, min_size=3, max_size=14),
        way=_WAYS,
    )
    @example(
        memories=[("user_interaction", True, False)] * 3,
        archive_first={"interact"},
        steps=[("evict", None)],
        way=("files", 1000),
    )
    def whatever(memories: Memories, archive_first: set[str], steps: Steps, way: Way) -> None:
        _check(db, memories, archive_first, steps, way)

    whatever()
