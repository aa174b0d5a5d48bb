"""What commands and maintenance call: the installation itself, across namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.types.json import Jsonb

from service.memory.calls import Calls

if TYPE_CHECKING:
    from datetime import datetime


class Operator(Calls):
    """What changes the installation itself: as role `memory_owner`, on a connection of its own."""

    async def active_model(self) -> tuple[str, int] | None:
        """Name and dimension of the embedding model whose vectors are stored."""
        rows = await self._dicts("select name, dim from memory._active_model()")
        return (rows[0]["name"], rows[0]["dim"]) if rows else None

    async def count_vectors(self) -> int:
        """How many live memories have a vector."""
        rows = await self._dicts(
            "select coalesce(sum(memories - without_embedding), 0) as vectors from memory.layers"
        )
        return int(rows[0]["vectors"])

    async def apply_policy(
        self, policy: dict[str, Any], *, dry_run: bool = False
    ) -> list[dict[str, Any]]:
        """Write a configuration into the policy rows; returns item, was, becomes."""
        return await self._dicts(
            "select * from memory.apply_policy(%s, %s)", (Jsonb(policy), dry_run)
        )

    async def check_database(self) -> list[dict[str, Any]]:
        """Conditions the database meets or not: condition, ok, needed, detail, hint."""
        return await self._dicts("select * from memory.check_database()")

    async def code_digest(self) -> str | None:
        """The digest of the `sql/` folder this database was migrated with."""
        rows = await self._dicts("select memory.code_digest() as digest")
        digest: str | None = rows[0]["digest"]
        return digest

    async def namespaces(self) -> dict[str, int]:
        """Every namespace with its number of live memories, by name."""
        rows = await self._dicts(
            "select namespace, count(*) as memories from memory.records"
            " group by namespace order by namespace"
        )
        return {row["namespace"]: row["memories"] for row in rows}

    async def databases(self, prefix: str) -> list[str]:
        """The server's databases whose name begins with `prefix`."""
        rows = await self._dicts(
            "select datname from pg_database where starts_with(datname, %s)", (prefix,)
        )
        return [row["datname"] for row in rows]

    async def create_database(self, name: str) -> None:
        """Make an empty database on this server."""
        statement = sql.SQL("create database {} template template0").format(sql.Identifier(name))
        await self._connection.execute(statement)

    async def drop_database(self, name: str) -> None:
        """Drop a database; `psycopg.errors.ObjectInUse` when somebody is connected to it."""
        await self._connection.execute(
            sql.SQL("drop database if exists {}").format(sql.Identifier(name))
        )

    async def make_partitions(self, now: datetime | None = None) -> list[dict[str, Any]]:
        """Make the partitions that come after a moment, None is this one; returns those made."""
        return await self._dicts(
            "select * from memory.make_partitions(coalesce(%s::timestamptz, now()))", (now,)
        )

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
        while plan := await self._dicts(
            "select * from memory.plan_indexes(coalesce(%s::timestamptz, now())) limit 1", (now,)
        ):
            # The statement comes from the database's own catalogue, quoted there.
            await self._connection.execute(plan[0]["statement"].encode())
            built.append(plan[0]["statement"])
        return built

    async def create_key(
        self,
        name: str,
        prefix: str,
        digest: bytes,
        namespaces: list[str],
        scopes: list[str],
        expires_at: datetime | None,
    ) -> dict[str, Any]:
        """Register an API key by its SHA-256."""
        rows = await self._dicts(
            "select * from memory.create_key(%s, %s, %s, %s, %s, %s)",
            (name, prefix, digest, namespaces, scopes, expires_at),
        )
        return rows[0]

    async def list_keys(self) -> list[dict[str, Any]]:
        """The API keys, newest first."""
        return await self._dicts("select * from memory.list_keys()")

    async def revoke_key(self, prefix: str, *, dry_run: bool) -> list[dict[str, Any]]:
        """Revoke keys by the prefix they are listed with."""
        return await self._dicts("select * from memory.revoke_key(%s, %s)", (prefix, dry_run))
