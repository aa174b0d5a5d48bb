"""Who works on a repository: at most one holder at each time, whoever is killed or deletes what."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.backup import locks
from jobs.storage.tier import Storage
from service.core.errors import BusyError, TierError

TURNS = 20_000

# Standard input is the witness, a kernel lock of its own: the kernel closes the file of the lowest
# number first, so that the witness of a killed holder is free before what it held.
_CONTENDER = """
import fcntl, os, sys
from pathlib import Path
from service.core.errors import BusyError
from jobs.backup.locks import exclusive
from jobs.storage.tier import Storage

folder = Path(sys.argv[1])
storage = Storage("local", folder / "repository")
os.close(0)
assert os.open(folder / "witness", os.O_RDWR | os.O_CREAT) == 0
turns = os.open(folder / "turns", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
print("ready", flush=True)
while True:
    try:
        with exclusive(storage, "backup"):
            try:
                fcntl.flock(0, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                (folder / "two").touch()
                raise
            os.write(turns, b".")
            os.sched_yield()
            fcntl.flock(0, fcntl.LOCK_UN)
    except BusyError:
        os.sched_yield()
"""


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage("local", tmp_path / "repository")


def contend(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _CONTENDER, str(folder)], stdout=subprocess.PIPE, text=True
    )


def end(one: subprocess.Popen[str]) -> None:
    one.send_signal(signal.SIGKILL)
    one.wait()
    assert one.stdout is not None
    one.stdout.close()


def test_of_many_contenders_one_holds_it_though_some_are_killed(tmp_path: Path) -> None:
    """Thousands of turns among processes of which one after the other dies by kill -9."""
    running = [contend(tmp_path) for _ in range(4)]
    killed = 0
    turns = tmp_path / "turns"
    try:
        for one in running:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        while not (tmp_path / "two").exists() and (killed < 8 or turns.stat().st_size < TURNS):
            before = turns.stat().st_size
            while turns.stat().st_size < before + TURNS // 10 and not (tmp_path / "two").exists():
                assert any(one.poll() is None for one in running)
                time.sleep(0.005)
            place = random.randrange(len(running))
            end(running[place])
            killed += 1
            running[place] = contend(tmp_path)
    finally:
        for one in running:
            end(one)
    assert not (tmp_path / "two").exists()
    assert turns.stat().st_size >= TURNS


@pytest.mark.parametrize("gone", ["backup.lock", "restore.lock", "."])
def test_lock_files_that_are_deleted_give_no_second_holder(storage: Storage, gone: str) -> None:
    assert storage.root is not None
    folder = storage.root / "locks"
    with locks.exclusive(storage, "backup"):
        if gone == ".":
            shutil.rmtree(folder)
        else:
            (folder / gone).unlink()
        for name in ("backup", "restore"):
            with pytest.raises(BusyError), locks.exclusive(storage, name):
                pass
    with locks.exclusive(storage, "backup"), locks.exclusive(storage, "restore"):
        pass


def test_who_holds_it_is_named(storage: Storage) -> None:
    with locks.exclusive(storage, "backup"):
        with pytest.raises(BusyError) as error, locks.exclusive(storage, "backup"):
            pass
        assert f"Process {os.getpid()} on " in error.value.detail
        with locks.exclusive(storage, "restore"):
            pass


def test_what_a_killed_restore_read_is_free(storage: Storage) -> None:
    """The file it leaves is tidied up by the next who looks."""
    code = (
        "import sys, time; from pathlib import Path; from jobs.backup.locks import reading\n"
        "from jobs.storage.tier import Storage\n"
        "with reading(Storage('local', Path(sys.argv[1])), ['one', 'two']):\n"
        "    print('ready', flush=True); time.sleep(600)"
    )
    restore = subprocess.Popen(
        [sys.executable, "-c", code, storage.place], stdout=subprocess.PIPE, text=True
    )
    try:
        assert restore.stdout is not None
        assert restore.stdout.readline() == "ready\n"
        with locks.reading(storage, ["two", "three"]):
            assert locks.being_read(storage) == {"one", "two", "three"}
        assert locks.being_read(storage) == {"one", "two"}
    finally:
        end(restore)
    assert locks.being_read(storage) == set()
    assert list(Path(storage.place).glob("locks/*.reads")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root works in the place of others")
def test_what_root_makes_the_owner_can_lock(storage: Storage) -> None:
    assert storage.root is not None
    os.chown(storage.root, 65534, 65534)
    with locks.exclusive(storage, "backup"):
        owners = {path.stat().st_uid for path in (storage.root / "locks").rglob("*")}
    assert owners == {65534}


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    storage = Storage("local", tmp_path / "repository")
    (tmp_path / "repository" / "locks").write_text("")
    with pytest.raises(TierError, match="cannot be locked"), locks.exclusive(storage, "backup"):
        pass
