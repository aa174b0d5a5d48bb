"""Stops a PostgreSQL that nobody uses any more, however its users ended.

    python -I -S guard.py HOME LOCK USERS   < the postmaster's pid

Runs beside every server as a process of its own, in a session of its own, until the server has
ended. Once a second it looks, under the start lock, whether anybody still attends: the kernel
frees the lock of a process that was killed as well. A server that is still starting, which may be
recovering, is left to finish: what it has replayed would be replayed again. Nothing but the
standard library is imported, so that it costs next to nothing.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import time
from pathlib import Path

_LOOK = 1.0  # seconds between two looks
_FOUND = 10.0  # seconds a postmaster gets to write its pid file when nobody told its pid
# How to end it, and for how many seconds each is given: in order, without a checkpoint, by force.
_WAYS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 20.0), (signal.SIGKILL, 5.0))


class Postmaster:
    """A process that is told from a later one of the same number where the system can do that.

    Args:
        pid: of it.

    Raises:
        ProcessLookupError: there is none.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        os.kill(pid, 0)
        self._handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None

    def ended_within(self, seconds: float) -> bool:
        """Wait so long for its end; True when it has come, also while nobody collected it."""
        if self._handle is not None:
            return bool(select.select([self._handle], [], [], seconds)[0])
        time.sleep(seconds)
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        if self._handle is not None:
            signal.pidfd_send_signal(self._handle, number)
        else:
            os.kill(self.pid, number)


def guard(pgdata: Path, lock: int, users: int) -> None:
    """Stay until the server has ended, and end it when nobody uses it.

    Args:
        pgdata: its cluster.
        lock: descriptor of the start lock's file.
        users: of the file whose lock everybody shares who uses the server.
    """
    line = sys.stdin.readline()  # empty: its starter died before it could tell
    postmaster = _told(line) if line else _found(pgdata)
    if postmaster is None:
        return
    while not postmaster.ended_within(_LOOK):
        if not _taken(lock):
            continue  # it is being started, attached to or stopped
        if _is_up(pgdata) and _taken(users):
            _end(postmaster)
            return
        fcntl.flock(users, fcntl.LOCK_UN)
        fcntl.flock(lock, fcntl.LOCK_UN)


def _told(line: str) -> Postmaster | None:
    try:
        return Postmaster(int(line))
    except (ValueError, ProcessLookupError):
        return None


def _found(pgdata: Path) -> Postmaster | None:
    """The server of a starter that died before it could tell."""
    until = time.monotonic() + _FOUND
    while time.monotonic() < until:
        lines = _pid_file(pgdata)
        found = _told(lines[0]) if lines else None
        if found is not None:
            return found
        time.sleep(_LOOK)
    return None


def _pid_file(pgdata: Path) -> list[str]:
    try:
        return (pgdata / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _is_up(pgdata: Path) -> bool:
    """Whether it has started: the eighth line says how it is; without the file it is ending."""
    lines = _pid_file(pgdata)
    return not lines or (len(lines) > 7 and lines[7].strip() != "starting")


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end(postmaster: Postmaster) -> None:
    for number, patience in _WAYS:
        try:
            postmaster.send(number)
        except ProcessLookupError:
            return
        if postmaster.ended_within(patience):
            return


if __name__ == "__main__":
    guard(Path(sys.argv[1]) / "pg", *(os.open(path, os.O_RDWR) for path in sys.argv[2:4]))
