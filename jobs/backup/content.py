"""What lies in a base backup's tar, against the manifest PostgreSQL wrote for it."""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

import msgspec

from service.core.errors import DamagedError

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = "backup_manifest"
_BUFFER = 1 << 20
# tarfile copies what is left of this at every header: with 1 MB a small cluster took 40 s, now 1 s.
_TAR_BUFFER = 1 << 14
# Beside the manifest, as pg_verifybackup has it: WAL is proved on its own way.
_UNLISTED = ("pg_wal", MANIFEST, "postgresql.auto.conf", "standby.signal", "recovery.signal")


def read_manifest(data: bytes) -> dict[str, dict[str, Any]]:
    """The files PostgreSQL's manifest lists, by path; the manifest proves itself.

    Raises:
        DamagedError: it is not as it was written.
    """
    try:
        body = msgspec.json.decode(data)
        head, _, _ = data.rpartition(b'"Manifest-Checksum"')
        if hashlib.sha256(head).hexdigest() != body["Manifest-Checksum"]:
            raise DamagedError("PostgreSQL's manifest of a backup does not match its own checksum")
        return {_path(entry): entry for entry in body["Files"]}
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise DamagedError("PostgreSQL's manifest of a backup cannot be read") from error


def _path(entry: dict[str, Any]) -> str:
    if "Path" in entry:
        return str(entry["Path"])
    return bytes.fromhex(entry["Encoded-Path"]).decode("utf-8", "surrogateescape")


def check_tar(stream: IO[bytes]) -> bytes:
    """Read a whole backup and compare every file with the manifest at its end.

    Returns:
        PostgreSQL's manifest.

    Raises:
        DamagedError: a file is missing, too many, or other than the manifest says.
    """
    seen: dict[str, tuple[int, str]] = {}
    found = b""
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_TAR_BUFFER) as tar:
            for member in tar:
                name = str(PurePosixPath(member.name))
                file = tar.extractfile(member) if member.isfile() else None
                if file is None:
                    continue
                if name == MANIFEST:
                    found = file.read()
                else:
                    seen[name] = (member.size, _digest(file))
    except tarfile.TarError as error:
        raise DamagedError("a backup's tar cannot be read", detail=str(error)) from error
    while stream.read(_BUFFER):  # the padding at the end
        pass
    if not found:
        raise DamagedError("a backup has no manifest of PostgreSQL: it was never completed")
    _compare(seen, read_manifest(found))
    return found


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_BUFFER):
        digest.update(chunk)
    return digest.hexdigest()


def _compare(seen: dict[str, tuple[int, str]], listed: dict[str, dict[str, Any]]) -> None:
    for path, entry in listed.items():
        if path not in seen:
            raise DamagedError(f"the file {path} is missing in a backup")
        size, digest = seen.pop(path)
        if size != entry["Size"] or digest != entry.get("Checksum", digest):
            raise DamagedError(
                f"the file {path} is not what PostgreSQL's manifest says",
                detail=f"{size} bytes against {entry['Size']}, sha256 {digest}.",
            )
    extra = [path for path in seen if not path.startswith(_UNLISTED)]
    if extra:
        raise DamagedError(f"the file {extra[0]} is in a backup, but not in its manifest")


def extract(stream: IO[bytes], folder: Path) -> None:
    """Write a backup's files below `folder`, which is empty.

    Not by `tarfile.extractall`, which asks the file system several times about every name.

    Raises:
        DamagedError: the tar cannot be read, or holds what a base backup does not.
    """
    made: set[str] = set()
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_TAR_BUFFER) as tar:
            for member in tar:
                path = _safe(member)
                if member.isdir():
                    _make(folder, path, made)
                    continue
                _make(folder, path.parent, made)
                source = tar.extractfile(member)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                handle = os.open(folder / path, flags, 0o600)
                with os.fdopen(handle, "wb", buffering=0) as file:
                    while source is not None and (chunk := source.read(_BUFFER)):
                        file.write(chunk)
    except tarfile.TarError as error:
        raise DamagedError("a backup's tar cannot be read", detail=str(error)) from error
    while stream.read(_BUFFER):  # the padding at the end
        pass


def _safe(member: tarfile.TarInfo) -> PurePosixPath:
    """A plain file or folder below the top, or nothing."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
        raise DamagedError(f"a backup holds {member.name!r}, which no base backup does")
    return path


def _make(folder: Path, path: PurePosixPath, made: set[str]) -> None:
    if str(path) not in made:
        (folder / path).mkdir(mode=0o700, parents=True, exist_ok=True)
        made.add(str(path))
