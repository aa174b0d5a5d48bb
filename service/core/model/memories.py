"""The shapes that travel: rows of `memory` functions = JSON = OpenAPI.

Field names are those of the SQL functions. Times are UTC. `expires_at` null means never.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID  # noqa: TC003 - msgspec and Litestar read the annotations

from msgspec import UNSET, Meta, Struct, UnsetType

# PostgreSQL's texts hold every character but this one.
NO_NUL = r"^[^\x00]*$"
# Something must stand in it. Where a field may be left out, null, "", a blank text and [] count as
# left out (`service/routes/given.py`), so a limit here only says what is right at once.
# The separators are blank to Python and no spaces to other readers of the schema.
NOT_BLANK = r"[^\s\x1c-\x1f\x85]"
# Of a field's schema: blank is a fault even where it may be left out.
NEVER_BLANK = "x-never-blank"

Namespace = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NOT_BLANK,
        description="Whose memory it is: a user, agent, project. May be left out when the key is"
        " bound to one namespace.",
    ),
]
Vector = Annotated[
    list[float], Meta(min_length=1, max_length=4000, description="A vector of the model in use.")
]
# A time without a zone is UTC.
Moment = Annotated[datetime, Meta(extra_json_schema={"format": "date-time"})]
Score = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=NOT_BLANK)]
Content = Annotated[
    str,
    Meta(min_length=1, max_length=65536, pattern=NOT_BLANK, extra_json_schema={NEVER_BLANK: True}),
]
Ttl = (
    Annotated[float, Meta(ge=0.001, le=1e10)]
    | Annotated[str, Meta(min_length=1, max_length=100, pattern=NOT_BLANK)]
)
# The end of a pattern, to Python as to other readers of the schema: Python's $ alone matches in
# front of a last line break too.
END = r"$(?!\n)"
Kind = Annotated[str, Meta(min_length=1, max_length=63, pattern=f"^[a-z][a-z0-9_]*{END}")]


class NewMemory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A memory to store. `ttl`: seconds, or an interval such as "90 minutes"."""

    namespace: Namespace
    content: Annotated[str, Meta(min_length=1, max_length=65536)]
    kind: Kind = "user_interaction"
    embedding: Vector | None = None
    metadata: dict[str, Any] = {}
    session: Name | None = None
    importance: Score | None = None
    pinned: bool = False
    ttl: Ttl | None = None
    language: Name | None = None
    created_at: Moment | None = None


