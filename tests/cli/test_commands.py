"""Every command of `magray` but those of other files, on a running service or a bare database."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from service.cli.psql import where_to
from tests.cli.program import PROGRAM, Home
from tests.conftest import database_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.program import Service


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def empty_url(server_url: str) -> Iterator[str]:
    """A database nobody ever migrated."""
    name = f"magray_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield database_url(server_url, name)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_the_printed_curl_lines_work(service: Service) -> None:
    write, search = service.curls()
    stored = subprocess.run(["bash", "-c", write], capture_output=True, text=True, check=True)
    assert json.loads(stored.stdout)["memories"][0]["created"] is True
    found = subprocess.run(["bash", "-c", search], capture_output=True, text=True, check=True)
    assert "Lisbon" in json.loads(found.stdout)["results"][0]["content"]


def test_the_first_key_lies_in_a_private_file(service: Service, home: Home) -> None:
    path = home.path / "data" / "key"
    assert path.read_text().strip() in service.greeting
    assert f"is shown this once and lies in {path}" in service.greeting
    assert path.stat().st_mode & 0o777 == 0o600


def test_psql_opens_the_database_of_the_service(service: Service, home: Home) -> None:
    assert home.psql("select 1 + 1") == "2"
    assert (
        home.psql("select layer from memory.layers order by layer") == "assets\ninsights\ninteract"
    )
    failed = home.run("psql", "-Atc", "select nonsense", code=1)
    assert "nonsense" in failed.stderr


def test_psql_obeys_its_own_arguments(service: Service, home: Home) -> None:
    """Another database or login than the service's is what was asked for, or an error."""
    home.psql("create role julia login in role memory_analyst")
    who = ("-Atc", "select current_user || ' ' || current_database()")
    for arguments, told in (
        ((), "postgres magray"),
        (("postgres",), "postgres postgres"),
        (("-d", "postgres"), "postgres postgres"),
        (("-U", "julia"), "julia magray"),
        (("postgres", "julia"), "julia postgres"),
        (("--username=julia", "--dbname=postgres"), "julia postgres"),
    ):
        assert home.run("psql", *arguments, *who).stdout.strip() == told
    refused = home.run("psql", "-U", "nobody-here", *who, code=2)
    assert "nobody-here" in refused.stderr
    home.psql("drop role julia")


def test_a_password_is_offered_to_its_own_host_and_user_only(tmp_path: Path) -> None:
    variables = where_to(r"postgresql://ann:a:b\c@one,two:5433/memory?connect_timeout=3", tmp_path)
    assert Path(variables["PGPASSFILE"]).read_text().splitlines() == [
        r"one:*:*:ann:a\:b\\c",
        r"two:*:*:ann:a\:b\\c",
    ]
    assert "a:b" not in Path(variables["PGSERVICEFILE"]).read_text()
    assert "connect_timeout=3" in Path(variables["PGSERVICEFILE"]).read_text()
    assert "PGPASSFILE" not in where_to("postgresql://ann@one/memory", tmp_path)


def test_an_analyst_gets_in_over_loopback_with_a_password(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = Home(home.path / "loopback", {"MAGRAY_DATA_DIR": "data"})
    place.path.mkdir()
    place.more["MAGRAY_POSTGRES_PORT"] = str(port)
    served = place.serve()
    (made,) = rows(place.run("logins", "create", "julia", "--json").stdout)
    assert str(port) in made["connect"]
    url = f"postgresql://julia@127.0.0.1:{port}/magray"
    with psycopg.connect(url, password=made["password"]) as db:
        assert db.execute("select count(*) from memory.layers").fetchone() == (3,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("select * from memory_data.interact")
    for login, password in (("julia", "wrong"), ("postgres", made["password"])):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url, user=login, password=password)
    assert "julia" in place.run("logins", "list").stdout
    place.run("logins", "create", "julia", code=78)
    place.run("logins", "revoke", "postgres", code=78)
    place.run("logins", "revoke", "julia", "--dry-run")
    assert "julia" in place.run("logins", "list").stdout
    place.run("logins", "revoke", "julia")
    assert "no login yet" in place.run("logins", "list").stdout
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, password=made["password"])
    assert served.stop() == 0


