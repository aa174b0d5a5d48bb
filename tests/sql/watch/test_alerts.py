"""memory.check_alerts: opened after their time, kept by hysteresis, ended, told in order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, carry_out, one, refused, rows, session
from tests.sql.filling import budget, fill, settle
from tests.watch.forced import report

if TYPE_CHECKING:
    from psycopg import Connection

    from tests.sql.calls import Row

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RULE = "low recall"  # below 0.95, ends at 0.97, lasts 10 minutes


def sample(db: Connection[Any], found: int, at: datetime) -> None:
    """Make recall found / 100 from now on."""
    db.execute("delete from memory_data.recall_sample")
    db.execute(
        "insert into memory_data.recall_sample (at, found, wanted) values (%s, %s, 100)",
        (at, found),
    )


def checked(db: Connection[Any], minutes: float, **arguments: Any) -> list[Row]:
    """Changes of the rule under test after so many minutes."""
    now = NOW + timedelta(minutes=minutes)
    return [row for row in call(db, "check_alerts", now=now, **arguments) if row["rule"] == RULE]


def lasted(db: Connection[Any]) -> list[Row]:
    """Changes of the rule under test after it was looked at for its ten minutes."""
    for minutes in (0, 4, 8):
        checked(db, minutes)
    return checked(db, 10)


def states(db: Connection[Any]) -> list[str]:
    return [
        row["state"]
        for row in rows(db, "select state from memory.alerts where rule = %s order by id", RULE)
    ]


def told(db: Connection[Any]) -> list[tuple[str, str]]:
    query = (
        "select channel, event from memory_data.notification as n"
        " join memory_data.alert as a on a.id = n.alert where a.rule = %s order by n.id"
    )
    return [(row["channel"], row["event"]) for row in rows(db, query, RULE)]


def test_it_opens_when_it_lasts_and_ends_behind_the_margin(db: Connection[Any]) -> None:
    sample(db, 90, NOW)
    (pending,) = checked(db, 0)
    assert (pending["was"], pending["state"], pending["value"]) == (None, "pending", 0.9)
    assert checked(db, 4) == checked(db, 9) == []
    assert told(db) == []
    (opened,) = checked(db, 10)
    assert (opened["was"], opened["state"]) == ("pending", "open")
    assert told(db) == [("log", "opened")]
    sample(db, 96, NOW)  # above the threshold, not above `clear`
    assert checked(db, 11) == []
    assert states(db) == ["open"]
    sample(db, 97, NOW)
    (ended,) = checked(db, 12)
    assert (ended["was"], ended["state"], ended["alert"]) == ("open", "resolved", opened["alert"])
    assert told(db) == [("log", "opened"), ("log", "resolved")]
    (row,) = rows(db, "select * from memory.alerts where rule = %s", RULE)
    assert (row["worst"], row["value"]) == (0.9, 0.97)
    assert row["resolved_at"] == NOW + timedelta(minutes=12)


def test_what_does_not_last_is_no_alert(db: Connection[Any]) -> None:
    sample(db, 90, NOW)
    checked(db, 0)
    sample(db, 99, NOW)
    (gone,) = checked(db, 5)
    assert gone["state"] == "gone"
    assert states(db) == []
    sample(db, 90, NOW)
    checked(db, 6)
    assert checked(db, 10) == checked(db, 14) == []  # counted anew
    assert checked(db, 16)[0]["state"] == "open"


@pytest.mark.parametrize(("found", "alarms"), [(94, True), (95, False), (96, False)])
def test_the_threshold_itself_is_no_alarm(db: Connection[Any], found: int, alarms: bool) -> None:
    sample(db, found, NOW)
    assert bool(checked(db, 0)) == alarms


def test_what_nobody_looked_at_did_not_last(db: Connection[Any]) -> None:
    sample(db, 50, NOW)
    checked(db, 0)
    assert checked(db, 600) == []
    row = "select state, since, opened_at from memory.alerts where rule = %s"
    assert rows(db, row, RULE) == [
        {"state": "pending", "since": NOW + timedelta(minutes=600), "opened_at": None}
    ]
    for minutes in (604, 608):
        assert checked(db, minutes) == []
    assert checked(db, 610)[0]["state"] == "open"


@pytest.mark.parametrize(("errors", "state"), [(1, None), (4, None), (5, "open")])
def test_a_few_errors_of_few_requests_are_no_alarm(
    db: Connection[Any], errors: int, state: str | None
) -> None:
    report(db, NOW, requests=60, errors=errors)
    for minutes in (0, 2):
        call(db, "check_alerts", now=NOW + timedelta(minutes=minutes))
    found = rows(db, "select state from memory.alerts where rule = 'error rate'")
    assert [row["state"] for row in found] == ([state] if state else [])


def test_a_provider_that_fails_for_minutes_is_an_alert_until_it_answers(
    db: Connection[Any],
) -> None:
    def after(minutes: float, error: str | None) -> list[str]:
        at = NOW + timedelta(minutes=minutes)
        call(db, "note_provider", model="test-model", error=error, now=at)
        call(db, "check_alerts", now=at)
        found = rows(db, "select state from memory.alerts where rule = 'embedding provider away'")
        return [row["state"] for row in found]

    assert after(0, None) == after(1, "HTTP 402") == after(2, "HTTP 402") == []
    assert after(4, "HTTP 402") == ["pending"]
    assert after(5, "HTTP 402") == after(6, "HTTP 402") == ["open"]
    assert after(7, None) == ["resolved"]


def test_without_a_value_it_ends(db: Connection[Any]) -> None:
    sample(db, 50, NOW)
    lasted(db)
    db.execute("delete from memory_data.recall_sample")
    assert checked(db, 11)[0]["state"] == "resolved"


def test_a_dry_run_changes_nothing(db: Connection[Any]) -> None:
    sample(db, 50, NOW)
    assert checked(db, 0, dry_run=True)[0]["state"] == "pending"
    assert states(db) == []


def test_a_rule_switched_off_ends_its_alert(db: Connection[Any]) -> None:
    sample(db, 50, NOW)
    lasted(db)
    db.execute("update memory_data.alert_rule set enabled = false where name = %s", (RULE,))
    assert checked(db, 11)[0]["state"] == "resolved"
    assert checked(db, 30) == []


def test_a_silenced_rule_is_told_when_the_silence_ends(db: Connection[Any]) -> None:
    call(db, "silence_alert", rule=RULE, until=NOW + timedelta(minutes=30))
    sample(db, 50, NOW)
    assert lasted(db)[0]["state"] == "open"
    assert told(db) == []
    checked(db, 31)
    assert told(db) == [("log", "opened")]
    checked(db, 32)
    assert told(db) == [("log", "opened")]


def test_what_ended_in_silence_is_never_told(db: Connection[Any]) -> None:
    call(db, "silence_alert", rule=RULE, until=NOW + timedelta(minutes=30))
    sample(db, 50, NOW)
    lasted(db)
    sample(db, 99, NOW)
    assert checked(db, 11)[0]["state"] == "resolved"
    checked(db, 40)
    assert told(db) == []


def test_the_end_of_what_was_told_is_told_in_silence(db: Connection[Any]) -> None:
    sample(db, 50, NOW)
    lasted(db)
    call(db, "silence_alert", rule=RULE, until=NOW + timedelta(minutes=60))
    sample(db, 99, NOW)
    assert checked(db, 11)[0]["state"] == "resolved"
    assert told(db) == [("log", "opened"), ("log", "resolved")]
    # a new one is not, nor its end
    sample(db, 50, NOW)
    for minutes in (12, 16, 20):
        checked(db, minutes)
    assert checked(db, 22)[0]["state"] == "open"
    sample(db, 99, NOW)
    checked(db, 23)
    assert told(db) == [("log", "opened"), ("log", "resolved")]


def test_silencing_an_unknown_rule_names_the_rules(db: Connection[Any]) -> None:
    with refused(db, "ML404", "low recal", RULE):
        call(db, "silence_alert", rule="low recal", until=NOW)


def test_health_is_failing_until_somebody_looks_after_it(db: Connection[Any]) -> None:
    db.execute("update memory_data.schedule set since = %s", (datetime.now(UTC),))  # a new one
    assert one(db, "check_health") == {"status": "ok", "reasons": []}
    db.execute("update memory_data.alert_rule set severity = 'critical' where name = %s", (RULE,))
    sample(db, 50, NOW)
    checked(db, 0)
    assert one(db, "check_health", now=NOW)["status"] == "ok"
    for minutes in (4, 8):
        checked(db, minutes)
    alert = checked(db, 10)[0]["alert"]
    health = one(db, "check_health", now=NOW + timedelta(minutes=10))
    assert health["status"] == "failing"
    assert [reason["rule"] for reason in health["reasons"]] == [RULE]
    call(db, "acknowledge_alert", alert=alert, by="ann")
    health = one(db, "check_health", now=NOW + timedelta(minutes=10))
    assert (health["status"], health["reasons"][0]["acknowledged_by"]) == ("degraded", "ann")
    # the first one looks after it
    assert one(db, "acknowledge_alert", alert=alert, by="bob")["acknowledged_by"] == "ann"
    assert states(db) == ["open"]


def reasons(db: Connection[Any], now: datetime) -> list[tuple[str, str]]:
    """What health says and its hints; ok has none."""
    health = one(db, "check_health", now=now)
    assert health["status"] == ("degraded" if health["reasons"] else "ok")
    return [(reason["meaning"], reason["hint"]) for reason in health["reasons"]]


def test_health_is_degraded_when_nobody_checks(db: Connection[Any]) -> None:
    db.execute("update memory_data.schedule set since = %s", (NOW,))
    run = (
        "insert into memory_data.job_run (job, runner, started_at, finished_at, sqlstate)"
        " values ('alerts', 'service', %s, %s, %s)"
    )
    minutes = [NOW + timedelta(minutes=minute) for minute in range(60)]
    assert reasons(db, minutes[4]) == []  # it had no time yet
    ((meaning, hint),) = reasons(db, minutes[6])
    assert "not compared with the rules for minutes" in meaning
    assert rows(db, hint)[0]["name"] == "alerts"
    db.execute(run, (minutes[6], minutes[6], None))
    assert reasons(db, minutes[10]) == []
    db.execute(run, (minutes[10], minutes[10], "57014"))  # one that failed compared nothing
    assert len(reasons(db, minutes[12])) == 1
    db.execute(run, (minutes[12], minutes[12], None))
    assert reasons(db, minutes[13]) == []
    db.execute("update memory_data.schedule set cron = '*/15 * * * *' where name = 'alerts'")
    assert reasons(db, minutes[50]) == []  # three runs are missing only then
    assert len(reasons(db, minutes[58])) == 1


@pytest.mark.own_clock  # its hint is run as it stands
@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("allow_jobs", {"allowed": False}, "Jobs are switched off"),
        ("set_job", {"name": "alerts", "enabled": False}, "The job of the alerts is switched off"),
    ],
)
def test_health_says_that_jobs_are_switched_off(
    db: Connection[Any], function: str, arguments: dict[str, Any], words: str
) -> None:
    db.execute("update memory_data.schedule set since = %s", (datetime.now(UTC),))  # a new one
    call(db, function, **arguments)
    ((meaning, hint),) = reasons(db, datetime.now(UTC))
    assert meaning.startswith(words)
    db.execute(hint)  # type: ignore[arg-type]
    assert reasons(db, datetime.now(UTC)) == []


def test_only_what_is_open_is_acknowledged(db: Connection[Any]) -> None:
    with refused(db, "ML404", "alert 999 is not open"):
        call(db, "acknowledge_alert", alert=999, by="ann")
    with refused(db, "ML422", "who acknowledges"):
        call(db, "acknowledge_alert", alert=999, by=" ")


def test_listeners_are_notified(clone_url: str) -> None:
    with session(clone_url) as db, session(clone_url) as listener:
        listener.execute("listen magray_alert")
        sample(db, 50, NOW)
        lasted(db)
        (event,) = listener.notifies(timeout=10, stop_after=1)
        body = json.loads(event.payload)
        assert (body["rule"], body["event"], body["value"]) == (RULE, "opened", 0.5)
        assert body["hint"] == "select * from memory.plan_indexes();"


def test_messages_wait_in_order_for_each_channel(db: Connection[Any]) -> None:
    db.execute(
        'update memory_data.setting set value = \'["log", "webhook"]\''
        " where key = 'alert_channels'"
    )
    sample(db, 50, NOW)
    lasted(db)
    sample(db, 99, NOW)
    checked(db, 11)
    at = NOW + timedelta(minutes=12)
    due = call(db, "due_notifications", now=at)
    assert [(row["channel"], row["event"]) for row in due] == [
        ("log", "opened"),
        ("webhook", "opened"),
    ]
    log, webhook = due
    call(db, "note_notification", id=log["id"], now=at)
    failed = one(db, "note_notification", id=webhook["id"], error="503", now=at)
    assert failed["next_attempt_at"] == at + timedelta(seconds=5)
    # the log goes on, the webhook waits, and what comes after waits behind it
    assert [row["event"] for row in call(db, "due_notifications", now=at)] == ["resolved"]
    pauses = []
    for _ in range(9):
        at = failed["next_attempt_at"]
        assert webhook["id"] in [row["id"] for row in call(db, "due_notifications", now=at)]
        failed = one(db, "note_notification", id=webhook["id"], error="503", now=at)
        pauses.append((failed["next_attempt_at"] - at).total_seconds())
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600, 600]
    told = {row["condition"]: row for row in call(db, "check_database", now=at)}["alert messages"]
    assert not told["ok"]
    assert not told["needed"]
    assert told["detail"].startswith("1 not delivered since ")
    assert told["detail"].endswith("; webhook: 503")
    call(db, "note_notification", id=webhook["id"], now=at)
    told = {row["condition"]: row for row in call(db, "check_database", now=at)}["alert messages"]
    assert (told["ok"], told["detail"]) == (True, "delivered")
    assert call(db, "note_notification", id=webhook["id"], now=at) == []
    due = call(db, "due_notifications", now=at)
    assert ("webhook", "resolved") in [(row["channel"], row["event"]) for row in due]


def test_alerts_long_over_are_removed_with_their_messages(db: Connection[Any]) -> None:
    sample(db, 50, NOW)
    lasted(db)
    sample(db, 99, NOW)
    checked(db, 11)
    checked(db, 12 + 90 * 24 * 60)
    assert states(db) == []
    assert told(db) == []


# --- pressure


def test_a_full_layer_that_is_relieved_alarms_nobody(clone_url: str) -> None:
    """Medium is where a relief leaves it; only where nothing goes by itself somebody is asked."""
    with session(clone_url) as db:
        moment = datetime.now(UTC)
        for layer in ("interact", "assets"):
            fill(db, layer, 600)
            budget(db, layer, 95)
        call(db, "relieve_pressure", now=moment)
        db.execute(
            "update memory_data.layer set max_bytes = max_bytes * 1.12 where name = 'assets'"
        )
        call(db, "measure_pressure", now=moment)
        levels = rows(db, "select layer, level from memory.layers order by 1")
        assert {row["layer"]: row["level"] for row in levels} == {
            "assets": "medium",
            "insights": "low",
            "interact": "medium",
        }
        for minute in range(20):
            call(db, "check_alerts", now=moment + timedelta(minutes=minute))
        open_ = rows(
            db,
            "select scope, hint from memory.alerts"
            " where rule like 'memory pressure%%' and state = 'open'",
        )
        assert [row["scope"] for row in open_] == ["assets"]
        assert "max_size_mb" in open_[0]["hint"]
        # once it is too much the hint asks what can be done, and that helps
        budget(db, "assets", 95)
        call(db, "measure_pressure", now=moment)
        for minute in range(20, 27):
            call(db, "check_alerts", now=moment + timedelta(minutes=minute))
        (high,) = rows(
            db,
            "select hint from memory.alerts where rule = 'memory pressure high'"
            " and state = 'open' and scope = 'assets'",
        )
        (report,) = rows(db, high["hint"])
        assert report["layer"] == "assets"
        assert report["detail"]["hint"].startswith("select * from memory.evict('assets', ")
        carry_out(db, report["detail"]["hint"])
        assert not [row for row in call(db, "relieve_pressure") if row["action"] == "report"]


def test_a_small_store_is_never_too_fragmented(clone_url: str) -> None:
    """What is free in a few megabytes is nobody's business."""
    with session(clone_url) as db:
        moment = datetime.now(UTC)
        ids = fill(db, "interact", 1000)
        call(db, "forget", namespace="n", ids=ids[:900])
        settle(db)
        kpis = {(row["kpi"], row["scope"]): row["value"] for row in call(db, "kpis", now=moment)}
        assert kpis["fragmentation", "total"] > 20
        db.execute(
            "update memory_data.alert_rule set threshold = 20, clear = 15"
            " where name = 'fragmentation'"
        )
        for hour in range(8):
            call(db, "check_alerts", now=moment + timedelta(hours=hour))
        assert not [
            row
            for row in rows(db, "select rule from memory.alerts")
            if row["rule"] == "fragmentation"
        ]
