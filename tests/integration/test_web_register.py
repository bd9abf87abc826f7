"""The register kept at the console: each form taken and refused, by whom, over what, and what is written down."""

import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from html import unescape

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre
from fixtures.visitor import come_in
from PIL import Image

from community.consent import Purpose, may
from community.people import Item
from community.register_room import RegisterRoom, Wish
from community.registry import ConsentRow, ContactRow, ResidentRow, register_of
from community.registry_batches import batches
from community.registry_demo import demo
from community.registry_sealing import Safe
from community.staff import Staff
from community.store import (
    people,
    people_access,
    people_demands,
    people_key_safes,
    people_watches,
    register_keeping,
    resident_photos,
)
from community.store.database import open_store
from community.store.people_erasure import erase
from community.store.people_register import Hand, Tally, take_in
from community.store.people_schema import home_register, key_safes, places
from community.users import EVERYWHERE, Role, User
from shouwang.alert import Severity

HIM, HOME, BOX = "resident-001a", "home-001", "gw-demo-1001"
KEEP = f"/residents/{HIM}/keep"
WHY = {"why": "relative", "words": "his daughter rang"}


@pytest.fixture
async def browser(console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True, timeout=60) as client:
        yield client


def form_of(html: str, action: str) -> dict[str, str | list[str]]:
    """What a browser would send of this form if nothing were touched."""
    found = re.search(rf'<form[^>]* action="{re.escape(action)}"[^>]*>(.*?)</form>', html, re.DOTALL)
    assert found is not None, action
    sent: dict[str, str | list[str]] = {}

    def add(name: str, value: str) -> None:
        before = sent.get(name)
        if before is None:
            sent[name] = value
        else:
            sent[name] = [*([before] if isinstance(before, str) else before), value]

    for tag, text in re.findall(
        r"(<(?:input|textarea|select)[^>]*>)((?:.*?)(?=</textarea>|</select>|<input|<select|<textarea|$))",
        found[1],
        re.DOTALL,
    ):
        name = re.search(r' name="([^"]+)"', tag)
        if name is None:
            continue
        if tag.startswith("<select"):
            chosen = re.search(r'<option value="([^"]*)" selected', text) or re.search(r'<option value="([^"]*)"', text)
            add(name[1], chosen[1] if chosen else "")
        elif tag.startswith("<textarea"):
            add(name[1], unescape(text))
        elif 'type="checkbox"' in tag or 'type="radio"' in tag:
            if " checked" in tag:
                add(name[1], unescape(re.search(r'value="([^"]*)"', tag)[1]))
        else:
            value = re.search(r' value="([^"]*)"', tag)
            add(name[1], unescape(value[1]) if value else "")
    return sent


async def send(browser: httpx.AsyncClient, page: str, action: str, **more: object) -> httpx.Response:
    """Open the page, fill its form in and send it."""
    shown = await browser.get(page)
    assert shown.status_code == 200, shown.status_code
    return await browser.post(action, data={**form_of(shown.text, action), **WHY, **more})


async def contacts_of(centre: Centre, resident_id: str = HIM) -> tuple[ContactRow, ...]:
    entry = await centre.store.read(lambda connection: register_keeping.read(connection, resident_id))
    assert entry is not None
    return entry.contacts


async def person(centre: Centre, resident_id: str = HIM) -> ResidentRow:
    entry = await centre.store.read(lambda connection: register_keeping.read(connection, resident_id))
    assert entry is not None
    return entry.resident


def today(centre: Centre) -> str:
    return centre.clock.now.astimezone().date().isoformat()


async def first(centre: Centre) -> tuple[str, ContactRow]:
    row = (await contacts_of(centre))[0]
    return f"{KEEP}/contacts/{row.id}", row


async def acts(centre: Centre) -> list[tuple[str, str, str]]:
    log = await centre.store.read(people_access.newest)
    return [(one.act.value, one.actor, one.reason) for one in reversed(log)]


async def history(centre: Centre) -> list[tuple[str, str, str | None, str | None]]:
    rows = await centre.store.read(lambda connection: people_demands.history(connection, HIM))
    return [(one.by, one.field, one.before, one.after) for one in rows if one.by != "import"]


# ---- contacts ----