def test_check_goes_on_past_a_tier_that_cannot_be_opened(service: Service, home: Home) -> None:
    """A table, and a line of it says what is away; whoever lists backups sees the others."""
    place = Home(home.path, {"MAGRAY_BACKUP__CLOUD": "nowhere://bucket"})
    told = {row["condition"]: row for row in rows(place.run("check", "--json").stdout)}
    assert "nowhere://bucket" in told["tier cloud"]["detail"]
    assert not told["tier cloud"]["ok"]
    assert {"schema", "partitions ahead", "backups"} <= set(told)
    listed = place.run("backup", "list", code=74)
    assert "There is no backup yet" in listed.stdout
    assert "nowhere://bucket" in listed.stderr


def test_check_names_settings_that_cannot_work(service: Service, home: Home) -> None:
    for url in ("s3://", "~/arch", "file:///dev/null/really"):
        more = {"MAGRAY_BACKUP__KEY_FILE": "/no/key", "MAGRAY_ARCHIVE__URL": url}
        place = Home(home.path, more)
        told = {row["condition"]: row for row in rows(place.run("check", "--json").stdout)}
        assert "/no/key" in told["backup key"]["detail"]
        assert told["backup key"]["hint"].startswith("head -c 32 /dev/urandom")
        assert url in told["archive store"]["detail"]


def test_ctrl_c_is_for_psql_and_not_for_the_database(service: Service, home: Home) -> None:
    process = subprocess.Popen(
        [PROGRAM, "psql", "-c", "select 'asleep', pg_sleep(300)"],
        cwd=home.path,
        env=home.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # its own terminal, as it were: Ctrl-C reaches all of it
    )
    asleep = "select count(*) from pg_stat_activity where query ~ '^select .asleep'"
    while home.psql(asleep) == "0":
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "canceling statement due to user request" in told
    assert "Traceback" not in told
    with service.client() as client:
        assert client.get("/health/ready").status_code == 200


def test_keys_are_made_listed_used_and_revoked(service: Service, home: Home) -> None:
    (made,) = rows(
        home.run(
            "keys",
            "create",
            "--name",
            "app [red]",
            "--namespace",
            "mine",
            "--scope",
            "read",
            "--json",
        ).stdout
    )
    assert made["namespaces"] == ["mine"]
    assert made["scopes"] == ["read"]
    with service.client(made["key"]) as client:
        assert client.get("/v1/layers").status_code == 200
        assert client.post("/v1/memories", json={"memories": []}).status_code == 403
    prefix = made["key"][:14]
    listed = {row["prefix"]: row for row in rows(home.run("keys", "list", "--json").stdout)}
    assert listed[prefix]["name"] == "app [red]"
    assert listed[prefix]["revoked_at"] is None
    assert made["key"] not in json.dumps(listed)
    assert prefix in home.run("keys", "list").stdout
    home.run("keys", "revoke", prefix, "--dry-run")
    unrevoked = "select prefix from memory.list_keys() where revoked_at is null"
    assert prefix in home.psql(unrevoked)
    (revoked,) = rows(home.run("keys", "revoke", prefix, "--json").stdout)
    assert revoked["prefix"] == prefix
    assert prefix not in home.psql(unrevoked)
    again = home.run("keys", "revoke", prefix, code=69)
    assert "magray keys list" in again.stderr


def test_a_served_database_is_found_right(service: Service, home: Home) -> None:
    table = home.run("check").stdout
    assert "WRONG" not in table
    found = {row["condition"]: row for row in rows(home.run("check", "--json").stdout)}
    for condition in ("schema", "policy", "partitions ahead", "row level security"):
        assert found[condition]["ok"] is True
    assert all(row["ok"] or not row["needed"] for row in found.values())
    home.run("check", "--fix")


