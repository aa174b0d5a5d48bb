"""Secrets as files of a directory, made when they are missing: passwords, the first API key."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from service.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

# The superuser's, for who migrates and takes backups; the services' own; the first API key.
SUPERUSER_PASSWORD = "postgres_password"  # noqa: S105  a file's name
SERVICE_PASSWORD = "magray_password"  # noqa: S105  a file's name
FIRST_KEY = "key"
SERVICE_LOGIN = "magray"


def secret(directory: Path, name: str) -> str:
    """The secret in a file; made of 256 random bits, mode 0600, when there is none.

    Raises:
        ConfigError: it cannot be read or made, or is empty.
    """
    path = directory / name
    try:
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32))
        found = path.read_text().strip()
    except OSError as error:
        raise ConfigError(
            f"the secret {path} cannot be read or made",
            detail=str(error),
            hint=f"ls -ld {directory} {path}",
        ) from error
    if not found:
        raise ConfigError(f"the secret {path} is empty", hint=f"rm {path}")
    return found


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600, whatever was there."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text + "\n")
