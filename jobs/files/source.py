"""A file to read from: plain, gzip or standard input, whole or line by line."""

from __future__ import annotations

import gzip
import io
import json
import re
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from msgspec import inspect

from jobs.files.packed import packed_as
from jobs.files.texts import unstorable
from service.core.errors import FileError
from service.core.names import known_instead

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

Value = TypeVar("Value")

# A memory with the longest text and a vector of 4,000 numbers stays below 1 MiB; one of an export
# that was used every minute for half a year brings 25 of uses.
MAX_LINE = 64 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# Escapes of what cannot be stored: of NUL, and of surrogates, which are right in pairs.
_NUL = b"\\u0000"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$([^`]*)`)?")
_STEP = re.compile(r"\.([^.\[]+)|\[[^\]]*\]")


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
        self._ahead = io.BytesIO()
        # what was decoded last may hold what cannot be stored
        self._suspect = False

    @property
    def position(self) -> int:
        """Bytes of the file taken in so far; 0 for standard input."""
        return self._raw.tell() if self.size else 0

    def read(self) -> bytes:
        """Everything that is left."""
        with self._readable():
            return self._content.read()

    def document(self) -> bytes:
        """The whole file as text, without a byte order mark."""
        text = self.read()
        self._check_start(text)
        return text.removeprefix(_BOM)

    def look_ahead(self, most: int) -> bytes:
        """What comes next, at most about so many bytes of it; `lines` gives it all the same."""
        with self._readable():
            text = self._content.read(most)
            text += self._content.readline(MAX_LINE + 1)
        self._ahead = io.BytesIO(text)
        return text

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """The lines with their numbers from 1, blank ones left out."""
        number = 0
        while True:
            number += 1
            with self._readable():
                line = self._ahead.readline(MAX_LINE + 1) or self._content.readline(MAX_LINE + 1)
            if not line:
                return
            if number == 1:
                self._check_start(line)
                line = line.removeprefix(_BOM)
            if len(line) > MAX_LINE:
                raise self.error(f"line {number} is longer than {MAX_LINE >> 20} MiB")
            if line.strip():
                yield number, line

    def value(self, text: bytes, place: str) -> Any:
        """Decode JSON; FileError names the place. `convert` checks what is in it."""
        self._suspect = _NUL in text
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            # Half characters and endless numbers are JSON: they are named where they stand.
            if _SURROGATE.search(text) or isinstance(error, msgspec.ValidationError):
                try:
                    found = json.loads(text)
                except (ValueError, RecursionError):
                    pass
                else:
                    self._suspect = True
                    return found
            raise self.error(f"{place} is not JSON", _said(error)) from error

    def convert(
        self, value: Any, kind: type[Value] | Any, place: str, *, texts: bool = True
    ) -> Value:
        """Check a decoded value against `kind`; FileError names the place and the path inside.

        Args:
            value: JSON.
            kind: what it is to be.
            place: where it stands.
            texts: check the texts in it too; False: parts of it are converted later.
        """
        if texts and self._suspect and (fault := unstorable(value)):
            raise self.error(f"{place}: {fault}")
        try:
            return cast("Value", msgspec.convert(value, type=kind))
        except msgspec.ValidationError as error:
            raise self.error(f"{place} has the wrong shape", _explain(str(error), kind)) from error

    def error(self, message: str, detail: str = "", hint: str = "") -> FileError:
        """A FileError about this file."""
        return FileError(f"{self.name}: {message}", detail=detail, hint=hint)

    def _check_start(self, text: bytes) -> None:
        """Refuse what is no text in UTF-8, by its first bytes."""
        if text.startswith(_UTF_16):
            raise self.error(
                "is text in UTF-16, wanted is UTF-8",
                hint=f"iconv -f UTF-16 -t UTF-8 {self.name} > as-utf8.json",
            )
        if packed := packed_as(text):
            raise self.error(
                f"is {packed}", "Read are JSON and JSON lines, plain or packed by gzip."
            )

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, zlib.error) as error:
            raise self.error("cannot be read", str(error)) from error


def _said(error: Exception) -> str:
    return "It is nested too deep." if isinstance(error, RecursionError) else str(error)


def _explain(error: str, kind: Any) -> str:
    """What msgspec says; of an unknown field, which known one was meant."""
    found = _UNKNOWN.match(error)
    if not found:
        return error
    known = _fields(inspect.type_info(kind), found[2] or "")
    return f"{error}: {known_instead(found[1], known)}"


def _fields(kind: inspect.Type, path: str) -> list[str]:
    """The fields of the object at a path such as `.decisions[0]`."""
    kinds = _alternatives([kind])
    for name in _STEP.findall(path):
        if name:
            inner = [
                field.type
                for struct in _structs(kinds)
                for field in struct.fields
                if field.encode_name == name
            ]
        else:
            inner = [one.item_type for one in kinds if isinstance(one, inspect.ListType)]
        kinds = _alternatives(inner)
    return [field.encode_name for struct in _structs(kinds) for field in struct.fields]


def _structs(kinds: list[inspect.Type]) -> list[inspect.StructType]:
    return [one for one in kinds if isinstance(one, inspect.StructType)]


def _alternatives(kinds: list[inspect.Type]) -> list[inspect.Type]:
    found: list[inspect.Type] = []
    for kind in kinds:
        found += kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return found


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
