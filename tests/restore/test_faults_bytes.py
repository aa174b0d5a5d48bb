"""Stored bytes go wrong: every one of these is found before anything is restored from them."""

from __future__ import annotations

import random
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from jobs.backup.archive_wal import DUPLICATE, FOREIGN, main, unpack
from jobs.backup.repository import open_repository
from jobs.backup.status import summary
from jobs.backup.target import Target
from jobs.backup.verify import verify
from jobs.backup.wal import parse_lsn, segment_name
from jobs.backup.windows import windows_of
from service.core.errors import BackupError, DamagedError, NotRestorableError
from service.core.settings import BackupSettings
from tests.restore.places import Chain, flip, objects, restore_into, state_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


def middle(path: Path) -> int:
    return path.stat().st_size // 2


def faults(copy: Chain) -> dict[str, str]:
    """Backups that are not restorable, and why."""
    return {one.id: one.fault for one in copy.repository.catalogue().backups if one.fault}


def segments(copy: Chain) -> list[Path]:
    return sorted(path for path in copy.wal.iterdir() if len(path.stem) == 24)


def refused(copy: Chain, target: Target | datetime) -> BackupError:
    """Restoring is refused, and leaves nothing behind."""
    with pytest.raises(BackupError) as error:
        copy.restore(target)
    assert not (copy.folder / "restored").exists()
    return error.value


def test_fault_05_a_flipped_bit_in_a_full(copy: Chain) -> None:
    """The restore refuses, and the full and all that builds on it are quarantined."""
    pack = copy.backups / copy.ids[0] / "pack-00001.zst"
    flip(pack, middle(pack))
    error = refused(copy, copy.instants[2])
    assert isinstance(error, DamagedError)
    assert copy.ids[0] in error.message
    assert set(faults(copy)) == set(copy.ids)
    assert isinstance(refused(copy, copy.instants[2]), NotRestorableError)


def test_fault_06_a_flipped_bit_in_an_incremental(copy: Chain) -> None:
    """It and what builds on it go out; the same instant comes from the full and more WAL."""
    pack = copy.backups / copy.ids[1] / "pack-00001.zst"
    flip(pack, middle(pack))
    assert isinstance(refused(copy, copy.instants[2]), DamagedError)
    assert set(faults(copy)) == set(copy.ids[1:])
    told = copy.restore(copy.instants[2])
    assert told.chain == copy.ids[:1]
    assert copy.state() == copy.ledger.at(copy.instants[2])


@pytest.mark.parametrize("harm", ["truncate", "delete"])
def test_fault_07_a_file_of_a_middle_link_truncated_or_deleted(copy: Chain, harm: str) -> None:
    """Seen by listing alone: the catalogue never offers the link."""
    pack = copy.backups / copy.ids[1] / "pack-00001.zst"
    if harm == "delete":
        pack.unlink()
    else:
        pack.write_bytes(pack.read_bytes()[:-100])
    assert set(faults(copy)) == set(copy.ids[1:])
    plan = copy.repository.catalogue().get(copy.ids[2])
    assert plan.fault is not None
    assert copy.ids[1] in plan.fault


def test_fault_08_the_manifest_of_a_middle_link_deleted(copy: Chain) -> None:
    """PostgreSQL's own tool only warns; here the chain after it is refused."""
    (copy.backups / copy.ids[1] / "manifest.json").unlink()
    known = copy.repository.catalogue()
    assert copy.ids[1] in known.incomplete
    assert list(faults(copy)) == copy.ids[2:]
    assert copy.ids[1] in faults(copy)[copy.ids[2]]


def test_fault_08_the_manifest_of_the_full_deleted(copy: Chain) -> None:
    (copy.backups / copy.ids[0] / "manifest.json").unlink()
    error = refused(copy, copy.instants[1])
    assert isinstance(error, NotRestorableError)
    assert copy.ids[0] in error.detail


def test_fault_08_a_manifest_that_was_edited(copy: Chain) -> None:
    path = copy.backups / copy.ids[1] / "manifest.json"
    path.write_bytes(path.read_bytes().replace(copy.ids[0].encode(), copy.ids[2].encode()))
    assert copy.ids[1] in copy.repository.catalogue().incomplete


def test_fault_09_a_link_swapped_for_another(copy: Chain) -> None:
    """A folder holds exactly the backup of its name."""
    one, two = copy.backups / copy.ids[1], copy.backups / copy.ids[2]
    one.rename(copy.backups / "aside")
    two.rename(one)
    (copy.backups / "aside").rename(two)
    known = copy.repository.catalogue()
    assert set(known.incomplete) == set(copy.ids[1:])
    assert [found.id for found in known.backups] == copy.ids[:1]


def test_fault_09_a_pack_of_another_link(copy: Chain) -> None:
    packs = [copy.backups / copy.ids[n] / "pack-00001.zst" for n in (1, 2)]
    shutil.copy(packs[1], packs[0])
    assert set(faults(copy)) == set(copy.ids[1:])


def test_fault_13_a_segment_inside_the_window_removed(copy: Chain) -> None:
    """The window shows the hole at once; past it nothing is restored, before it everything."""
    full = copy.repository.catalogue().get(copy.ids[0]).manifest
    after = (parse_lsn(full.stop_lsn) - 1) // full.segment_size + 2
    gone = copy.wal / f"{segment_name(1, after, full.segment_size)}.z"
    gone.unlink()
    for one in copy.ids[1:]:
        shutil.rmtree(copy.backups / one)
    error = refused(copy, copy.instants[1])
    assert isinstance(error, NotRestorableError)
    assert gone.stem in error.detail
    windows = windows_of(copy.repository, copy.repository.catalogue())
    assert all(copy.instants[1] not in window for window in windows)
    assert f"magray restore --to {windows[0].until.isoformat()[:19]}" in error.hint


