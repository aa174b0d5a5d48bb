"""Stores one finished WAL segment: the program behind `archive_command`.

    python -I -S archive_wal.py %p %f ARCHIVE/SYSTEM --owner ID

It is copied next to the archive and run by the server's own user once every 16 MB, so it imports
little. Success means: the bytes are compressed, named, and flushed to disk. Storing the same bytes
again is a success, other bytes under a stored name are refused, and so is WAL of another cluster.

The stored form is a zstd frame and a skippable frame with the sha256 of the first: `zstd -dc` reads
it, and no flipped bit goes unnoticed. Where only a Python without zstd can be run, the frame is
zlib's: twice the time, a few percent more bytes.

Exit codes (PostgreSQL tries again later; above 125 it would restart its archiver):
    0 stored  |  26 the source is damaged  |  45 the name is taken by other bytes
    51 another cluster owns this archive  |  64 wrong arguments  |  74 the disk refused
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))


def _find_zstd() -> Any:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


zstd = _find_zstd()

SUFFIX = ".z"
DAMAGED, DUPLICATE, FOREIGN, USAGE, DISK = 26, 45, 51, 64, 74
SEGMENT = re.compile(r"[0-9A-F]{24}(\.partial)?")
_NAME = re.compile(r"[0-9A-F]{8}\.history|[0-9A-F]{24}(\.partial|\.[0-9A-F]{8}\.backup)?", re.ASCII)
_TRAILER = struct.Struct("<II32s")
_ZSTD = b"\x28\xb5\x2f\xfd"
_TRAILER_MAGIC = 0x184D2A5E  # a zstd skippable frame: decompressors pass over it
# XLogLongPageHeaderData: magic, info, timeline, address, …, system, segment size, block size
_HEADER = struct.Struct("<HHIQI4xQII")
_LONG_HEADER = 0x0002
LEVEL = 3


class Refused(Exception):  # noqa: N818  it is an answer, not a failure of the program
    """Why a segment is not stored, with the exit code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def pack(data: bytes, level: int = LEVEL) -> bytes:
    """The stored form of `data`."""
    frame = zlib.compress(data, 1) if zstd is None else zstd.compress(data, level)
    return frame + _TRAILER.pack(_TRAILER_MAGIC, 32, hashlib.sha256(frame).digest())


def unpack(stored: bytes) -> bytes:
    """The bytes behind a stored form.

    Raises:
        ValueError: a bit of it is not as it was written.
    """
    frame, end = stored[: -_TRAILER.size], stored[-_TRAILER.size :]
    if len(end) != _TRAILER.size or not frame:
        raise ValueError("too short")
    if end != _TRAILER.pack(_TRAILER_MAGIC, 32, hashlib.sha256(frame).digest()):
        raise ValueError("its sha256 does not match")
    if frame.startswith(_ZSTD):
        return bytes(zstd.decompress(frame))
    return zlib.decompress(frame)


def header_of(segment: bytes) -> tuple[int, int, int, int]:
    """Timeline, address, system identifier and segment size a WAL segment's first page claims.

    Raises:
        ValueError: it is no first page of a WAL segment.
    """
    if len(segment) < _HEADER.size:
        raise ValueError("shorter than a page header")
    magic, info, timeline, address, _, system, size, block = _HEADER.unpack_from(segment)
    if magic >> 8 != 0xD1 or not info & _LONG_HEADER or block != 8192:
        raise ValueError("no WAL page header")
    return timeline, address, system, size


def check_segment(name: str, data: bytes, system: int) -> None:
    """Refuse a segment that is not what its name says.

    Raises:
        Refused: damaged, or WAL of another cluster.
    """
    try:
        timeline, address, found, size = header_of(data)
    except ValueError as error:
        raise Refused(DAMAGED, f"{name}: {error}") from error
    if found != system:
        raise Refused(FOREIGN, f"{name} is WAL of system {found}, this archive is of {system}")
    if len(data) != size:
        raise Refused(DAMAGED, f"{name} has {len(data)} bytes instead of {size}")
    per_log = (1 << 32) // size
    expected = (int(name[8:16], 16) * per_log + int(name[16:24], 16)) * size
    if address != expected or (timeline > int(name[:8], 16)):
        raise Refused(DAMAGED, f"{name} holds the WAL of timeline {timeline} at {address:X}")


def place(name: str) -> str:
    """Where a file lies below its system: history files beside the folders of the timelines."""
    return name + SUFFIX if name.endswith(".history") else f"{name[:8]}/{name}{SUFFIX}"


def store(source: Path, name: str, archive: Path, owner: str) -> None:
    """Store the file `source` as `name`, flushed to disk.

    Raises:
        Refused: it may not be stored; says why.
        OSError: the disk refused.
    """
    if not _NAME.fullmatch(name):
        raise Refused(USAGE, f"{name!r} is no name of a WAL file")
    data = source.read_bytes()
    if SEGMENT.fullmatch(name):
        check_segment(name, data, int(archive.name))
    _own(archive, name[:8], owner)
    _keep(archive / place(name), data)


def _own(archive: Path, timeline: str, owner: str) -> None:
    """One cluster a timeline: a clone that goes on writing must not mix its WAL with ours."""
    path = archive / timeline / "OWNER"
    if not path.exists():
        _write_new(path, owner.encode())
    found = path.read_text()
    if found != owner:
        raise Refused(
            FOREIGN,
            f"timeline {timeline} is archived by {found!r}, this is {owner!r}; "
            f"if that one is gone: rm {path}",
        )


def _keep(path: Path, data: bytes) -> None:
    if not _write_new(path, pack(data)):
        try:
            same = unpack(path.read_bytes()) == data
        except ValueError as error:
            raise Refused(DUPLICATE, f"{path} is stored already and damaged: {error}") from error
        if not same:
            raise Refused(DUPLICATE, f"{path} holds other bytes already; nothing was overwritten")
        _sync(path)
        _sync(path.parent)


def _write_new(path: Path, data: bytes) -> bool:
    """Write a file durably, all or nothing. False if there is one of that name."""
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(path.parent.parent)
        _sync(path.parent.parent.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # unlike a rename it never replaces
        except FileExistsError:
            return False
    finally:
        draft.unlink(missing_ok=True)
    _sync(path.parent)
    return True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def main(arguments: list[str]) -> int:
    """Run as a program; returns the exit code."""
    if len(arguments) != 5 or arguments[3] != "--owner" or not Path(arguments[2]).name.isdigit():
        sys.stderr.write("usage: archive_wal.py PATH NAME ARCHIVE/SYSTEM --owner ID\n")
        return USAGE
    source, name, archive, _, owner = arguments
    try:
        store(Path(source), name, Path(archive), owner)
    except Refused as refused:
        sys.stderr.write(f"magray archive: {refused}\n")
        return refused.code
    except OSError as error:
        sys.stderr.write(f"magray archive: {error}\n")
        return DISK
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
