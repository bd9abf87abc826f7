"""The wallboard: its numbers against a built centre; no person on it, whatever happens; areas; both databases."""

import html
import re
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fixtures.browser import BEGIN, PASSWORD, Centre
from fixtures.casebook import brought_to_end, wish
from fixtures.desk_time import let_pass
from fixtures.plan_homes import home, name_of, phone_of, settle
from fixtures.visitor import come_in

from community.channels.port import Outcome, Way
from community.dispatch_file import read_yaml
from community.plan import Block, Group, State
from community.store import case_schema, channel_health, lease, rosters, schema, wall, watch_schema
from community.store.case_schema import attempts
from community.store.database import Connection, Store
from community.store.storm_schema import storm_homes, storms
from community.users import Role, User
from community.wall import BLOCKS, GROUPS, LATE_S, Channel, depth_of, rolled_up
from community.wall_room import FRESH_S, WallRoom
from shouwang.alert import Severity
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import Lane, TelemetryBody

PEOPLE = Path(__file__).parents[2] / "community" / "examples" / "dispatch.yaml"
HOMES = (*(number for number in range(1, 25) if number != 17), 30, 31, 32, 100, 101)


async def put(centre: Centre, *statements: object) -> None:
    await centre.store.write(lambda connection: [connection.execute(one) for one in statements])  # type: ignore[call-overload]


async def shown(centre: Centre, browser: httpx.AsyncClient) -> dict[str, str]:
    """What stands under each heading of the wall, without the pictures."""
    centre.clock.later(seconds=FRESH_S)
    answer = await browser.get("/wall", params={"part": "live"})
    assert answer.status_code == 200
    parts = re.findall(r"<h2>(.*?)</h2>(.*?)(?=<h2>|\Z)", answer.text, re.S)
    return {words(head): words(body) for head, body in parts}


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


async def case_of(centre: Centre, number: int) -> int:
    return next(row.incident_id for row in await centre.desk.queue() if row.home_id == f"home-{number:03}")


async def taken(centre: Centre, number: int) -> None:
    row = next(row for row in await centre.desk.queue() if row.home_id == f"home-{number:03}")
    await centre.desk.order(wish("ack", row.incident_id, version=row.version))


async def test_answers_and_red_cards_are_those_of_the_figures(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser, "supervisor", name="陈红")
    assert (await shown(town, browser))["Answered within 60 s"].startswith("– 0 ÷ 0")
    await town.alarm("gw-1", "sos", Severity.P1)
    await let_pass(town, 30)
    await taken(town, 1)
    await town.alarm("gw-2", "sos", Severity.P1)
    await let_pass(town, 90)
    found = await shown(town, browser)
    assert found["Answered within 60 s"] == "50% 1 ÷ 2 · target 97.5% · missed"
    assert found["Answered within 180 s"] == "100% 1 ÷ 1 · target 99%"
    reds = await town.store.read(
        lambda connection: connection.execute(
            case_schema.cards.select().where(case_schema.cards.c.colour == "red")
        ).all()
    )
    assert len(reds) >= 1
    assert found["R Red cards today"] == f"{len(reds)} since midnight"


async def test_red_cards_of_yesterday_are_not_of_today(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser, "supervisor", name="陈红")
    await town.alarm("gw-2", "sos", Severity.P1)
    await let_pass(town, 61)
    assert (await shown(town, browser))["R Red cards today"] != "0 since midnight"
    town.clock.now = datetime.fromisoformat("2026-11-24T16:00:01+00:00")  # midnight of the centre has passed
    await browser.post("/login", data={"login": "supervisor", "password": PASSWORD})
    assert (await shown(town, browser))["R Red cards today"] == "0 since midnight"


