"""Closed cases over HTTP: who handled each, also where no person did, in the list, on the page and in the timeline."""

import httpx
import pytest
from fixtures.browser import Centre
from fixtures.casebook import brought_to_end, wish
from fixtures.district import words_of
from fixtures.sent_out import PEOPLE, bring_in
from fixtures.visitor import come_in

from community.casefile import Disposition
from community.desk import QueueRow
from community.store import quiet
from community.supervision import CENTRE_BOX
from shouwang.alert import AlertState, Severity
from shouwang.errors import IllegalMove


@pytest.fixture
async def home(centre: Centre) -> str:
    for login, name in (("zhang", "张琳"), ("li", "李敏"), ("wu", "吴涛")):
        await centre.user(login, name)
    return await centre.home(1, "3号楼2-501", "王桂兰", 1944)


async def text_of(browser: httpx.AsyncClient, address: str) -> str:
    page = (await browser.get(address)).text
    return words_of(page)


async def ended_by_itself(centre: Centre, box: str, *, is_alone: bool = True) -> int:
    """A technical case whose cause has ended, and that nobody took; its number."""
    for state in (AlertState.FIRING, AlertState.RESOLVED):
        await centre.alarm(box, "sensor-silent", Severity.P3, state=state)
    rows = await centre.desk.queue()
    assert len(rows) == 1 or not is_alone
    number = max(row.incident_id for row in rows)
    assert await centre.store.write(lambda connection: quiet.end(connection, number, centre.clock.now))
    return number


async def test_a_closed_case_names_whoever_told_how_it_ended(
    centre: Centre, browser: httpx.AsyncClient, home: str
) -> None:
    await centre.alarm(home, "sos", Severity.P1)
    (row,) = await centre.desk.queue()
    await brought_to_end(centre.desk.order, row)
    await come_in(centre, browser, "supervisor")
    page = await text_of(browser, "/closed")
    assert "Helped at home 张琳" in page
    assert "吴涛" not in page, "who only called back"
    assert "closed: 张琳" in await text_of(browser, "/incidents/1")


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            ("Ended by itself the gateway of 3号楼2-501", "The gateway of 3号楼2-501 closed it: its cause has ended"),
        ),
        ("zh", ("自动消除 3号楼2-501的网关", "3号楼2-501的网关 原因已消除，自动结案")),
    ],
)
async def test_what_the_home_ended_is_said_to_be_ended_by_its_gateway(
    centre: Centre, browser: httpx.AsyncClient, home: str, language: str, said: tuple[str, str]
) -> None:
    number = await ended_by_itself(centre, home)
    await come_in(centre, browser, "supervisor", language=language)
    assert said[0] in await text_of(browser, "/closed")
    page = await text_of(browser, f"/incidents/{number}")
    assert said[1] in page
    assert "system" not in page


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("box", "listed", "timeline"),
    [
        (CENTRE_BOX, "Ended by itself the centre", "The centre closed it"),
        ("gw-9", "Ended by itself the home's gateway", "The home's gateway closed it"),
    ],
    ids=["the centre's own", "a box that is not on file"],
)
async def test_without_a_home_on_file_the_centre_or_just_a_gateway_is_named(
    centre: Centre, browser: httpx.AsyncClient, box: str, listed: str, timeline: str
) -> None:
    number = await ended_by_itself(centre, box)
    await come_in(centre, browser, "supervisor")
    assert listed in await text_of(browser, "/closed")
    assert timeline in await text_of(browser, f"/incidents/{number}")


async def test_a_merged_case_that_nobody_had_taken_names_who_merged_it(
    centre: Centre, browser: httpx.AsyncClient, home: str
) -> None:
    await centre.alarm(home, "sos", Severity.P1)
    await centre.alarm(home, "sensor-silent", Severity.P3)
    kept, merged = await centre.desk.queue()
    given = wish("merge", merged.incident_id, "li", version=merged.version, into=kept.incident_id)
    await centre.desk.order(given)
    with pytest.raises(IllegalMove):  # is written down with the version of the last step
        await centre.desk.order(wish("note", merged.incident_id, "wu", text="zu spät"))
    await come_in(centre, browser, "supervisor")
    assert "Merged 李敏" in await text_of(browser, "/closed")


async def at_the_desk(centre: Centre, row: QueueRow, command: str, by: str = "zhang", **more: object) -> QueueRow:
    return await centre.desk.order(wish(command, row.incident_id, by, version=row.version, **more))


async def test_a_responder_who_reported_the_end_is_named_and_offered_as_nobodys_colleague(
    centre: Centre, browser: httpx.AsyncClient, home: str
) -> None:
    await bring_in(centre.store, centre.clock.now, PEOPLE)
    await centre.alarm(home, "sos", Severity.P1)
    (row,) = await centre.desk.queue()
    row = await at_the_desk(centre, row, "ack")
    row = await at_the_desk(centre, row, "dispatch", targets=("liu",))
    for command, more in (("accept", {"eta_min": 4}), ("arrive", {}), ("report", {"disposition": Disposition.HELPED})):
        row = await at_the_desk(centre, row, command, "liu", role="responder", text="扶起", **more)
    row = await at_the_desk(centre, row, "verify_ok", "li")
    await at_the_desk(centre, row, "revisit_ok", "wu", score=5)
    await come_in(centre, browser, "supervisor")
    assert "Helped at home 刘芳" in await text_of(browser, "/closed")
    assert "closed: 刘芳" in await text_of(browser, "/incidents/1")
    assert "liu" not in await centre.accounts.names(), "of these a second colleague is chosen"


async def test_who_corrects_the_record_afterwards_did_not_close_the_case(
    centre: Centre, browser: httpx.AsyncClient, home: str
) -> None:
    await centre.alarm(home, "sos", Severity.P1)
    await centre.alarm(home, "sensor-silent", Severity.P3)
    kept, merged = await centre.desk.queue()
    row = await at_the_desk(centre, merged, "merge", "li", into=kept.incident_id)
    row = await at_the_desk(centre, row, "correct", "wu", role="supervisor", text="the sensor of the bath")
    await at_the_desk(centre, row, "correct", "zhang", role="supervisor", text="and of the hall")
    number = await ended_by_itself(centre, await centre.home(2, "3号楼2-502", "赵国强", 1941), is_alone=False)
    (ended,) = [one for one in await centre.desk.closed() if one.incident_id == number]
    await at_the_desk(centre, ended, "correct", "wu", role="supervisor", text="its battery was empty")
    await come_in(centre, browser, "supervisor")
    page = await text_of(browser, "/closed")
    assert "Merged 李敏" in page
    assert "Ended by itself the gateway of 3号楼2-502" in page
