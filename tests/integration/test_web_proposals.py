"""A family member proposes another number of his own: nothing is called there before the centre has checked it."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import BEGIN, PASSWORD, Centre, Time, cheap_hasher, console_of
from fixtures.community_home import DemoHome
from fixtures.district import words_of
from fixtures.notified import HandChannel, Notified

from community.accounts import Accounts
from community.bells import Bells
from community.channels.port import Way
from community.counter import Counter
from community.family_room import PROPOSES
from community.people import Left
from community.proposals import TOLD_FOR, Wanted, proposed
from community.registry import ContactRow, ResidentRow, register_of
from community.store import people, people_access, people_demands, proposals, register_keeping, schema
from community.store.database import Store
from community.store.people_erasure import erase
from community.store.people_register import Hand, Tally, take_in
from community.store.people_schema import home_register, places
from community.store.proposal_schema import contact_proposals

HIM, HOME, WIDOW = DemoHome.entry.resident.id, DemoHome.entry.id, "resident-0002"
OLD, NEW = "138 1111 2222", "139 3333 4444"
KEEP = f"/residents/{HIM}/keep"
PROPOSAL = f"{KEEP}/contacts/son/proposal"
WHY = {"why": "tried", "words": "he answered on the old number"}


@pytest.fixture
async def centre(store: Store) -> Centre:
    """On each kind of database: 王强, son of the resident, with two numbers; his login, and an operator."""
    clock, bells = Time(BEGIN), Bells(store)
    desk = Counter(store, bells, clock=clock, for_homes=lambda: None)
    accounts = Accounts(store, hasher=cheap_hasher())
    made = Centre(store=store, desk=desk, bells=bells, accounts=accounts, clock=clock)
    await taken(made, contact())
    await made.user("wang", "王强", "family", "en")
    users = schema.users
    his = sa.update(users).where(users.c.login == "wang").values(person="son")
    await store.write(lambda connection: connection.execute(his))
    await made.user("li", "李敏", "operator", "en")
    return made


def contact(**more: object) -> ContactRow:
    row = {
        "resident": HIM,
        "order": 0,
        "id": "son",
        "name": "王强",
        "relation": "son",
        "phones": (OLD, "021 5555 0001"),
    }
    return ContactRow.model_validate({**row, "languages": ("zh",), **more})


async def taken(centre: Centre, *rows: ContactRow | ResidentRow) -> None:
    hand = Hand(by="import", at=centre.clock.now)
    await centre.store.write(lambda connection: take_in(connection, register_of(rows), hand, Tally()))


class Seat:
    """Somebody at a browser of his own."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def sit(self, login: str) -> None:
        self._client.cookies.clear()
        await self._client.post("/login", data={"login": login, "password": PASSWORD})

    async def page(self, address: str, status: int = 200) -> str:
        answer = await self._client.get(address)
        assert answer.status_code == status, (address, answer.status_code)
        return words_of(answer.text)

    async def form(self, address: str, action: str) -> dict[str, str]:
        """The hidden fields of the form that posts there."""
        page = (await self._client.get(address)).text
        at = page.index(f'action="{action}"')
        return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page[at : page.index("</form>", at)]))

    async def post(self, action: str, **fields: object) -> httpx.Response:
        return await self._client.post(action, data=fields)

    async def propose(self, **fields: object) -> httpx.Response:
        action = f"/family/{HIM}/number"
        return await self.post(action, **await self.form("/family", action), **fields)

    async def decide(self, deed: str, **fields: object) -> httpx.Response:
        action = f"{PROPOSAL}/{deed}"
        return await self.post(action, **await self.form(PROPOSAL, action), **fields)


@pytest.fixture
async def seat(centre: Centre) -> AsyncIterator[Seat]:
    async with console_of(centre) as url, httpx.AsyncClient(base_url=url, follow_redirects=True, timeout=60) as client:
        sitting = Seat(client)
        await sitting.sit("wang")
        yield sitting


async def called(centre: Centre) -> tuple[str, ...]:
    """The numbers that an alarm rings."""
    found = await centre.store.read(lambda connection: people.circle(connection, HOME, centre.clock.now))
    return tuple(phone for one in found for phone in one.phones)


async def him(centre: Centre) -> ContactRow:
    entry = await centre.store.read(lambda connection: register_keeping.read(connection, HIM))
    assert entry is not None
    (row,) = entry.contacts
    return row