async def test_open_cases_wait_stand_in_steps_and_make_the_depth(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser, "supervisor", name="陈红")
    await town.alarm("gw-3", "sos", Severity.P1)
    done = await brought_to_end(town.desk.order, (await town.desk.queue())[0])
    await let_pass(town, 30)
    town.clock.later(seconds=3600)
    await town.alarm("gw-1", "sos", Severity.P1)
    await let_pass(town, 20)
    await town.alarm("gw-2", "fall", Severity.P2)
    await town.alarm("gw-4", "sensor-silent", Severity.P3)
    await town.alarm("gw-5", "sos", Severity.P1)
    await taken(town, 5)
    found = await shown(town, browser)
    assert found["LIFE open"] == "2 the oldest for 00:22"
    assert found["Alarms waiting"] == "2 the oldest for 00:22"
    steps = found["The six steps: open now, and how long this month"]
    assert re.findall(r"([A-Z][\w-]+(?: call)?) (\d+) p50", steps) == [
        ("Found", "0"),
        ("Reported", "3"),
        ("Assigned", "1"),
        ("Handled", "0"),
        ("Feedback", "0"),
        ("Follow-up call", "0"),
    ]
    assert "Open cases in the last 24 hours 4 most 4" in found
    assert done.state == "CLOSED"


async def test_tests_and_what_a_storm_holds_back_are_no_open_cases(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser, "supervisor", name="陈红")
    await town.alarm("gw-1", "sensor-silent", Severity.P3)
    await town.alarm("gw-2", "sos", Severity.P1)
    held = schema.incidents.update().where(schema.incidents.c.home_key == "home-001").values(state="HELD")
    test = schema.incidents.update().where(schema.incidents.c.home_key == "home-002").values(is_test=True)
    await put(town, held, test)
    found = await shown(town, browser)
    assert found["LIFE open"] == "0 none"
    assert "Open cases in the last 24 hours 0 most 0" in found


async def test_the_roster_is_held_against_who_is_there(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser, "supervisor", name="陈红")
    assert (await shown(town, browser))["On shift"] == "1 signed in; no roster for now"
    await town.user("li", "李敏")
    duties = """
zone: Asia/Shanghai
duties:
  - {post: operator, person: li, from: "00:00", to: "00:00"}
  - {post: supervisor, person: supervisor, from: "00:00", to: "00:00"}
"""
    now = town.clock.now
    await town.store.write(lambda connection: rosters.bring_in(connection, read_yaml(duties, name="x"), now))
    assert (await shown(town, browser))["On shift"] == "1 /2 1 is missing"
    async with httpx.AsyncClient(base_url=str(browser.base_url)) as other:
        await other.post("/login", data={"login": "li", "password": PASSWORD})
    assert (await shown(town, browser))["On shift"] == "2 /2 as the roster says"


