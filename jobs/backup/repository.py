"""All places of backups and WAL, as the settings name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.backup import catalogue
from jobs.backup.archive_wal import pack, place
from jobs.backup.crypto import Keys
from jobs.backup.programs import Programs
from jobs.backup.wal import StoredWal, WalArchive, WalPlace
from jobs.storage.tier import Storage
from service.core.embedded.binaries import packaged_bin_dir
from service.core.errors import MissingError, TierError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from jobs.backup.catalogue import Catalogue
    from jobs.backup.wal import Listing
    from service.core.settings import BackupSettings

_WAL = "wal/"


@dataclass(frozen=True)
class Repository:
    """Where backups and WAL are kept.

    Attributes:
        local: the local disk.
        cloud: the cloud tier, if there is one.
        cold: the cold archive, if there is one.
        keys: encryption keys at hand.
        wal: archived WAL, nearest place first.
        programs: PostgreSQL's.
    """

    settings: BackupSettings
    local: Storage
    cloud: Storage | None
    cold: Storage | None
    keys: Keys
    wal: WalArchive
    programs: Programs

    @property
    def tiers(self) -> list[Storage]:
        """All tiers, nearest first."""
        return [tier for tier in (self.local, self.cloud, self.cold) if tier is not None]

    def catalogue(self) -> Catalogue:
        """What backups there are now."""
        return catalogue.load(self.tiers, self.keys)

    def tier(self, name: str) -> Storage:
        """A tier by name.

        Raises:
            MissingError: it is not configured.
        """
        for tier in self.tiers:
            if tier.name == name:
                return tier
        raise MissingError(f"there is no tier {name}", hint=f"set backup.{name} in magray.toml")

    def is_archived(self, system: str, name: str) -> bool:
        """Whether a segment lies in the archive the server writes to."""
        first = self.wal.places[0]
        return first.storage.exists(f"{first.prefix}{system}/{place(name)}")

    def ship(self, tier: Storage, listing: Listing, files: Iterable[StoredWal]) -> int:
        """Copy WAL to a tier, encrypted if backups are; returns how many files were new there."""
        key = self.keys.current()
        ending = "" if key is None else f".aes-{key.id}"
        folder = f"{_WAL}{listing.system}"
        there = {entry.path for entry in tier.entries(folder)}
        new = 0
        for one in files:
            name = one.name
            path = f"{folder}/{place(name)}{ending}"
            if path in there:
                continue
            data = pack(self.wal.read(one, listing.system))
            tier.put(path, data if key is None else key.encrypt(data, name))
            new += 1
        return new


def open_repository(
    settings: BackupSettings,
    home: Path,
    bin_dir: Path | None,
    away: dict[str, TierError] | None = None,
) -> Repository:
    """The repository the settings describe.

    Args:
        settings: section `[backup]`.
        home: where the embedded server and its neighbours lie; defaults go there.
        bin_dir: the server's programs.
        away: for who only looks: takes the remote tiers that do not answer, by name with their
            error, and the repository goes without them. None: such a tier is an error.

    Raises:
        TierError: a tier cannot be opened.
    """
    keys = Keys(settings.key_file, settings.former_key_files)
    local = Storage("local", settings.directory or home / "repository")
    cloud = _remote("cloud", settings.cloud, settings.cloud_options, away)
    cold = _remote("cold", settings.cold, settings.cold_options, away)
    archive = settings.wal_directory or home / "wal-archive"
    places = [WalPlace(Storage("wal", archive))]
    stream = home / "wal-stream"
    if stream.is_dir():
        places.append(WalPlace(Storage("stream", stream), packed=False))
    places += [WalPlace(tier, _WAL) for tier in (local, cloud, cold) if tier is not None]
    return Repository(
        settings=settings,
        local=local,
        cloud=cloud,
        cold=cold,
        keys=keys,
        wal=WalArchive(places, keys),
        programs=Programs(settings.bin_dir or bin_dir or packaged_bin_dir()),
    )


def _remote(
    name: str, url: str | None, options: Mapping[str, str], away: dict[str, TierError] | None
) -> Storage | None:
    if not url:
        return None
    try:
        tier = Storage(name, url, options, cold=name == "cold")
        if away is not None:
            next(tier.entries(catalogue.FOLDER), None)
    except TierError as error:
        if away is None:
            raise
        away[name] = error
        return None
    return tier