async def stored(centre: Centre) -> list[tuple[str, str, str]]:
    asked = sa.select(contact_proposals).order_by(contact_proposals.c.contact_id)
    rows = await centre.store.read(lambda connection: connection.execute(asked).all())
    return [(row.contact_id, row.phone, row.state) for row in rows]


# ---- what he proposes ----


async def test_the_old_number_is_called_until_the_centre_has_checked_the_new_one(centre: Centre, seat: Seat) -> None:
    before = await seat.page("/family")
    assert "…2222" in before
    assert OLD not in before, "a link that was stolen tells no number"
    done = words_of((await seat.propose(phone=NEW)).text)
    assert "The centre checks it before it is used. Until then we call the old number." in done
    assert NEW in done
    assert await called(centre) == (OLD, "021 5555 0001")
    await seat.sit("li")
    told = await seat.page("/residents")
    assert "1 resident has a contact who proposes another number: check it" in told
    assert "王桂兰" in await seat.page("/residents?proposed=true")
    assert "Proposes another number: check it" in await seat.page(KEEP)
    assert f"{OLD} → new {NEW}" in await seat.page(PROPOSAL)
    done = words_of((await seat.decide("accept", **WHY)).text)
    assert "Saved." in done
    assert "Proposes another number" not in done
    assert await called(centre) == (NEW, "021 5555 0001")
    assert "proposes another number: check" not in await seat.page("/residents")
    await seat.sit("wang")
    assert "What you proposed is in force since" in await seat.page("/family")


async def test_accepting_is_a_change_like_any_other_with_author_reason_and_what_was_before(
    centre: Centre, seat: Seat
) -> None:
    await seat.propose(phone=NEW, language="en")
    before = await him(centre)
    await seat.sit("li")
    await seat.decide("accept", **WHY)
    after = await him(centre)
    assert after == before.model_copy(update={"phones": (NEW, "021 5555 0001"), "languages": ("en", "zh")})
    rows = await centre.store.read(lambda connection: people_demands.history(connection, HIM))
    newest = {row.field: row for row in rows if row.by == "li"}
    assert OLD in (newest["contacts"].before or "")
    assert NEW in (newest["contacts"].after or "")
    assert (newest["proposal"].before, newest["proposal"].after) == (f"王强 {NEW} en", "accepted")
    log = await centre.store.read(people_access.newest)
    said = "The number was tried: he answered on the old number"
    assert ("correction", "li", said) in {(one.act.value, one.actor, one.reason) for one in log}
    assert f"王强 {NEW} en Own proposal taken over" in await seat.page(f"/residents/{HIM}/history")


async def test_a_refusal_is_read_by_who_proposed_it_and_changes_nothing(centre: Centre, seat: Seat) -> None:
    await seat.propose(phone=NEW)
    await seat.sit("li")
    again = await seat.decide("refuse", told=" ")
    assert again.status_code == 422
    assert "Say in a few words why." in words_of(again.text)
    await seat.decide("refuse", told="your sister says it is not yours")
    assert await called(centre) == (OLD, "021 5555 0001")
    assert await stored(centre) == [("son", NEW, "refused")]
    assert "Own proposal not taken over" in await seat.page(f"/residents/{HIM}/history")
    await seat.sit("wang")
    assert "your sister says it is not yours" in await seat.page("/family")
    centre.clock.now += TOLD_FOR
    await seat.sit("wang")
    assert "your sister says it is not yours" not in await seat.page("/family")
    centre.clock.later(seconds=1)
    await seat.page("/family")
    assert await stored(centre) == [], "thrown away, though nobody proposes or decides anything"


async def test_a_newer_one_replaces_the_older_and_it_can_be_withdrawn(centre: Centre, seat: Seat) -> None:
    await seat.propose(phone="137 0000 0000")
    await seat.propose(phone=NEW, at=1)
    assert await stored(centre) == [("son", NEW, "open")]
    assert "in place of …0001" in await seat.page("/family")
    action = f"/family/{HIM}/number/withdraw"
    hidden = await seat.form("/family", action)
    assert "The centre calls you as before." in words_of((await seat.post(action, **hidden)).text)
    assert await stored(centre) == []
    late = await seat.post(action, **hidden)
    assert late.status_code == 409
    assert "nothing waits to be checked" in words_of(late.text)


