"""Runs PostgreSQL's own client programs, as the server's user or as the caller."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from service.core.embedded.cluster import clean_environment
from service.core.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from service.core.embedded.account import Account


def run_client(
    path: Path,
    args: Sequence[str],
    address: Mapping[str, str],
    account: Account | None,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end.

    Args:
        path: of the program.
        args: its arguments.
        address: the server it connects to by default, as libpq's variables.
        account: the user it runs as; None: this process's, with a person's terminal, editor and
            language.
        options: of subprocess.run: input, timeout, capture_output.

    Raises:
        PlatformError: there is no such program.
    """
    if not path.is_file():
        raise PlatformError(f"There is no program {path.name}.", hint=f"ls {path.parent}")
    inherited = os.environ if account is None else clean_environment()
    return subprocess.run(
        [str(path), *args],
        text=True,
        check=False,
        env={**inherited, **address},
        cwd=None if account is None or account.is_caller else "/",
        **({} if account is None else account.process_options),
        **options,
    )
