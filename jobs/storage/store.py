"""The archive's store, named by a URL.

A write counts when the bytes were read back and are the same, and on the local disk when they are
synced.

Obstore's blocking functions run in threads of ours, never its asyncio ones: those answer from a
thread that may still hold the event loop when the program ends, and Python before 3.14 then aborts
the whole process, after all work was done.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

import obstore
from anyio.to_thread import run_sync
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore

from jobs.storage.opening import open_url, reason, sync
from service.core.errors import ConfigError, DamagedObjectError, MissingObjectError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIERS = {
    "file": "local",
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "az": "azure",
    "azure": "azure",
    "abfs": "azure",
    "abfss": "azure",
}


@dataclass(frozen=True)
class StoredObject:
    """One object: its name below the store's URL, and its length in bytes."""

    name: str
    size: int


class Store:
    """An opened store.

    Args:
        url: what it was opened by, without credentials.
        tier: local, s3, gcs or azure.
        objects: obstore's own.
        root: the folder of a local one.
    """

    def __init__(self, url: str, tier: str, objects: Any, root: Path | None) -> None:
        self.url = url
        self.tier = tier
        self._objects = objects
        self._root = root

    async def put_verified(self, name: str, data: bytes, *, replace: bool = False) -> None:
        """Write an object that must not exist yet, read it back and compare.

        The same bytes under that name already are success.

        Args:
            name: path below the URL.
            data: its bytes.
            replace: other bytes under that name are damage, for the name says which they must be:
                overwrite them.

        Raises:
            DamagedObjectError: the store gave back other bytes; or holds others, without `replace`.
            StorageError: it refused.
        """
        with self._faults("write", name):
            try:
                await self._put(name, data, mode="create")
            except AlreadyExistsError:
                if replace and await self.get(name) != data:
                    await self._put(name, data, mode="overwrite")
        if self._root is not None:
            await run_sync(sync, self._root / name, self._root)
        stored = await self.get(name)
        if stored != data:
            raise DamagedObjectError(
                f"the store gave back other bytes of {name} than were written",
                detail=f"{len(data)} bytes of sha256 {hashlib.sha256(data).hexdigest()}, "
                f"but {len(stored)} came back",
                hint=f"look at {self.url}, then try again",
            )

    async def get(self, name: str) -> bytes:
        """An object's bytes.

        Raises:
            MissingObjectError: there is none.
            StorageError: the store refused.
        """
        with self._faults("read", name):
            return await run_sync(lambda: bytes(obstore.get(self._objects, name).bytes()))

    async def names(self, prefix: str) -> list[StoredObject]:
        """Every object below a prefix, by name."""
        with self._faults("list", prefix):
            try:
                found = await run_sync(self._list, prefix)
            except (NotFoundError, FileNotFoundError):
                return []
        return sorted(found, key=lambda one: one.name)

    async def delete(self, name: str) -> None:
        """Delete an object; one that is gone already is no error.

        Raises:
            StorageError: it is still there (an object lock, a missing right).
        """
        with self._faults("delete", name):
            try:
                await run_sync(obstore.delete, self._objects, name)
            except (NotFoundError, FileNotFoundError) as error:
                if _lacks_bucket(error):
                    raise
                return

    def require_folder(self, name: str) -> None:
        """Make sure that a local store is the one that was written to.

        A disk that is not mounted looks like one whose files are missing. (A bucket that is not
        there is an error of `names`.)

        Raises:
            StorageError: the folder is not there.
        """
        if self._root is not None and not (self._root / name).is_dir():
            raise StorageError(
                f"{self._root / name} is not there",
                detail="A disk that is not mounted looks the same as files that are missing.",
                hint=f"mount it; if the whole folder is lost: mkdir {self._root / name}",
            )

    async def _put(self, name: str, data: bytes, mode: Literal["create", "overwrite"]) -> None:
        # conditional, and so not in parts: those of two writers would mix
        await run_sync(
            lambda: obstore.put(self._objects, name, data, mode=mode, use_multipart=False)
        )

    def _list(self, prefix: str) -> list[StoredObject]:
        return [
            StoredObject(one["path"], one["size"])
            for batch in obstore.list(self._objects, prefix)
            for one in batch
        ]

    @contextmanager
    def _faults(self, verb: str, name: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            missing = isinstance(error, (NotFoundError, FileNotFoundError))
            if missing and not _lacks_bucket(error):
                raise MissingObjectError(f"{name} is not in the store", detail=self.url) from error
            raise StorageError(
                f"the store would not {verb} {name}",
                detail=reason(error),
                hint=f"look at {self.url} and the credentials in the environment",
            ) from error


def _lacks_bucket(error: Exception) -> bool:
    """Whether the store knows no such bucket, which it tells by the code of a missing object."""
    return "NoSuchBucket" in str(error) or "ContainerNotFound" in str(error)


def open_store(url: str) -> Store:
    """Open the store of a URL; nothing is read or written yet but a local folder is made.

    Raises:
        ConfigError: the URL names no store known here.
        StorageError: the folder cannot be made.
    """
    parts = urlsplit(url)
    tier = _TIERS.get(parts.scheme)
    nowhere = tier is not None and tier != "local" and not parts.hostname
    if tier is None or nowhere or parts.username or parts.password:
        raise ConfigError(
            f"{parts._replace(netloc=parts.hostname or '').geturl()} names no store",
            detail="Known: file:///…, s3://bucket/…, gs://bucket/…, az://container/…, "
            "with credentials in the environment.",
            hint="correct the url in magray.toml",
        )
    try:
        if tier == "local":
            root = Path(unquote(parts.path))
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            root = root.resolve()
            return Store(url, tier, LocalStore(root), root)
        return Store(url, tier, open_url(url), None)
    except (BaseError, OSError, ValueError) as error:
        raise StorageError(
            f"{url} cannot be opened", detail=str(error), hint="correct the url in magray.toml"
        ) from error
