"""The server's configuration, computed from the machine: the text of magray.conf."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from service.core.embedded.site import DATABASE, PORT

if TYPE_CHECKING:
    from service.core.embedded.binaries import Binaries
    from service.core.embedded.site import Site

MB = 1024 * 1024
GB = 1024 * MB
_CGROUP = Path("/sys/fs/cgroup")
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  where POSIX shared memory lives on Linux

Sections = dict[str, dict[str, str]]  # comment → settings

_PLANNER: Sections = {
    "Planner: data on solid state disks or in memory, short queries.": {
        "random_page_cost": "1.1",
        "jit": "off",
    },
    "One lock for each partition and each of its indexes; the default of 64 is too few.": {
        "max_locks_per_transaction": "256"
    },
}
_VACUUM: Sections = {
    (
        "Vacuum soon after inserts: index-only scans need all-visible pages, and the newest\n"
        "# partition only grows."
    ): {
        "autovacuum_naptime": "15s",
        "autovacuum_vacuum_insert_threshold": "500",
        "autovacuum_vacuum_insert_scale_factor": "0.02",
        "autovacuum_vacuum_scale_factor": "0.05",
        "autovacuum_analyze_scale_factor": "0.02",
        "autovacuum_vacuum_cost_limit": "1000",
    },
}


@dataclass(frozen=True)
class Machine:
    """What the server may plan with.

    Attributes:
        memory: bytes.
        cores: logical processors.
        shared_memory: bytes of room for POSIX shared memory; None where there is no such limit.
    """

    memory: int
    cores: int
    shared_memory: int | None = None


def this_machine(memory: int | None = None) -> Machine:
    """Measure this machine.

    Args:
        memory: bytes to plan with instead of the measured ones; tests pass a small number.
    """
    limits = [psutil.virtual_memory().total, *_cgroup_limits()]
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    room = shutil.disk_usage(_SHARED_MEMORY).total if _SHARED_MEMORY.is_dir() else None
    return Machine(memory or min(limits), cores, room)


def _cgroup_limits() -> list[int]:
    """Memory limits of the control groups (versions 1 and 2) this process is in, in bytes."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:  # not Linux
        return []
    limits: list[int] = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            top, name = _CGROUP, "memory.max"
        elif "memory" in controllers.split(","):
            top, name = _CGROUP / "memory", "memory.limit_in_bytes"
        else:
            continue
        folder = top / group.strip("/")
        for level in (folder, *folder.parents):
            try:
                text = (level / name).read_text().strip()
            except OSError:
                continue
            if text.isdigit():
                limits.append(int(text))
    return limits


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))


def _megabytes(value: int) -> str:
    return f"{value // MB}MB"