class SentMemory(NewMemory, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A memory to store. `ttl`: seconds, or an interval such as "90 minutes".

    Over HTTP `namespace` may be left out when the key is bound to one.
    """

    namespace: Namespace = ""
    content: Content


class Remember(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch of memories, stored all or none. `wait`: answer when their vectors are there too."""

    memories: Annotated[list[SentMemory], Meta(min_length=1, max_length=1000)]
    wait: bool = False


class Stored(Struct, frozen=True, kw_only=True):
    """What became of one memory of a batch; `created` is false when it was there already."""

    id: UUID
    namespace: str
    created: bool
    layer: str
    kind: str
    created_at: Moment
    expires_at: Moment | None
    has_embedding: bool


class StoredBatch(Struct, frozen=True, kw_only=True):
    """One row for each memory of the batch, in its order."""

    memories: list[Stored]


class MemoryRecord(Struct, frozen=True, kw_only=True):
    """A memory with its place, life and use. `etag` differs after every edit."""

    id: UUID
    namespace: str
    content: str
    kind: str
    layer: str
    session: str | None
    turn: int
    metadata: dict[str, Any]
    language: str
    importance: float
    pinned: bool
    created_at: Moment
    entered_at: Moment
    expires_at: Moment | None
    bytes: int
    has_embedding: bool
    access_count: int
    last_access: Moment | None
    rating: float | None
    rating_count: int
    etag: str


class MemoryPage(Struct, frozen=True, kw_only=True):
    """A page of memories, newest first; `cursor` is null on the last one."""

    memories: list[MemoryRecord]
    cursor: str | None


class MemoryChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a memory; what is left out stays, and so does what is null, "" or [].

    `metadata` is a merge patch (RFC 7396): keys it names are added or replaced, null removes one,
    objects are merged. `replace_metadata` replaces all of it.
    """

    content: Content | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    replace_metadata: dict[str, Any] | UnsetType = UNSET
    importance: Score | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET
    ttl: Ttl | UnsetType = UNSET
    language: Name | UnsetType = UNSET


class Changed(Struct, frozen=True, kw_only=True):
    """A memory after an edit."""

    id: UUID
    layer: str
    kind: str
    expires_at: Moment | None
    has_embedding: bool
    etag: str


class Filters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Narrow a search. `metadata` by containment, times as created_after <= t < created_before."""

    layers: Annotated[list[str], Meta(min_length=1, max_length=3)] | None = None
    kinds: Annotated[list[str], Meta(min_length=1, max_length=50)] | None = None
    session: Name | None = None
    metadata: dict[str, Any] | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    language: Name | None = None


class SearchRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question, a vector, or both. `touch` false: the search does not count as a use."""

    namespace: Namespace = ""
    query: Annotated[str, Meta(max_length=10_000, pattern=NOT_BLANK)] | None = None
    embedding: Vector | None = None
    top_k: Annotated[int, Meta(ge=1, le=1000)] = 10
    filters: Filters = Filters()
    explain: bool = False
    session: Name | None = None
    touch: bool = True


class Hit(Struct, frozen=True, kw_only=True):
    """A memory found, with its score and, when asked for, the parts of it."""

    id: UUID
    namespace: str
    content: str
    kind: str
    layer: str
    session: str | None
    metadata: dict[str, Any]
    score: float
    importance: float
    pinned: bool
    created_at: Moment
    expires_at: Moment | None
    explain: dict[str, Any] | None


class Found(Hit, frozen=True, kw_only=True):
    """A memory found beside the namespace's change token; all else is null where none was."""

    token: int


class SearchAnswer(Struct, frozen=True, kw_only=True):
    """Hits, best first. `degraded` says what was missing, such as the embedding provider."""

    results: list[Hit]
    cached: bool = False
    degraded: str | None = None


class Feedback(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rating from 1 (useless) to 5 (just what was needed)."""

    rating: Annotated[float, Meta(ge=1, le=5)]
    session: Name | None = None


class Rated(Struct, frozen=True, kw_only=True):
    """A memory's mean rating after a new one."""

    id: UUID
    rating: float
    rating_count: int


class Forgotten(Struct, frozen=True, kw_only=True):
    """A memory that went, or would go."""

    id: UUID
    layer: str
    kind: str


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened to a memory."""

    at: Moment
    event: str
    detail: dict[str, Any]


class History(Struct, frozen=True, kw_only=True):
    """Everything that happened to a memory, oldest first."""

    events: list[Event]


class Criterion(Struct, frozen=True, kw_only=True):
    """One criterion of a promotion: its value, what it must exceed, and the verdict."""

    criterion: str
    value: float | None
    threshold: float | None
    passed: bool | None
    note: str


class Explanation(Struct, frozen=True, kw_only=True):
    """Why a memory is where it is: its score's parts and each criterion of its next step."""

    criteria: list[Criterion]


class Decision(Struct, frozen=True, kw_only=True):
    """What was decided about a memory, and by what: each criterion's value, threshold, passed.

    `id` is null where `records` were decided at once, such as a partition that expired.
    `actor`: key, job or login, and its name; null: decided before that was kept.
    """

    id: UUID | None
    namespace: str
    at: Moment
    action: str
    layer: str
    to_layer: str | None
    kind: str | None
    to_kind: str | None
    route: str | None
    score: float | None
    criteria: dict[str, Any] | None
    model: str | None
    job_run: int | None
    records: int
    detail: dict[str, Any] | None
    actor: str | None


class DecisionPage(Struct, frozen=True, kw_only=True):
    """A page of decisions, newest first; `cursor` is null on the last one."""

    decisions: list[Decision]
    cursor: str | None


class Layer(Struct, frozen=True, kw_only=True):
    """A layer's policy and what the caller's namespaces hold in it."""

    layer: str
    ttl_seconds: float | None
    max_bytes: int
    eviction_policy: str
    promotion_threshold: float | None
    next_layer: str | None
    kinds: list[str]
    memories: int
    bytes: int
    pinned: int
    oldest: Moment | None
    newest: Moment | None


class Layers(Struct, frozen=True, kw_only=True):
    """The three layers, from the shortest life to the longest."""

    layers: list[Layer]


class Pending(Struct, frozen=True, kw_only=True):
    """A memory that waits for its vector: the text to embed, and how often that was tried."""

    namespace: str
    id: UUID
    document: str
    attempts: int


class LifecycleRun(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One turn of the lifecycle. `dry_run`: only tell. `limit`: at most so many of each step."""

    dry_run: bool = False
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 1000


class LifecycleChange(Struct, frozen=True, kw_only=True):
    """What one step of the lifecycle did, or would do: a row of its SQL function."""

    step: str
    change: dict[str, Any]


class LifecycleAnswer(Struct, frozen=True, kw_only=True):
    """Every change of a turn, step by step."""

    dry_run: bool
    changes: list[LifecycleChange]


class ApiKey(Struct, frozen=True, kw_only=True):
    """Who calls: a key's name, the namespaces it is bound to ('*': all) and what it may do."""

    id: UUID
    name: str
    namespaces: list[str]
    scopes: list[str]