async def test_what_cannot_stand_says_what_to_do_and_keeps_what_was_written(centre: Centre, seat: Seat) -> None:
    for fields, problem in (
        ({"phone": "call me"}, "Write one number in digits"),
        ({"phone": "1" * 50}, "Write one number in digits"),
        ({"phone": "13811112222"}, "The centre has this number already."),
        ({"phone": ""}, "Write the new number, or choose a language."),
        ({"language": "zh"}, "Write the new number, or choose a language."),
        ({"other_language": "x" * 201}, "Write at most 200 characters on one line."),
        ({"phone": NEW, "at": 4}, "Your numbers were changed meanwhile."),
    ):
        answer = await seat.propose(**fields)
        assert answer.status_code == 422, fields
        assert f"This was NOT done. {problem}" in words_of(answer.text), fields
        assert f'value="{fields.get("phone", "")}"' in answer.text
    assert await stored(centre) == []


async def test_a_stranger_to_the_elder_proposes_nothing(centre: Centre, seat: Seat) -> None:
    await taken(
        centre,
        ResidentRow(id=WIDOW, home=HOME, order=1, name="李秀英"),
        ContactRow(resident=WIDOW, order=0, id="niece", name="李娜", phones=("137 0000 0001",)),
    )
    hidden = await seat.form("/family", f"/family/{HIM}/number")
    for action in (f"/family/{WIDOW}/number", f"/family/{WIDOW}/number/withdraw", "/family/nobody/number"):
        fields = hidden if action.endswith("withdraw") else {**hidden, "phone": NEW}
        assert (await seat.post(action, **fields)).status_code == 409, action
    await taken(centre, ResidentRow(id=HIM, home=HOME, name="王桂兰", left=Left.MOVED, left_on="2026-11-20"))
    assert (await seat.post(f"/family/{HIM}/number", **hidden, phone=NEW)).status_code == 409
    assert await stored(centre) == []


async def test_a_form_of_another_session_is_refused(centre: Centre, seat: Seat) -> None:
    answer = await seat.post(f"/family/{HIM}/number", csrf="x" * 20, command_id="a-button", phone=NEW)
    assert answer.status_code == 403
    assert await stored(centre) == []


async def test_so_many_at_once_and_then_one_must_wait(centre: Centre, seat: Seat) -> None:
    hidden = await seat.form("/family", f"/family/{HIM}/number")
    for number in range(PROPOSES.at_once):
        answer = await seat.post(f"/family/{HIM}/number", **hidden, phone=f"139 0000 000{number}")
        assert answer.status_code == 200
    over = await seat.post(f"/family/{HIM}/number", **hidden, phone=NEW)
    assert over.status_code == 409
    assert re.search(r"changed too often: try again in [0-9] min", words_of(over.text))
    assert [state for _, _, state in await stored(centre)] == ["open"]
    assert NEW not in str(await stored(centre))


# ---- what became of it meanwhile ----


async def test_who_looked_at_something_older_takes_nothing_over(centre: Centre, seat: Seat) -> None:
    await seat.propose(phone=NEW)
    await seat.sit("li")
    hidden = await seat.form(PROPOSAL, f"{PROPOSAL}/accept")
    await seat.sit("wang")
    await seat.propose(phone="137 0000 0000")
    await seat.sit("li")
    hidden |= {"csrf": (await seat.form(PROPOSAL, f"{PROPOSAL}/accept"))["csrf"]}
    answer = await seat.post(f"{PROPOSAL}/accept", **hidden, **WHY)
    assert answer.status_code == 409
    assert "Somebody has changed this since you opened the form." in words_of(answer.text)
    assert await called(centre) == (OLD, "021 5555 0001")


async def test_a_contact_who_was_changed_since_is_not_changed_again(centre: Centre, seat: Seat) -> None:
    await seat.propose(phone=NEW)
    await taken(centre, contact(phones=("136 9999 9999",)))
    await seat.sit("li")
    said = await seat.page(PROPOSAL)
    assert "The contact was changed since this was proposed." in said
    assert "Use it from now on" not in said
    refusal = await seat.form(PROPOSAL, f"{PROPOSAL}/refuse")
    answer = await seat.post(f"{PROPOSAL}/accept", **refusal, **WHY)
    assert answer.status_code == 422
    assert "nothing was taken over" in words_of(answer.text)
    assert await called(centre) == ("136 9999 9999",)
    assert await stored(centre) == [("son", NEW, "open")]


