"""The browser's files of others: what is said of them is true, and they are handed out by us."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec
import pytest

from service import third_party
from service.dashboard import routes
from service.web import openapi

PACKAGES = msgspec.json.decode((third_party.HERE / "packages.json").read_bytes())
SITE = Path(routes.__file__).parent


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_is_what_is_said_of_it(name: str) -> None:
    """No file more, none less, each with its digest, and the licence beside them."""
    package = PACKAGES[name]
    folder = third_party.HERE / package["folder"]
    said = {Path(path).name: digest for path, digest in package["files"].items()}
    assert said == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()
    }
    assert package["license"] in {"0BSD", "Apache-2.0"}
    assert {"0BSD": "Zero-Clause BSD", "Apache-2.0": "Apache License"}[package["license"]] in (
        folder / "LICENSE"
    ).read_text()
    assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package["integrity"])


def test_htmx_is_of_the_version_that_is_said() -> None:
    script = (third_party.HERE / "htmx" / "htmx.min.js").read_text()
    assert f'version:"{PACKAGES["htmx.org"]["version"]}"' in script


def test_each_folder_is_a_package() -> None:
    folders = {path.name for path in third_party.HERE.iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == {package["folder"] for package in PACKAGES.values()}


def test_what_the_pages_ask_for_is_there() -> None:
    """Every script, style sheet and picture of a page is one of ours or of a package here."""
    asked = set(
        re.findall(
            r'"(/assets/[^"]+)"',
            "".join(path.read_text() for path in (SITE / "templates").rglob("*.html")),
        )
    )
    assert "/assets/htmx/htmx.min.js" in asked
    for path in asked:
        name = path.removeprefix("/assets/")
        assert (third_party.HERE / name).exists() or (SITE / "static" / name).exists(), path
    (plugin,) = openapi.config().render_plugins
    for url in re.findall(r"/schema/assets/([\w.-]+)", " ".join(map(str, vars(plugin).values()))):
        assert (third_party.HERE / "swagger-ui" / url).exists(), url
    assert "/schema/assets/swagger-ui-bundle.js" in vars(plugin).values()
