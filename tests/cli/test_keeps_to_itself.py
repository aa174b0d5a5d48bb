"""Nothing is sent to anybody and nothing written anywhere that nobody asked for.

Everything runs in processes of its own, with an empty home that is watched. Where the tests may
make a network namespace (as root), there is no network in it: what a library tries natively shows
in the counters of the kernel. What Python tries shows in an audit hook everywhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ALONE = ("unshare", "--net", "--mount")

# Imported by every Python of the watched place, whoever starts it.
WATCH = """
import os, sys
_home, _log = os.environ["HOME"], os.environ["KEEPING_LOG"]
def _tell(what):
    with_fd = os.open(_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(with_fd, (what + "\\n").encode())
    os.close(with_fd)
def _watch(event, args):
    if event == "socket.connect":
        address = args[1]
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            _tell(f"connect {address}")
    elif event == "socket.getaddrinfo" and args[0] not in (None, "127.0.0.1", "::1", "localhost"):
        _tell(f"resolve {args[0]}")
    elif event == "open" and isinstance(args[0], str) and args[2] & (os.O_WRONLY | os.O_RDWR):
        if os.path.abspath(args[0]).startswith(_home + os.sep):
            _tell(f"write {args[0]}")
sys.addaudithook(_watch)
"""

# $1: the program. Loopback is up, no name server answers, there is no way out. Then the counters.
INSIDE = """
ip link set lo up && mount --bind /dev/null /etc/resolv.conf
"$@"; code=$?
grep -E '^(Ip|Udp):' /proc/net/snmp >"$KEEPING_COUNTS"
exit $code
"""


@dataclass(frozen=True)
class Place:
    """Where a watched program runs."""

    folder: Path

    def run(self, *arguments: str, **more: str) -> str:
        """What it prints; it must end well."""
        home, work = self.folder / "home", self.folder / "work"
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            **{
                f"XDG_{name}_HOME": str(home / name.lower())
                for name in ("CACHE", "CONFIG", "DATA", "STATE")
            },
            "XDG_RUNTIME_DIR": str(home / "run"),
            "TMPDIR": str(self.folder / "tmp"),
            "PYTHONPATH": f"{self.folder / 'watch'}:{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
            "KEEPING_LOG": str(self.folder / "log"),
            "KEEPING_COUNTS": str(self.folder / "counts"),
            **more,
        }
        command = [sys.executable, *arguments]
        if may_be_alone():
            command = [*ALONE, "bash", "-c", INSIDE, "inside", *command]
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def told(self) -> list[str]:
        """What Python did and should not have."""
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    def left_at_home(self) -> list[str]:
        """Files and folders in the home that was empty."""
        home = self.folder / "home"
        return sorted(str(path.relative_to(home)) for path in home.rglob("*"))

    def tried(self) -> dict[str, int]:
        """Packets no way led out for, and those to a name server that is not there."""
        if not may_be_alone():
            return {"Ip OutNoRoutes": 0, "Udp NoPorts": 0}
        names: dict[str, list[str]] = {}
        found = {}
        for line in (self.folder / "counts").read_text().splitlines():
            protocol, *fields = line.replace(":", "").split()
            for name, number in zip(names.setdefault(protocol, fields), fields, strict=True):
                if number != name:
                    found[f"{protocol} {name}"] = int(number)
        return {name: found[name] for name in ("Ip OutNoRoutes", "Udp NoPorts")}

    def check(self) -> None:
        """Nothing was written, asked or sent."""
        assert self.left_at_home() == []
        assert self.told() == []
        assert self.tried() == {"Ip OutNoRoutes": 0, "Udp NoPorts": 0}


def may_be_alone() -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def place() -> Iterator[Place]:
    """Where the embedded server's user can go, unlike pytest's own folders."""
    folder = Path(tempfile.mkdtemp(prefix="magray-test-keeping-"))
    for name in ("", "home", "work", "tmp", "watch"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name).chmod(0o777 if name == "tmp" else 0o755)
    (folder / "watch" / "sitecustomize.py").write_text(WATCH)
    yield Place(folder)
    shutil.rmtree(folder)


def test_the_watch_sees_what_it_looks_for(place: Place) -> None:
    place.run(
        "-c",
        """if True:
        import os, socket
        open(os.path.expanduser("~/left"), "w").close()
        for port in (53, 443):
            try:
                socket.create_connection(("192.0.2.1", port), 1)
            except OSError:
                pass
        try:
            socket.getaddrinfo("example.invalid", 443)
        except OSError:
            pass
        """,
    )
    assert place.left_at_home() == ["left"]
    assert any(line.startswith("write ") for line in place.told())
    assert {"connect ('192.0.2.1', 53)", "resolve example.invalid"} <= set(place.told())
    if may_be_alone():
        assert all(place.tried().values()), place.tried()


@pytest.mark.parametrize("first", ["", "import onnxruntime; "])
def test_the_library_keeps_to_itself(place: Place, first: str) -> None:
    place.run(
        "-c",
        f"{first}import service\n"
        "from service.core.embedding.minilm import load_minilm\n"
        "import time; model = load_minilm(); model.embed_query('hello'); time.sleep(0.5)",
    )
    if first:  # what its import alone leaves is not ours; that nothing is sent is
        assert place.tried()["Ip OutNoRoutes"] == 0
    else:
        place.check()


def test_what_the_user_sets_himself_is_obeyed(place: Place) -> None:
    said = place.run(
        "-c",
        "import service, os; print(os.environ['ORT_DISABLE_TELEMETRY'])",
        ORT_DISABLE_TELEMETRY="0",
    )
    assert said == "0\n"


def test_the_programs_keep_to_themselves(place: Place) -> None:
    place.run(str(Path(__file__).with_name("keeping.py")))
    place.check()
    work = {path.name for path in (place.folder / "work").iterdir()}
    assert work == {".magray", "one.jsonl", "serve.log"}
    assert [path.name for path in (place.folder / "tmp").iterdir()] == []
