"""Operators say whether the people of a home are there: who may, what the home is told, and what is kept of it."""

from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import Centre
from fixtures.visitor import fields, log_in

from community.desk import HomeMode
from community.store import letters, schema
from rules.modes import Mode
from shouwang.errors import IllegalMove
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import BirthBody, Command, Lane, TelemetryBody, decode_command

ACTION = "/gateways/{}/mode"


@pytest.fixture
async def home(centre: Centre) -> str:
    return await centre.home(1, "3号楼2-501", "王桂兰", 1944)


async def waiting(centre: Centre) -> list[Command]:
    return [decode_command(letter.body) for letter in await centre.store.read(letters.waiting)]


async def send(browser: httpx.AsyncClient, home: str, **data: str) -> httpx.Response:
    page = (await browser.get(f"/gateways/{home}")).text
    return await browser.post(ACTION.format(home), data=fields(page, ACTION.format(home)) | data)


async def test_an_operator_tells_the_home_and_the_record_says_who(
    centre: Centre, browser: httpx.AsyncClient, home: str
) -> None:
    await centre.user(language="en")
    await log_in(browser)
    assert home in (await browser.get("/gateways")).text
    answer = await send(browser, home, mode="hospital", hours="72")
    assert answer.status_code == 200
    assert "you: In hospital · 72 hours" in " ".join(answer.text.split())
    assert "waits to be sent" in answer.text
    (command,) = await waiting(centre)
    assert (command.action.mode, command.action.by) == ("hospital", "zhang")
    assert command.action.until == centre.clock.now + timedelta(hours=72)
    assert command.expires_at == centre.clock.now + timedelta(hours=24)
    assert command.incident_id == ""


async def test_the_page_shows_what_the_home_said_last(centre: Centre, browser: httpx.AsyncClient, home: str) -> None:
    await centre.user(language="en")
    await log_in(browser)
    assert "said by the home" not in (await browser.get(f"/gateways/{home}")).text
    for value in (1.0, 3.0):
        reading = Reading(
            sensor_id="home", quantity=Quantity.MODE, value=value, at=centre.clock.later(seconds=1), mono=1
        )
        await centre.send(home, Lane.TELEMETRY, TelemetryBody(readings=(reading,)))
    page = (await browser.get(f"/gateways/{home}")).text
    assert "<b>Visitors are there</b>" in page
    assert "said by the home" in page


def test_the_modes_have_the_numbers_that_homes_say() -> None:
    assert [mode.name for mode in HomeMode] == [mode.name for mode in Mode]
    assert [int(mode) for mode in Mode] == [0, 1, 2, 3]


@pytest.mark.parametrize("role", ["auditor", "admin"])
async def test_who_may_not_act_changes_nothing(
    centre: Centre, browser: httpx.AsyncClient, home: str, role: str
) -> None:
    await centre.user(role=role)
    page = (await log_in(browser)).text
    seen = await browser.get(f"/gateways/{home}")
    assert seen.status_code == 200
    assert ACTION.format(home) not in seen.text
    data = fields(page, "/logout") | {"command_id": "c" * 8, "mode": "away"}
    assert (await browser.post(ACTION.format(home), data=data)).status_code == 403
    assert await waiting(centre) == []


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"mode": "asleep"}, 422),
        ({"mode": "away", "hours": "337"}, 422),
        ({"mode": "away", "hours": "-1"}, 422),
        ({"mode": "away", "csrf": "x"}, 403),
        ({"mode": "away", "command_id": "short"}, 422),
    ],
)
async def test_what_makes_no_sense_or_is_not_our_form_changes_nothing(
    centre: Centre, browser: httpx.AsyncClient, home: str, data: dict[str, str], status: int
) -> None:
    await centre.user()
    await log_in(browser)
    assert (await send(browser, home, **data)).status_code == status
    assert await waiting(centre) == []


async def test_a_repeated_order_is_one_and_an_id_is_not_used_twice(centre: Centre, home: str) -> None:
    for _ in range(2):
        await centre.desk.set_mode(home, mode=HomeMode.AWAY, hours=0, by="zhang", command_id="c1")
        centre.clock.later(seconds=5)
    assert len(await waiting(centre)) == 1
    with pytest.raises(IllegalMove, match="another order"):
        await centre.desk.set_mode(home, mode=HomeMode.HOME, hours=0, by="zhang", command_id="c1")
    with pytest.raises(IllegalMove, match="no gateway"):
        await centre.desk.set_mode("nobody", mode=HomeMode.HOME, hours=0, by="zhang", command_id="c2")
    rows = await centre.store.read(lambda connection: connection.execute(sa.select(schema.mode_orders)).all())
    assert [(row.mode, row.actor) for row in rows] == [("away", "zhang")]


async def test_a_gateway_that_nobody_knows_is_said_to_be_none(centre: Centre, browser: httpx.AsyncClient) -> None:
    await centre.user()
    await log_in(browser)
    assert (await browser.get("/gateways/nobody")).status_code == 404
    await centre.send("gw-stranger", Lane.STATE, BirthBody(version="1", sensors={}))
    assert (await browser.get("/gateways/gw-stranger")).status_code == 200
