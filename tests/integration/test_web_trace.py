"""The trace of a case: each alarm from the sensor to the ear, for whom, as page, table and structure."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre
from fixtures.casebook import wish
from fixtures.desk_time import let_pass, take_the_engine
from fixtures.presses import alert
from fixtures.visitor import come_in

from community.store import notices, people_access, schema, sms_copies, trace
from community.store.database import Store
from community.store.orders import rung_failed
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.wire import AlertBody, ClockBody, Lane

FRAME = bytes.fromhex("fe0a00ff")
WHY = Sentence(zh="血氧 84 %，低于 88 % 已 30 秒", en="oxygen 84 %, below 88 % for 30 s")


@pytest.fixture
async def browser(console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True) as client:
        yield client


@pytest.fixture
async def box(centre: Centre) -> str:
    await take_the_engine(centre)
    return await centre.home(1, "3号楼2-501", "王桂兰", 1944)


def vital(centre: Centre, *readings: Reading, why: Sentence = WHY, severity: Severity = Severity.P1) -> AlertBody:
    now = centre.clock.now
    return AlertBody(
        alert=Alert(
            alert_id=alert_id_of("spo2-low:oximeter", now, AlertState.FIRING),
            key="spo2-low:oximeter",
            rule_id="spo2-low",
            rule_version=7,
            hazard="vital",
            severity=severity,
            state=AlertState.FIRING,
            resident_id="resident-1",
            sensor_id="oximeter",
            since=now - timedelta(seconds=30),
            at=now,
            mono=1000,
            why=why,
            evidence=readings,
        )
    )


def reading(centre: Centre, quantity: Quantity = Quantity.SPO2, value: float = 84) -> Reading:
    at = centre.clock.now - timedelta(milliseconds=250)
    return Reading(
        sensor_id="oximeter", quantity=quantity, value=value, at=at, mono=750, quality=Quality.GOOD, frame=FRAME
    )


async def rung(centre: Centre) -> None:
    """The notices become attempts, as the notifier makes them."""
    now = centre.clock.now
    await centre.store.write(lambda connection: notices.turn(connection, now, 0, rung_failed))


def text(page: str) -> str:
    """What the trace says, without the frame of the page around it."""
    found = re.search(r"<article.*?</article>", page, re.S)
    page = page if found is None else found[0]
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def stage(page: str, name: str) -> str:
    """The row of a stage of the first alarm."""
    return next(text(row) for row in re.findall(r"<tr[ >].*?</tr>", page, re.S) if text(row).startswith(name))


async def alarm(centre: Centre, box: str) -> None:
    """An alarm that takes 1.2 s to the server, rings there after 2 s, and is taken 20 s later."""
    await centre.user()
    await centre.accounts.log_in("zhang", PASSWORD, client="", now=centre.clock.now)
    body = vital(centre, reading(centre))
    centre.clock.later(seconds=1.2)
    await centre.send(box, Lane.LIFE_SAFETY, body)
    await let_pass(centre, 2)
    await rung(centre)
    centre.clock.later(seconds=20)
    (row,) = await centre.desk.queue()
    await centre.desk.order(wish("ack", row.incident_id, version=row.version))


async def test_way_of_an_alarm_from_the_sensor_to_the_ear(centre: Centre, browser: httpx.AsyncClient, box: str) -> None:
    await alarm(centre, box)
    await come_in(centre, browser, "supervisor")
    case = (await browser.get("/incidents/1")).text
    assert 'href="/incidents/1/trace"' in case
    page = (await browser.get("/incidents/1/trace")).text
    said = text(page)
    for what in ("rule spo2-low, version 7", WHY.en, "gw-1/0000000000000000/0/1", "fe 0a 00 ff", "84 %"):
        assert what in said, what
    assert "right when it was raised" in said
    assert stage(page, "Raised by the rule").endswith("+250 ms")
    assert stage(page, "Received by the server").endswith("+1.200 s")
    assert stage(page, "First ring at a console").endswith("+2.000 s")
    assert stage(page, "First taken by a person").endswith("+20.000 s")
    for unkept in ("Sent by the box", "Written to the outbox of the box", "Receipt sent to the home"):
        assert "not kept" in stage(page, unkept)
    assert "sensor to ear +3.450 s" in said
    assert "All entries and alarms shown here are as they were sealed." in said
    events = schema.incident_events
    hashes = await centre.store.read(
        lambda connection: connection.execute(sa.select(events.c.hash).order_by(events.c.seq)).scalars().all()
    )
    assert [one.hex() for one in hashes] == re.findall(
        r'title="([0-9a-f]{64})"', page[page.index("What the centre did") :]
    )


@pytest.mark.parametrize(
    ("role", "sees_health", "sees_name", "takes"),
    [
        ("operator", True, True, False),
        ("supervisor", True, True, True),
        ("auditor", False, True, True),
        ("regulator", False, False, False),
    ],
)
async def test_who_may_not_see_health_sees_times_and_numbers(
    centre: Centre,
    browser: httpx.AsyncClient,
    box: str,
    role: str,
    *,
    sees_health: bool,
    sees_name: bool,
    takes: bool,
) -> None:
    await alarm(centre, box)
    await come_in(centre, browser, role)
    page = (await browser.get("/incidents/1/trace")).text
    said = text(page)
    for secret in ("fe 0a 00 ff", "84 %", WHY.en):
        assert (secret in said) is sees_health, secret
    assert ("you see times and numbers" in said) is not sees_health
    assert ("王桂兰" in said) is sees_name
    assert "gw-1/0000000000000000/0/1" in said
    assert "+1.200 s" in said
    assert ("trace.csv" in page) is takes
    for address in ("/incidents/1/trace.csv", "/incidents/1/trace.json"):
        answer = await browser.get(address)
        assert answer.status_code == (200 if takes else 403)
        if takes:
            assert (("fe 0a 00 ff" in answer.text) and (WHY.zh in answer.text)) is sees_health
            assert "84.0" not in answer.text or sees_health
    log = await centre.store.read(people_access.newest)
    acts = [one.act.value for one in log if one.actor == role]
    assert acts.count("card") == int(sees_health)
    assert acts.count("export") == (2 if takes else 0)


async def test_files_hold_what_the_page_shows(centre: Centre, browser: httpx.AsyncClient, box: str) -> None:
    await alarm(centre, box)
    await come_in(centre, browser, "supervisor")
    rows = list(csv.DictReader(io.StringIO((await browser.get("/incidents/1/trace.csv")).text.lstrip("\ufeff"))))
    by_what = {row["what"]: row for row in rows}
    assert by_what["alert"]["rule_version"] == "7"
    assert by_what["alert"]["is_right"] == "True"
    assert by_what["frame"]["frame"] == "fe 0a 00 ff"
    assert (by_what["frame"]["value"], by_what["frame"]["unit"]) == ("84.0", "%")
    assert by_what["received"]["after_ms"] == "1200"
    assert by_what["sent"]["at"] == ""
    assert by_what["try"]["channel"] == "console"
    found = json.loads((await browser.get("/incidents/1/trace.json")).text)
    assert found["ways"][0]["message"] == "gw-1/0000000000000000/0/1"
    assert found["ways"][0]["to_the_ear"] == "PT3.45S"
    assert [step["seal"]["is_right"] for step in found["happened"] if step["seal"]] == [True, True, True]


async def test_what_was_changed_afterwards_is_not_verified(
    centre: Centre, browser: httpx.AsyncClient, box: str
) -> None:
    await alarm(centre, box)
    await come_in(centre, browser, "supervisor")
    alerts, events = schema.alerts, schema.incident_events
    body = await centre.store.read(lambda connection: connection.execute(sa.select(alerts.c.body)).scalar_one())
    for change in (
        alerts.update().values(body=body.replace(b"below 88", b"below 80")),
        events.update().where(events.c.seq == 1).values(actor="system", hash=bytes(32)),
    ):
        await centre.store.write(lambda connection, change=change: connection.execute(change))
        said = text((await browser.get("/incidents/1/trace")).text)
        assert "Something shown here is not as it was sealed" in said
    assert "the alarm as stored is not the one that was sealed" in said
    assert said.count("not as it was sealed ") >= 2, "the entry itself, and the one that follows it"


async def test_clock_that_nobody_had_set_is_said(centre: Centre, browser: httpx.AsyncClient, box: str) -> None:
    await come_in(centre, browser, "supervisor")
    body = vital(centre, reading(centre))
    stamps = {"boot": "late", "mono": 1500, "is_clock_unsure": True}
    await centre.send(box, Lane.LIFE_SAFETY, body, **stamps)
    said = text((await browser.get("/incidents/1/trace")).text)
    assert "time estimated the home told" in said
    wall = centre.clock.later(hours=1)
    anchor = ClockBody(mono=61_500, wall=wall, error_ms=5, source="ntp")
    await centre.send(box, Lane.STATE, anchor, **stamps)
    assert "time corrected the home told" in text((await browser.get("/incidents/1/trace")).text)


async def test_alarm_of_the_house_shows_its_value_to_everybody(
    centre: Centre, browser: httpx.AsyncClient, box: str
) -> None:
    smoke = Sentence(zh="烟雾报警", en="smoke was detected")
    await centre.send(box, Lane.LIFE_SAFETY, vital(centre, reading(centre, Quantity.SMOKE, 1), why=smoke))
    await come_in(centre, browser, "auditor")
    said = text((await browser.get("/incidents/1/trace")).text)
    assert smoke.en in said
    assert "fe 0a 00 ff" not in said, "a frame may hold other values beside the one"


async def test_trace_of_another_area_asks_on_the_page_of_the_case(
    centre: Centre, browser: httpx.AsyncClient, box: str
) -> None:
    await alarm(centre, box)
    await come_in(centre, browser, "operator")
    users = schema.users
    narrow = users.update().where(users.c.login == "operator").values(areas="elsewhere")
    await centre.store.write(lambda connection: connection.execute(narrow))
    register = sa.text("INSERT INTO places (place_id, level, code, name) VALUES ('north', 'grid', 'n', 'n')")
    await centre.store.write(lambda connection: connection.execute(register))
    there = sa.text("INSERT INTO home_register (home_id, place_id) VALUES ('home-1', 'north')")
    await centre.store.write(lambda connection: connection.execute(sa.text("DELETE FROM home_register")))
    await centre.store.write(lambda connection: connection.execute(there))
    answer = await browser.get("/incidents/1/trace")
    assert answer.url.path == "/incidents/1"
    assert answer.status_code == 403
    assert 'action="/incidents/1/look"' in answer.text


async def test_many_alarms_of_a_case_are_bounded(
    centre: Centre, browser: httpx.AsyncClient, box: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("community.store.trace.ALERTS", 2)
    for _ in range(4):
        await centre.send(box, Lane.LIFE_SAFETY, vital(centre, reading(centre)))
        await let_pass(centre, 30)
    await come_in(centre, browser, "supervisor", language="zh")
    said = text((await browser.get("/incidents/1/trace")).text)
    assert "之后另有 2 个报警未显示" in said
    assert said.count("规则所依据的原始帧") == 2


async def test_both_databases_tell_the_same_way(store: Store) -> None:
    """SMS first, the internet later; a call that failed: what the SQL finds on SQLite and PostgreSQL."""
    from fixtures.browser import BEGIN

    from community.store import cases, directory

    pressed = alert(0)

    def fill(connection: sa.Connection) -> None:
        directory.meet_gateway(connection, "gw-9")
        cases.take_in(connection, "gw-9", None, pressed, BEGIN)
        sms_copies.note(connection, "gw-9", pressed.alert_id, at=BEGIN, sender="1", was_first=True)

    await store.write(fill)
    found = await store.read(lambda connection: trace.kept(connection, 1))
    (kept,) = found.alerts
    assert (kept.message, kept.sms_at, kept.is_unchanged, found.more) == ("", BEGIN, True, 0)
    assert kept.seal == found.seals[1]
    assert kept.seal.is_right
    assert "SMS" in kept.alert.why.en
