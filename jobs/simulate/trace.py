"""An access trace: when which object of what size was asked for."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jobs.transfer.source import open_source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jobs.transfer.source import Source

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

_COLUMNS = "time,obj_id,size"
_LARGEST = 2**31 - 1  # bytes of one object: the column that holds them


@dataclass(frozen=True)
class Trace:
    """Requests in the order they came.

    Attributes:
        name: of the file.
        times: seconds since the first request, never falling.
        objects: which object, numbered from 0.
        sizes: bytes of each request.
        object_sizes: bytes of each object when it was first asked for.
    """

    name: str
    times: Floats
    objects: Integers
    sizes: Integers
    object_sizes: Integers

    @property
    def bytes(self) -> int:
        """Bytes of all objects together."""
        return int(self.object_sizes.sum())


def read_trace(path: str, *, requests: int | None = None, pace: float = 1.0) -> Trace:
    """Read a csv or csv.gz file with the columns time, obj_id, size and a header.

    Args:
        path: the file; `-` is standard input.
        requests: how many to read, None for all.
        pace: seconds one unit of the column time stands for.

    Raises:
        FileError: it is no such file.
    """
    with open_source(path) as source:
        header, _, rest = source.read().partition(b"\n")
        if header.decode(errors="replace").strip() != _COLUMNS:
            raise source.error("is no access trace", hint=f"the first line is {_COLUMNS}")
        table = _numbers(source, rest, requests)
        times = (table[:, 0] - table[0, 0]) * pace
        objects, sizes = table[:, 1].astype(np.int64), table[:, 2].astype(np.int64)
        if (np.diff(times) < 0).any():
            raise source.error("runs backwards in time", hint="sort it by its first column")
        if sizes.min() < 1 or sizes.max() > _LARGEST:
            raise source.error("has sizes beyond 1 to 2,147,483,647 bytes")
    _, first, numbered = np.unique(objects, return_index=True, return_inverse=True)
    return Trace(
        name=source.name,
        times=times,
        objects=numbered.astype(np.int64),
        sizes=sizes,
        object_sizes=sizes[first],
    )


def _numbers(source: Source, text: bytes, requests: int | None) -> Floats:
    if not text.strip():
        raise source.error("holds no request")
    try:
        table: Floats = np.loadtxt(
            io.BytesIO(text), delimiter=",", usecols=(0, 1, 2), ndmin=2, max_rows=requests
        )
    except ValueError as error:
        raise source.error("holds something that is no number", str(error)) from error
    return table
