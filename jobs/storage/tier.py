"""Tiers of backups: objects on the local disk or in a bucket.

A write counts once the store reports the length that was sent, on the local disk once it is synced.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore

from jobs.storage.opening import open_url, reason, sync
from service.core.errors import ColdStorageError, MissingError, TierError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# What S3 and Azure answer for an object that is archived and has to be brought back first.
_ARCHIVED = ("InvalidObjectState", "BlobArchived")


@dataclass(frozen=True)
class Entry:
    """One stored object: its path below the tier, and its length in bytes."""

    path: str
    size: int


class Storage:
    """One tier.

    Args:
        name: local, cloud or cold.
        place: a directory, or a URL such as `s3://bucket/prefix`.
        options: what the store of the URL takes (`endpoint`, `region`, …). Credentials come from
            the environment or the machine's role, as its SDK has them.
        cold: reading may need hydration first.

    Raises:
        TierError: the URL names no store.
    """

    def __init__(
        self,
        name: str,
        place: Path | str,
        options: Mapping[str, Any] | None = None,
        *,
        cold: bool = False,
    ) -> None:
        self.name = name
        self.place = str(place)
        self.cold = cold
        self.root: Path | None = None
        if isinstance(place, Path):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root = place.resolve()
            self._store: Any = LocalStore(self.root)
        else:
            try:
                self._store = open_url(place, options)
            except (BaseError, ValueError) as error:
                raise TierError(
                    f"the tier {name} cannot be opened at {place}",
                    detail=reason(error),
                    hint=f"backup.{name} in magray.toml: s3://bucket/prefix, gs://… or az://…",
                ) from error

    def put(self, path: str, data: bytes, *, create: bool = False) -> bool:
        """Write an object. False if `create` is set and there is one.

        Raises:
            TierError: it was not written whole.
        """
        try:
            obstore.put(
                self._store,
                path,
                data,
                mode="create" if create else "overwrite",
                use_multipart=False if create else None,
            )
            stored = obstore.head(self._store, path)["size"]
        except AlreadyExistsError:
            return False
        except (BaseError, OSError) as error:
            raise self._failed("write", path, error) from error
        if stored != len(data):
            raise TierError(
                f"the tier {self.name} stored {stored} of {len(data)} bytes of {path}",
                hint="magray backup verify",
            )
        if self.root is not None:
            sync(self.root / path, self.root)
        return True

    def get(self, path: str) -> bytes:
        """An object's bytes.

        Raises:
            MissingError: there is none.
            ColdStorageError: it is archived and must be brought back first.
            TierError: the tier refused.
        """
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except (NotFoundError, FileNotFoundError) as error:
            raise MissingError(
                f"{path} is not in the tier {self.name}", detail=self.place
            ) from error
        except (BaseError, OSError) as error:
            if any(word in str(error) for word in _ARCHIVED):
                raise ColdStorageError(
                    f"{path} lies in cold storage and cannot be read yet",
                    detail="To bring objects back takes minutes to hours, by their storage class.",
                    hint="ask your provider to restore the folder of the backup, then try again",
                ) from error
            raise self._failed("read", path, error) from error

    def exists(self, path: str) -> bool:
        """Whether there is an object of this path."""
        try:
            obstore.head(self._store, path)
        except (NotFoundError, FileNotFoundError):
            return False
        except (BaseError, OSError) as error:
            raise self._failed("read", path, error) from error
        return True

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every object below a prefix, in no order; drafts of a write under way are left out."""
        try:
            for batch in obstore.list(self._store, prefix):
                for found in batch:
                    if not found["path"].rpartition("/")[2].startswith("."):
                        yield Entry(found["path"], found["size"])
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise self._failed("list", prefix, error) from error

    def delete(self, paths: Iterable[str]) -> None:
        """Delete objects; those that are gone already are no error.

        Raises:
            TierError: one is still there (an object lock, a missing right).
        """
        wanted = list(paths)
        for path in wanted:
            try:
                obstore.delete(self._store, path)
            except (NotFoundError, FileNotFoundError):
                continue
            except (BaseError, OSError) as error:
                raise self._failed("delete", path, error) from error
        if self.root is not None:
            for folder in {(self.root / path).parent for path in wanted}:
                if folder.is_dir() and folder != self.root and not any(folder.iterdir()):
                    folder.rmdir()

    def _failed(self, verb: str, path: str, error: Exception) -> TierError:
        return TierError(
            f"the tier {self.name} would not {verb} {path}",
            detail=reason(error),
            hint=f"look at {self.place}, then: magray backup verify",
        )
