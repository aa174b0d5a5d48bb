"""Every command of docs/backup.md is run, in its order, on a database as a newcomer has it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from service.core.settings import BackupSettings
from tests.cli.program import Home
from tests.docs.pages import blocks
from tests.memory_disk import fast_place

PAGE = "docs/backup.md"
BIN = Path(sys.executable).parent
DATE = "2026-11-20T10:00:00Z"  # of the page's example


@pytest.mark.drill
@pytest.mark.timeout(1800)
def test_every_command_runs() -> None:
    """Beside a running service, as an operator has it."""
    folder = Path(tempfile.mkdtemp(prefix="magray-backup-", dir=fast_place()))
    folder.chmod(0o755)
    home = Home(
        folder, {"PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "80", "TMPDIR": str(folder)}
    )

    def shell(script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=home.environment,
            text=True,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, (script, done.stdout, done.stderr)
        return done.stdout

    service = home.serve()
    try:
        home.psql("select memory.remember('ann', 'I moved to Lisbon.')")
        printed = {}
        for script in blocks(PAGE, "sh"):
            if "--namespace ann" in script:  # what its section is about
                home.psql("select memory.forget('ann', array(select id from memory.records))")
            if DATE in script:
                mark = json.loads(shell("magray backup list --marks --json"))
                made = script.replace(DATE, mark["at"]).replace("restored", "as-it-was")
                printed[script] = shell(made)
            else:
                printed[script] = shell(script)
        for command, told in {
            "magray backup drill": "every table and b-tree is whole",
            "magray backup list --marks": "before-the-import",
            "--namespace ann": "brought back",
            "--into restored\nMAGRAY_DATA_DIR": "every checksum is right",
            "magray restore --promote": "released",
        }.items():
            texts = [text for script, text in printed.items() if command in script]
            assert texts
            for text in texts:
                assert told in text, (command, text)
    finally:
        service.stop()
        shutil.rmtree(folder)


def test_the_settings_are_settings() -> None:
    (text,) = blocks(PAGE, "toml")
    told = tomllib.loads(text)["backup"]
    defaults = BackupSettings()
    assert BackupSettings(**told).keep_fulls == defaults.keep_fulls
    for name in set(told) - {"cloud", "cold", "key_file"}:
        assert told[name] == getattr(defaults, name)
