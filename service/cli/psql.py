"""`magray psql`: psql on the database the service uses.

Where that is stands in a service file of this run, below everything psql is told on its command
line: `-U julia`, `-d other` or a database's name mean what they mean to psql.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import rich_click as click
from psycopg.conninfo import conninfo_to_dict

from service.core.backend import open_database
from service.core.errors import PlatformError
from service.core.logs import configure_logs
from service.core.settings import Settings, load_settings

_SERVICE = "magray"


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the service's database; arguments go to psql (-Atc "select …", -U julia)."""
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    sys.exit(asyncio.run(_psql(settings, arguments)))


async def _psql(settings: Settings, arguments: tuple[str, ...]) -> int:
    async with open_database(settings, makes=False) as database:
        program = str(database.bin_dir / "psql") if database.bin_dir else shutil.which("psql")
        if program is None:
            raise PlatformError("psql is not installed", hint="apt-get install postgresql-client")
        # Ctrl-C is psql's while it runs. A handler and not SIG_IGN, which psql would inherit.
        signal.signal(signal.SIGINT, lambda *_: None)
        with tempfile.TemporaryDirectory(prefix="magray-psql-") as folder:
            environment = {**os.environ, **where_to(database.url, Path(folder))}
            return await asyncio.to_thread(
                lambda: (
                    subprocess.run([program, *arguments], check=False, env=environment).returncode
                )
            )


def where_to(url: str, folder: Path) -> dict[str, str]:
    """Variables by which libpq goes where a URL leads, unless it is told otherwise.

    Args:
        url: libpq's, or a connection string.
        folder: a private one; the files lie there.
    """
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    password = parts.pop("password", None)
    lines = [f"[{_SERVICE}]", *(f"{name}={value}" for name, value in parts.items())]
    service = folder / "service"
    service.write_text("\n".join(lines) + "\n")
    variables = {"PGSERVICEFILE": str(service), "PGSERVICE": _SERVICE}
    if password is not None:
        # for these hosts and this user only: another login brings its own
        hosts = (parts.get("host") or parts.get("hostaddr") or "localhost").split(",")
        user = parts.get("user")
        passwords = folder / "passwords"
        passwords.touch(mode=0o600)
        passwords.write_text(
            "".join(
                f"{_escaped(host)}:*:*:{_escaped(user) if user else '*'}:{_escaped(password)}\n"
                for host in hosts
            )
        )
        variables["PGPASSFILE"] = str(passwords)
    return variables


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")
