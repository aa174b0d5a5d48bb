"""PostgreSQL's own programs, of the version of the server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from service.core.errors import MissingError, TimedOutError, ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


class Running:
    """A program under way, its output a stream of bytes or lines."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self.process = process
        self._errors = errors

    def lines(self) -> Iterator[str]:
        """Its output, line by line."""
        for line in self.process.stdout or ():
            yield line.decode("utf-8", "replace")

    def chunks(self, size: int) -> Iterator[bytes]:
        """Its output in pieces."""
        while self.process.stdout is not None and (chunk := self.process.stdout.read(size)):
            yield chunk

    def errors(self) -> str:
        """Wait for its end; what it wrote to standard error."""
        self.process.wait()
        self._errors.seek(0)
        return self._errors.read().decode("utf-8", "replace")


class Programs:
    """The programs of one installation.

    Args:
        bin_dir: where they lie; None: on PATH.
    """

    def __init__(self, bin_dir: Path | None) -> None:
        self._bin_dir = bin_dir

    def path(self, name: str) -> str:
        """Where a program is.

        Raises:
            MissingError: nowhere.
        """
        found = shutil.which(name, path=str(self._bin_dir) if self._bin_dir else None)
        if found is None:
            raise MissingError(
                f"the program {name} is not installed",
                detail=f"Looked in {self._bin_dir or 'PATH'}.",
                hint="apt-get install postgresql-18, and name its folder in backup.bin_dir",
            )
        return found

    def run(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        timeout: float | None = None,
        check: bool = True,
        text: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run one to its end.

        Raises:
            ToolError: it failed and `check` is set.
            TimedOutError: it took longer than `timeout` seconds, and was ended.
        """
        try:
            done = subprocess.run(
                [self.path(name), *arguments],
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
                env={**environment(), **(env or {})},
                errors="replace",
                input=text or "",
                cwd="/",
            )
        except subprocess.TimeoutExpired as error:
            raise TimedOutError(
                f"{name} took more than {timeout:.0f} s", hint="magray check"
            ) from error
        if check and done.returncode != 0:
            raise ToolError(
                f"{name} failed with exit code {done.returncode}",
                detail=(done.stderr or done.stdout).strip()[-2000:],
            )
        return done

    @contextmanager
    def spawn(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
    ) -> Iterator[Running]:
        """Run one beside; it is ended when the block is left."""
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [self.path(name), *arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                stdin=subprocess.DEVNULL,
                env={**environment(), **(env or {})},
                cwd="/",
                start_new_session=True,
            )
            try:
                yield Running(process, errors)
            finally:
                end_group(process)
                if process.stdout is not None:
                    process.stdout.close()


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a program with all it started: one of those may hold the other end of a pipe."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue


def environment() -> dict[str, str]:
    """This process's environment without what libpq or a locale would read from it."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}
