"""Make a virtual environment with pip, on Debians too whose python3 comes without ensurepip.

`python3 tools/make_venv.py DIR` uses the standard library's venv; where ensurepip is missing
(package python3-venv not installed) it takes pip's wheel from PyPI, checks its sha256 against the
index and lets it install itself.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import venv
from pathlib import Path

INDEX = "https://pypi.org/simple/pip/"
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
WHEEL = re.compile(r"pip-[0-9.]+-py3-none-any\.whl")


def main(target: Path) -> None:
    """Make the environment at `target`."""
    if sys.version_info < (3, 11):  # noqa: UP036 - runs on whatever python3 is
        sys.exit(f"MAGRAY needs Python 3.11 or newer, this is {sys.version.split()[0]}")
    if importlib.util.find_spec("ensurepip") is not None:
        venv.create(target, with_pip=True)
        return
    venv.create(target, with_pip=False)
    with tempfile.TemporaryDirectory() as folder:
        wheel = fetch_pip(Path(folder))
        python = target / "bin" / "python"
        subprocess.run([python, f"{wheel}/pip", "install", "--quiet", wheel], check=True)


def fetch_pip(folder: Path) -> Path:
    """The newest pip wheel in `folder`, verified."""
    asked = urllib.request.Request(INDEX, headers={"Accept": SIMPLE_JSON})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        files = json.load(answer)["files"]
    # oldest first; a name with letters in its version is a pre-release
    file = [file for file in files if WHEEL.fullmatch(file["filename"])][-1]
    with urllib.request.urlopen(urllib.parse.urljoin(INDEX, file["url"]), timeout=60) as answer:
        content = answer.read()
    if hashlib.sha256(content).hexdigest() != file["hashes"]["sha256"]:
        sys.exit("the pip wheel from PyPI does not have the sha256 the index names")
    path = folder / file["filename"]
    path.write_bytes(content)
    return path


if __name__ == "__main__":
    main(Path(sys.argv[1]))
