"""Launches a postmaster: the command line of a start stands above every configuration file."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from service.embedded.cluster import clean_environment
from service.embedded.files import create_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from service.embedded.site import Site

# A restored cluster must not write into the archive it came from, nor delete or promote anything,
# whatever its configuration files say: they may come from anywhere.
HELD_BACK_OPTIONS = {"archive_mode": "off", "cron.launch_active_jobs": "off"}


def spawn(
    site: Site, bin_dir: Path, *, durable: bool, options: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a postmaster in a session of its own; it logs to the file of the start.

    Args:
        site: where the cluster lies.
        bin_dir: where the program lies.
        durable: whether what it acknowledges has to be on the disk.
        options: settings for this start only.
    """
    handle = create_file(site.start_log, site.account)
    command = [str(bin_dir / "postgres"), "-D", str(site.pgdata)]
    if durable:
        command += ["-c", "fsync=on", "-c", "full_page_writes=on"]
    held_back = HELD_BACK_OPTIONS if site.is_held_back else {}
    for name, value in {**options, **held_back}.items():
        command += ["-c", f"{name}={value}"]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=clean_environment(),
            umask=0o077,
            start_new_session=True,  # Ctrl-C in a terminal is for the service alone
            **site.account.process_options,
        )
    finally:
        os.close(handle)
