"""`magray psql`: psql on the database the service uses."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys

import rich_click as click

from service.backend import open_database
from service.database import without_password
from service.errors import PlatformError
from service.logs import configure_logs
from service.settings import Settings, load_settings


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the service's database; arguments go to psql (-Atc "select …")."""
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    sys.exit(asyncio.run(_psql(settings, arguments)))


async def _psql(settings: Settings, arguments: tuple[str, ...]) -> int:
    async with open_database(settings) as database:
        program = str(database.bin_dir / "psql") if database.bin_dir else shutil.which("psql")
        if program is None:
            raise PlatformError("psql is not installed", hint="apt-get install postgresql-client")
        target, password = without_password(database.url)
        # Ctrl-C is psql's while it runs. A handler and not SIG_IGN, which psql would inherit.
        signal.signal(signal.SIGINT, lambda *_: None)
        return await asyncio.to_thread(
            lambda: (
                subprocess.run(
                    [program, *arguments, target], check=False, env={**os.environ, **password}
                ).returncode
            )
        )
