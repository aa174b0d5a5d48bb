"""What goes on beside pg_basebackup: its stream is checked as it passes, its end is seen to."""

from __future__ import annotations

import io
import queue
import threading
import time
from typing import Any

from jobs.backup.content import check_tar
from jobs.backup.programs import end_group

_CHUNK = 1 << 20


class StreamCheck:
    """Compares the stream with PostgreSQL's manifest on a thread of its own, as it passes."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bytes] = queue.Queue(maxsize=16)
        self._manifest = b""
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="check", daemon=True)
        self._thread.start()

    def feed(self, chunk: bytes) -> None:
        """Check this too."""
        self._queue.put(chunk)

    def end(self) -> None:
        """Nothing more comes; wait until all is checked."""
        self._queue.put(b"")
        self._thread.join()

    def result(self) -> bytes:
        """PostgreSQL's manifest; or what was wrong is raised."""
        if self._error is not None:
            raise self._error
        return self._manifest

    def _run(self) -> None:
        stream = _QueueStream(self._queue)
        try:
            self._manifest = check_tar(io.BufferedReader(stream, _CHUNK))
        except Exception as error:
            self._error = error
        stream.drain()


class _QueueStream(io.RawIOBase):
    def __init__(self, source: queue.Queue[bytes]) -> None:
        self._source = source
        self._rest = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest and not self._ended:
            chunk = self._source.get()
            self._ended = not chunk
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def drain(self) -> None:
        while not self._ended:
            self._ended = not self._source.get()


class Watch:
    """Ends a program that stands still, or takes too long."""

    def __init__(self, process: Any, deadline: float, still: float) -> None:
        self.expired = ""
        self._process = process
        self._deadline = deadline
        self._still = still
        self._last = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def alive(self) -> None:
        """Something came."""
        self._last = time.monotonic()

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            now = time.monotonic()
            if now > self._deadline:
                self.expired = "the backup took longer than it may"
            elif now - self._last > self._still:
                self.expired = (
                    f"pg_basebackup has waited {self._still:.0f} s: it waits until its WAL is"
                    " archived"
                )
            if self.expired:
                end_group(self._process)
                return
