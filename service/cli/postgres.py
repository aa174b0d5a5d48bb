"""`magray postgres`: the PostgreSQL of a data directory, for services on other machines."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
import structlog

from jobs.backup.archiving import set_up
from service.cli.told import until_told
from service.core.database import connect
from service.core.embedded import EmbeddedServer
from service.core.embedded.cluster import SUPERUSER
from service.core.embedded.network import open_to_network
from service.core.errors import ConfigError, PlatformError
from service.core.logs import configure_logs
from service.core.memory import Backups, Logins
from service.core.secret_files import SUPERUSER_PASSWORD, secret
from service.core.settings import load_settings

if TYPE_CHECKING:
    from service.core.settings import Settings

log = structlog.get_logger("magray.postgres")


@click.command()
@click.option("--listen", default="*", show_default=True, help="Addresses to listen on.")
@click.option("--port", default=5432, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--secrets",
    "secrets_dir",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of the superuser's password (postgres_password, made when missing).",
)
def postgres(listen: str, port: int, secrets_dir: Path) -> None:
    """Run the PostgreSQL of the data directory, reachable over the network, until told to stop."""
    settings = load_settings()
    configure_logs(settings)
    asyncio.run(_postgres(settings, listen, port, secrets_dir))


async def _postgres(settings: Settings, listen: str, port: int, secrets_dir: Path) -> None:
    if settings.database_url is not None:
        raise ConfigError("a database is configured already", hint="unset MAGRAY_DATABASE_URL")
    password = secret(secrets_dir, SUPERUSER_PASSWORD)
    bin_dir = settings.backup.bin_dir
    closed = EmbeddedServer(settings.data_dir, bin_dir=bin_dir)
    options = open_to_network(closed, listen, port)
    server = EmbeddedServer(
        settings.data_dir,
        bin_dir=bin_dir,
        options=options,
        on_progress=lambda line: log.info(line),
    )
    await asyncio.to_thread(server.start)
    try:
        if not server.started_here:
            raise PlatformError(
                "this PostgreSQL runs already, and not for the network",
                hint="stop the magray serve that uses this data directory",
            )
        async with connect(server.url()) as connection:
            await Logins(connection).set_password(SUPERUSER, password)
            facts = await Backups(connection).facts()
        if not server.is_held_back:
            set_up(server, str(facts.system), settings.backup.wal_directory)
        log.info("postgres is open to the network", listen=listen, port=port)
        if not await until_told(lambda: server.started_here):
            raise PlatformError("PostgreSQL has ended by itself", hint=f"less {server.log_file}")
    finally:
        await asyncio.to_thread(lambda: server.stop(force=True))
