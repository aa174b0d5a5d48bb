"""Run by test_keeps_to_itself.py in a process without a network: the program as a person uses it.

Prints what a person would see; everything it runs inherits the watch of `sitecustomize`.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

MAGRAY = str(Path(sys.executable).with_name("magray"))
BEGAN = time.monotonic()
LINE = '{"namespace": "ann", "content": "I moved to Lisbon in May.", "kind": "pattern"}\n'


def magray(*arguments: str, may_fail: bool = False) -> None:
    done = subprocess.run([MAGRAY, *arguments], capture_output=True, text=True, check=False)
    print(
        f"{time.monotonic() - BEGAN:.1f} s",
        *arguments[:2],
        done.returncode,
        done.stdout[-2000:],
        done.stderr[-2000:],
        flush=True,
    )
    if done.returncode and not may_fail:
        sys.exit(1)


def ask(base: str, path: str, body: object) -> None:
    key = Path(".magray/key").read_text().strip()
    request = urllib.request.Request(  # noqa: S310
        base + path,
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
        print(path, answer.status, answer.read()[:300], flush=True)


def served() -> tuple[subprocess.Popen[bytes], str]:
    log = Path("serve.log")
    with log.open("w") as file:
        process = subprocess.Popen([MAGRAY, "serve"], stdout=file, stderr=file)
    for _ in range(1200):
        if found := re.search(r"serves on (http://\S+),", log.read_text()):
            return process, found[1]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(log.read_text())


def everything_imported() -> None:
    """What a module does by being imported, those of benchmarks and rare commands included."""
    for package in ("service", "jobs"):
        for module in pkgutil.walk_packages([package], f"{package}."):
            importlib.import_module(module.name)


def main() -> None:
    os.environ["MAGRAY_PORT"] = "0"
    Path("one.jsonl").write_text(LINE)
    process, base = served()
    memory = {"namespace": "ann", "content": "Deploys are on Tuesdays."}
    ask(base, "/v1/memories", {"memories": [memory], "wait": True})
    ask(base, "/v1/search", {"namespace": "ann", "query": "When do we deploy?", "explain": True})
    magray("check")
    magray("psql", "-Atc", "select count(*) from memory.records")
    magray("import", "one.jsonl")
    magray("train", "--dry-run", may_fail=True)  # there is too little to learn from
    everything_imported()
    process.send_signal(signal.SIGINT)
    sys.exit(process.wait(120))


if __name__ == "__main__":
    main()