def memory_settings(machine: Machine) -> dict[str, str]:
    """Settings that follow from memory, shared memory and cores.

    The machine is shared with the service and its model, so the sums stay below the usual
    advice for a dedicated one: 25 % shared_buffers as in the PostgreSQL manual (19.4), at most
    4 GB; effective_cache_size 60 %.

    maintenance_work_mem holds the graph of an HNSW build, about 1.2 kB for a 384-d halfvec: with
    2 GB, 1.7 million rows. A build that does not fit is five times slower (DESIGN.md). Parallel
    builds put it into dynamic shared memory; where ``/dev/shm`` is too small for that (64 MB is
    the default of Docker) System V memory, which has no such mount, is used instead.
    """
    maintenance = _clamp(machine.memory // 8, 16 * MB, 2 * GB)
    room = machine.shared_memory
    tight = room is not None and room < maintenance + 64 * MB
    workers = _clamp(machine.cores, 2, 8)
    return {
        "shared_buffers": _megabytes(_clamp(machine.memory // 4, 16 * MB, 4 * GB)),
        "effective_cache_size": _megabytes(max(machine.memory * 6 // 10, 32 * MB)),
        "work_mem": _megabytes(_clamp(machine.memory // 256, 4 * MB, 64 * MB)),
        "maintenance_work_mem": _megabytes(maintenance),
        "autovacuum_work_mem": _megabytes(_clamp(maintenance // 4, 16 * MB, 256 * MB)),
        "dynamic_shared_memory_type": "sysv" if tight else "posix",
        "max_worker_processes": str(workers + 8),
        "max_parallel_workers": str(workers),
        "max_parallel_maintenance_workers": str(_clamp(machine.cores // 2, 1, 4)),
        "max_parallel_workers_per_gather": str(_clamp(machine.cores // 2, 0, 2)),
    }


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def conf_text(site: Site, binaries: Binaries, machine: Machine, *, durable: bool) -> str:
    """Return the text of magray.conf.

    Args:
        site: gives the paths and the name.
        binaries: decides which compression and modules exist.
        machine: memory and cores to plan with.
        durable: False only in tests that may lose data in a power cut.
    """
    sections = {
        "Written by magray at every start. Put your own settings into user.conf beside it.": {
            "cluster_name": site.name
        },
        **_access(site),
        "Memory and cores.": memory_settings(machine),
        **_PLANNER,
        **_write_ahead_log(binaries, durable=durable),
        **_archiving(site),
        **_VACUUM,
        "Hot blocks come back into memory after a restart; pg_cron runs the jobs.": (
            _modules(binaries)
        ),
        **_logging(site),
    }
    blocks = []
    for comment, settings in sections.items():
        if not settings:
            continue
        lines = [f"{name} = {_quoted(value)}" for name, value in settings.items()]
        blocks.append("\n".join([f"# {comment}", *lines]))
    return "\n\n".join(blocks) + "\n"


def _access(site: Site) -> Sections:
    return {
        "Reached only by the Unix socket, in a directory of mode 0700.": {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(site.run_dir),
            "unix_socket_permissions": "0700",
        }
    }


def _write_ahead_log(binaries: Binaries, *, durable: bool) -> Sections:
    switch = "on" if durable else "off"
    return {
        "Nothing acknowledged is lost in a power cut (off only in tests).": {
            "fsync": switch,
            "full_page_writes": switch,
            "synchronous_commit": "on",
        },
        "Write-ahead log: few checkpoints, and ready for full and incremental backups.": {
            "wal_level": "replica",
            "summarize_wal": "on",
            "max_wal_size": "4GB",
            # a receiver that went away keeps no more than this back
            "max_slot_wal_keep_size": "4GB",
            "checkpoint_timeout": "10min",
            "checkpoint_completion_target": "0.9",
            "wal_compression": _wal_compression(binaries),
        },
    }


def _archiving(site: Site) -> Sections:
    if site.archive_command is None:
        return {
            (
                "Archiving is switched on, because that needs a restart, but NOTHING IS KEPT\n"
                "# until the first backup. No command at all would keep it until the disk is full."
            ): {
                "archive_mode": "on",
                "archive_command": "exit 0 # no backup was taken yet: this WAL is not kept",
            },
        }
    return {
        "Archiving, set up by the first backup. A segment lasts a minute at most.": {
            "archive_mode": "on",
            "archive_command": site.archive_command,
            "archive_timeout": "60s",
            "wal_summary_keep_time": "20d",
        },
    }


def _logging(site: Site) -> Sections:
    return {
        "Log: one file for each day of the week, without the values of parameters.": {
            "logging_collector": "on",
            "log_directory": str(site.log_dir),
            "log_filename": "postgres-%a.log",
            "log_file_mode": "0600",
            "log_rotation_age": "1d",
            "log_rotation_size": "0",
            "log_truncate_on_rotation": "on",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            "log_timezone": "UTC",
            "log_min_duration_statement": "-1",
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
        },
        "Time and measuring.": {"timezone": "UTC", "track_io_timing": "on"},
    }


def _wal_compression(binaries: Binaries) -> str:
    """Return zstd or lz4 if compiled in, else off.

    pglz, which every build has, saved 0 to 8 % of the WAL of HNSW builds and inserts (384-d
    halfvec) for 10 to 30 % more time: vectors hardly compress.
    """
    options = binaries.build_options
    for method in ("zstd", "lz4"):
        if f"--with-{method}" in options:
            return method
    return "off"


def _modules(binaries: Binaries) -> dict[str, str]:
    """What is loaded at the start, if it is installed: the packaged PostgreSQL lacks pg_cron."""
    known = {
        "pg_prewarm": {"pg_prewarm.autoprewarm": "on"},
        "pg_cron": {
            "cron.database_name": DATABASE,
            "cron.use_background_workers": "on",
            # of max_worker_processes, which parallel queries and builds need as well
            "cron.max_running_jobs": "5",
        },
    }
    there = [name for name in known if binaries.has_library(name)]
    if not there:
        return {}
    settings = {"shared_preload_libraries": ",".join(there)}
    for name in there:
        settings |= known[name]
    return settings
