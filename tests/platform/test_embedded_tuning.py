"""magray.conf follows the machine."""

from __future__ import annotations

import pytest

from service.core.embedded.tuning import GB, MB, Machine, memory_settings, this_machine


@pytest.mark.parametrize(
    ("memory", "buffers", "maintenance", "work"),
    [
        (64 * MB, "16MB", "16MB", "4MB"),
        (2 * GB, "512MB", "256MB", "8MB"),
        (8 * GB, "2048MB", "1024MB", "32MB"),
        (256 * GB, "4096MB", "2048MB", "64MB"),
    ],
)
def test_memory_is_shared_out_between_floors_and_caps(
    memory: int, buffers: str, maintenance: str, work: str
) -> None:
    settings = memory_settings(Machine(memory, cores=4))
    found = [settings[n] for n in ("shared_buffers", "maintenance_work_mem", "work_mem")]
    assert found == [buffers, maintenance, work]


@pytest.mark.parametrize(("room", "kind"), [(64 * MB, "sysv"), (8 * GB, "posix"), (None, "posix")])
def test_parallel_builds_do_not_break_on_a_small_dev_shm(room: int | None, kind: str) -> None:
    settings = memory_settings(Machine(8 * GB, 4, shared_memory=room))
    assert settings["dynamic_shared_memory_type"] == kind


@pytest.mark.parametrize("cores", [1, 2, 64])
def test_there_are_always_spare_worker_processes(cores: int) -> None:
    settings = memory_settings(Machine(8 * GB, cores))
    spare = int(settings["max_worker_processes"]) - int(settings["max_parallel_workers"])
    assert spare >= 4  # launcher, prewarmer and jobs


def test_the_measured_machine_is_plausible() -> None:
    measured = this_machine()
    assert measured.memory > 64 * MB
    assert measured.cores >= 1
    assert this_machine(memory=5 * MB).memory == 5 * MB
