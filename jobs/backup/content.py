"""What lies in a base backup's tar, against the manifest PostgreSQL wrote for it."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

import msgspec

from jobs.backup.errors import Damaged

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = "backup_manifest"
_BUFFER = 1 << 20
# Beside the manifest, as pg_verifybackup has it: WAL is proved on its own way.
_UNLISTED = ("pg_wal", MANIFEST, "postgresql.auto.conf", "standby.signal", "recovery.signal")


def read_manifest(data: bytes) -> dict[str, dict[str, Any]]:
    """The files PostgreSQL's manifest lists, by path; the manifest proves itself.

    Raises:
        Damaged: it is not as it was written.
    """
    try:
        body = msgspec.json.decode(data)
        head, _, _ = data.rpartition(b'"Manifest-Checksum"')
        if hashlib.sha256(head).hexdigest() != body["Manifest-Checksum"]:
            raise Damaged("PostgreSQL's manifest of a backup does not match its own checksum")
        return {_path(entry): entry for entry in body["Files"]}
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise Damaged("PostgreSQL's manifest of a backup cannot be read") from error


def _path(entry: dict[str, Any]) -> str:
    if "Path" in entry:
        return str(entry["Path"])
    return bytes.fromhex(entry["Encoded-Path"]).decode("utf-8", "surrogateescape")


def check_tar(stream: IO[bytes]) -> bytes:
    """Read a whole backup and compare every file with the manifest at its end.

    Returns:
        PostgreSQL's manifest.

    Raises:
        Damaged: a file is missing, too many, or other than the manifest says.
    """
    seen: dict[str, tuple[int, str]] = {}
    found = b""
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_BUFFER) as tar:
            for member in tar:
                name = str(PurePosixPath(member.name))
                file = tar.extractfile(member) if member.isfile() else None
                if file is None:
                    continue
                if name == MANIFEST:
                    found = file.read()
                else:
                    seen[name] = (member.size, hashlib.file_digest(file, "sha256").hexdigest())
    except tarfile.TarError as error:
        raise Damaged("a backup's tar cannot be read", detail=str(error)) from error
    while stream.read(_BUFFER):  # the padding at the end
        pass
    if not found:
        raise Damaged("a backup has no manifest of PostgreSQL: it was never completed")
    _compare(seen, read_manifest(found))
    return found


def _compare(seen: dict[str, tuple[int, str]], listed: dict[str, dict[str, Any]]) -> None:
    for path, entry in listed.items():
        if path not in seen:
            raise Damaged(f"the file {path} is missing in a backup")
        size, digest = seen.pop(path)
        if size != entry["Size"] or digest != entry.get("Checksum", digest):
            raise Damaged(
                f"the file {path} is not what PostgreSQL's manifest says",
                detail=f"{size} bytes against {entry['Size']}, sha256 {digest}.",
            )
    extra = [path for path in seen if not path.startswith(_UNLISTED)]
    if extra:
        raise Damaged(f"the file {extra[0]} is in a backup, but not in its manifest")


def extract(stream: IO[bytes], folder: Path) -> None:
    """Write a backup's files below `folder`.

    Raises:
        Damaged: the tar cannot be read, or names a place outside of it.
    """
    try:
        with tarfile.open(
            fileobj=stream, mode="r|", bufsize=_BUFFER, copybufsize=_BUFFER
        ) as tar:  # fmt: skip
            tar.extractall(folder, filter="data")
    except tarfile.TarError as error:
        raise Damaged("a backup's tar cannot be read", detail=str(error)) from error
    while stream.read(_BUFFER):
        pass
