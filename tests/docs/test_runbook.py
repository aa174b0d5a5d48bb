"""Every command of the runbook is run, in its order, on a database as a newcomer has it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from service.settings import BackupSettings

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", RUNBOOK, re.DOTALL | re.MULTILINE)


@pytest.mark.drill
@pytest.mark.timeout(1800)
def test_every_command_runs() -> None:
    folder = Path(tempfile.mkdtemp(prefix="magray-runbook-"))
    folder.chmod(0o755)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("MAGRAY_")},
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "MAGRAY_EMBEDDING__PROVIDER": "none",
        "MAGRAY_EMBEDDING__DIM": "8",
    }

    def shell(script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder, env=environment, text=True, capture_output=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, (script, done.stdout, done.stderr)
        return done.stdout

    try:
        shell("magray migrate")
        shell('magray psql -c "select memory.make_partitions()"')
        shell("magray psql -c \"select memory.remember('ann', 'I moved to Lisbon.')\"")
        printed = [shell(script) for script in blocks("sh")]
        assert any("before-the-import" in text for text in printed)
        assert any("every table and b-tree is whole" in text for text in printed)
        assert any("released" in text for text in printed)
    finally:
        shutil.rmtree(folder)


def test_the_settings_are_settings() -> None:
    (text,) = blocks("toml")
    told = tomllib.loads(text)["backup"]
    defaults = BackupSettings()
    assert BackupSettings(**told).keep_fulls == defaults.keep_fulls
    for name in set(told) - {"cloud", "cold", "key_file"}:
        assert told[name] == getattr(defaults, name)
