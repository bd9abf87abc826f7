"""The four links of a request on the real store (报送 处置 结果 反馈), by program and by form; what a rating does."""

import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre, Time
from fixtures.casebook import at_the_desk, brought_to_result, wish
from fixtures.community_home import NOON, DemoHome
from fixtures.notified import Notified

from community.bells import Bells
from community.casefile import NotNow
from community.channels.port import Way
from community.counter import Counter
from community.desk import QueueRow
from community.request_desk import Asked, RequestDesk
from community.rights import Refused
from community.store import people_access, requests, schema
from community.store.case_schema import notices
from community.store.database import Store
from community.store.people_access import Act
from community.store.people_schema import home_register, places
from community.store.request_results import submitter
from community.users import EVERYWHERE, Role, User
from shouwang.errors import IllegalMove

HOME = "home-501"


def who(role: Role = Role.OPERATOR, login: str = "hotline", **other: object) -> User:
    known = {"user_id": login, "login": login, "name": login, "role": role, "language": "zh"}
    return User(**known | other)  # type: ignore[arg-type]


@pytest.fixture
def filed(store: Store) -> RequestDesk:
    clock = Time(NOON)
    desk = Counter(store, Bells(store), clock=clock, for_homes=lambda: None)
    return RequestDesk(store, desk, clock=clock, told=lambda: None)


async def a_contact(store: Store) -> str:
    found = await store.read(lambda connection: requests.askers(connection, HOME))
    assert found[0].relation == "", "who lives there comes first"
    return found[1].person


async def with_result(store: Store, number: int) -> QueueRow:
    """Handled by zhang, verified by the supervisor: its result is known."""
    give = at_the_desk(store, NOON)
    row = await state_of(store, number)
    row = await brought_to_result(give, row)
    assert row.state == "RESULT"
    return await give(wish("verify_ok", number, "li", role="supervisor", version=row.version))


async def state_of(store: Store, number: int) -> QueueRow:
    from community.store import cases, views

    def read(connection: sa.Connection) -> QueueRow:
        case = cases.load(connection, number)
        assert case is not None
        return views.row_of(connection, number, case, NOON)

    return await store.read(read)


async def test_request_goes_through_its_four_links_and_ends_with_a_good_rating(
    store: Store, home: DemoHome, filed: RequestDesk
) -> None:
    number = await filed.file(who(), Asked(home_id=HOME, words="灯坏了", key="key-0001"))
    assert await filed.file(who(), Asked(home_id=HOME, words="灯坏了", key="key-0001")) == number
    assert (await state_of(store, number)).state == "FILED"
    with pytest.raises(IllegalMove):
        await filed.rate(who(), number, 5, "", "rate-0000")
    assert (await with_result(store, number)).state == "FEEDBACK"
    row = await filed.rate(who(), number, 3, "谢谢", "rate-0001")
    assert row is not None
    assert (row.state, row.disposition) == ("CLOSED", "helped")
    again = await filed.rate(who(), number, 3, "谢谢", "rate-0001")
    assert again == row, "a repeat gives the first answer"


@pytest.mark.parametrize("score", [1, 2])
async def test_low_rating_opens_the_request_again(store: Store, home: DemoHome, filed: RequestDesk, score: int) -> None:
    number = await filed.file(who(), Asked(home_id=HOME, words="灯坏了", key="key-0001"))
    await with_result(store, number)
    row = await filed.rate(who(), number, score, "", "rate-0001")
    assert row is not None
    assert (row.state, row.owner, row.disposition) == ("FILED", None, None)
    assert (await with_result(store, number)).state == "FEEDBACK"
    row = await filed.rate(who(), number, 5, "", "rate-0002")
    assert row is not None
    assert row.state == "CLOSED"


async def test_low_rating_told_to_an_operator_closes_nothing(store: Store, home: DemoHome, filed: RequestDesk) -> None:
    number = await filed.file(who(), Asked(home_id=HOME, words="灯坏了", key="key-0001"))
    row = await with_result(store, number)
    give = at_the_desk(store, NOON)
    with pytest.raises(NotNow, match="handled anew"):
        await give(wish("revisit_ok", number, "wu", version=row.version, score=2))
    row = await give(wish("revisit_bad", number, "wu", version=row.version, score=2, reason="灯又坏了"))
    assert (row.state, row.owner) == ("HANDLING", "wu")


async def test_only_who_filed_it_rates_it(store: Store, home: DemoHome, filed: RequestDesk) -> None:
    contact = await a_contact(store)
    number = await filed.file(who(), Asked(home_id=HOME, words="x", key="key-0001", by=contact))
    assert await store.read(lambda connection: submitter(connection, number)) == contact
    await with_result(store, number)
    for stranger in (who(), who(login="zhang"), who(Role.SUPERVISOR, "li")):
        with pytest.raises(Refused):
            await filed.rate(stranger, number, 5, "", "rate-0001")
    son = who(Role.FAMILY, "son", person=contact)
    row = await filed.rate(son, number, 4, "", "rate-0001")
    assert row is not None
    assert row.state == "CLOSED"
    assert await filed.rate(son, number + 1, 4, "", "rate-0002") is None


