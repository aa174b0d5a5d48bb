"""What became of a file: counted, and where each kind of trouble was first met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

# Kinds of trouble that are told apart; more of them are told as one.
_KINDS = 50


@dataclass
class Skipped:
    """How often something was skipped, and where first; `detail` is of that one."""

    reason: str
    count: int
    first: str
    detail: str = ""


@dataclass
class Lives:
    """Until when the new memories of a layer live.

    Attributes:
        first, last: the earliest and the latest end.
        ending: memories that have one.
        forever: those that are pinned or permanent.
    """

    first: datetime | None = None
    last: datetime | None = None
    ending: int = 0
    forever: int = 0

    def add(self, expires_at: datetime | None, *, pinned: bool) -> None:
        """Count a memory."""
        if pinned or expires_at is None:
            self.forever += 1
            return
        self.ending += 1
        self.first = min(self.first or expires_at, expires_at)
        self.last = max(self.last or expires_at, expires_at)


@dataclass
class Outcome:
    """What became of a file: read = stored + known + skipped.

    Attributes:
        stored: memories that are new.
        known: memories that were there already, or stood in the file before.
        waiting: of both, namespace and id of those that have no vector yet.
        skipped: what was not stored, by reason: no text, expired, or what was wrong with it.
        faults: of those, what was wrong.
        new: of the stored ones, those that are no memories of an export.
        layers: where the new ones went, by layer.
        lives: until when they live, by layer.
        elsewhere: of the known ones, those that live under another id than the file says.
        archived: of the known ones, those that lie in the archive.
        dropped_vectors: by model, vectors of the file that are not of the model in use.
    """

    stored: int = 0
    known: int = 0
    waiting: list[tuple[str, UUID]] = field(default_factory=list)
    skipped: dict[str, Skipped] = field(default_factory=dict)
    faults: int = 0
    new: int = 0
    namespaces: set[str] = field(default_factory=set)
    layers: dict[str, int] = field(default_factory=dict)
    lives: dict[str, Lives] = field(default_factory=dict)
    elsewhere: Skipped = field(default_factory=lambda: Skipped("", 0, ""))
    archived: int = 0
    dropped_vectors: dict[str, int] = field(default_factory=dict)

    @property
    def read(self) -> int:
        """Entries of the file seen so far."""
        return self.stored + self.known + sum(one.count for one in self.skipped.values())

    def add_stored(self, layer: str, expires_at: datetime | None, *, pinned: bool) -> None:
        """Count a memory that is there since now."""
        self.stored += 1
        self.layers[layer] = self.layers.get(layer, 0) + 1
        self.lives.setdefault(layer, Lives()).add(expires_at, pinned=pinned)

    def skip(self, reason: str, place: str, detail: str = "") -> None:
        """Count something that is not stored."""
        if reason not in self.skipped and len(self.skipped) >= _KINDS:
            reason, detail = "other faults", reason
        self.skipped.setdefault(reason, Skipped(reason, 0, place, detail)).count += 1

    def so_far(self) -> str:
        """The counts in a sentence."""
        return f"{self.stored:,} memories were stored, {self.known:,} were known already."
