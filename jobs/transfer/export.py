"""Writes memories out, one a line, whole: `magray import` puts them in again as they were.

A line says everything of a live memory, times absolute (`whole.py` has the fields). What lies in
the archive is not in it: its files are plain, and moved by themselves.
"""

from __future__ import annotations

import gzip
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from service.core.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from service.core.memory import Memory

_PAGE = 500


async def export(
    memory: Memory,
    namespaces: Iterable[str],
    output: IO[bytes],
    *,
    embeddings: bool = False,
    on_progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the live memories of namespaces, oldest first in each; returns how many.

    Args:
        memory: where they are.
        namespaces: which ones.
        output: where to.
        embeddings: write the vectors too, 5 kB a memory of 384 dimensions.
        on_progress: called with the number of memories in each page.
    """
    written = 0
    for namespace in namespaces:
        after = None
        while rows := await memory.export_memories(
            namespace, limit=_PAGE, after=after, embeddings=embeddings
        ):
            output.writelines(row.record.encode() + b"\n" for row in rows)
            after = (rows[-1].created_at, rows[-1].turn, rows[-1].id)
            written += len(rows)
            on_progress(len(rows))
    return written


@contextmanager
def open_output(path: str) -> Iterator[IO[bytes]]:
    """Open a file for writing, `-` for standard output; packed when its name ends in .gz.

    The file appears under its name when it is complete, readable by its owner only.

    Raises:
        FileError: it cannot be written.
    """
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target, part = Path(path), Path(f"{path}.part")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, for its mode
                if target.suffix == ".gz":
                    with cast("IO[bytes]", gzip.open(file, "wb")) as packed:
                        yield packed
                else:
                    yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"{path} cannot be written", detail=error.strerror or str(error)) from error
