"""What lets other machines, or containers, reach the PostgreSQL of a data directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.core.embedded.cluster import SUPERUSER
from service.core.embedded.files import replace_file

if TYPE_CHECKING:
    from service.core.embedded.server import EmbeddedServer

# The socket lies in a directory of mode 0700; everybody else brings a password.
_NETWORK = """\
# Written by magray postgres at every start.
local all         all trust
host  all         all all scram-sha-256
host  replication all all scram-sha-256
"""
# For psql, DBeaver, Grafana on this machine; who owns everything comes by the socket only.
_LOOPBACK = f"""\
# Written at every start with MAGRAY_POSTGRES_PORT.
local all         all         trust
host  all         {SUPERUSER} all reject
host  all         all         samehost scram-sha-256
"""


def open_to_network(server: EmbeddedServer, listen: str, port: int) -> dict[str, str]:
    """Write who may come in from other machines; returns the settings to start with.

    Args:
        server: not started yet.
        listen: addresses as `listen_addresses` has them.
        port: of these; it is in the name of the socket, too.
    """
    return _opened(server, "network_hba.conf", _NETWORK, listen, port)


def open_to_loopback(server: EmbeddedServer, port: int) -> dict[str, str]:
    """Let logins with a password in from this machine; returns the settings to start with.

    Args:
        server: not started yet.
        port: on the loopback addresses; it is in the name of the socket, too.
    """
    return _opened(server, "loopback_hba.conf", _LOOPBACK, "localhost", port)


def _opened(
    server: EmbeddedServer, name: str, rules: str, listen: str, port: int
) -> dict[str, str]:
    path = server.home / name
    replace_file(path, rules, server.account)
    return {"listen_addresses": listen, "port": str(port), "hba_file": str(path)}
