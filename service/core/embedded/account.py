"""The operating system's user that the server runs as: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.core.errors import PlatformError

if TYPE_CHECKING:
    from pathlib import Path

SERVICE_USER = "embedded_postgres"


@dataclass(frozen=True)
class Account:
    """A user of the operating system.

    Attributes:
        uid: its number.
        gid: the number of its first group.
        name: its name, or its number as text when it has none.
    """

    uid: int
    gid: int
    name: str

    @property
    def is_caller(self) -> bool:
        """Whether this process runs as this user already."""
        return self.uid == os.geteuid()

    @property
    def process_options(self) -> dict[str, Any]:
        """Keyword arguments of ``subprocess`` that run a program as this user."""
        if self.is_caller:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can(self, flag: str, path: Path) -> bool:
        """Ask the kernel, as this user, whether ``test <flag> <path>`` holds (ACLs included)."""
        command = [shutil.which("test") or "/usr/bin/test", flag, str(path)]
        return subprocess.run(command, cwd="/", check=False, **self.process_options).returncode == 0

    def blocked_at(self, path: Path) -> Path | None:
        """Return the topmost directory on the way to ``path`` this user cannot enter, if any."""
        if self.can("-x", path):
            return None
        way = [*reversed(path.parents), path]
        return next((folder for folder in way if not self.can("-x", folder)), path)

    def owns(self, folder: Path) -> None:
        """Make ``folder`` if need be, private (0700) and owned by this user.

        Raises:
            PlatformError: it belongs to somebody else and cannot be handed over.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_uid != self.uid:
                self._take(folder)
            folder.chmod(0o700)
        except OSError as error:
            raise PlatformError(
                f"The directory {folder} cannot be made ready for the user {self.name}.",
                detail=str(error),
                hint=f"chown -R {self.name} {folder}, or set MAGRAY_DATA_DIR to another directory",
            ) from error

    def _take(self, folder: Path) -> None:
        """Change the owner of a tree, and of nothing a link in it points to."""
        os.chown(folder, self.uid, self.gid, follow_symlinks=False)
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(os.path.join(parent, name), self.uid, self.gid, follow_symlinks=False)  # noqa: PTH118


def account_for(pgdata: Path) -> Account:
    """Return the user to run the cluster at ``pgdata``.

    A normal user runs it as itself. Root runs it as the owner of an existing cluster, so a glance
    with sudo changes no ownership, else as the dedicated user, which is made when missing.

    Raises:
        PlatformError: the cluster belongs to another user, or the user cannot be made.
    """
    caller = os.geteuid()
    owner = pgdata.stat().st_uid if pgdata.exists() else None
    if caller != 0:
        if owner not in (None, caller):
            raise PlatformError(
                f"The database at {pgdata} belongs to another user.",
                detail=f"It is owned by uid {owner}, this process runs as uid {caller}.",
                hint="run magray as that user or with sudo, or set MAGRAY_DATA_DIR",
            )
        return _by_number(caller, os.getegid())
    if owner:
        return _by_number(owner, pgdata.stat().st_gid)
    return _dedicated()


def _by_number(uid: int, gid: int) -> Account:
    try:
        return Account(uid, gid, pwd.getpwuid(uid).pw_name)
    except KeyError:  # containers often run under a number without a name
        return Account(uid, gid, str(uid))


def _dedicated() -> Account:
    entry = _look_up()
    if entry is None:
        problem = _make_user()
        entry = _look_up()  # also when useradd failed: another process may have been first
        if entry is None:
            raise PlatformError(
                f"PostgreSQL does not run as root, and its user {SERVICE_USER} cannot be made.",
                detail=problem,
                hint=f"useradd --system --no-create-home {SERVICE_USER}, or run as a normal user",
            )
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def _look_up() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return None


def _make_user() -> str:
    options = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    try:
        done = subprocess.run(
            ["useradd", *options, SERVICE_USER], check=False, capture_output=True, text=True
        )
    except OSError as error:
        return str(error)
    return done.stderr.strip()
