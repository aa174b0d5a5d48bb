"""Who may log in over a network: as a superuser, on a connection of its own."""

from __future__ import annotations

from psycopg import sql

from service.core.errors import ConfigError
from service.core.memory.calls import Calls
from service.core.model.operation import Login

# The service acts as the last two for requests and housekeeping, and reads its schema as the first.
_SERVICE_ROLES = ("memory_owner", "memory_app", "memory_operator")
# What a person's login may act as.
LOGIN_ROLES = {"analyst": "memory_analyst", "operator": "memory_operator"}


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

    async def create(self, login: str, role: str, password: str) -> None:
        """Make a login that may do what a role may, and nothing else.

        Raises:
            ConfigError: there is one of that name.
        """
        if await self._is_there(login):
            raise ConfigError(
                f"there is a login or role {login} already", hint="magray logins list"
            )
        async with self._connection.transaction():
            await self._connection.execute(
                sql.SQL(
                    "create role {} login nosuperuser nocreatedb nocreaterole in role {}"
                ).format(sql.Identifier(login), sql.Identifier(role))
            )
            await self.set_password(login, password)

    async def list_logins(self) -> list[Login]:
        """Logins that act as one of `LOGIN_ROLES`, and the sessions they have."""
        return await self._call.select(
            Login,
            "select l.rolname as login, r.rolname as role,"
            " (select count(*) from pg_stat_activity as a where a.usesysid = l.oid) as sessions"
            " from pg_roles as l join pg_auth_members as m on m.member = l.oid"
            " join pg_roles as r on r.oid = m.roleid"
            " where l.rolcanlogin and not l.rolsuper and r.rolname = any (%(roles)s)"
            # the service's own is a member of owner and app too
            " and not exists (select from pg_auth_members as o where o.member = l.oid"
            " and o.roleid not in (select oid from pg_roles where rolname = any (%(roles)s)))"
            " order by login",
            roles=list(LOGIN_ROLES.values()),
        )

    async def revoke(self, login: str, *, dry_run: bool) -> list[Login]:
        """Drop a login of `list_logins` and end its sessions; returns what it was.

        Raises:
            ConfigError: it is none of these.
        """
        found = [row for row in await self.list_logins() if row.login == login]
        if not found:
            raise ConfigError(
                f"{login} is no login of an analyst or operator", hint="magray logins list"
            )
        if not dry_run:
            name = sql.Identifier(login)
            await self._connection.execute(sql.SQL("alter role {} nologin").format(name))
            await self._call.select(
                bool,
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = %(login)s",
                login=login,
            )
            await self._connection.execute(sql.SQL("drop role {}").format(name))
        return found

    async def ensure_service(self, login: str, password: str) -> None:
        """Make the login of services, or bring it up to date: no superuser, owner of nothing."""
        name = sql.Identifier(login)
        if not await self._is_there(login):
            await self._connection.execute(
                sql.SQL("create role {} login nosuperuser nocreatedb nocreaterole").format(name)
            )
        await self.set_password(login, password)
        roles = sql.SQL(", ").join(map(sql.Identifier, _SERVICE_ROLES))
        await self._connection.execute(sql.SQL("grant {} to {}").format(roles, name))

    async def _is_there(self, role: str) -> bool:
        rows = await self._call.select(
            bool,
            "select exists (select from pg_roles where rolname = %(role)s)",
            role=role,
        )
        return rows[0]
