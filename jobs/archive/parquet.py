"""The files of the archive: one Parquet row a memory, plain types that DuckDB and pandas read.

Times are UTC, vectors are 16-bit floats as they were stored; `metadata`, `usage` (all of it),
`revisions` (what it was before each edit) and `events` (each use and rating) are JSON. The same
rows make the same bytes, so a file can be named by its digest and a run that was killed finds what
it had written.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import structs
from pyarrow.lib import ArrowException

from service.core.errors import DamagedObjectError, UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from service.core.model.archive import OutboxRecord

VERSION = "1"
_TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("namespace", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("layer", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("content", pa.string(), nullable=False),
        pa.field("metadata", pa.string(), nullable=False),
        pa.field("session", pa.string()),
        pa.field("turn", pa.int32(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("importance", pa.float32(), nullable=False),
        pa.field("pinned", pa.bool_(), nullable=False),
        pa.field("created_at", _TIME, nullable=False),
        pa.field("entered_at", _TIME, nullable=False),
        pa.field("expires_at", _TIME),  # null: permanent
        pa.field("archived_at", _TIME, nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("size", pa.int32(), nullable=False),
        pa.field("embedding", pa.list_(pa.float16())),
        pa.field("model", pa.string()),
        pa.field("access_count", pa.int32()),
        pa.field("first_access", _TIME),
        pa.field("last_access", _TIME),
        pa.field("rating_sum", pa.float32()),
        pa.field("rating_count", pa.int32()),
        pa.field("context_relevance", pa.float32()),
        pa.field("usage", pa.string()),
        pa.field("revisions", pa.string(), nullable=False),
        pa.field("events", pa.string(), nullable=False),
        pa.field("content_hash", pa.string(), nullable=False),  # sha256, hexadecimal
    ],
    metadata={"magray.archive.version": VERSION},
)


def to_table(rows: Iterable[OutboxRecord]) -> pa.Table:
    """Rows of `memory.archive_batch` as a table."""
    listed = [
        structs.asdict(row)
        | {
            "id": str(row.id),
            "embedding": None if row.embedding is None else row.embedding.to_numpy(),
            "content_hash": row.content_hash.hex(),
        }
        for row in rows
    ]
    columns = [
        pa.array([row[field.name] for row in listed], type=field.type, from_pandas=False)
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def write(table: pa.Table) -> bytes:
    """The bytes of a file."""
    file = pa.BufferOutputStream()
    pq.write_table(table, file, compression="zstd")
    data: bytes = file.getvalue().to_pybytes()
    return data


def name_of(site: str, created: str, archive: UUID | str, data: bytes) -> str:
    """The name of a file: SITE/YYYY/MM/ARCHIVE/SHA256.parquet.

    Args:
        site: the database's folder in the store.
        created: the month, as 2026/11.
        archive: which archive it is; a rewritten file keeps the folder.
        data: its bytes, whose digest ends the name.
    """
    return f"{site}/{created}/{archive}/{hashlib.sha256(data).hexdigest()}.parquet"


def check(name: str, data: bytes) -> None:
    """Make sure that a file's bytes are those its name says, and that this version reads them.

    Raises:
        DamagedObjectError: they are not.
        UnreadableObjectError: it does not.
    """
    digest = hashlib.sha256(data).hexdigest()
    if name.rpartition("/")[2] != f"{digest}.parquet":
        raise DamagedObjectError(
            f"{name} is damaged",
            detail=f"its {len(data)} bytes have sha256 {digest}",
            hint="magray archive verify",
        )
    try:
        metadata = pq.read_schema(pa.BufferReader(data)).metadata or {}
    except (ArrowException, OSError) as error:
        raise DamagedObjectError(f"{name} is no Parquet file", detail=str(error)) from error
    found = metadata.get(b"magray.archive.version", b"none").decode()
    if found != VERSION:
        raise UnreadableObjectError(
            f"{name} was written by another version of MAGRAY",
            detail=f"its version is {found}, this program reads {VERSION}",
            hint="update MAGRAY",
        )


def read(name: str, data: bytes) -> pa.Table:
    """The table of a checked file; raises as `check` does."""
    check(name, data)
    # Arrow's own reader: its threads would need Python for an object of Python's
    return pq.read_table(pa.BufferReader(data))


def without(table: pa.Table, namespaces: Sequence[str], ids: Sequence[UUID]) -> pa.Table:
    """The table without these records, given as parallel sequences."""
    leaving = {(namespace, str(one)) for namespace, one in zip(namespaces, ids, strict=True)}
    stays = [
        key not in leaving
        for key in zip(table["namespace"].to_pylist(), table["id"].to_pylist(), strict=True)
    ]
    return table.filter(pa.array(stays))


def records(table: pa.Table, namespace: str, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Records of a namespace by id, as `memory.restore_archived` takes them."""
    wanted = pa.array([str(one) for one in ids])
    mine = pc.and_(pc.equal(table["namespace"], namespace), pc.is_in(table["id"], wanted))
    rows: list[dict[str, Any]] = table.filter(mine).to_pylist()
    for row in rows:
        vector = row["embedding"]
        # every digit: PostgreSQL rounds it to the 16 bits it was
        row["embedding"] = None if vector is None else str([float(number) for number in vector])
        row["content_hash"] = "\\x" + row["content_hash"]
    return rows
