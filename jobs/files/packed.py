"""What a file is packed as, or what program wrote it, by its first bytes."""

from __future__ import annotations

_PACKED = {
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"\x28\xb5\x2f\xfd": "packed by zstd: unpack it first",
    b"BZh": "packed by bzip2: unpack it first",
    b"\xfd7zXZ\x00": "packed by xz: unpack it first",
    b"PAR1": "a Parquet file, as the archive has them: magray archive restore",
    b"SQLite format 3": "an SQLite database",
    b"PGDMP": "a dump of PostgreSQL: pg_restore",
}


def packed_as(start: bytes) -> str | None:
    """What bytes at the start of a file say it is, None when they say nothing."""
    return next((said for magic, said in _PACKED.items() if start.startswith(magic)), None)
