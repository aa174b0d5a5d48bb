"""Values of settings that have a form: a database's URL, an address, a path.

A wrong one is refused when it is read, in a sentence that says what it must be. What may hold a
password is never repeated in that sentence.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, SecretStr

_FORM = "postgresql://user:password@host:5432/database"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def _database_url(url: SecretStr) -> SecretStr:
    text = url.get_secret_value().strip()
    scheme = _SCHEME.match(text)
    if scheme and scheme[1] not in ("postgresql", "postgres"):
        kind, _, driver = scheme[1].partition("+")
        if kind in ("postgresql", "postgres"):
            raise ValueError(f"write it as {_FORM}, without +{driver}")
        raise ValueError(f"{scheme[1]}:// names no PostgreSQL; it is written {_FORM}")
    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        # libpq's own words repeat pieces of it, of its password too
        raise ValueError(
            f"it is no URL of a PostgreSQL; it is written {_FORM}, and blanks and characters such"
            " as @ : / ? # % in the user or the password as %20, %40, %3A …"
        ) from None
    return SecretStr(text)


def _host(host: str) -> str:
    plain = host.strip()
    if plain.startswith("[") and plain.endswith("]"):
        plain = plain[1:-1]
    if plain.count(":") == 1:
        raise ValueError("a host without its port, which is MAGRAY_PORT or --port")
    if not plain or re.search(r"[\s/@]", plain):
        raise ValueError("a host is an address or a name, such as 127.0.0.1, ::1 or 0.0.0.0 (all)")
    return plain


def _user_path(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:  # ~somebody who is nobody
        raise ValueError(f"{path} begins with the home of nobody here") from error


DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
"""libpq's URL of a database, or its `host=… dbname=…`; never shown."""
Host = Annotated[str, AfterValidator(_host)]
"""An address or name to listen on; brackets around an IPv6 address are taken off."""
UserPath = Annotated[Path, AfterValidator(_user_path)]
"""A path; `~` and `~user` are the homes the shell means by them."""
