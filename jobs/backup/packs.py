"""A stream of bytes as objects: cut into packs, compressed, encrypted, written side by side."""

from __future__ import annotations

import hashlib
import io
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, TYPE_CHECKING

from jobs.backup.catalogue import Pack
from service.core.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from jobs.backup.catalogue import Manifest
    from jobs.backup.crypto import Key, Keys
    from jobs.storage.tier import Storage

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# 32 MB: few enough objects, and a handful in memory at once stays small.
PACK = 32 << 20
_WORKERS = 2
_AHEAD = 3  # packs being written before the reader waits


def seal(data: bytes, name: str, level: int, key: Key | None) -> tuple[Pack, bytes]:
    """An object's description and its bytes as stored."""
    stored = zstd.compress(
        data,
        options={
            zstd.CompressionParameter.compression_level: level,
            zstd.CompressionParameter.checksum_flag: 1,
        },
    )
    if key is not None:
        stored = key.encrypt(stored, name)
    digest = hashlib.sha256(stored).hexdigest()
    short = name.rpartition("/")[2]
    return Pack(name=short, bytes=len(data), stored=len(stored), sha256=digest), stored


def unseal(stored: bytes, pack: Pack, name: str, key: Key | None) -> bytes:
    """The bytes behind an object.

    Raises:
        DamagedError: one bit is not as it was written.
    """
    if hashlib.sha256(stored).hexdigest() != pack.sha256:
        raise DamagedError(
            f"{name} is damaged",
            detail="Its sha256 is not the manifest's.",
            hint="magray backup list   # what can still be restored",
        )
    data = zstd.decompress(stored if key is None else key.decrypt(stored, name))
    if len(data) != pack.bytes:
        raise DamagedError(
            f"{name} is damaged", detail=f"{len(data)} bytes instead of {pack.bytes}."
        )
    return data


class PackWriter:
    """Writes what it is given as packs of one backup.

    Args:
        tier: where to.
        folder: of the backup, below the tier.
        level: of zstd.
        key: to encrypt with.
    """

    def __init__(self, tier: Storage, folder: str, *, level: int, key: Key | None) -> None:
        self._tier = tier
        self._folder = folder
        self._level = level
        self._key = key
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="pack")
        self._futures: list[Future[Pack]] = []
        self._buffer = bytearray()

    def write(self, data: bytes) -> None:
        """Take more bytes; waits while too many packs are on their way.

        Raises:
            TierError: an earlier pack could not be written.
        """
        self._buffer += data
        while len(self._buffer) >= PACK:
            self._send(bytes(self._buffer[:PACK]))
            del self._buffer[:PACK]

    def finish(self) -> list[Pack]:
        """Write the rest; the packs in order, all of them stored."""
        if self._buffer:
            self._send(bytes(self._buffer))
            self._buffer.clear()
        packs = [future.result() for future in self._futures]
        self._pool.shutdown()
        return packs

    def abandon(self) -> None:
        """Write no more."""
        self._pool.shutdown(cancel_futures=True)

    def _send(self, data: bytes) -> None:
        if len(self._futures) >= _AHEAD:
            self._futures[-_AHEAD].result()
        name = f"{self._folder}/pack-{len(self._futures) + 1:05}.zst"
        self._futures.append(self._pool.submit(self._store, name, data))

    def _store(self, name: str, data: bytes) -> Pack:
        pack, stored = seal(data, name, self._level, self._key)
        self._tier.put(name, stored)
        return pack


class PackReader(io.RawIOBase):
    """A backup's tar as a stream, every pack proved before its bytes are handed out.

    Args:
        tier: where the backup lies.
        manifest: what it says of itself.
        keys: to decrypt with.
        advance: told the raw bytes of each pack.
    """

    def __init__(
        self,
        tier: Storage,
        manifest: Manifest,
        keys: Keys,
        advance: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._tier = tier
        self._manifest = manifest
        self._key = None if manifest.key is None else keys.by_id(manifest.key)
        self._advance = advance
        self._chunks = self._read_ahead()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer with what comes next."""
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        view = memoryview(buffer)
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        """Stop reading ahead."""
        self._chunks.close()
        super().close()

    def _read_ahead(self) -> Generator[bytes]:
        packs: Sequence[Pack] = self._manifest.packs
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="unpack") as pool:
            futures = [pool.submit(self._load, pack) for pack in packs[:_AHEAD]]
            for place in range(len(packs)):
                data = futures.pop(0).result()
                if place + _AHEAD < len(packs):
                    futures.append(pool.submit(self._load, packs[place + _AHEAD]))
                self._advance(len(data))
                yield data

    def _load(self, pack: Pack) -> bytes:
        name = f"{self._manifest.folder}/{pack.name}"
        return unseal(self._tier.get(name), pack, name, self._key)


def open_packs(
    tier: Storage, manifest: Manifest, keys: Keys, advance: Callable[[int], None] = lambda _: None
) -> IO[bytes]:
    """A backup's tar as a buffered stream."""
    return io.BufferedReader(PackReader(tier, manifest, keys, advance), 1 << 20)


def read_pg_manifest(tier: Storage, manifest: Manifest, keys: Keys) -> bytes:
    """PostgreSQL's own manifest of a backup, proved."""
    name = f"{manifest.folder}/{manifest.pg_manifest.name}"
    key = None if manifest.key is None else keys.by_id(manifest.key)
    return unseal(tier.get(name), manifest.pg_manifest, name, key)
