"""Take the browser's files of others into service/third_party, from the npm registry.

`python tools/third_party.py htmx.org=2.0.11 swagger-ui-dist=5.35.0`: the versions named; without
arguments those of packages.json again. The archive has to have the digest the registry names, and
for a version that is here already the one of packages.json.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import tarfile
import urllib.request
from pathlib import Path

REGISTRY = "https://registry.npmjs.org"
TARGET = Path(__file__).parents[1] / "service" / "third_party"


def main(wanted: dict[str, str]) -> None:
    """Take each package of packages.json, in the version wanted or its own."""
    listing = TARGET / "packages.json"
    packages = json.loads(listing.read_text())
    if unknown := wanted.keys() - packages.keys():
        sys.exit(f"packages.json has no {', '.join(sorted(unknown))}")
    for name, package in packages.items():
        take(name, package, wanted.get(name, package["version"]))
    listing.write_text(json.dumps(packages, indent=2) + "\n")


def take(name: str, package: dict[str, str | dict[str, str]], version: str) -> None:
    """Write one package's files, and into `package` what they are."""
    about = json.loads(fetch(f"{REGISTRY}/{name}/{version}"))
    archive = fetch(about["dist"]["tarball"])
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    known = package["integrity"] if version == package["version"] else ""
    if integrity not in about["dist"]["integrity"].split() or known not in ("", integrity):
        sys.exit(f"{name} {version} does not have the digest it should")
    folder = TARGET / str(package["folder"])
    folder.mkdir(exist_ok=True)
    files = dict(package["files"])
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        for path in files:
            member = packed.extractfile(f"package/{path}")
            if member is None:
                sys.exit(f"{name} {version} has no {path}")
            content = member.read()
            (folder / Path(path).name).write_bytes(content)
            files[path] = hashlib.sha256(content).hexdigest()
    package.update(version=version, license=about["license"], integrity=integrity, files=files)


def fetch(url: str) -> bytes:
    """What the registry answers."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        return bytes(answer.read())


if __name__ == "__main__":
    main(dict(one.split("=", 1) for one in sys.argv[1:]))