async def test_boxes_that_fell_silent_look_other_than_those_never_heard(
    town: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(town, browser, "supervisor", name="陈红")
    table = schema.gateways
    await put(town, table.update().where(table.c.gateway_id.in_(["gw-1", "gw-2", "gw-3"])).values(online=False))
    lost = Reading(sensor_id="gateway", quantity=Quantity.MAINS_LOST, value=1, at=town.clock.now, mono=0)
    await town.send("gw-9", Lane.TELEMETRY, TelemetryBody(readings=(lost,)))
    found = await shown(town, browser)
    assert found["Gateways"] == "heard 23 /28 fell silent 3 on battery 1 never heard 2"
    page = (await browser.get("/wall")).text
    assert re.search(r'<div class="warn"><dt><svg class="sign st-silent".*?fell silent', page)
    assert re.search(r'<div class="never"><dt><svg class="sign st-never".*?never heard', page)


async def test_channels_say_when_they_last_worked_and_how_late_they_are(
    town: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(town, browser, "supervisor", name="陈红")
    await town.alarm("gw-1", "sos", Severity.P1)
    await let_pass(town, 61)  # somebody is called
    now = town.clock.now
    ways = (("sms-main", Way.SMS), ("mail", Way.MAIL), ("trunk", Way.VOICE), ("push", Way.PUSH))

    def write(connection: Connection) -> None:
        channel_health.keep_only(connection, ways, now)
        notice = connection.execute(case_schema.notices.select()).first()
        for key, channel, outcome, ago in (
            ("1", "sms-main", Outcome.DELIVERED, 600),
            ("2", "sms-main", Outcome.FAILED, 60),
            ("3", "mail", Outcome.QUEUED, LATE_S + 10),
            ("4", "mail", Outcome.SENT, 7200),
            ("5", "sms-main", Outcome.QUEUED, 1),
        ):
            at = now - timedelta(seconds=ago)
            row = {"notice_id": notice.notice_id, "channel": channel, "person": "x", "key": key}
            connection.execute(attempts.insert().values(outcome=outcome.value, queued_at=at, changed_at=at, **row))
        channel_health.fail(connection, "trunk", "no line 13900000001", now - timedelta(minutes=2))

    await town.store.write(write)
    found = await shown(town, browser)
    assert found["Ways to reach people"] == (
        "SMS sms-main worked 03:03:45 E-mail mail late by 00:42 Telephone trunk does not work for 02:02 "
        "Push push not used yet"
    )
    classes = re.findall(r'<li class="(\w+)"><span><b class="light', (await browser.get("/wall")).text)
    assert classes == ["ok", "warn", "bad", "ok"]


async def test_the_newest_test_alarm_counts(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser, "supervisor", name="陈红")
    now = town.clock.now
    tests = [
        {"gateway_id": "gw-1", "alert_id": "a", "raised_at": now, "received_at": now, "took_ms": 9000},
        {"gateway_id": "gw-2", "alert_id": "b", "raised_at": now, "received_at": now + timedelta(1), "took_ms": 2140},
    ]
    await put(town, watch_schema.test_alarms.insert().values(tests))
    town.clock.later(days=1, seconds=5)
    await browser.post("/login", data={"login": "supervisor", "password": PASSWORD})
    assert (await shown(town, browser))["Last test alarm, from the home to the centre"] == "2.1 s 03:12:44"


async def test_responders_are_free_busy_or_silent(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser, "supervisor", name="陈红")
    file = read_yaml(PEOPLE.read_text(encoding="utf-8"), name="dispatch.yaml")
    now = town.clock.now
    await town.store.write(lambda connection: rosters.bring_in(connection, file, now))
    before = (await shown(town, browser))["Responders"]
    free = int(re.match(r"free (\d+)", before)[1])
    await town.alarm("gw-1", "sos", Severity.P1)
    number = await case_of(town, 1)
    for command, details in (
        ("ack", {}),
        ("dispatch", {"targets": ("liu-fang",)}),
        ("accept", {"by": "liu-fang", "role": "responder"}),
        ("arrive", {"by": "liu-fang", "role": "responder"}),
    ):
        page = await town.desk.incident(number)
        given = wish(command, number, **{"version": page.row.version, "command_id": command * 4, **details})
        await town.desk.order(given)
    assert (await shown(town, browser))["Responders"] == f"free {free - 1} asked 0 on a case 1 no sign of life 0"
    await let_pass(town, 1300)
    assert (await shown(town, browser))["Responders"].endswith("on a case 0 no sign of life 1")


async def test_no_person_stands_on_the_wall_whatever_happens(town: Centre, browser: httpx.AsyncClient) -> None:
    """Every name, telephone, address, door and id of a person or home on file is looked for in the whole page."""
    await come_in(town, browser, "supervisor", name="陈红")
    file = read_yaml(PEOPLE.read_text(encoding="utf-8"), name="dispatch.yaml")
    now = town.clock.now
    await town.store.write(lambda connection: rosters.bring_in(connection, file, now))
    for number, (hazard, severity) in enumerate(
        (("sos", "P1"), ("fall", "P2"), ("sensor-silent", "P3"), ("medicine", "P4"), ("mains", "P3")), 1
    ):
        await town.alarm(f"gw-{number}", hazard, Severity(severity))
    await town.alarm("gw-100", "sos", Severity.P1)
    await town.alarm("gw-101", "sos", Severity.P1)
    await town.alarm("gw-strange", "sos", Severity.P1)
    await taken(town, 1)
    storm = {"storm_id": 7, "kind": "mains", "area": "sunny", "since": now, "last_at": now, "lead": "gw-8"}
    there = [{"storm_id": 7, "home_key": "home-008", "gateway_id": "gw-8", "told_at": now}]
    await put(town, storms.insert().values(storm), storm_homes.insert().values(there))
    await put(town, schema.gateways.update().where(schema.gateways.c.gateway_id == "gw-6").values(online=False))
    await let_pass(town, 400)
    town.clock.later(seconds=FRESH_S)
    page = html.unescape((await browser.get("/wall")).text)
    assert "8号楼" in page  # it is the full wall, not an empty one
    staff = [one.name for one in file.responders or ()] + [one.phone for one in file.responders or ()]
    secret = [words for number in HOMES for words in (name_of(number), phone_of(number), f"阳光路{number}弄")]
    secret += [f"home-{number:03}" for number in HOMES] + [f"resident-{number:03}" for number in HOMES]
    secret += ["gw-", "陈红", "/incidents/", "/residents/", "101</", "502</", *filter(None, staff)]
    assert [one for one in secret if one in page] == []


@pytest.mark.parametrize("part", ["page", "live"])
async def test_whoever_is_bound_to_an_area_is_shown_its_numbers(
    town: Centre, browser: httpx.AsyncClient, part: str
) -> None:
    await come_in(town, browser, "supervisor", name="陈红", areas=frozenset({"river"}))
    await town.alarm("gw-1", "sos", Severity.P1)
    await town.alarm("gw-31", "sos", Severity.P1)
    at = town.clock.now
    row = {"gateway_id": "gw-1", "alert_id": "a", "raised_at": at, "received_at": at, "took_ms": 9000}
    await put(town, watch_schema.test_alarms.insert().values(row))
    await let_pass(town, 70)
    found = await shown(town, browser)
    assert found["LIFE open"].startswith("1 ")
    assert found["Answered within 60 s"].startswith("0% 0 ÷ 1")
    assert "Open cases in the last 24 hours 1 most 1" in found
    assert found["Gateways"] == "heard 3 /3 fell silent 0 on battery 0 never heard 0"
    assert found["Last test alarm, from the home to the centre"] == "– none has come yet"
    text = (await browser.get("/wall", params={"part": part})).text
    assert "8号楼" not in text
    assert "3号楼" in text


@pytest.mark.parametrize(
    ("role", "status"), [("operator", 200), ("regulator", 200), ("admin", 200), ("responder", 403), ("family", 403)]
)
async def test_whoever_may_see_figures_sees_the_wall(
    centre: Centre, browser: httpx.AsyncClient, role: str, status: int
) -> None:
    await come_in(centre, browser, role, name="陈红")
    assert (await browser.get("/wall")).status_code == status
    old = await browser.get("/kpi/wall")
    assert (old.status_code, old.url.path) == ((200, "/wall") if status == 200 else (403, "/kpi/wall"))


async def test_a_change_is_shown_at_once_and_silence_within_two_seconds(
    town: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(town, browser, "supervisor", name="陈红")
    first = (await browser.get("/wall", params={"part": "live"})).text
    await town.alarm("gw-1", "sos", Severity.P1)
    second = (await browser.get("/wall", params={"part": "live"})).text  # the clock stands still
    assert ("w-tile life" in first, "w-tile life" in second) == (False, True)
    await put(town, schema.gateways.update().where(schema.gateways.c.gateway_id == "gw-2").values(online=False))
    assert "fell silent 1" in (await shown(town, browser))["Gateways"]
    assert FRESH_S <= 2.0


async def test_screens_of_other_areas_are_not_mixed_up_and_do_not_grow(town: Centre) -> None:
    from zoneinfo import ZoneInfo

    from community.kpi_desk import KpiDesk

    zone = ZoneInfo("Asia/Shanghai")
    room = WallRoom(town.store, KpiDesk(town.store, clock=town.clock, zone=zone), clock=town.clock, zone=zone)

    def who(area: str) -> User:
        areas = frozenset({area})
        return User(user_id="u", login="u", name="u", role=Role.SUPERVISOR, language="zh", areas=areas)

    assert (await room.wall(who("river"))).boxes.homes == 3
    assert (await room.wall(who("sunny"))).boxes.homes == 24
    for number in range(40):
        await room.wall(who(f"area-{number}"))
    assert max(len(room._walls), len(room._months)) <= 16


# ---- the parts ----


def test_depth_counts_what_was_open_at_each_mark() -> None:
    assert depth_of([(0, 2, 5), (1, None, 1), (1, 1, 9), (3, 9, 2), (4, None, 7)], 4) == (5, 6, 1, 3)
    assert depth_of([], 3) == (0, 0, 0)


def test_a_channel_is_late_after_a_while() -> None:
    channel = Channel(name="x", way=Way.SMS, is_up=True, since=BEGIN, worked_at=None, waits_since=BEGIN)
    assert channel.late_s(BEGIN + timedelta(seconds=LATE_S - 1)) == 0
    assert channel.late_s(BEGIN + timedelta(seconds=LATE_S)) == LATE_S


def test_many_buildings_become_one_block_for_each_grid() -> None:
    def grid(number: int, blocks: int) -> Group:
        counts = {State.WELL: 2, State.LIFE: int(number == 1)}
        made = tuple(Block(place_id=f"{number}/{one}", name=str(one), counts=counts) for one in range(blocks))
        return Group(place_id=str(number), names=("区", f"社区{number % 2}", f"网格{number}"), blocks=made)

    few = [grid(1, BLOCKS)]
    assert rolled_up(few) == tuple(few)
    many = [grid(1, BLOCKS), grid(2, 1)]
    rolled = rolled_up(many)
    assert [(group.names, [block.name for block in group.blocks]) for group in rolled] == [
        (("区", "社区1"), ["网格1"]),
        (("区", "社区0"), ["网格2"]),
    ]
    assert (rolled[0].blocks[0].worst, rolled[0].blocks[0].homes) == (State.LIFE, 3 * BLOCKS)
    assert len(rolled_up([grid(number, 1) for number in range(GROUPS + 1)])) == 2


async def test_both_databases_count_alike(store: Store) -> None:
    await store.write(lambda connection: lease.take(connection, None, "test"))
    rows = [
        ("a", "OPEN", BEGIN - timedelta(hours=30), BEGIN),
        ("b", "CLOSED", BEGIN - timedelta(hours=3), BEGIN - timedelta(hours=2)),
        ("c", "CLOSED", BEGIN - timedelta(hours=60), BEGIN - timedelta(hours=40)),
        ("d", "OPEN", BEGIN - timedelta(minutes=10), BEGIN),
        ("e", "HELD", BEGIN - timedelta(minutes=10), BEGIN),
    ]

    def read(connection: Connection) -> None:
        for key, state, opened, changed in rows:
            values = {"home_key": key, "lane": "life", "state": state, "priority": "P1", "version": 1, "body": b"{}"}
            connection.execute(
                schema.incidents.insert().values(opened_at=opened, changed_at=changed, workflow="emergency", **values)
            )
        queue = wall.queue(connection, None, BEGIN)
        assert (queue.life, queue.waiting, queue.life_since) == (2, 2, BEGIN - timedelta(hours=30))
        assert (queue.depth[0], queue.depth[42], queue.depth[44], queue.depth[-1], len(queue.depth)) == (1, 2, 1, 2, 49)
        assert wall.queue(connection, {"d"}, BEGIN).depth[-2:] == (0, 1)
        assert wall.homes_with_cases(connection, BEGIN - timedelta(hours=24)) == {"a", "b", "d", "e"}
        assert wall.desk(connection, BEGIN).signed_in == 0
        assert wall.channels(connection) == ()
        assert wall.silent_on_scene(connection) == frozenset()
        assert wall.last_test(connection, {"x"}) is None

    await store.write(read)


async def test_a_home_alone_is_enough_for_a_wall(centre: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(centre, browser)
    assert "There is no home on file yet" in (await browser.get("/wall")).text
    await settle(centre, home(1, None, ()))
    assert (await shown(centre, browser))["Gateways"] == "heard 0 /1 fell silent 0 on battery 0 never heard 1"
