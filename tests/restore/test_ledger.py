"""Every restore equals what was acknowledged at its instant; outside the window none is made."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from jobs.backup.windows import windows_of
from service.core.errors import NotRestorableError
from tests.restore.places import Place, now, restore_into, state_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.restore.places import Chain

PROMOTE = """
with moved as (
    delete from memory_data.interact as i where i.id = any (%s) returning i.*)
insert into memory_data.insights
select (jsonb_populate_record(null::memory_data.insights,
    to_jsonb(m) || jsonb_build_object('kind', 'pattern', 'expires_at', now() + '60 days'))).*
from moved as m
"""
DROP = """
select format('drop table %%s', i.inhrelid::regclass), i.inhrelid::regclass::text
from pg_inherits as i
join memory_data.insights as r on r.tableoid = i.inhrelid
where r.id = %s
"""


def test_each_instant_of_a_chain_comes_back_exactly(chain: Chain, scratch: object) -> None:
    """After the full, after each incremental; the one chain of the session."""
    at = chain.instants[2]
    restored = chain.copy(chain.folder.parent / "ledger-copy")
    told = restored.restore(at)
    assert told.chain == chain.ids
    assert told.reached is not None
    assert told.reached <= at
    assert restored.state() == chain.ledger.at(at)


def test_only_the_links_an_instant_needs_are_used(copy: Chain) -> None:
    told = copy.restore(copy.instants[0])
    assert told.chain == copy.ids[:1]
    assert copy.state() == copy.ledger.at(copy.instants[0])


def _history(place: Place, seed: int, rounds: int) -> None:
    """Writes, edits of the layers as the lifecycle makes them, and a chain of backups."""
    chance = random.Random(seed)
    place.write(5)
    for round_number in range(rounds):
        if round_number % (rounds // 5 or 1) == 0:
            place.take("full" if round_number == 0 else "incremental")
        made = place.write(chance.randint(1, 6))
        learned = place.write(1, kind="snippet")
        chance.shuffle(made)
        if len(made) > 2:
            place.forget(made[:1])  # an eviction
            began = now()
            place.sql(PROMOTE, (made[1:2],))
            assert began  # a promotion changes no content: the ledger is as it was
        if round_number == rounds // 2:
            _drop_partition(place, learned[0])


def _drop_partition(place: Place, one: str) -> None:
    statement, name = place.sql(DROP, (one,))[0]
    began = now()
    gone = [str(row[0]) for row in place.sql(f"select id from {name}")]  # noqa: S608
    place.sql(statement)
    for memory in gone:
        place._note("remove", memory, "", began)
    place.sql("select memory.make_partitions()")


def _check(place: Place, seed: int, inside: int, outside: int) -> None:
    place.close_window()
    known = place.repository.catalogue()
    (window,) = windows_of(place.repository, known)
    chance = random.Random(seed)
    done = 0
    while done < inside:
        at = window.since + (window.until - window.since) * chance.random()
        if not place.ledger.is_clear(at):
            continue
        done += 1
        into = place.folder / f"at-{done}"
        told = restore_into(place.repository, at, into, place.folder)
        assert state_of(into, place.folder) == place.ledger.at(at), (seed, at, told)
        _remove(into)
    for number in range(outside):
        span = timedelta(seconds=chance.uniform(0.001, 10_000))
        at = window.since - span if number % 2 else window.until + span + timedelta(hours=1)
        # the server lives: what it archives meanwhile moves the end of the window
        (before,) = windows_of(place.repository, place.repository.catalogue())
        with pytest.raises(NotRestorableError) as refused:
            restore_into(place.repository, at, place.folder / "never", place.folder)
        (after,) = windows_of(place.repository, place.repository.catalogue())
        nearest = {_nearest(one.since, one.until, number) for one in (before, after)}
        assert any(one in refused.value.hint for one in nearest)
        assert not (place.folder / "never").exists()


def _nearest(since: datetime, until: datetime, number: int) -> str:
    return (since if number % 2 else until).isoformat().replace("+00:00", "Z")


def _remove(into: object) -> None:
    import shutil

    shutil.rmtree(str(into))


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_random_targets_equal_the_ledger(make_place: Callable[..., Place]) -> None:
    place = make_place()
    _history(place, seed=1, rounds=20)
    kinds = [one.manifest.kind for one in place.repository.catalogue().backups]
    assert kinds[0] == "full"
    assert kinds.count("incremental") >= 3
    _check(place, seed=2, inside=10, outside=6)


@pytest.mark.drill
@pytest.mark.timeout(4 * 3600)
def test_two_hundred_random_targets_equal_the_ledger(make_place: Callable[..., Place]) -> None:
    place = make_place()
    _history(place, seed=11, rounds=60)
    _check(place, seed=12, inside=200, outside=50)
