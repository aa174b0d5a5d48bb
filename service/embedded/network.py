"""What lets other machines, or containers, reach the PostgreSQL of a data directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.embedded.files import replace_file

if TYPE_CHECKING:
    from service.embedded.server import EmbeddedServer

# The socket lies in a directory of mode 0700; everybody else brings a password.
_HBA = """\
# Written by magray postgres at every start.
local all         all trust
host  all         all all scram-sha-256
host  replication all all scram-sha-256
"""


def open_to_network(server: EmbeddedServer, listen: str, port: int) -> dict[str, str]:
    """Write who may come in; returns the settings to start with.

    Args:
        server: not started yet.
        listen: addresses as `listen_addresses` has them.
        port: of these; it is in the name of the socket, too.
    """
    path = server.home / "network_hba.conf"
    replace_file(path, _HBA, server.account)
    return {"listen_addresses": listen, "port": str(port), "hba_file": str(path)}
