"""An access trace: when which object of what size was asked for."""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from jobs.files.source import open_source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jobs.files.source import Source

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

_COLUMNS = "time,obj_id,size"
_SHAPE = "each line is a number, an id (a whole number or a text) and a size in bytes"
# Seconds of a trace: a calendar ends in the year 9999, and what lasts so long has another unit.
_LONGEST = 100 * 366 * 86_400
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

    Whole numbers up to 2^64-1 are compared as numbers; where one id is none, all are texts.

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
        table = _rows(source, rest, requests)
        times = _times(source, table["time"].to_numpy(), pace)
        sizes = table["size"].to_numpy()
        if not ((sizes >= 1) & (sizes <= _LARGEST) & (sizes == np.floor(sizes))).all():
            raise source.error("has sizes that are no whole numbers from 1 to 2,147,483,647")
        first, numbered = _number(source, table["obj_id"])
    sizes = sizes.astype(np.int64)
    return Trace(
        name=source.name,
        times=times,
        objects=numbered,
        sizes=sizes,
        object_sizes=sizes[first],
    )


def _rows(source: Source, text: bytes, requests: int | None) -> pa.Table:
    if not text.strip():
        raise source.error("holds no request")
    if requests is not None:
        lines = (line for line in io.BytesIO(text) if line.strip())
        text = b"".join(itertools.islice(lines, requests))
    # ids stay texts here: as floating point numbers, those beyond 2^53 would be merged
    types = {"time": pa.float64(), "obj_id": pa.string(), "size": pa.float64()}
    try:
        return csv.read_csv(
            io.BytesIO(text),
            read_options=csv.ReadOptions(column_names=list(types)),
            convert_options=csv.ConvertOptions(column_types=types, null_values=[]),
        )
    except pa.ArrowInvalid as error:
        raise source.error("holds something that is no request", str(error), _SHAPE) from error


def _times(source: Source, raw: Floats, pace: float) -> Floats:
    """Seconds since the first request."""
    if not (finite := np.isfinite(raw)).all():
        place = int(finite.argmin())
        raise source.error(
            "has a time that is not finite", f"Request {place + 1:,}: {raw[place]}.", _SHAPE
        )
    # what overflows is beyond the longest trace too
    with np.errstate(over="ignore", invalid="ignore"):
        times: Floats = (raw - raw[0]) * pace
    if (raw[1:] < raw[:-1]).any():
        raise source.error("runs backwards in time", hint="sort it by its first column")
    if not times[-1] <= _LONGEST:
        raise source.error(
            "lasts more than 100 years when its times are read as seconds"
            if pace == 1
            else f"lasts more than 100 years at {pace:g} seconds a unit of its times",
            hint="magray simulate --pace 0.000001, if its times are microseconds",
        )
    return times


def _number(source: Source, column: pa.ChunkedArray) -> tuple[Integers, Integers]:
    """Number the ids; returns where each is first asked for, and the number of each request."""
    texts = pc.utf8_trim_whitespace(column.combine_chunks())
    empty = pc.equal(texts, "").to_numpy(zero_copy_only=False)
    if empty.any():
        raise source.error(
            "has a request without an id", f"It is request {int(empty.argmax()) + 1:,}.", _SHAPE
        )
    try:
        ids = texts.cast(pa.uint64()).to_numpy()
    except pa.ArrowInvalid:
        ids = texts.dictionary_encode().indices.to_numpy()
    _, first, numbered = np.unique(ids, return_index=True, return_inverse=True)
    return first.astype(np.int64), numbered.astype(np.int64)
