"""What commands and maintenance call: the installation itself, across namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET
from psycopg import sql
from psycopg.types.json import Jsonb

from service.core.memory.calls import Calls
from service.core.model.operation import (
    Condition,
    CreatedKey,
    EmbeddingModel,
    IndexPlan,
    ListedKey,
    NamespaceCount,
    NewPartition,
    PolicyChange,
    RevokedKey,
)

if TYPE_CHECKING:
    from datetime import datetime


class Operator(Calls):
    """What changes the installation itself: as role `memory_owner`, on a connection of its own."""

    async def active_model(self) -> tuple[str, int] | None:
        """Name and dimension of the embedding model whose vectors are stored."""
        found = await self._call.first("_active_model", EmbeddingModel)
        return (found.name, found.dim) if found else None

    async def count_vectors(self) -> int:
        """How many live memories have a vector."""
        rows = await self._call.select(
            int,
            "select coalesce(sum(memories - without_embedding), 0)::bigint from memory.layers",
        )
        return rows[0]

    async def apply_policy(
        self, policy: dict[str, Any], *, dry_run: bool = False
    ) -> list[PolicyChange]:
        """Write a configuration into the policy rows; returns what changed."""
        return await self._call.rows(
            "apply_policy", PolicyChange, p_policy=Jsonb(policy), p_dry_run=dry_run
        )

    async def check_database(self) -> list[Condition]:
        """Conditions the database meets or not."""
        return await self._call.rows("check_database", Condition)

    async def code_digest(self) -> str | None:
        """The digest of the `sql/` folder this database was migrated with."""
        return await self._call.first("code_digest", str)

    async def namespaces(self) -> dict[str, int]:
        """Every namespace with its number of live memories, by name."""
        rows = await self._call.select(
            NamespaceCount,
            "select namespace, count(*) as memories from memory.records"
            " group by namespace order by namespace",
        )
        return {row.namespace: row.memories for row in rows}

    async def databases(self, prefix: str) -> list[str]:
        """The server's databases whose name begins with `prefix`."""
        return await self._call.select(
            str,
            "select datname from pg_database where starts_with(datname, %(prefix)s)",
            prefix=prefix,
        )

    async def create_database(self, name: str) -> None:
        """Make an empty database on this server."""
        statement = sql.SQL("create database {} template template0").format(sql.Identifier(name))
        await self._connection.execute(statement)

    async def drop_database(self, name: str) -> None:
        """Drop a database; `psycopg.errors.ObjectInUse` when somebody is connected to it."""
        await self._connection.execute(
            sql.SQL("drop database if exists {}").format(sql.Identifier(name))
        )

    async def make_partitions(self, now: datetime | None = None) -> list[NewPartition]:
        """Make the partitions that come after a moment, None is this one; returns those made."""
        return await self._call.rows("make_partitions", NewPartition, p_now=now or UNSET)

    async def vacuum(self, *tables: str) -> None:
        """Vacuum and analyse tables (`schema.table`), all three layers when none is named."""
        layers = ("memory_data.interact", "memory_data.insights", "memory_data.assets")
        for table in tables or layers:
            await self._connection.execute(
                sql.SQL("vacuum (analyze) {}").format(sql.Identifier(*table.split(".")))
            )

    async def build_indexes(self, now: datetime | None = None) -> list[str]:
        """Build the search indexes partitions have earned by now, without blocking writers."""
        built = []
        while plan := await self._call.first("plan_indexes", IndexPlan, p_now=now or UNSET):
            # The statement comes from the database's own catalogue, quoted there.
            await self._connection.execute(plan.statement.encode())
            built.append(plan.statement)
        return built

    async def create_key(
        self,
        name: str,
        prefix: str,
        digest: bytes,
        namespaces: list[str],
        scopes: list[str],
        expires_at: datetime | None,
    ) -> CreatedKey:
        """Register an API key by its SHA-256."""
        return await self._call.row(
            "create_key",
            CreatedKey,
            p_name=name,
            p_prefix=prefix,
            p_digest=digest,
            p_namespaces=namespaces,
            p_scopes=scopes,
            p_expires_at=expires_at,
        )

    async def list_keys(self) -> list[ListedKey]:
        """The API keys, newest first."""
        return await self._call.rows("list_keys", ListedKey)

    async def revoke_key(self, prefix: str, *, dry_run: bool) -> list[RevokedKey]:
        """Revoke keys by the prefix they are listed with."""
        return await self._call.rows("revoke_key", RevokedKey, p_prefix=prefix, p_dry_run=dry_run)
