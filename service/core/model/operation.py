"""Rows about the database itself: keys, logins, policy, partitions, pressure, jobs."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from uuid import UUID  # noqa: TC003 - msgspec reads the annotations

from msgspec import Struct


class EmbeddingModel(Struct, frozen=True, kw_only=True):
    """The embedding model whose vectors are stored, and how many numbers each has."""

    name: str
    dim: int


class PolicyChange(Struct, frozen=True, kw_only=True):
    """What a configuration changes: an item of the policy, as text."""

    item: str
    was: str | None
    becomes: str | None


class Condition(Struct, frozen=True, kw_only=True):
    """A condition the database meets or not; `needed`: nothing works without."""

    condition: str
    ok: bool
    needed: bool
    detail: str
    hint: str


class NewPartition(Struct, frozen=True, kw_only=True):
    """A partition that was made, and the range of time it holds."""

    partition_name: str
    from_value: datetime | None
    to_value: datetime | None


class IndexPlan(Struct, frozen=True, kw_only=True):
    """The statement that builds an index a partition has earned."""

    statement: str


class CreatedKey(Struct, frozen=True, kw_only=True):
    """An API key that was registered."""

    id: UUID
    name: str
    prefix: str
    namespaces: list[str]
    scopes: list[str]
    expires_at: datetime | None


class ListedKey(Struct, frozen=True, kw_only=True):
    """An API key as it is listed: never the key itself."""

    name: str
    prefix: str
    namespaces: list[str]
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class RevokedKey(Struct, frozen=True, kw_only=True):
    """An API key that was revoked."""

    id: UUID
    name: str
    prefix: str


class LayerPressure(Struct, frozen=True, kw_only=True):
    """What a layer takes on disk and of its budget, in bytes; `level`: how close to it.

    `method`: how free space was told, exactly or by a sample of `scanned` partitions.
    """

    layer: str
    heap_bytes: int
    index_bytes: int
    toast_bytes: int
    disk_bytes: int
    live_bytes: int
    empty_bytes: int
    free_bytes: int
    reusable_bytes: int
    stranded_bytes: int
    fragmentation_percent: float
    method: str
    partitions: int
    scanned: int
    max_bytes: int
    borrowed_bytes: int
    budget_bytes: int
    usage_percent: float
    level: str
    since: datetime | None


class Compression(Struct, frozen=True, kw_only=True):
    """A partition that is being compressed or given its indexes back; sizes in bytes."""

    layer: str
    partition_name: str
    state: str
    rows: int
    bytes_before: int | None
    bytes_after: int | None


class DueJob(Struct, frozen=True, kw_only=True):
    """A job the service is to run now; `neglected`: it is pg_cron's, which did not."""

    name: str
    kind: str
    command: str
    next_due: datetime | None
    neglected: bool


class JobRun(Struct, frozen=True, kw_only=True):
    """How a run of an SQL job ended; `sqlstate` null: well."""

    run: int
    rows: int | None
    sqlstate: str | None
    error: str | None


class Runner(Struct, frozen=True, kw_only=True):
    """Who runs the jobs now: pg_cron, service or nobody."""

    runner: str
    why: str


class CronChange(Struct, frozen=True, kw_only=True):
    """What was changed of pg_cron's jobs."""

    job: str
    action: str
    cron: str | None


class ScheduledTraining(Struct, frozen=True, kw_only=True):
    """A job of training or scoring as it is scheduled now."""

    name: str
    cron: str
    command: str
    enabled: bool


class NamespaceCount(Struct, frozen=True, kw_only=True):
    """A namespace with its number of live memories."""

    namespace: str
    memories: int


class Login(Struct, frozen=True, kw_only=True):
    """A login, the role it acts as and the sessions it has."""

    login: str
    role: str
    sessions: int
