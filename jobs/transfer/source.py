"""A file to read from: plain, gzip or standard input, whole or line by line."""

from __future__ import annotations

import gzip
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from jobs.transfer.item import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

Value = TypeVar("Value")

# A memory with the longest text and a vector of 4,000 numbers stays below 1 MiB.
MAX_LINE = 16 << 20
_GZIP_MAGIC = b"\x1f\x8b"


class Source:
    """An opened input.

    Args:
        name: what messages call it.
        raw: the bytes as they lie on disk, to tell how far the reading is.
        content: the bytes to read, unpacked.
        size: bytes of `raw`, None when unknown.
    """

    def __init__(self, name: str, raw: IO[bytes], content: IO[bytes], size: int | None) -> None:
        self.name = name
        self.size = size
        self._raw = raw
        self._content = content

    @property
    def position(self) -> int:
        """Bytes of the file taken in so far; 0 for standard input."""
        return self._raw.tell() if self.size else 0

    def read(self) -> bytes:
        """Everything that is left."""
        with self._readable():
            return self._content.read()

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """The lines with their numbers from 1, blank ones left out."""
        number = 0
        while True:
            number += 1
            with self._readable():
                line = self._content.readline(MAX_LINE + 1)
            if not line:
                return
            if len(line) > MAX_LINE:
                raise self.error(f"line {number} is longer than {MAX_LINE >> 20} MiB")
            if line.strip():
                yield number, line

    def decode(self, text: bytes, kind: type[Value] | Any, place: str) -> Value:
        """Decode JSON into `kind`; FileError names the place and the path inside it."""
        try:
            return cast("Value", msgspec.json.decode(text, type=kind))
        except msgspec.ValidationError as error:
            raise self.error(f"{place} has the wrong shape", str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self.error(f"{place} is not JSON", str(error)) from error

    def convert(self, value: Any, kind: type[Value] | Any, place: str) -> Value:
        """Check a decoded value against `kind`; FileError names the place and the path inside."""
        try:
            return cast("Value", msgspec.convert(value, type=kind))
        except msgspec.ValidationError as error:
            raise self.error(f"{place} has the wrong shape", str(error)) from error

    def error(self, message: str, detail: str = "", hint: str = "") -> FileError:
        """A FileError about this file."""
        return FileError(f"{self.name}: {message}", detail=detail, hint=hint)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, zlib.error) as error:
            raise self.error("cannot be read", str(error)) from error


@contextmanager
def open_source(path: str) -> Iterator[Source]:
    """Open a file, `-` for standard input; gzip is recognised by its first bytes.

    Raises:
        FileError: there is no such file, or it may not be read.
    """
    if path == "-":
        stdin = cast("BufferedReader", sys.stdin.buffer)
        packed = stdin.peek(2)[:2] == _GZIP_MAGIC
        content = cast("IO[bytes]", gzip.GzipFile(fileobj=stdin)) if packed else stdin
        yield Source("standard input", stdin, content, None)
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed by the with below
    except OSError as error:
        raise FileError(f"{path} cannot be read", detail=error.strerror or str(error)) from error
    with file:
        packed = file.peek(2)[:2] == _GZIP_MAGIC
        content = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if packed else file
        yield Source(path, file, content, Path(path).stat().st_size)
