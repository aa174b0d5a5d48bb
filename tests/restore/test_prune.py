"""Retention: whole chains, the WAL only they needed, never the last restorable full."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.backup import locks
from jobs.backup.catalogue import Backup, Manifest, Pack, store_verdict
from jobs.backup.crypto import Keys
from jobs.backup.prune import kept, prune
from jobs.storage.tier import Storage
from service.core.settings import BackupSettings
from tests.restore.places import Chain, now

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NOWHERE = None


def backup(
    number: int, *, parent: Backup | None = None, days: float = 0, fault: bool = False
) -> Backup:
    at = NOW - timedelta(days=days)
    kind = "full" if parent is None else "incremental"
    manifest = Manifest(
        id=f"{number:04}-{kind}",
        kind=kind,
        reason="",
        parent=parent.id if parent else None,
        system="1",
        timeline=1,
        started_at=at,
        stopped_at=at,
        start_lsn=f"0/{number:X}000000",
        stop_lsn=f"0/{number:X}000100",
        segment_size=1 << 24,
        bytes=0,
        stored=0,
        packs=[],
        pg_manifest=Pack(name="m", bytes=0, stored=0, sha256=""),
        key=None,
        server={},
        witness=None,
    )
    return Backup(manifest, NOWHERE, fault="broken" if fault else None)  # type: ignore[arg-type]


def test_fault_33_one_full_and_six_incrementals() -> None:
    """keep = 2 and there is one full: it stays, and so does everything on it."""
    full = backup(1, days=30)
    chain = [full]
    for number in range(2, 8):
        chain.append(backup(number, parent=chain[-1], days=30 - number))
    assert kept(chain, NOW, keep_fulls=2, keep_days=0) == {one.id for one in chain}


def test_fault_33_only_restorable_fulls_count() -> None:
    good, bad = backup(1, days=9), [backup(2, days=2, fault=True), backup(3, days=1, fault=True)]
    assert good.id in kept([good, *bad], NOW, keep_fulls=1, keep_days=0)
    assert kept(bad, NOW, keep_fulls=1, keep_days=0) == {one.id for one in bad}


@pytest.mark.parametrize(("days", "oldest"), [(0, 4), (5, 2), (100, 1)])
def test_instants_of_the_window_stay_restorable(days: float, oldest: int) -> None:
    """The newest full before the window leads to its first instant."""
    backups = [backup(number, days=12 - 3 * number) for number in range(1, 5)]
    expected = {one.id for one in backups[oldest - 1 :]}
    assert kept(backups, NOW, keep_fulls=1, keep_days=days) == expected


def test_what_is_kept_or_read_stays_with_all_it_builds_on() -> None:
    old = backup(1, days=30)
    middle = backup(2, parent=old, days=29)
    new = backup(3, days=0)
    backups = [old, middle, new]
    assert kept(backups, NOW, keep_fulls=1, keep_days=0) == {new.id}
    held = kept(backups, NOW, keep_fulls=1, keep_days=0, held=[middle.id])
    assert held == {old.id, middle.id, new.id}
    old.verdict.keep = True
    assert kept(backups, NOW, keep_fulls=1, keep_days=0) == {old.id, middle.id, new.id}


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 40)), min_size=1, max_size=12),
    st.integers(1, 4),
    st.integers(0, 30),
)
def test_a_restorable_full_always_stays(
    plan: list[tuple[bool, bool, int]], keep_fulls: int, keep_days: int
) -> None:
    """Whatever there is: the newest restorable full stays, and every link of what stays."""
    backups: list[Backup] = []
    ages = sorted((age for _, _, age in plan), reverse=True)
    for number, ((incremental, fault, _), age) in enumerate(zip(plan, ages, strict=True), 1):
        parent = backups[-1] if incremental and backups else None
        broken = fault or (parent is not None and parent.fault is not None)
        backups.append(backup(number, parent=parent, days=age, fault=broken))
    stay = kept(backups, NOW, keep_fulls=keep_fulls, keep_days=keep_days)
    fulls = [one for one in backups if one.manifest.kind == "full" and one.fault is None]
    if fulls:
        assert fulls[-1].id in stay
        assert len(stay & {one.id for one in fulls}) >= min(keep_fulls, len(fulls))
    known = {one.id: one for one in backups}
    for name in stay:
        parent_id = known[name].manifest.parent
        if known[name].fault is None and parent_id is not None:
            assert parent_id in stay


def tight(chain: Chain) -> Chain:
    """The same with a retention of one full and no days."""
    settings = BackupSettings(keep_fulls=1, keep_days=0)
    return Chain(chain.folder, settings, chain.bin_dir, chain.ids, chain.instants, chain.ledger)


def second_full(copy: Chain) -> str:
    """A full after the chain: the first one once more, under another name and later in time."""
    repository = copy.repository
    first = repository.catalogue().get(copy.ids[0]).manifest
    last = repository.catalogue().get(copy.ids[2]).manifest
    made = msgspec.structs.replace(
        first,
        id="20991231T000000Z-full",
        start_lsn=last.start_lsn,
        stop_lsn=last.stop_lsn,
        stopped_at=now(),
    )
    from jobs.backup.catalogue import encode

    for pack in first.objects():
        data = repository.local.get(f"{first.folder}/{pack.name}")
        repository.local.put(f"{made.folder}/{pack.name}", data)
    repository.local.put(f"{made.folder}/manifest.json", encode(made, Keys()))
    return made.id


def test_the_dry_run_is_what_the_run_does(copy: Chain) -> None:
    copy = tight(copy)
    newest = second_full(copy)
    told = prune(copy.repository, now(), dry_run=True)
    before = [one.id for one in copy.repository.catalogue().backups]
    assert before == [*copy.ids, newest]
    assert [step.what for step in told if step.action == "remove"] == copy.ids[::-1]
    assert any(step.action == "remove wal" for step in told)
    assert prune(copy.repository, now(), dry_run=False) == told
    assert [one.id for one in copy.repository.catalogue().backups] == [newest]
    assert prune(copy.repository, now(), dry_run=False) == []


def test_wal_that_a_backup_needs_stays(copy: Chain) -> None:
    copy = tight(copy)
    first = min(path.stem for path in copy.wal.iterdir() if len(path.stem) == 24)
    prune(copy.repository, now(), dry_run=False)
    kept_names = sorted(path.stem for path in copy.wal.iterdir() if len(path.stem) == 24)
    full = copy.repository.catalogue().get(copy.ids[0]).manifest
    assert kept_names[0] >= first
    assert int(kept_names[0][16:], 16) == int(full.start_lsn.split("/")[1], 16) >> 24


def test_fault_33_a_restore_under_way_wins(copy: Chain) -> None:
    copy = tight(copy)
    second_full(copy)
    with locks.reading(copy.repository.local, copy.ids[:2]):
        prune(copy.repository, now(), dry_run=False)
        left = {one.id for one in copy.repository.catalogue().backups}
        assert set(copy.ids[:2]) <= left
    prune(copy.repository, now(), dry_run=False)
    assert not set(copy.ids) & {one.id for one in copy.repository.catalogue().backups}


def test_what_somebody_keeps_stays(copy: Chain) -> None:
    copy = tight(copy)
    second_full(copy)
    one = copy.repository.catalogue().get(copy.ids[1])
    one.verdict.keep = True
    store_verdict(one)
    prune(copy.repository, now(), dry_run=False)
    assert set(copy.ids[:2]) <= {one.id for one in copy.repository.catalogue().backups}


def test_older_chains_move_to_the_cloud(copy: Chain, folder: Path) -> None:
    """Moved, not lost: the catalogue finds them there, and they still restore."""
    second_full(copy)
    bucket = folder / "bucket"
    bucket.mkdir()
    settings = BackupSettings(cloud=f"file://{bucket}", local_fulls=1, keep_days=365)
    moved = Chain(copy.folder, settings, copy.bin_dir, copy.ids, copy.instants, copy.ledger)
    steps = prune(moved.repository, now(), dry_run=False)
    assert [step.what for step in steps if step.action == "move"] == copy.ids
    tiers = {one.id: one.tier.name for one in moved.repository.catalogue().backups}
    assert [tiers[name] for name in copy.ids] == ["cloud"] * 3
    moved.restore(moved.instants[1])
    assert moved.state() == moved.ledger.at(moved.instants[1])


def test_storage_forgets_nothing_it_was_not_told(folder: Path) -> None:
    store = Storage("local", folder / "store")
    store.put("a/one", b"1")
    store.put("a/two", b"2")
    assert not store.put("a/one", b"other", create=True)
    store.delete(["a/one", "a/gone"])
    assert [(one.path, one.size) for one in store.entries("a")] == [("a/two", 1)]
