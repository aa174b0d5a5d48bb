"""Who may log in over a network: as a superuser, on a connection of its own."""

from __future__ import annotations

from psycopg import sql

from service.memory.calls import Calls

# The service acts as the last two for requests and housekeeping, and reads its schema as the first.
_SERVICE_ROLES = ("memory_owner", "memory_app", "memory_operator")


class Logins(Calls):
    """Logins and their passwords. Only what SCRAM derives from a password leaves this process."""

    async def set_password(self, login: str, password: str) -> None:
        """Give a login a password."""
        verifier = self._connection.pgconn.encrypt_password(
            password.encode(), login.encode(), b"scram-sha-256"
        )
        await self._connection.execute(
            sql.SQL("alter role {} password {}").format(
                sql.Identifier(login), sql.Literal(verifier.decode())
            )
        )

    async def ensure_service(self, login: str, password: str) -> None:
        """Make the login of services, or bring it up to date: no superuser, owner of nothing."""
        found = await self._dicts("select from pg_roles where rolname = %s", (login,))
        name = sql.Identifier(login)
        if not found:
            await self._connection.execute(
                sql.SQL("create role {} login nosuperuser nocreatedb nocreaterole").format(name)
            )
        await self.set_password(login, password)
        roles = sql.SQL(", ").join(map(sql.Identifier, _SERVICE_ROLES))
        await self._connection.execute(sql.SQL("grant {} to {}").format(roles, name))
