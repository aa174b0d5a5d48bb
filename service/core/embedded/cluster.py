"""Makes a cluster (initdb) and writes its configuration files."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from service.core.embedded.files import replace_file
from service.core.embedded.postmaster import hint_for
from service.core.embedded.tuning import conf_text
from service.core.errors import PlatformError

if TYPE_CHECKING:
    from service.core.embedded.binaries import Binaries
    from service.core.embedded.site import Site
    from service.core.embedded.tuning import Machine

SUPERUSER = "postgres"
# The operating system's LC_CTYPE must know UTF-8: with "C" the text search parser takes every
# non-ASCII character for a letter, and «мир» is not found by мир. Which name a system has differs.
_LC_CTYPES = ("C.UTF-8", "C.utf8", "en_US.UTF-8", "UTF-8")

_INCLUDES = """
# MAGRAY: computed settings, then your own.
include = 'magray.conf'
include_if_exists = 'user.conf'
"""


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what libpq or a locale would read from it."""
    unwanted = ("PG", "LC_", "LANG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {**kept, "LC_ALL": "C"}


def ensure_cluster(site: Site, binaries: Binaries, *, durable: bool) -> bool:
    """Make the cluster if there is none. True if it was made.

    It is made under another name and renamed, so an interrupted initdb leaves no half cluster.

    Raises:
        PlatformError: initdb failed, or PGDATA holds something this PostgreSQL cannot open.
    """
    version_file = site.pgdata / "PG_VERSION"
    if version_file.exists():
        _check_version(version_file.read_text().strip(), site, binaries)
        return False
    if site.pgdata.exists() and any(site.pgdata.iterdir()):
        raise PlatformError(
            f"The directory {site.pgdata} is not empty, but it is no PostgreSQL cluster either.",
            detail="The file PG_VERSION is missing.",
            hint=f"mv {site.pgdata} {site.pgdata}.old, or magray restore",
        )
    draft = site.pgdata.with_name("pg.new")
    _initdb(draft, site, binaries, durable=durable)
    if site.pgdata.exists():
        site.pgdata.rmdir()
    draft.rename(site.pgdata)
    return True


def configure(site: Site, binaries: Binaries, machine: Machine, *, durable: bool) -> None:
    """Write magray.conf, and include it and user.conf from postgresql.conf."""
    text = conf_text(site, binaries, machine, durable=durable)
    replace_file(site.pgdata / "magray.conf", text, site.account)
    main = site.pgdata / "postgresql.conf"
    present = main.read_text() if main.exists() else ""
    if _INCLUDES not in present:
        replace_file(main, present + _INCLUDES, site.account)


def _check_version(found: str, site: Site, binaries: Binaries) -> None:
    if found == binaries.major:
        return
    raise PlatformError(
        f"The database was made by PostgreSQL {found}, this is PostgreSQL {binaries.version}.",
        detail=f"{site.pgdata}/PG_VERSION says {found}.",
        hint=f"magray export with the earlier version, then import; or mv {site.pgdata} away",
    )


def _initdb(draft: os.PathLike[str], site: Site, binaries: Binaries, *, durable: bool) -> None:
    printed = ""
    for lc_ctype in _LC_CTYPES:
        shutil.rmtree(draft, ignore_errors=True)
        site.account.owns(site.pgdata.with_name("pg.new"))
        command = [
            str(binaries.bin_dir / "initdb"),
            f"--pgdata={os.fspath(draft)}",
            f"--username={SUPERUSER}",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            f"--lc-ctype={lc_ctype}",
            "--data-checksums",
            "--auth-local=trust",
            "--auth-host=reject",
            *([] if durable else ["--no-sync"]),
        ]
        done = subprocess.run(
            command,
            cwd="/",
            env=clean_environment(),
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C in a terminal is for the service alone
            **site.account.process_options,
        )
        if done.returncode == 0:
            return
        printed = (done.stderr or done.stdout).strip()
        if "invalid locale" not in printed:
            break
    shutil.rmtree(draft, ignore_errors=True)
    raise PlatformError(
        f"The database could not be made in {site.pgdata}.",
        detail="\n".join(printed.splitlines()[-12:]),
        hint=hint_for(printed, site),
    )


def ensure_database(url: str, name: str) -> None:
    """Make the database ``name`` if there is none, connecting by ``url``.

    Raises:
        PlatformError: the server refuses the connection or the database.
    """
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            query = "select 1 from pg_database where datname = %s"
            if connection.execute(query, [name]).fetchone() is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    except psycopg.errors.DiskFull as error:
        raise PlatformError(
            "There is no space for the database.",
            detail=str(error).strip(),
            hint="df -h; a new database takes about 100 MB",
        ) from error
    except psycopg.Error as error:
        raise PlatformError(
            "The embedded PostgreSQL runs, but does not let magray in.",
            detail=str(error).strip(),
            hint="look into pg_hba.conf and user.conf, which are yours, and the log beside them",
        ) from error