def test_fault_14_a_segment_corrupted(copy: Chain) -> None:
    """400 bytes: found by verify, and by the restore that needs it."""
    for one in copy.ids[1:]:
        shutil.rmtree(copy.backups / one)
    path = segments(copy)[-1]
    data = bytearray(path.read_bytes())
    start = max(0, len(data) // 2 - 200)
    data[start : start + 400] = bytes(len(data[start : start + 400]))
    path.write_bytes(bytes(data))
    findings = [one for one in verify(copy.repository) if not one.ok]
    assert [one.what for one in findings] == [path.stem]
    assert summary(copy.repository)["wal_damaged"] == [f"{path.stem} is damaged"]
    error = refused(copy, Target(latest=True))
    assert isinstance(error, DamagedError)
    assert path.stem in error.message


def test_the_note_about_damaged_wal_is_no_more_trusted_than_the_wal(copy: Chain) -> None:
    assert [one for one in verify(copy.repository) if not one.ok] == []
    (note,) = copy.folder.rglob("wal-verdict.json")
    flip(note, note.stat().st_size - 10, 1)
    assert "damaged" in summary(copy.repository)["wal_damaged"][0]
    assert [one.what for one in verify(copy.repository) if not one.ok] == ["WAL"]
    assert summary(copy.repository)["wal_damaged"] == []


def test_fault_15_same_name_other_bytes(copy: Chain) -> None:
    """Refused, and nothing is overwritten; the same bytes again are a success."""
    path = segments(copy)[-1]
    stored = path.read_bytes()
    source = copy.folder / "segment"
    source.write_bytes(unpack(stored))
    owner = (copy.wal / "OWNER").read_text()
    call = [str(source), path.stem, str(copy.wal.parent), "--owner", owner]
    assert main(call) == 0
    data = bytearray(unpack(stored))
    data[5000] ^= 1
    source.write_bytes(bytes(data))
    assert main(call) == DUPLICATE
    assert path.read_bytes() == stored


def test_fault_27_a_clone_archiving_into_the_same_archive(copy: Chain) -> None:
    """The second cluster of a system and timeline is refused, whatever it brings."""
    path = segments(copy)[-1]
    source = copy.folder / "segment"
    source.write_bytes(unpack(path.read_bytes()))
    path.unlink()
    call = [str(source), path.stem, str(copy.wal.parent), "--owner", "a-clone"]
    assert main(call) == FOREIGN
    assert not path.exists()


def test_fault_46_the_bucket_alone(chain: Chain, folder: Path) -> None:
    """A clean machine with nothing but the objects: the catalogue is in them."""
    for name in ("repository", "wal-archive"):
        shutil.copytree(chain.folder / name, folder / "bucket" / name)
    settings = BackupSettings(
        directory=folder / "bucket" / "repository", wal_directory=folder / "bucket" / "wal-archive"
    )
    repository = open_repository(settings, folder / "clean", chain.bin_dir)
    assert [one.id for one in repository.catalogue().backups] == chain.ids
    restore_into(repository, chain.instants[1], folder / "restored", folder)
    assert state_of(folder / "restored", folder) == chain.ledger.at(chain.instants[1])


def _rot(chain: Chain, folder: Path, seeds: range) -> None:
    """One random bit of one random object; every byte has the same chance."""
    kept = chain.copy(folder / "rot")
    found = [
        path
        for path in objects(kept.folder)
        if path.name != "OWNER" and "/timelines/" not in str(path) and "/locks/" not in str(path)
    ]
    sizes = [path.stat().st_size for path in found]
    assert len(found) > 10
    for seed in seeds:
        chance = random.Random(seed)
        # half by bytes, half by objects, so that small ones have their turn
        (path,) = chance.choices(found, sizes if seed % 2 else None)
        offset, bit = chance.randrange(path.stat().st_size), 1 << chance.randrange(8)
        before = path.read_bytes()
        flip(path, offset, bit)
        findings = [one for one in verify(kept.repository) if not one.ok]
        assert findings, (seed, path, offset, bit)
        path.write_bytes(before)
        for verdict in kept.folder.rglob("verdict.json"):
            if verdict not in found:
                verdict.unlink()
    assert [one for one in verify(kept.repository) if not one.ok] == []


@pytest.mark.full
def test_fault_47_bit_rot(chain: Chain, folder: Path) -> None:
    """20 seeds: every one is found before a restore starts."""
    _rot(chain, folder, range(20))


@pytest.mark.drill
@pytest.mark.timeout(4 * 3600)
def test_fault_47_bit_rot_three_hundred_seeds(chain: Chain, folder: Path) -> None:
    _rot(chain, folder, range(1000, 1300))


def test_a_restored_instant_is_never_a_guess(copy: Chain) -> None:
    """A microsecond after the last commit WAL proves, it refuses; at that commit it does not."""
    (window,) = windows_of(copy.repository, copy.repository.catalogue())
    with pytest.raises(NotRestorableError):
        copy.restore(window.until + timedelta(microseconds=1))
    assert copy.restore(window.until).reached == window.until