async def test_a_number_that_a_colleague_wrote_down_himself_closes_the_proposal(centre: Centre, seat: Seat) -> None:
    await seat.propose(phone=NEW)
    await taken(centre, contact(phones=(NEW, "021 5555 0001")))
    await seat.sit("li")
    assert "The entry says so already." in await seat.page(PROPOSAL)
    before = await him(centre)
    assert (await seat.decide("accept", **WHY)).status_code == 200
    assert await him(centre) == before
    assert await stored(centre) == [("son", NEW, "accepted")]


async def test_of_a_contact_who_was_taken_off_nothing_is_left_to_decide(centre: Centre, seat: Seat) -> None:
    await seat.propose(phone=NEW)
    await seat.sit("li")
    forms = {deed: await seat.form(PROPOSAL, f"{PROPOSAL}/{deed}") for deed in ("accept", "refuse")}
    await taken(centre, ContactRow(resident=HIM, order=0, id="niece", name="李娜", phones=("137 0000 0001",)))
    assert await stored(centre) == []
    for deed, said in (("accept", WHY), ("refuse", {"told": "too late"})):
        answer = await seat.post(f"{PROPOSAL}/{deed}", **forms[deed], **said)
        assert answer.status_code == 422
        assert "There is nothing to decide any more" in words_of(answer.text)
    await seat.page(PROPOSAL, 404)
    assert await called(centre) == ("137 0000 0001",)


async def test_the_same_person_on_the_other_list_of_the_home_is_told_too(centre: Centre, seat: Seat) -> None:
    niece = {"resident": WIDOW, "id": "son-in-law", "relation": "son-in-law"}
    await taken(centre, ResidentRow(id=WIDOW, home=HOME, order=1, name="李秀英"), contact(**niece))
    await seat.propose(phone=NEW)
    await seat.sit("li")
    assert "Change the number there too" in await seat.page(PROPOSAL)
    await seat.decide("accept", elsewhere="true", **WHY)
    other = await centre.store.read(lambda connection: register_keeping.read(connection, WIDOW))
    assert [row.phones for row in other.contacts] == [(NEW, "021 5555 0001")]


async def test_without_a_reason_nothing_is_taken_over(centre: Centre, seat: Seat) -> None:
    await seat.propose(phone=NEW)
    await seat.sit("li")
    answer = await seat.decide("accept", why="other", words=" ")
    assert answer.status_code == 422
    assert await called(centre) == (OLD, "021 5555 0001")
    assert await stored(centre) == [("son", NEW, "open")]


# ---- who may, and how it ends ----


async def test_outside_ones_area_it_is_neither_seen_nor_decided(centre: Centre, seat: Seat) -> None:
    def put(connection: sa.Connection) -> None:
        for name in ("north", "south"):
            row = {"place_id": name, "parent_id": None, "level": "grid", "code": name, "name": name}
            connection.execute(sa.insert(places).values(row))
        connection.execute(sa.update(home_register).where(home_register.c.home_id == HOME).values(place_id="north"))
        areas = sa.update(schema.users).where(schema.users.c.login == "li").values(areas="south")
        connection.execute(areas)

    await seat.propose(phone=NEW)
    await seat.sit("li")
    form = await seat.form(PROPOSAL, f"{PROPOSAL}/accept")
    await centre.store.write(put)
    assert "proposes another number: check" not in await seat.page("/residents")
    await seat.page(PROPOSAL, 403)
    assert (await seat.post(f"{PROPOSAL}/accept", **form, **WHY)).status_code == 403
    assert await called(centre) == (OLD, "021 5555 0001")


async def test_the_ladder_rings_the_old_number_while_a_proposal_is_open(notified: Notified) -> None:
    def write(connection: sa.Connection) -> None:
        take_in(connection, register_of([contact(phones=(OLD,))]), Hand(by="import", at=notified.now), Tally())
        entry = register_keeping.read(connection, HIM)
        (row,) = entry.contacts
        proposals.put(connection, proposed([row], row, Wanted(phone=NEW), by="wang", now=notified.now))

    await notified.store.write(write)
    voice = notified.line("calls", Way.VOICE)
    await notified.notice(await notified.case(), "family", rung=3)
    async with notified.running():
        await notified.until(lambda: _has_rung(voice))
    assert [one.to for one in voice.sent] == [OLD.replace(" ", "")]


async def _has_rung(voice: HandChannel) -> bool:
    return bool(voice.sent)


async def test_it_goes_with_the_person(centre: Centre, seat: Seat) -> None:
    await seat.propose(phone=NEW)
    now = centre.clock.now
    await centre.store.write(lambda connection: erase(connection, HIM, by="chen", at=now, reason="asked in writing"))
    assert await stored(centre) == []