def test_check_shows_where_settings_and_database_differ(service: Service, home: Home) -> None:
    settings = home.path / "magray.toml"
    settings.write_text(
        "[memory.layers.interact]\nttl_hours = 48\n[memory.performance]\nhnsw_m = 24\n"
    )
    try:
        drift = {row["condition"]: row for row in rows(home.run("check", "--json").stdout)}
    finally:
        settings.unlink()
    assert "policy" not in drift
    assert "172800" in drift["layer interact ttl"]["detail"]
    assert drift["setting hnsw_m"]["detail"] == "the database has 16, the settings 24"
    assert drift["setting hnsw_m"]["hint"] == "magray migrate"


@pytest.mark.parametrize("threshold", ["0", "1", "0.5", "1.0"])
def test_a_migration_leaves_no_drift(home: Home, clone_url: str, threshold: str) -> None:
    place = home.on(clone_url)
    place.more["MAGRAY_MEMORY__LAYERS__INTERACT__PROMOTION_THRESHOLD"] = threshold
    place.more["MAGRAY_MEMORY__PERFORMANCE__QUERY_CACHE_TTL_MINUTES"] = "7"
    place.more["MAGRAY_EMBEDDING__MODEL"] = "test-model"
    place.run("migrate")
    found = {row["condition"]: row["ok"] for row in rows(place.run("check", "--json").stdout)}
    assert found.get("policy") is True, found


def test_a_bare_database_is_named_and_migrated(home: Home, empty_url: str) -> None:
    place = home.on(empty_url)
    checked = place.run("check", "--json", code=1)
    assert any(row["hint"] == "magray migrate" for row in rows(checked.stdout))
    refused = place.run("serve", code=65)
    assert "magray migrate" in refused.stderr
    place.run("keys", "list", code=69)
    place.run("migrate", "--replace-model", "--dry-run")
    (migrated,) = rows(place.run("migrate", "--json").stdout)
    assert re.fullmatch("[0-9a-f]{12}", migrated["digest"])
    assert rows(place.run("migrate", "--json").stdout) == [migrated]
    place.run("check")
    assert "no key yet" in place.run("keys", "list").stdout


def test_a_database_of_another_version_is_refused(home: Home, clone_url: str) -> None:
    with psycopg.connect(clone_url) as connection:
        connection.execute("select memory.store_code_digest(repeat('0', 64))")
    refused = home.on(clone_url).run("serve", code=65)
    assert "another version" in refused.stderr
    assert "magray migrate" in refused.stderr


def test_a_model_is_replaced_only_when_asked(home: Home, clone_url: str) -> None:
    with psycopg.connect(clone_url) as connection:
        connection.execute("select memory.remember('n', 'x', array_fill(1, array[8])::halfvec)")
    place = home.on(clone_url)
    place.more["MAGRAY_EMBEDDING__MODEL"] = "other"
    assert "--replace-model" in place.run("migrate", code=69).stderr
    assert "another embedding model" in place.run("serve", code=65).stderr
    (would,) = rows(place.run("migrate", "--replace-model", "--dry-run", "--json").stdout)
    (done,) = rows(place.run("migrate", "--replace-model", "--json").stdout)
    assert would["vectors_dropped"] == done["vectors_dropped"] == 1
    (again,) = rows(place.run("migrate", "--replace-model", "--json").stdout)
    assert again["vectors_dropped"] == 0


def test_sql_prints_what_a_migration_runs(home: Home) -> None:
    printed = home.run("sql").stdout
    for text in (
        "create or replace function memory.search(",
        "create role",
        "grant usage on schema memory",
    ):
        assert text in printed


def test_a_taken_port_is_told_at_once(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = home.run("serve", "--port", str(port), code=78)
    assert f"cannot listen on 127.0.0.1:{port}" in refused.stderr
    assert "MAGRAY_PORT" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command"),
        (["serve", "--port", "many"], "many"),
        (["serve", "--prot", "1"], "--prot"),
        (["keys"], "create"),
        (["keys", "create"], "--name"),
        (["keys", "create", "--name", "x", "--scope", "root"], "root"),
        (["keys", "revoke"], "PREFIX"),
        (["check", "extra"], "extra"),
        (["archive"], "restore"),
        (["archive", "restore"], "--namespace"),
        (["archive", "restore", "--namespace", "n", "--id", "x"], "UUID"),
        (["forget"], "--namespace"),
        (["archive", "clean", "--copies-after-days", "-1"], "-1"),
    ],
)
def test_wrong_usage_is_a_sentence(home: Home, arguments: list[str], said: str) -> None:
    told = home.run(*arguments, code=2)
    assert said in told.stderr + told.stdout


