"""What backups there are: read from the manifests beside them, so a bucket alone is enough.

A manifest is JSON in one fixed form, with a digest over it (a keyed one when the backup is
encrypted): a file that does not have exactly the bytes its content gives is damaged.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from jobs.backup.crypto import NAME_THE_KEY
from service.core.errors import BackupError, DamagedError, MissingError, NoKeyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobs.backup.crypto import Keys
    from jobs.storage.tier import Entry, Storage

log = structlog.get_logger("magray.backup")

FOLDER = "backups"
FULLS = ("full", "snapshot", "compressed")
FORMAT = 1


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a backup: its name, length before and after, and SHA-256 as stored."""

    name: str
    bytes: int
    stored: int
    sha256: str


class Witness(msgspec.Struct, frozen=True, kw_only=True):
    """What each layer held at a restore point shortly after the backup.

    Attributes:
        name: of the restore point.
        lsn: its position.
        layers: layer → [memories, digest].
    """

    name: str
    lsn: str
    layers: dict[str, list[str]]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All there is to know about a backup; times are UTC.

    Attributes:
        id: grows with time.
        kind: full, incremental, snapshot or compressed; all but the second stand alone.
        reason: who asked, and why it is another kind than asked for.
        parent: what an incremental builds on.
        timeline: it was taken on.
        started_at: the server's clock before it began.
        stopped_at: the server's clock after it was complete: the first instant it restores.
        start_lsn: recovery reads WAL from here.
        stop_lsn: and at least to here.
        key: id of the key it is encrypted with.
        server: version and the settings that must be there to start it again.
    """

    format: int = FORMAT
    id: str
    kind: str
    reason: str
    parent: str | None
    system: str
    timeline: int
    started_at: datetime
    stopped_at: datetime
    start_lsn: str
    stop_lsn: str
    segment_size: int
    bytes: int
    stored: int
    packs: list[Pack]
    pg_manifest: Pack
    key: str | None
    server: dict[str, Any]
    witness: Witness | None

    @property
    def stands_alone(self) -> bool:
        """Whether it restores without another backup."""
        return self.kind in FULLS

    @property
    def folder(self) -> str:
        """Where its objects lie below their tier."""
        return f"{FOLDER}/{self.id}"

    def objects(self) -> list[Pack]:
        """Every object beside the manifest."""
        return [*self.packs, self.pg_manifest]


def encode(manifest: Manifest, keys: Keys) -> bytes:
    """The bytes of `manifest.json`."""
    body: dict[str, Any] = msgspec.to_builtins(manifest)
    return _render({**body, "digest": _digest(body, manifest.key, keys)})


def decode(data: bytes, keys: Keys) -> Manifest:
    """Read a manifest.

    Raises:
        DamagedError: it is not as it was written, or was signed by another key.
        NoKeyError: it cannot be told without the key.
    """
    try:
        body = msgspec.json.decode(data)
        digest = body.pop("digest")
        manifest = msgspec.convert(body, Manifest)
        rendered = _render({**msgspec.to_builtins(manifest), "digest": digest})
        same = rendered == data and manifest.format == FORMAT
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise DamagedError("a manifest cannot be read", detail=str(error)) from error
    if not same or digest != _digest(body, manifest.key, keys):
        raise DamagedError(
            "a manifest is not as it was written", detail=f"It says id {manifest.id}."
        )
    return manifest


def _render(body: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(body, order="deterministic"), indent=1) + b"\n"


def _digest(body: dict[str, Any], key: str | None, keys: Keys) -> str:
    data = msgspec.json.encode(body, order="deterministic")
    if key is None:
        return hashlib.sha256(data).hexdigest()
    return keys.by_id(key).sign(data)


class Verdict(msgspec.Struct, kw_only=True):
    """What was found out about a backup later; `verdict.json` beside it, replaced as a whole.

    Attributes:
        verified_at: its every byte was last read and found right.
        proven_at: it was last restored and found right.
        damage: why it must not be used.
        keep: it is never pruned.
        damaged: the file itself could not be read, and nothing of this is known.
    """

    verified_at: datetime | None = None
    proven_at: datetime | None = None
    damage: str | None = None
    keep: bool = False
    damaged: bool = False


@dataclass
class Backup:
    """A backup in the catalogue.

    Attributes:
        fault: why it cannot be restored by itself; None when nothing is known against it.
    """

    manifest: Manifest
    tier: Storage
    verdict: Verdict = field(default_factory=Verdict)
    fault: str | None = None

    @property
    def id(self) -> str:
        """Its name."""
        return self.manifest.id

    @property
    def read_at(self) -> datetime:
        """When its every byte was last read; until then, checked while it was written."""
        return self.verdict.verified_at or self.manifest.stopped_at


@dataclass
class Catalogue:
    """Everything found in the tiers.

    Attributes:
        backups: oldest first.
        incomplete: folders without a readable manifest, by id: why, and the tier.
        locked: of these, those whose key is not at hand, by id: what says so.
    """

    backups: list[Backup] = field(default_factory=list)
    incomplete: dict[str, tuple[str, Storage]] = field(default_factory=dict)
    locked: dict[str, NoKeyError] = field(default_factory=dict)

    def require_keys(self) -> None:
        """Tell a repository that is locked from one that is empty.

        Raises:
            NoKeyError: no backup can be read, and some only for want of their key.
        """
        if self.locked and not self.backups:
            raise self.locked_out()

    def locked_out(self, what: str = "no backup can be read") -> NoKeyError:
        """The error of who has not the keys: names every key, and what each one locks."""
        keys = "; ".join(sorted({error.message for error in self.locked.values()}))
        locks = (f"{name}: {error.message}" for name, error in sorted(self.locked.items()))
        return NoKeyError(f"{what}: {keys}", detail="\n".join(locks), hint=NAME_THE_KEY)

    def get(self, backup_id: str) -> Backup:
        """A backup by id.

        Raises:
            MissingError: there is none.
            NoKeyError: it is there, and its key is not at hand.
        """
        for one in self.backups:
            if one.id == backup_id:
                return one
        if backup_id in self.locked:
            raise self.locked[backup_id]
        reason = self.incomplete.get(backup_id)
        raise MissingError(
            f"there is no backup {backup_id}",
            detail=f"Its folder is incomplete: {reason[0]}." if reason else "",
            hint="magray backup list",
        )


def load(tiers: Iterable[Storage], keys: Keys) -> Catalogue:
    """Read the catalogue from the tiers; the nearest copy of a backup counts."""
    found = Catalogue()
    best: dict[str, Backup] = {}
    for tier in tiers:
        for backup_id, entries in _folders(tier).items():
            known = best.get(backup_id)
            if known is not None and known.fault is None:
                continue
            try:
                backup = _load_one(tier, backup_id, entries, keys)
            except (DamagedError, MissingError, NoKeyError) as error:
                found.incomplete.setdefault(backup_id, (error.in_a_line, tier))
                if isinstance(error, NoKeyError):
                    found.locked[backup_id] = error
            else:
                if known is None or backup.fault is None:
                    best[backup_id] = backup
    found.backups = list(best.values())
    found.backups.sort(key=lambda one: one.id)
    for backup_id in best:
        found.incomplete.pop(backup_id, None)
        found.locked.pop(backup_id, None)
    spread(found)
    return found


def _folders(tier: Storage) -> dict[str, dict[str, Entry]]:
    folders: dict[str, dict[str, Entry]] = {}
    for entry in tier.entries(FOLDER):
        _, _, rest = entry.path.partition("/")
        backup_id, _, name = rest.partition("/")
        if name:
            folders.setdefault(backup_id, {})[name] = entry
    return folders


def _load_one(tier: Storage, backup_id: str, entries: dict[str, Entry], keys: Keys) -> Backup:
    if "manifest.json" not in entries:
        raise MissingError("the manifest is missing: it was never completed, or has been lost")
    manifest = decode(tier.get(f"{FOLDER}/{backup_id}/manifest.json"), keys)
    if manifest.id != backup_id:
        raise DamagedError("the manifest belongs to another backup", detail=f"To {manifest.id}.")
    backup = Backup(manifest, tier)
    if "verdict.json" in entries:
        backup.verdict = _verdict(tier.get(f"{FOLDER}/{backup_id}/verdict.json"))
    backup.fault = backup.verdict.damage
    for one in manifest.objects():
        entry = entries.get(one.name)
        if entry is None:
            backup.fault = f"{one.name} is missing"
        elif entry.size != one.stored:
            backup.fault = f"{one.name} has {entry.size} bytes instead of {one.stored}"
    return backup


def _verdict(data: bytes) -> Verdict:
    digest, _, body = data.partition(b"\n")
    try:
        if hashlib.sha256(body).hexdigest().encode() == digest:
            return msgspec.json.decode(body, type=Verdict)
    except msgspec.MsgspecError:
        pass
    # it says nothing about the backup's own bytes: they are to be verified anew
    return Verdict(damaged=True)


def spread(found: Catalogue) -> None:
    """What builds on a broken backup is broken too."""
    known = {one.id: one for one in found.backups}
    for one in found.backups:  # oldest first: a parent is judged before its children
        parent_id = one.manifest.parent
        if one.fault is not None or parent_id is None:
            continue
        parent = known.get(parent_id)
        if parent is None:
            why = found.incomplete.get(parent_id)
            one.fault = f"its parent {parent_id} is {'unusable: ' + why[0] if why else 'missing'}"
        elif parent.fault is not None:
            one.fault = f"it builds on {parent_id}: {parent.fault}"
        elif parent.manifest.system != one.manifest.system:
            one.fault = f"its parent {parent_id} is of another cluster"
        elif parent.manifest.timeline != one.manifest.timeline:
            one.fault = f"its parent {parent_id} is of another timeline"


def store_verdict(backup: Backup) -> None:
    """Write what was found out about a backup beside it."""
    path = f"{backup.manifest.folder}/verdict.json"
    body = msgspec.json.encode(backup.verdict)
    backup.tier.put(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def quarantine(backup: Backup, error: BackupError) -> None:
    """Note beside a backup that it must not be used: nobody builds on it, or restores it, again."""
    backup.verdict.damage = error.in_a_line
    backup.fault = backup.verdict.damage
    backup.verdict.verified_at = None
    try:
        store_verdict(backup)
    except BackupError as failure:
        log.warning("quarantine not written", id=backup.id, error=failure.message)
    log.error("backup quarantined", id=backup.id, cause=backup.fault)


def verified_now(backup: Backup) -> None:
    """Note that a backup's every byte was read and found right."""
    backup.verdict.verified_at = datetime.now(UTC)
    store_verdict(backup)
