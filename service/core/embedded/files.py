"""Writing files into directories that belong to the server's user."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from service.core.embedded.account import Account


def create_file(path: Path, account: Account) -> int:
    """Remove ``path`` and make it anew for ``account``, mode 0600; return the open descriptor.

    Root writes here into a directory of another user: an existing name, which may be a link to
    anything, is never opened.
    """
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    if not account.is_caller:
        os.fchown(handle, account.uid, account.gid)
    return handle


def replace_file(path: Path, text: str, account: Account) -> None:
    """Replace ``path`` by a file with ``text``, all or nothing, owned by ``account``."""
    draft = path.with_name(f"{path.name}.new")
    with os.fdopen(create_file(draft, account), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