async def test_a_wrong_number_is_mended_with_who_why_and_what_was_before(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    address, before = await first(district)
    page = await send(browser, address, address, phones=["139 0000 7777", ""])
    assert page.status_code == 200
    assert "Saved." in page.text
    after = (await contacts_of(district))[0]
    assert after == before.model_copy(update={"phones": ("139 0000 7777",)}), "all else of him stays, his id too"
    ((by, field, old, new),) = await history(district)
    assert (by, field) == ("operator", "contacts")
    assert before.phones[0] in (old or "")
    assert "139 0000 7777" in (new or "")
    assert ("correction", "operator", "A relative or contact says so: his daughter rang") in await acts(district)


async def test_a_form_sent_as_it_is_changes_nothing(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    before, contacts = await person(district), await contacts_of(district)
    address, _ = await first(district)
    for page in (address, f"{KEEP}/person", f"{KEEP}/home"):
        assert (await send(browser, page, page)).status_code == 200
    assert (await person(district), await contacts_of(district)) == (before, contacts)
    assert await history(district) == []


async def test_contacts_are_added_ordered_and_taken_away(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    page = await send(
        browser,
        f"{KEEP}/new-contact",
        f"{KEEP}/new-contact",
        name="王丽",
        relation="女儿",
        circle="family",
        phones=["137 0000 0009", "021-5555 0009"],
        has_key="true",
        hours="08:00-22:00，23:00-23:30",
        languages=["zh"],
        other_languages="上海话",
        may_see=["status", "card"],
    )
    assert page.status_code == 200
    family = [one for one in await contacts_of(district) if one.circle == "family"]
    new = family[-1]
    assert (new.name, new.phones, new.has_key) == ("王丽", ("137 0000 0009", "021-5555 0009"), True)
    assert (new.hours, new.languages, new.may_see) == ("08:00-22:00, 23:00-23:30", ("zh", "上海话"), ("status", "card"))
    at = f"{KEEP}/contacts/{new.id}"
    assert (await send(browser, KEEP, f"{at}/up")).status_code == 200
    assert [one.name for one in await contacts_of(district) if one.circle == "family"][-2:] == ["王丽", family[-2].name]
    assert (await send(browser, KEEP, f"{at}/down")).status_code == 200
    assert [one.name for one in await contacts_of(district) if one.circle == "family"][-1] == "王丽"
    places = {one.name: one.order for one in await contacts_of(district)}
    for gone in (new, family[0]):
        at = f"{KEEP}/contacts/{gone.id}"
        assert (await send(browser, at, f"{at}/away")).status_code == 200
    left = await contacts_of(district)
    assert {one.name for one in left} == places.keys() - {"王丽", family[0].name}
    assert all(places[one.name] == one.order for one in left), "the others keep the places by which calls know them"
    shown = (await browser.get(f"/residents/{HIM}/history")).text
    assert "New contact" in shown
    assert "Contact taken away" in shown
    assert "Order of calling" in shown


async def test_the_last_contact_may_go_and_the_page_says_so(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    for row in await contacts_of(district):
        at = f"{KEEP}/contacts/{row.id}"
        page = await send(browser, at, f"{at}/away")
    assert await contacts_of(district) == ()
    assert "No contacts are on file." in page.text


async def test_a_number_that_does_not_answer_is_marked_until_it_is_tested(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    address, row = await first(district)
    shown = (await browser.get(KEEP)).text
    data = {**form_of(shown, f"{address}/silent"), "phone": row.phones[0]}
    page = await browser.post(f"{address}/silent", data=data)
    assert f"nobody answered on {today(district)}" in page.text
    assert "did not answer when it was tried" in (await browser.get(f"/residents/{HIM}")).text
    assert (await contacts_of(district))[0].tested_on == ""
    again = await browser.post(
        f"{address}/answers", data={**form_of(page.text, f"{address}/answers"), "phone": row.phones[0]}
    )
    assert "nobody answered" not in again.text
    assert (await contacts_of(district))[0].tested_on == today(district)
    assert "did not answer when it was tried" not in (await browser.get(f"/residents/{HIM}")).text
    assert [(field, after) for _, field, _, after in await history(district) if field == "call"] == [
        ("call", "silent"),
        ("call", "answered"),
    ]


@pytest.mark.parametrize(
    ("field", "value", "advice"),
    [
        ("phones", ["call me", ""], "Write 1 to 5 numbers in digits"),
        ("phones", ["", ""], "Write 1 to 5 numbers in digits"),
        ("phones", ["1" * 60, ""], "Write 1 to 5 numbers in digits"),
        ("phones", ["138\u202e0000", ""], "Write 1 to 5 numbers in digits"),
        ("name", "", "Write a name of 1 to 200"),
        ("name", "x" * 201, "Write a name of 1 to 200"),
        ("name", "a\nb", "Write a name of 1 to 200"),
        ("hours", "in the evening", "Write spans of a day"),
        ("tested_on", "yesterday", "Write a day such as"),
        ("circle", "enemies", "Choose one."),
        ("may_see", ["all"], "Choose from the list."),
        ("why", "", "Choose a reason."),
        ("words", "w" * 301, "Say in a few words why."),
    ],
)
async def test_what_cannot_stand_is_said_at_its_field_and_what_was_written_is_kept(
    district: Centre, browser: httpx.AsyncClient, field: str, value: object, advice: str
) -> None:
    await come_in(district, browser, "supervisor")
    address, before = await first(district)
    page = await send(browser, address, address, **{"relation": "keeps this", field: value})
    assert page.status_code == 422
    assert advice in page.text
    assert "This was NOT done." in page.text
    assert 'value="keeps this"' in page.text
    assert (await contacts_of(district))[0] == before
    assert await history(district) == []


async def test_another_reason_needs_words(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    address, _ = await first(district)
    assert (await send(browser, address, address, why="other", words=" ")).status_code == 422
    assert (
        await send(browser, address, address, why="other", words="told at the club", hours="08:00-20:00")
    ).status_code == 200
    assert ("correction", "operator", "told at the club") in await acts(district)


async def test_twins_are_refused_and_so_is_a_list_without_end(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    row = (await contacts_of(district))[0]
    new = f"{KEEP}/new-contact"
    page = await send(browser, new, new, name=row.name, phones=[row.phones[0].replace(" ", "-"), ""])
    assert page.status_code == 422
    assert "stand on the list already" in page.text
    rows = tuple(
        ContactRow(resident=HIM, order=number, id=f"c-{number}", name=f"n{number}", phones=(f"13800{number:06}",))
        for number in range(30)
    )
    hand = Hand(by="import", at=district.clock.now)
    await district.store.write(lambda connection: register_keeping.keep_list(connection, HOME, HIM, rows, hand))
    page = await send(browser, new, new, name="one more", phones=["13900000000", ""])
    assert "The list is full" in page.text


async def test_a_form_over_something_changed_meanwhile_changes_nothing_and_says_so(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser, "supervisor")
    address, row = await first(district)
    sheets = {
        address: {"phones": ["13911112222", ""]},
        f"{KEEP}/person": {"living": "with a cat"},
        f"{KEEP}/home": {"route": "by the river"},
        f"{KEEP}/move": {"home": "home-002"},
        f"{address}/away": {},
    }
    opened = {}
    for action in sheets:
        page = address if action.endswith("away") else action
        opened[action] = form_of((await browser.get(page)).text, action)
    hand = Hand(by="li", at=district.clock.now, reason="faster")
    faster = row.model_copy(update={"phones": ("13800009999",)})
    rows = tuple(faster if one.id == row.id else one for one in await contacts_of(district))

    def change(connection: sa.Connection) -> None:
        register_keeping.keep_list(connection, HOME, HIM, rows, hand)
        people_demands.correct(connection, HIM, "living", "with a dog", hand)
        connection.execute(sa.update(home_register).where(home_register.c.home_id == HOME).values(route="by the road"))

    await district.store.write(change)
    for action, more in sheets.items():
        page = await browser.post(action, data={**opened[action], **WHY, **more})
        assert page.status_code == 409, action
        assert "Somebody has changed this since you opened the form" in page.text
    page = await browser.post(address, data={**opened[address], **WHY, "phones": ["13911112222", ""]})
    assert "13911112222" in page.text, "what was written is kept"
    assert "On file now:" in page.text
    assert "13800009999" in page.text
    assert (await contacts_of(district))[0].phones == ("13800009999",)
    assert ((await person(district)).living, (await person(district)).home) == ("with a dog", HOME)
    again = {**form_of(page.text, address), **WHY}
    assert (await browser.post(address, data=again)).status_code == 200, "who has compared may save"
    assert (await contacts_of(district))[0].phones == ("13911112222",)


async def change_of_somebody_faster(centre: Centre, **changed: object) -> None:
    rows = await contacts_of(centre)
    after = (rows[0].model_copy(update=changed), *rows[1:])
    hand = Hand(by="li", at=centre.clock.now, reason="faster")
    await centre.store.write(lambda connection: register_keeping.keep_list(connection, HOME, HIM, after, hand))


async def test_who_saves_after_somebody_faster_writes_over_nothing_that_he_did_not_change(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser, "supervisor")
    address, row = await first(district)
    form = form_of((await browser.get(address)).text, address)
    faster = {"hours": "09:00-17:00", "languages": ("en", "上海话"), "has_key": not row.has_key, "relation": "义子"}
    await change_of_somebody_faster(district, **faster)
    mine = {"phones": ["13911112222", ""], "relation": "养子"}
    page = await browser.post(address, data={**form, **mine, "why": ""})
    assert page.status_code == 422, "no reason was chosen, so it was not yet looked at how the entry stands"
    page = await browser.post(address, data={**form_of(page.text, address), **WHY})
    assert page.status_code == 409, "the form that came again still says what he saw"
    assert re.search(r"On file now:\s*义子", page.text)
    assert (await browser.post(address, data={**form_of(page.text, address), **WHY})).status_code == 200
    now = (await contacts_of(district))[0]
    assert (now.phones, now.relation) == (("13911112222",), "养子")
    assert (now.hours, set(now.languages), now.has_key) == ("09:00-17:00", {"en", "上海话"}, not row.has_key)


async def test_key_and_languages_that_two_changed_at_once_are_both_shown(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser, "supervisor")
    address, _ = await first(district)
    await change_of_somebody_faster(district, has_key=False, languages=("zh",))
    form = form_of((await browser.get(address)).text, address)
    await change_of_somebody_faster(district, has_key=False, languages=("en",), hours="09:00-17:00")
    page = await browser.post(address, data={**form, **WHY, "has_key": "true", "languages": ["zh", "wuu"]})
    assert page.status_code == 409
    assert re.search(r'name="has_key" value="true" checked.*?On file now:\s*nothing<', page.text, re.DOTALL)
    assert re.search(r"On file now:\s*English<", page.text)


async def test_card_and_way_that_somebody_faster_changed_are_kept_too(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser, "supervisor")
    card, way = f"{KEEP}/person", f"{KEEP}/home"
    forms = {page: form_of((await browser.get(page)).text, page) for page in (card, way)}
    hand = Hand(by="li", at=district.clock.now, reason="faster")

    def change(connection: sa.Connection) -> None:
        people_demands.correct(connection, HIM, "medicines", ("华法林",), hand)
        connection.execute(sa.update(home_register).where(home_register.c.home_id == HOME).values(route="by the road"))

    await district.store.write(change)
    for page, more in ((card, {"living": "with a cat"}), (way, {"address": "3号楼2-502"})):
        again = await browser.post(page, data={**forms[page], **WHY, **more})
        assert again.status_code == 409
        assert (await browser.post(page, data={**form_of(again.text, page), **WHY})).status_code == 200
    now = await district.store.read(lambda connection: register_keeping.read(connection, HIM))
    assert (now.resident.medicines, now.resident.living) == (("华法林",), "with a cat")
    assert (now.home.route, now.home.address) == ("by the road", "3号楼2-502")


async def test_new_number_that_nobody_tried_has_no_day_of_a_test(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    await change_of_somebody_faster(district, tested_on="2026-01-02")
    address, row = await first(district)
    await send(browser, address, address, phones=[row.phones[0].replace(" ", "-"), "021-5555 0002"])
    assert (await contacts_of(district))[0].tested_on == "2026-01-02", "the same number, written otherwise"
    await send(browser, address, address, phones=["13911112222", ""])
    assert (await contacts_of(district))[0].tested_on == ""
    await send(browser, address, address, phones=["13911113333", ""], tested_on="2026-01-03")
    assert (await contacts_of(district))[0].tested_on == "2026-01-03"


async def test_an_operator_opens_neither_card_nor_door_to_a_contact(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    await change_of_somebody_faster(district, has_key=False, may_see=(Item.STATUS,))
    address, _ = await first(district)
    shown = (await browser.get(address)).text
    assert 'name="may_see"' not in shown
    assert 'name="has_key"' not in shown
    assert re.search(r"<br>what happened\s*<span", shown), "what he may see is shown as it is"
    drawn = str(form_of(shown, address)["drawn"])
    forged = {"has_key": "true", "may_see": ["card", "vitals"], "drawn": f"{drawn},has_key:0,may_see:0"}
    assert (await send(browser, address, address, hours="08:00-20:00", **forged)).status_code == 200
    him = (await contacts_of(district))[0]
    assert (him.hours, him.has_key, him.may_see) == ("08:00-20:00", False, ("status",))
    new = f"{KEEP}/new-contact"
    more = {"name": "王丽", "phones": ["13700000009", ""], "circle": "family"}
    assert (await send(browser, new, new, **more, **forged)).status_code == 200
    (her,) = [one for one in await contacts_of(district) if one.name == "王丽"]
    assert (her.has_key, her.may_see) == (False, ())


async def test_an_operator_may_say_that_a_key_was_given_back(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    await change_of_somebody_faster(district, has_key=True, may_see=(Item.STATUS,))
    address, _ = await first(district)
    form = form_of((await browser.get(address)).text, address)
    assert form.pop("has_key") == "true"
    assert (await browser.post(address, data={**form, **WHY})).status_code == 200
    assert ((await contacts_of(district))[0].has_key, (await contacts_of(district))[0].may_see) == (False, ("status",))


async def test_another_name_and_number_are_another_person(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    address, before = await first(district)
    page = await send(browser, address, address, name="王丽", phones=["13911112222", ""])
    assert page.status_code == 422
    assert "Take this one off the list and add the new person." in page.text
    assert (await contacts_of(district))[0] == before
    assert (await send(browser, address, address, name="王丽")).status_code == 200, "a name that was written wrongly"


async def test_a_contact_who_was_taken_off_meanwhile_cannot_be_changed(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    address, row = await first(district)
    form = form_of((await browser.get(address)).text, address)
    hand = Hand(by="li", at=district.clock.now)
    rows = tuple(one for one in await contacts_of(district) if one.id != row.id)
    await district.store.write(lambda connection: register_keeping.keep_list(connection, HOME, HIM, rows, hand))
    page = await browser.post(address, data={**form, **WHY})
    assert page.status_code == 409
    assert (await browser.get(address)).status_code == 404


async def test_names_that_are_markup_are_shown_as_letters(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    evil = '"><script>alert(1)</script>'
    address, _ = await first(district)
    await send(browser, address, address, name=evil, relation=evil, words=evil)
    await send(browser, f"{KEEP}/person", f"{KEEP}/person", name=evil, notes=evil, conditions=evil)
    await send(browser, f"{KEEP}/home", f"{KEEP}/home", address=evil, route=evil)
    for page in (KEEP, address, f"{KEEP}/person", f"{KEEP}/home", f"/residents/{HIM}", f"/residents/{HIM}/history"):
        html = (await browser.get(page)).text
        assert "<script>alert" not in html
        assert "&lt;script&gt;" in html


async def test_the_same_person_on_the_list_of_who_lives_there_too_is_mended_with_him(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser, "supervisor")
    _, row = await first(district)
    hand = Hand(by="import", at=district.clock.now)

    def beside(connection: sa.Connection) -> None:
        him = ResidentRow(id="resident-001z", home=HOME, order=7, name="王伯")
        register_keeping.keep_rows(connection, [him], hand, {})
        his = ContactRow(
            resident="resident-001z",
            order=0,
            id="c-z",
            name=row.name,
            relation="侄子",
            phones=(row.phones[0], "021-5555 0002"),
            tested_on="2026-01-02",
        )
        other = ContactRow(resident="resident-001z", order=1, id="c-y", name="门卫", phones=(row.phones[0],))
        register_keeping.keep_list(connection, HOME, "resident-001z", [his, other], hand)

    await district.store.write(beside)
    address, _ = await first(district)
    shown = (await browser.get(address)).text
    assert "Change the number there too" in shown
    assert re.search(rf"<b>{row.name}</b>\s*\(侄子\)\s*· list of 王伯</span>", shown), (
        "who would be changed, and he alone"
    )
    await send(browser, address, address, phones=["13822223333", "021-7777 7777"])
    his, other = await contacts_of(district, "resident-001z")
    assert (his.phones, his.tested_on) == (("13822223333", "021-5555 0002"), ""), "his other number stays"
    assert other.phones == (row.phones[0],), "another person of the same telephone stays as he is"
    await send(browser, address, address, phones=["13822223333", "021-8888 8888"])
    assert (await contacts_of(district, "resident-001z"))[0] == his, "the first number is as it was"
    form = form_of((await browser.get(address)).text, address)
    form.pop("elsewhere")
    await browser.post(address, data={**form, **WHY, "phones": ["13844445555", ""]})
    assert (await contacts_of(district, "resident-001z"))[0] == his


async def test_from_an_open_case_to_the_number_and_back(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    await district.alarm(BOX, "sos", Severity.P1)
    case = (await browser.get("/incidents/1")).text
    link = re.search(r'href="(/residents/[^"]+wrong=[^"]+)"', case)
    assert link is not None
    address = unescape(link[1])
    page = await browser.get(address)
    assert "was found to be wrong" in page.text
    assert '<option value="tried" selected' in page.text
    action = address.split("?")[0]
    back = await browser.post(
        action, data={**form_of(page.text, action), "words": "dead", "phones": ["13955556666", ""]}
    )
    assert back.url.path == "/incidents/1"
    assert "13955556666" in back.text
    log = await district.store.read(people_access.newest)
    (entry,) = [one for one in log if one.act.value == "correction"]
    assert (entry.incident_id, entry.reason) == (1, "The number was tried: dead")


async def test_a_case_of_another_home_is_not_written_down_with_it(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    await district.alarm("gw-demo-1002", "sos", Severity.P1)
    address, _ = await first(district)
    await send(browser, address, address, hours="08:00-20:00", case="1")
    log = await district.store.read(people_access.newest)
    assert [one.incident_id for one in log if one.act.value == "correction"] == [None]


# ---- the person ----


async def test_an_operator_changes_how_the_person_is_reached_and_nothing_else(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    before = await person(district)
    page = f"{KEEP}/person"
    forged = {"name": "somebody else", "conditions": "none", "flags": ["oxygen"], "care_level": "total"}
    answer = await send(browser, page, page, phone="021-5555 9999", language="en", **forged)
    assert answer.status_code == 200
    assert await person(district) == before.model_copy(update={"phone": "021-5555 9999", "language": "en"})
    assert 'name="conditions"' not in (await browser.get(page)).text


async def test_a_supervisor_changes_the_whole_card_and_flags_that_mean_mains_power_take_effect(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser, "supervisor")
    page = f"{KEEP}/person"
    answer = await send(
        browser,
        page,
        page,
        name="王桂花",
        born="1931",
        sex="female",
        phone="",
        language="",
        other_language="上海话",
        hearing="hard",
        situation="with_carer",
        living="保姆住家",
        care_level="severe",
        flags=["falls", "oxygen"],
        eligibility=["aged", "bereft"],
        conditions="冠心病\n\n慢阻肺",
        allergies="青霉素",
        medicines="",
        notes="line one\nline two",
    )
    assert answer.status_code == 200
    now = await person(district)
    assert (now.name, now.born, now.language, now.hearing, now.situation) == (
        "王桂花",
        1931,
        "上海话",
        "hard",
        "with_carer",
    )
    assert (now.flags, now.eligibility) == (("falls", "oxygen"), ("aged", "bereft"))
    assert (now.conditions, now.allergies, now.medicines, now.notes) == (
        ("冠心病", "慢阻肺"),
        ("青霉素",),
        (),
        "line one\nline two",
    )
    watches = await district.store.read(people_watches.watches)
    assert watches[BOX].is_high_risk
    shown = (await browser.get(f"/residents/{HIM}/history")).text
    assert "on oxygen" in shown
    assert "慢阻肺" in shown


@pytest.mark.parametrize(
    ("field", "value", "advice"),
    [
        ("born", "long ago", "Write a year"),
        ("born", "1700", "Write a year"),
        ("name", "", "Write a name"),
        ("phone", "none", "Write one number"),
        ("conditions", "x" * 201, "One on each line"),
        ("notes", "x" * 2001, "at most 2,000"),
        ("flags", ["flying"], "cannot stand here"),
        ("care_level", "splendid", "cannot stand here"),
    ],
)
async def test_a_card_that_cannot_stand_is_refused(
    district: Centre, browser: httpx.AsyncClient, field: str, value: object, advice: str
) -> None:
    await come_in(district, browser, "supervisor")
    before, page = await person(district), f"{KEEP}/person"
    answer = await send(browser, page, page, **{"living": "keeps this", field: value})
    assert answer.status_code == 422
    assert advice in answer.text
    assert 'value="keeps this"' in answer.text
    assert await person(district) == before


async def test_health_is_not_in_the_form_of_whoever_does_not_want_it_shown(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser, "supervisor")
    before = await person(district)
    await send(browser, f"{KEEP}/consents", f"{KEEP}/consents", purpose="emergency", given="false", by="王桂兰")
    page = (await browser.get(f"{KEEP}/person")).text
    assert "does not want health to be shown" in page
    assert 'name="medicines"' not in page
    await send(browser, f"{KEEP}/person", f"{KEEP}/person", living="moved to the back room", medicines="")
    assert (await person(district)).medicines == before.medicines
    assert "changed; not shown to you" not in (await browser.get(f"/residents/{HIM}/history")).text


async def test_a_form_drawn_without_health_never_empties_it(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    words = f"{KEEP}/consents"
    await send(browser, f"{KEEP}/person", f"{KEEP}/person", conditions="冠心病", notes="deaf on the left")
    await send(browser, words, words, purpose="emergency", given="false", by="王桂兰")
    page = f"{KEEP}/person"
    form = form_of((await browser.get(page)).text, page)
    before = await person(district)
    district.clock.later(minutes=1)
    assert (await send(browser, words, words, purpose="emergency", given="true", by="王桂兰")).status_code == 200
    again = await browser.post(page, data={**form, **WHY, "living": "in the back room"})
    assert again.status_code == 409, "it shows health now, which this form did not"
    assert await person(district) == before
    assert "deaf on the left" in again.text
    form = {**form, "seen": form_of(again.text, page)["seen"]}
    assert (await browser.post(page, data={**form, **WHY, "living": "in the back room"})).status_code == 200
    assert await person(district) == before.model_copy(update={"living": "in the back room"}), "not asked, not written"
    bare = {name: value for name, value in form_of(again.text, page).items() if name in ("csrf", "seen")}
    assert (await browser.post(page, data={**bare, **WHY})).status_code == 409, "a form that asks for nothing"


async def test_review_of_today_is_written_down(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    assert (await send(browser, f"{KEEP}/person", f"{KEEP}/reviewed")).status_code == 200
    assert (await person(district)).reviewed_on == today(district)


# ---- consent ----


async def test_consent_is_given_and_withdrawn_with_who_said_it_and_how(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser, "supervisor")
    page = f"{KEEP}/consents"
    told = {"purpose": "statistics", "by": "王强", "relation": "监护人", "how": "spoken", "text_version": "v3"}
    assert (await send(browser, page, page, given="true", **told)).status_code == 200
    district.clock.later(minutes=1)
    assert (await send(browser, page, page, given="false", **told)).status_code == 200
    said = [
        one
        for one in await district.store.read(lambda connection: people.consents_of(connection, HIM))
        if one.purpose is Purpose.STATISTICS and one.recorded_by == "supervisor"
    ]
    assert [(one.is_given, one.given_by, one.relation, one.how.value, one.text_version) for one in said] == [
        (True, "王强", "监护人", "spoken", "v3"),
        (False, "王强", "监护人", "spoken", "v3"),
    ]
    assert ("consent", "supervisor", "statistics withdrawn") in await acts(district)


async def test_a_withdrawal_of_today_stands_over_the_word_of_this_morning(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser, "supervisor")
    page, told = f"{KEEP}/consents", {"purpose": "statistics", "by": "王强"}
    assert (await send(browser, page, page, given="true", **told)).status_code == 200
    now = district.clock.later(seconds=1)
    said = await district.store.read(lambda connection: people.consents_of(connection, HIM))
    yesterday = (now.astimezone() - timedelta(days=1)).date().isoformat()
    answer = await send(browser, page, page, given="false", at=yesterday, **told)
    assert answer.status_code == 422
    assert "A newer word says otherwise, and it holds." in answer.text
    assert await district.store.read(lambda connection: people.consents_of(connection, HIM)) == said
    assert (await send(browser, page, page, given="false", at=today(district), **told)).status_code == 200
    said = await district.store.read(lambda connection: people.consents_of(connection, HIM))
    assert not may(Purpose.STATISTICS, said, now)


async def test_days_of_words_are_the_centres_wherever_the_server_stands(store_url: str) -> None:
    zone = timezone(timedelta(hours=13))
    now = datetime(2026, 11, 25, 11, 30, tzinfo=UTC)  # half past midnight there, on the 26th
    store = await open_store(store_url, zone=zone)
    try:
        for part in batches(demo()):
            await store.write(lambda connection, part=part: take_in(connection, part, Hand(by="x", at=now), Tally()))
        room = RegisterRoom(store, clock=lambda: now, safe=Safe(), pinned={})
        user = User(user_id="u", login="li", name="li", role=Role.SUPERVISOR, language="zh")
        for day, given in (("2026-11-25", "true"), ("2026-11-26", "false")):
            stands = (await room.sheet(user, HIM)).entry.consents_stand
            wish = Wish(user=user, resident_id=HIM, reason="r", seen=stands)
            told = {"purpose": "statistics", "given": given, "by": "王强", "at": day}
            if day == "2026-11-25":
                row = ConsentRow.model_validate({**told, "resident": HIM})
                part = register_of([row])
                await store.write(
                    lambda connection, part=part: take_in(connection, part, Hand(by="x", at=now), Tally())
                )
            else:
                await room.say_consent(wish, told)
        said = await store.read(lambda connection: people.consents_of(connection, HIM))
    finally:
        await store.close()
    mine = sorted(
        (one.at, one.is_given) for one in said if one.given_by == "王强" and one.purpose is Purpose.STATISTICS
    )
    assert mine == [(datetime(2026, 11, 25, tzinfo=zone), True), (now, False)]


@pytest.mark.parametrize(
    ("more", "advice"),
    [
        ({"by": ""}, "Write who said it."),
        ({"at": "2027-01-01"}, "This is in the future."),
        ({"at": "soon"}, "Write a day such as"),
        ({"purpose": "selling"}, "cannot stand here"),
        ({"given": "perhaps"}, "cannot stand here"),
    ],
)
async def test_a_word_of_consent_that_cannot_stand_is_refused(
    district: Centre, browser: httpx.AsyncClient, more: dict[str, str], advice: str
) -> None:
    await come_in(district, browser, "supervisor")
    before = await district.store.read(lambda connection: people.consents_of(connection, HIM))
    page = f"{KEEP}/consents"
    told = {"purpose": "statistics", "given": "true", "by": "王强", "text_version": "keeps this"}
    answer = await send(browser, page, page, **{**told, **more})
    assert answer.status_code == 422
    assert advice in answer.text
    assert 'value="keeps this"' in answer.text
    assert await district.store.read(lambda connection: people.consents_of(connection, HIM)) == before


# ---- the home ----


async def test_an_operator_changes_the_way_in_only_while_a_case_is_open(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    page = f"{KEEP}/home"
    closed = (await browser.get(page)).text
    assert "while a case of this home is open" in closed
    assert "<textarea" not in closed
    csrf = re.search(r'name="csrf" value="([^"]+)"', closed)
    assert csrf is not None
    entry = await district.store.read(lambda connection: register_keeping.read(connection, HIM))
    blind = {"csrf": csrf[1], "seen": entry.home_stands, "route": "x", **WHY}
    assert (await browser.post(page, data=blind)).status_code == 403
    await district.alarm(BOX, "sos", Severity.P1)
    assert 'name="address"' not in (await browser.get(page)).text
    answer = await send(browser, page, page, route="north gate\nsecond stair", address="forged")
    assert answer.status_code == 200
    after = await district.store.read(lambda connection: register_keeping.read(connection, HIM))
    assert (after.home.route, after.home.address) == ("north gate\nsecond stair", entry.home.address)


async def test_a_supervisor_changes_address_and_where_the_key_safe_hangs_but_not_its_code(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser, "supervisor")
    now = district.clock.now
    await district.store.write(
        lambda connection: people_key_safes.put(connection, HOME, "47#11", Safe(), hint="left", by="li", at=now)
    )
    page = f"{KEEP}/home"
    answer = await send(browser, page, page, address="3号楼2-502", hint="right of the door")
    assert "47#11" not in answer.text
    entry = await district.store.read(lambda connection: register_keeping.read(connection, HIM))
    assert (entry.home.address, entry.safe.hint) == ("3号楼2-502", "right of the door")
    shown = (await browser.get(f"/residents/{HIM}/history")).text
    assert "right of the door" in shown
    assert (await send(browser, page, page, address="")).status_code == 422
    assert (await send(browser, page, page, hint="x" * 201)).status_code == 422


async def test_the_code_is_set_with_a_fresh_proof_and_never_shown_back(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser, "supervisor")
    district.clock.later(minutes=16)
    page, action = f"{KEEP}/home", f"{KEEP}/code"
    for proof in ("", "wrong"):
        answer = await send(browser, page, action, code="86#42", hint="left", proof=proof)
        assert answer.status_code == 422
        assert "That password or code was not right." in answer.text
        assert "86#42" not in answer.text
    assert (await send(browser, page, action, code="12", hint="", proof=PASSWORD)).status_code == 422
    answer = await send(browser, page, action, code="86#42", hint="left of the door")
    assert answer.status_code == 200, "the wrong code came with the right password"
    assert "86#42" not in answer.text
    assert "86#42" not in (await browser.get(f"/residents/{HIM}/history")).text
    row = await district.store.read(
        lambda connection: connection.execute(sa.select(key_safes).where(key_safes.c.home_id == HOME)).one()
    )
    assert (row.sealed, row.hint, row.changed_by) == (b"86#42", "left of the door", "supervisor")
    assert [act for act, *_ in await acts(district)].count("key_safe_set") == 1


async def test_home_of_the_settings_file_shows_its_box_as_fixed_and_says_why(
    centre: Centre, browser: httpx.AsyncClient
) -> None:
    await centre.home(1, "3号楼2-501", "王桂兰", 1944, contacts=[{"name": "王强", "phone": "13800000001"}])
    centre.pinned["home-1"] = "gw-1"
    await come_in(centre, browser, "supervisor")
    page = (await browser.get("/residents/resident-1/keep/home")).text
    assert "community.yaml, which has the last word on its box" in page
    assert 'name="gateway"' not in page
    shown = (await browser.get("/residents/resident-1/keep")).text
    at = re.search(r'href="(/residents/resident-1/keep/contacts/[^"]+)"', shown)
    assert at is not None
    await send(browser, at[1], at[1], phones=["13912345678", ""])
    await centre.home(2, "3号楼2-502", "李明", 1950)  # the file is read again, as at each start
    assert (await contacts_of(centre, "resident-1"))[0].phones == ("13912345678",), "the register has the newer word"


# ---- the face ----


def picture(size: tuple[int, int] = (900, 600)) -> bytes:
    made = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "at home, by the window"
    Image.new("RGB", size, (200, 120, 40)).save(made, "JPEG", exif=exif)
    return made.getvalue()


async def put(browser: httpx.AsyncClient, body: bytes, **more: str) -> httpx.Response:
    page = f"{KEEP}/photo"
    form = {**form_of((await browser.get(page)).text, page), **WHY, **more}
    form.pop("file", None)
    return await browser.post(page, data=form, files={"file": ("face.jpg", body, "image/jpeg")})


async def test_a_face_is_made_anew_kept_and_taken_away(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    assert (await put(browser, picture())).status_code == 200
    kept = await district.store.read(lambda connection: resident_photos.picture(connection, HIM))
    assert kept is not None
    assert b"by the window" not in kept
    with Image.open(io.BytesIO(kept)) as face:
        assert max(face.size) == 480
    page = await send(browser, f"{KEEP}/photo", f"{KEEP}/no-photo")
    assert "There is none." in page.text
    assert await district.store.read(lambda connection: resident_photos.picture(connection, HIM)) is None
    assert [after for _, field, _, after in await history(district) if field == "photo_kept"] == ["put", "taken"]


def bomb() -> bytes:
    made = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(made, "PNG", optimize=True)
    return made.getvalue()


@pytest.mark.parametrize("what", ["words", "cut", "bomb", "none"])
async def test_what_is_no_photo_is_refused(district: Centre, browser: httpx.AsyncClient, what: str) -> None:
    await come_in(district, browser, "supervisor")
    body = {"words": b"<svg onload=alert(1)>", "cut": picture()[:400], "bomb": bomb(), "none": b""}[what]
    answer = await put(browser, body)
    assert answer.status_code == 422
    assert "no photo that can be read" in answer.text
    assert await district.store.read(lambda connection: resident_photos.picture(connection, HIM)) is None


async def test_a_photo_that_is_too_large_is_cut_off(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    assert (await put(browser, b"\xff\xd8" + bytes(12 * 1024 * 1024))).status_code == 422
    assert (await put(browser, bytes(14 * 1024 * 1024))).status_code == 413
    large = await browser.post(f"{KEEP}/person", data={"words": "x" * 70_000})
    assert large.status_code == 413, "only the photo may be as large"


# ---- who comes and goes ----


async def test_somebody_moves_and_somebody_new_comes(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    page = await send(browser, f"{KEEP}/move", f"{KEEP}/move", home="home-002")
    assert page.status_code == 200
    moved = await person(district)
    assert moved.home == "home-002"
    assert moved.order > 0, "those who lived there keep their places"
    new = f"/register/new?home={HOME}"
    shown = (await browser.get(new)).text
    assert 'value="resident-001b"' in shown
    form = {**form_of(shown, "/register/new"), **WHY, "name": "赵新", "phone": "13700001111", "flags": ["ventilator"]}
    answer = await browser.post("/register/new", data=form)
    assert answer.url.path == "/residents/resident-001b/keep"
    came = await person(district, "resident-001b")
    assert (came.name, came.home, came.order, came.flags) == ("赵新", HOME, 0, ("ventilator",))
    assert ("correction", "supervisor", "A relative or contact says so: his daughter rang") in await acts(district)


async def test_moves_that_cannot_be_are_refused(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    page = f"{KEEP}/move"
    for home, advice in (
        ("home-999", "No home of this id"),
        ("../x", "No home of this id"),
        (HOME, "lives there already"),
    ):
        answer = await send(browser, page, page, home=home)
        assert answer.status_code == 422
        assert advice in answer.text
    await district.alarm(BOX, "sos", Severity.P1)
    assert "A case of this home is open" in (await send(browser, page, page, home="home-002")).text
    assert (await person(district)).home == HOME


async def test_new_people_that_cannot_be_are_refused(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    assert "No home of this id" in (await browser.get("/register/new?home=home-999")).text
    gone = "resident-002a"
    at = district.clock.now
    await district.store.write(lambda connection: erase(connection, gone, by="li", at=at, reason="asked"))
    page = f"/register/new?home={HOME}"
    for his_id, more, advice in (
        (HIM, {}, "on file already"),
        (gone, {}, "was erased on request"),
        ("王桂兰", {}, "never a name"),
        ("resident-new", {"name": ""}, "Write a name"),
        ("resident-new", {"home": "home-999"}, "No home of this id"),
    ):
        form = form_of((await browser.get(page)).text, "/register/new")
        answer = await browser.post("/register/new", data={**form, **WHY, "name": "赵新", "id": his_id, **more})
        assert answer.status_code == 422
        assert advice in answer.text
    known = await district.store.read(lambda connection: people.residents_of(connection, HOME))
    assert [one.id for one in known] == [HIM]


# ---- who may, and where ----


@pytest.mark.parametrize("role", ["auditor", "admin", "regulator", "responder", "family"])
async def test_no_other_role_changes_anything(district: Centre, browser: httpx.AsyncClient, role: str) -> None:
    await come_in(district, browser, role)
    address, _ = await first(district)
    for page in (KEEP, address, f"{KEEP}/person", f"{KEEP}/home", f"{KEEP}/consents", f"{KEEP}/photo", f"{KEEP}/move"):
        assert (await browser.get(page)).status_code == 403
        assert (await browser.post(page, data={"csrf": "x"})).status_code in {403, 405}


async def test_area_holds_as_for_reading(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    staff = Staff(store=district.store, by="root", clock=district.clock)
    address, _ = await first(district)
    await staff.set_scope("supervisor", areas=frozenset({"elsewhere"}), organisations=EVERYWHERE)
    await browser.post("/login", data={"login": "supervisor", "password": PASSWORD})
    for page in (
        KEEP,
        address,
        f"{KEEP}/person",
        f"{KEEP}/consents",
        f"/residents/{HIM}/history",
        f"/register/new?home={HOME}",
    ):
        assert (await browser.get(page)).status_code == 403, page
    csrf = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/residents")).text)
    assert csrf is not None
    entry = await district.store.read(lambda connection: register_keeping.read(connection, HIM))
    assert entry is not None
    sent = {"csrf": csrf[1], **WHY}
    for action, form in (
        (f"{KEEP}/new-contact", {"seen": entry.contacts_stand, "name": "x", "phones": ["13800000000"]}),
        (f"{KEEP}/person", {"seen": entry.person_stands, "name": "x"}),
        (f"{KEEP}/consents", {"seen": entry.consents_stand, "purpose": "statistics", "given": "false", "by": "x"}),
        (f"{KEEP}/code", {"seen": entry.home_stands, "code": "86#42"}),
        ("/register/new", {"home": HOME, "id": "resident-x", "name": "x"}),
    ):
        assert (await browser.post(action, data={**sent, **form})).status_code == 403, action
    assert await district.store.read(lambda connection: register_keeping.read(connection, HIM)) == entry


async def test_nobody_moves_a_person_into_a_home_outside_his_area(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    place = await district.store.read(
        lambda connection: connection.scalar(
            sa.select(places.c.parent_id)
            .join(home_register, home_register.c.place_id == places.c.place_id)
            .where(home_register.c.home_id == HOME)
        )
    )
    staff = Staff(store=district.store, by="root", clock=district.clock)
    await staff.set_scope("supervisor", areas=frozenset({place}), organisations=EVERYWHERE)
    await browser.post("/login", data={"login": "supervisor", "password": PASSWORD})
    assert (await send(browser, f"{KEEP}/move", f"{KEEP}/move", home="home-040")).status_code == 403
    assert (await person(district)).home == HOME


async def test_form_of_another_session_is_refused(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    address, before = await first(district)
    assert (await send(browser, address, address, csrf="x" * 20, phones=["13900000000"])).status_code == 403
    assert (await contacts_of(district))[0] == before


async def test_stranger_and_erased_have_no_form(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, "supervisor")
    at = district.clock.now
    form = form_of((await browser.get(f"{KEEP}/person")).text, f"{KEEP}/person")
    await district.store.write(lambda connection: erase(connection, HIM, by="li", at=at, reason="asked"))
    for page in (KEEP, f"{KEEP}/person", f"/residents/{HIM}/history", "/residents/nobody/keep"):
        assert (await browser.get(page)).status_code == 404
    assert (await browser.post(f"{KEEP}/person", data={**form, **WHY})).status_code == 404


# ---- the history ----


@pytest.mark.parametrize(("role", "is_shown"), [("supervisor", True), ("auditor", False), ("operator", False)])
async def test_history_shows_health_to_who_may_see_it(
    district: Centre, browser: httpx.AsyncClient, role: str, *, is_shown: bool
) -> None:
    hand = Hand(by="li", at=district.clock.now, reason="letter of the clinic")
    await district.store.write(lambda connection: people_demands.correct(connection, HIM, "allergies", ("花生",), hand))
    await come_in(district, browser, role)
    page = (await browser.get(f"/residents/{HIM}/history")).text
    assert ("letter of the clinic" in page) is is_shown, "a reason says what the matter is"
    assert ("花生" in page) is is_shown
    assert ("changed; not shown to you" in page) is not is_shown


@pytest.mark.parametrize(("role", "is_shown"), [("supervisor", True), ("auditor", False)])
async def test_why_an_entry_was_corrected_is_read_by_who_may_see_the_card(
    district: Centre, browser: httpx.AsyncClient, role: str, *, is_shown: bool
) -> None:
    hand = Hand(by="li", at=district.clock.now, reason="pregabalin, says the clinic")
    await district.store.write(lambda connection: people_demands.correct(connection, HIM, "phone", "13800000000", hand))
    await come_in(district, browser, role)
    page = (await browser.get(f"/residents/{HIM}?tab=looked")).text
    assert "entry was corrected" in page
    assert ("pregabalin" in page) is is_shown


async def test_history_is_paged_newest_first(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    for number in range(55):
        at = district.clock.later(seconds=1)
        hand = Hand(by="li", at=at, reason=f"reason-{number:02}")
        await district.store.write(
            lambda connection, number=number, hand=hand: people_demands.correct(
                connection, HIM, "phone", f"13800{number:06}", hand
            )
        )
    first_page = (await browser.get(f"/residents/{HIM}/history")).text
    assert "reason-54" in first_page
    assert "reason-04" not in first_page
    assert f'/residents/{HIM}/history?page=1"' in first_page
    assert "reason-04" in (await browser.get(f"/residents/{HIM}/history?page=1")).text


async def test_looks_are_written_down_once_an_hour(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    for _ in range(3):
        await browser.get(KEEP)
    assert [act for act, *_ in await acts(district)] == ["contacts"]
