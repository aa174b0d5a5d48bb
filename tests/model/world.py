"""The oracle of the state machines: what a memory without a database would know.

It says where every memory is, what it carries and what was decided about it; it knows nothing of
tables, partitions or files.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

NAMESPACES = ("ann", "bob")
TTL = {"interact": timedelta(hours=24), "insights": timedelta(days=90), "assets": None}
LAYERS = {
    "user_interaction": "interact",
    "recent_query": "interact",
    "pattern": "insights",
    "core_concept": "assets",
    "solution": "insights",
    "learned_context": "insights",
    "documentation": "assets",
    "system_knowledge": "assets",
}
ABOVE = {
    "user_interaction": "solution",
    "recent_query": "learned_context",
    "pattern": "documentation",
    "solution": "core_concept",
    "learned_context": "system_knowledge",
}


@dataclass(frozen=True)
class Memory:
    """What the model knows of one memory."""

    namespace: str
    word: str
    number: int
    kind: str
    session: str | None
    vector: tuple[float, ...] | None
    entered_at: datetime
    expires_at: datetime | None
    # the kind it was remembered or last edited as: what makes it the same memory
    known_as: str
    uses: frozenset[tuple[str | None, datetime]] = frozenset()
    last_use: datetime | None = None
    # uses taken over from equal memories that were merged into it
    inherited: int = 0
    ratings: tuple[float, ...] = ()
    edits: int = 0
    pinned: bool = False

    @property
    def content(self) -> str:
        return f"{self.word} {self.number}"

    @property
    def layer(self) -> str:
        return LAYERS[self.kind]

    @property
    def access_count(self) -> int:
        return len(self.uses) + self.inherited

    @property
    def idle_since(self) -> datetime:
        return max(self.entered_at, self.last_use or self.entered_at)

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What its content hash is made of, beside what the namespace adds."""
        return (self.namespace, self.content, self.session, self.known_as)

    def is_same(self, other: Memory, *known_as: str) -> bool:
        """Whether the other one says the same, under one of these kinds."""
        return (other.namespace, other.content, other.session) == (
            self.namespace,
            self.content,
            self.session,
        ) and other.known_as in known_as


@dataclass
class World:
    """Everything that was remembered and is somewhere.

    Attributes:
        now: the time; it only moves forward.
        homes: the namespace of everything that ever was.
        memories: what is in a layer; what expired and was not reclaimed yet, too.
        outbox: what waits for its file of the archive.
        filed: what is in a file of the archive and nowhere else.
        copies: what was restored from a file and is in that file still: namespace, id, when.
        forgotten: what must never be seen again.
        decisions: how often what was decided about each memory.
        dropped: memories that went with their partition, which are decided together.
        compressions: decisions about partitions.
    """

    now: datetime
    homes: dict[UUID, str] = field(default_factory=dict)
    memories: dict[UUID, Memory] = field(default_factory=dict)
    outbox: dict[UUID, Memory] = field(default_factory=dict)
    filed: dict[UUID, Memory] = field(default_factory=dict)
    copies: list[tuple[str, UUID, datetime]] = field(default_factory=list)
    forgotten: set[UUID] = field(default_factory=set)
    decisions: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    dropped: int = 0
    compressions: int = 0

    def add(self, one_id: UUID, memory: Memory) -> None:
        assert one_id not in self.homes
        self.homes[one_id] = memory.namespace
        self.memories[one_id] = memory

    def live(self, namespace: str) -> dict[UUID, Memory]:
        """What can be seen of a namespace."""
        return {
            one_id: memory
            for one_id, memory in self.memories.items()
            if memory.namespace == namespace and self.lives(memory)
        }

    def stored(self, namespace: str) -> dict[UUID, Memory]:
        """What is recognised when it is remembered again: what lives, and what will be renewed."""
        return {
            one_id: memory
            for one_id, memory in self.memories.items()
            if memory.namespace == namespace and (self.lives(memory) or memory.pinned)
        }

    def held(self, memory: Memory) -> Memory:
        """As it is written: pinned, at least half of its layer's life is left."""
        ttl = TTL[memory.layer]
        if not memory.pinned or (ttl is None and memory.expires_at is None):
            return memory
        if ttl is None:
            return replace(memory, expires_at=None)
        short = memory.expires_at is not None and memory.expires_at < self.now + ttl / 2
        return replace(memory, expires_at=self.now + ttl) if short else memory

    def lives(self, memory: Memory) -> bool:
        return memory.expires_at is None or memory.expires_at > self.now

    def end_of_life(self, layer: str) -> datetime | None:
        """When what enters a layer now expires."""
        ttl = TTL[layer]
        return None if ttl is None else self.now + ttl

    def archived(self, namespace: str) -> dict[UUID, Memory]:
        """What only the archive has of a namespace."""
        return {
            one_id: memory
            for one_id, memory in (self.outbox | self.filed).items()
            if memory.namespace == namespace
        }

    def places(self) -> set[tuple[str, UUID, str]]:
        """Where everything is: namespace, id, and a layer, outbox or file."""
        return (
            {(memory.namespace, one_id, memory.layer) for one_id, memory in self.memories.items()}
            | {(memory.namespace, one_id, "outbox") for one_id, memory in self.outbox.items()}
            | {(memory.namespace, one_id, "file") for one_id, memory in self.filed.items()}
        )

    def forget(self, namespace: str, one_id: UUID) -> bool:
        """Forget a memory wherever it is; False when this namespace has nothing of it."""
        there = (namespace, one_id) in {(space, copied) for space, copied, _ in self.copies}
        for place in (self.memories, self.outbox, self.filed):
            if one_id in place and place[one_id].namespace == namespace:
                del place[one_id]
                there = True
        if there:
            self.copies = [one for one in self.copies if one[:2] != (namespace, one_id)]
            self.forgotten.add(one_id)
            self.decisions[one_id, "forget"] += 1
        return there

    def evict(self, one_id: UUID) -> None:
        del self.memories[one_id]
        self.decisions[one_id, "evict"] += 1

    def archive(self, one_id: UUID) -> None:
        """It leaves its layer and waits for a file."""
        self.outbox[one_id] = self.memories.pop(one_id)
        self.decisions[one_id, "archive"] += 1

    def restore(self, one_id: UUID) -> None:
        """It enters its layer anew and is otherwise as it was."""
        if one_id in self.filed:
            memory = self.filed.pop(one_id)
            self.copies.append((memory.namespace, one_id, self.now))
        else:
            memory = self.outbox.pop(one_id)
        self.memories[one_id] = replace(
            memory, entered_at=self.now, expires_at=self.end_of_life(memory.layer)
        )
        self.decisions[one_id, "restore"] += 1

    def rise(self, one_id: UUID) -> None:
        """It moves to the next layer."""
        memory = self.memories[one_id]
        kind = ABOVE[memory.kind]
        self.memories[one_id] = replace(
            memory, kind=kind, entered_at=self.now, expires_at=self.end_of_life(LAYERS[kind])
        )
        self.decisions[one_id, "promote"] += 1

    def merge(self, one_id: UUID, twin: UUID) -> None:
        """It goes up in its equal, with its uses, its ratings and its pin."""
        memory, other = self.memories.pop(one_id), self.memories[twin]
        used = [one for one in (memory.last_use, other.last_use) if one is not None]
        self.memories[twin] = replace(
            other,
            inherited=other.inherited + memory.access_count,
            last_use=max(used, default=None),
            ratings=(*other.ratings, *memory.ratings),
            pinned=other.pinned or memory.pinned,
        )
        self.decisions[one_id, "promote"] += 1
