"""One starter at a time, and who uses the server: the last one out stops it.

Both are kernel locks (flock) on files in the data directory. The kernel frees them when their
holder dies, however it dies, so none is ever stale.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from service.core.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL = 0.05  # seconds between two tries


class StartLock:
    """Held while a server is started, attached to or stopped.

    Args:
        path: the lock file, made when missing, owned by the owner of its directory.
        timeout: seconds to wait for another holder.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        self.path = path
        self._timeout = timeout

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the length of a ``with`` block.

        Raises:
            PlatformError: another process holds it longer than the timeout, or it cannot be made.
        """
        handle = _open(self.path)
        try:
            self._acquire(handle)
            yield
        finally:
            os.close(handle)

    def _acquire(self, handle: int) -> None:
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise PlatformError(
                        "Another process is starting or stopping the same embedded PostgreSQL.",
                        detail=f"It has held {self.path} for {self._timeout:.0f} s.",
                        hint=f"fuser -v {self.path}",
                    ) from error
                time.sleep(_POLL)
            else:
                return


class Attendance:
    """Who uses the server: each handle that started it or attached holds a shared lock.

    Args:
        path: the lock file, made when missing, owned by the owner of its directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def make(self) -> None:
        """Make the file, so that others can open it."""
        os.close(_open(self.path))

    def enter(self) -> None:
        """Use the server from now on."""
        if self._handle is None:
            self._handle = _open(self.path)
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    def leave(self) -> None:
        """Use it no longer."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def others(self) -> bool:
        """Tell whether other handles use the server, once this one has left.

        Without the start lock the answer is a guess.
        """
        handle = _open(self.path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(handle)


def _open(path: Path) -> int:
    """Open a lock file, made when missing, and give it to the owner of its directory."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise PlatformError(
            f"The lock file {path} cannot be opened.",
            detail=str(error),
            hint=f"ls -ld {path.parent}, or set MAGRAY_DATA_DIR to another directory",
        ) from error
    folder = path.parent.stat()
    if os.geteuid() == 0 and os.fstat(handle).st_uid != folder.st_uid:
        os.fchown(handle, folder.st_uid, folder.st_gid)
    return handle
