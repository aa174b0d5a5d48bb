"""Writes memories out, one a line, in the shape `magray import --format jsonl` reads.

A line holds everything of `NewMemory`: a memory imported again has the same namespace, content,
kind, metadata, session, importance, pin, language, created_at and end of life. Uses and ratings
are not part of it.
"""

from __future__ import annotations

import gzip
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import msgspec
import numpy as np

from jobs.transfer.item import FileError
from service.model import NewMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from service.memory import Memory

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
        embeddings: write the vectors too, 7 kB a memory of 384 dimensions.
        on_progress: called with the number of memories in each page.
    """
    encoder = msgspec.json.Encoder()
    written = 0
    for namespace in namespaces:
        after = None
        while rows := await memory.export_memories(
            namespace, limit=_PAGE, after=after, embeddings=embeddings
        ):
            output.write(encoder.encode_lines([_line(namespace, row) for row in rows]))
            after = (rows[-1]["created_at"], rows[-1]["turn"], rows[-1]["id"])
            written += len(rows)
            on_progress(len(rows))
    return written


def _line(namespace: str, row: dict[str, Any]) -> NewMemory:
    vector = row["embedding"]
    return NewMemory(
        namespace=namespace,
        content=row["content"],
        kind=row["kind"],
        # Five digits tell any two 16-bit numbers apart.
        embedding=None if vector is None else [float(f"{x:.5g}") for x in vector.to_list()],
        metadata=row["metadata"],
        session=row["session"],
        importance=float(str(np.float32(row["importance"]))),
        pinned=row["pinned"],
        ttl=row["ttl"],
        language=row["language"],
        created_at=row["created_at"],
    )


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