@pytest.mark.parametrize(
    ("toml", "environment", "said"),
    [
        ("[memory.layers.attic]\n", {}, "memory.layers.attic: unknown key; known here: assets"),
        ("colour = 1\n", {}, "colour: unknown key"),
        ("prot = 1\n", {}, "prot: unknown key; did you mean port?"),
        ("[alerts]\nchanels = []\n", {}, "did you mean channels?"),
        ("", {"MAGRAY_PROT": "1"}, "the variable MAGRAY_PROT is not known"),
        ("", {"magray_embeding__dim": "1"}, "did you mean MAGRAY_EMBEDDING__DIM?"),
        ("[memory.performance]\nhnsw_m = 1\n", {}, "memory.performance.hnsw_m"),
        ("[memory", {}, "not valid TOML"),
        ("", {"MAGRAY_PORT": "99999"}, "port"),
        ("", {"MAGRAY_EMBEDDING__PROVIDER": "[/]"}, "'minilm'"),
        ("", {"MAGRAY_CONFIG": "[/none].toml"}, "[/none].toml"),
    ],
)
def test_wrong_settings_are_named(
    home: Home, toml: str, environment: dict[str, str], said: str
) -> None:
    settings = home.path / "magray.toml"
    settings.write_text(toml)
    home.more.update(environment)
    try:
        assert said in home.run("check", code=78).stderr
    finally:
        settings.unlink()
        home.more.clear()


@pytest.mark.parametrize("command", [["check"], ["serve"], ["migrate"], ["keys", "list"]])
def test_a_database_that_cannot_be_reached_is_told(home: Home, command: list[str]) -> None:
    place = home.on("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    told = place.run(*command, code=1 if command == ["check"] else 69)
    assert "127.0.0.1" in told.stdout + told.stderr


def test_a_url_that_is_none_is_told(home: Home) -> None:
    place = home.on("host=/nowhere dbname=[/x]")
    for command in (["serve"], ["migrate"], ["keys", "list"]):
        assert place.run(*command, code=69).stderr


def test_a_place_where_nothing_can_be_stored_is_told(home: Home) -> None:
    place = home.path / "file"
    place.write_text("no directory")
    told = home.run("serve", "--data-dir", str(place), code=69)
    assert str(place) in told.stderr


@pytest.mark.parametrize("module", ["service.core.errors", "rich_click", "service.cli.check"])
def test_ctrl_c_while_the_program_is_imported_ends_it_quietly(module: str) -> None:
    program = f"""
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
from service.cli.entry import run
sys.meta_path.insert(0, Finder())
sys.argv = ["magray", "check", "--help"]
run()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize(
    "command",
    [
        ["check"],
        ["keys", "list"],
        ["logins", "list"],
        ["psql", "-c", "select 1"],
        ["export", "--output", "new.jsonl"],
        ["archive", "list"],
        ["forget", "--namespace", "ann", "--yes"],
    ],
    ids=lambda command: command[0],
)
def test_where_there_is_no_database_none_is_made(command: list[str], tmp_path: Path) -> None:
    """A mistyped directory is named, and stays as it is."""
    place = Home(tmp_path, {"MAGRAY_DATA_DIR": str(tmp_path / "mistyped")})
    before = set(tmp_path.iterdir())
    told = place.run(*command, code=1 if command == ["check"] else 69)
    said = " ".join((told.stdout + told.stderr).split())
    assert "there is no database in" in said
    assert "magray serve" in said
    assert set(tmp_path.iterdir()) == before


def test_help_names_every_command(home: Home) -> None:
    text = home.run("--help").stdout
    for command in (
        "serve",
        "demo",
        "migrate",
        "check",
        "psql",
        "import",
        "export",
        "archive",
        "forget",
        "keys",
        "sql",
    ):
        assert command in text
    assert re.search(r"\d+\.\d+", home.run("--version").stdout)