async def test_nobody_is_named_who_is_not_on_file(store: Store, home: DemoHome, filed: RequestDesk) -> None:
    with pytest.raises(IllegalMove, match="nobody on file"):
        await filed.file(who(), Asked(home_id=HOME, words="x", key="key-0001", by="liu"))
    other = who(Role.FAMILY, "other", person="c-other")
    with pytest.raises(Refused):
        await filed.file(other, Asked(home_id=HOME, words="x", key="key-0001"))


async def test_home_is_found_by_name_and_by_address_in_ones_areas_alone(
    store: Store, home: DemoHome, filed: RequestDesk
) -> None:
    def put(connection: sa.Connection) -> None:
        row = {"place_id": "north", "parent_id": None, "level": "grid", "code": "n", "name": "n"}
        connection.execute(sa.insert(places).values(row))
        connection.execute(sa.delete(home_register))
        connection.execute(sa.insert(home_register).values(home_id=HOME, place_id="north"))

    await store.write(put)
    (first,) = [one for one in await filed.homes(who(), "501") if one.home_id == HOME]
    for word in (first.names[0], first.address, HOME.upper()):
        assert HOME in {one.home_id for one in await filed.homes(who(areas=EVERYWHERE), word)}
        assert await filed.homes(who(areas=frozenset({"south"})), word) == ()
    for nothing in ("", " ", "%", "_"):
        assert await filed.homes(who(), nothing) == ()
    with pytest.raises(Refused):
        await filed.people(who(areas=frozenset({"south"})), HOME)
    await filed.people(who(), HOME)
    log = await store.read(people_access.newest)
    assert [(one.act, one.actor, one.home_id) for one in log] == [(Act.CONTACTS, "hotline", HOME)]


Until = Callable[[], Awaitable[bool]]


async def test_whoever_asked_is_written_to_when_there_is_a_result(
    notified: Notified, store: Store, home: DemoHome, filed: RequestDesk
) -> None:
    calls, sms = notified.line("calls", Way.VOICE), notified.line("sms", Way.SMS)
    number = await filed.file(who(), Asked(home_id=HOME, words="灯坏了", key="key-0001", by=await a_contact(store)))
    await with_result(store, number)
    told = await store.read(
        lambda connection: connection.execute(sa.select(notices).where(notices.c.audience == "submitter")).all()
    )
    assert [(row.step, row.state) for row in told] == [("result", "waiting")]
    async with notified.running():
        await notified.until_outcomes("sent")
    assert calls.sent == []
    assert f"R-{number}" in sms.sent[0].text
    assert "灯" not in sms.sent[0].text


# ---- by form and by program ----


async def test_operator_files_a_request_by_form(centre: Centre, console_url: str) -> None:
    await centre.home(
        1, "3号楼2-501", "王桂兰", 1944, contacts=[{"name": "王强", "relation": "儿子", "phone": "138 0000 0001"}]
    )
    await centre.user(language="en")
    async with httpx.AsyncClient(
        base_url=console_url,
        follow_redirects=True,
        headers={"accept-language": "en"},
    ) as client:
        await client.post("/login", data={"login": "zhang", "password": PASSWORD})
        found = await client.get("/requests/new", params={"find": "王桂兰"})
        assert "/requests/new?home=home-1" in found.text
        assert "No home was found" in (await client.get("/requests/new", params={"find": "nobody"})).text
        page = await client.get("/requests/new", params={"home": "home-1"})
        assert "王强" in page.text
        fields = dict(re.findall(r'name="(csrf|command_id|home_id)" value="([^"]*)"', page.text.split("<main")[-1]))
        son = re.search(r'<option value="([^"]+)">王强', page.text)
        assert son is not None
        told = {"category": "repair", "text": "{{7*7}}<script>"} | fields
        refused = await client.post("/requests/new", data=told | {"by": "somebody"})
        assert (refused.status_code, "NOT done" in refused.text) == (409, True)
        answer = await client.post("/requests/new", data=told | {"by": son[1]})
        assert answer.url.path == "/incidents/1"
        assert "{{7*7}}&lt;script&gt;" in answer.text
        assert (await client.post("/requests/new", data=told | {"csrf": "x"})).status_code == 403
        assert (await client.post("/requests/new", data=told | {"home_id": "home-9"})).status_code == 409
    lane = await centre.store.read(lambda connection: connection.scalars(sa.select(schema.incidents.c.workflow)).all())
    assert lane == ["request"]
