"""`magray` as a process of its own that has its imports behind it.

Every command takes most of a second to import what it needs, hundreds of times in these tests.
Here one process imports all commands once and forks for each run: arguments, environment, working
directory, the three streams, the process and its exit code are the run's own. That the program
itself starts is shown where it serves, and by the tests of the README, which run it in a shell.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.main import COMMANDS, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [__name__, *{place.partition(":")[0]: None for place in COMMANDS.values()}]
)


def magray(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    timeout: float,
    cwd: Path | None = None,
    given: bytes = b"",
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end.

    Args:
        arguments: what follows `magray` on the command line.
        environment: all of it.
        timeout: seconds it may take.
        cwd: its working directory; by default this process's.
        given: its standard input.

    Raises:
        subprocess.TimeoutExpired: it took longer, and was killed.
    """
    with tempfile.TemporaryDirectory() as name:
        come, out, told = (Path(name, stream) for stream in ("in", "out", "err"))
        come.write_bytes(given)
        out.touch()
        told.touch()
        process = _context.Process(
            target=_run,
            args=(list(arguments), dict(environment), cwd or Path.cwd(), (come, out, told)),
        )
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(["magray", *arguments], timeout)
        return subprocess.CompletedProcess(
            ["magray", *arguments], process.exitcode, out.read_bytes(), told.read_bytes()
        )


def _run(
    arguments: list[str],
    environment: dict[str, str],
    cwd: Path,
    streams: tuple[Path, Path, Path],
) -> None:
    for number, path in enumerate(streams):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  multiprocessing closed it
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = ["magray", *arguments]
    run()
