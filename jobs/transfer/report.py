"""A report of what an import did not store as the file says, JSON lines."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import msgspec

from service.core.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE = re.compile(r"line (\d+)")
_FIELD = re.compile(r"`?\$\.?([^`\s]+)")


class Report:
    """Writes one line for each piece: line (null where the file has no lines), place, reason, text.

    Args:
        file: where to; None: nowhere.
    """

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self._file = file

    def add(self, place: str, reason: str, raw: bytes, detail: str = "") -> None:
        """Write what became of a piece of the file; `text` is the piece itself."""
        if self._file is None:
            return
        line, named = _LINE.fullmatch(place), _FIELD.search(f"{reason} {detail}")
        entry = {
            "line": int(line[1]) if line else None,
            "place": place,
            "field": named[1] if named else None,
            "reason": reason,
            "detail": detail,
            "text": raw.decode(errors="replace").rstrip("\r\n"),
        }
        self._file.write(msgspec.json.encode(entry) + b"\n")


@contextmanager
def open_report(path: str | None) -> Iterator[Report]:
    """A report into a file, readable by its owner only; what stood there is replaced.

    Raises:
        FileError: it cannot be written.
    """
    if path is None:
        yield Report()
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, for its mode
            yield Report(file)
    except OSError as error:
        raise FileError(f"{path} cannot be written", detail=error.strerror or str(error)) from error
