"""Where tests put clusters: a file system in memory, where the machine has one with room."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOM = 4 << 30  # bytes


def fast_place() -> Path | None:
    """A file system in memory, where the machine has one with room."""
    shm = Path("/dev/shm")
    if shm.is_dir() and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > ROOM:
        return shm
    return None
