"""Calls under way follow the register: the number that was mended rings, and nobody is rung or named for another."""

from datetime import UTC

import pytest
import sqlalchemy as sa
from fixtures.community_home import DemoHome
from fixtures.notified import Notified

from community.channels.port import Way
from community.desk import Try
from community.register_room import RegisterRoom, Sheet, Wish
from community.registry import ContactRow, register_of
from community.registry_sealing import Safe
from community.settings import ContactEntry, HomeEntry
from community.store import contact_keys, family, notices, people_erasure
from community.store.answers import Reply, attempts_of, reply_of
from community.store.calls import calls_of
from community.store.case_schema import attempts
from community.store.directory import bring_in
from community.store.family import Summons
from community.store.people_register import Hand, Tally, take_in
from community.store.people_rows import contact_id_of
from community.store.schema import contacts
from community.users import Role, User
from community.web.language import Language
from community.web.pages import Pages

ELDER = "resident-0001"
ZHANG = User(user_id="u-1", login="zhang", name="张琳", role=Role.OPERATOR, language="zh")
SON, DAUGHTER = "13800000001", "13800000002"


def room_of(notified: Notified) -> RegisterRoom:
    return RegisterRoom(notified.store, clock=lambda: notified.now, safe=Safe(), pinned={})


async def wish_over(notified: Notified, incident: int) -> tuple[Sheet, Wish]:
    sheet = await room_of(notified).sheet(ZHANG, ELDER)
    wish = Wish(user=ZHANG, resident_id=ELDER, reason="dead", seen=sheet.entry.contacts_stand, case=incident)
    return sheet, wish


async def mend(notified: Notified, incident: int, phone: str) -> None:
    sheet, wish = await wish_over(notified, incident)
    son = sheet.entry.contacts[0]
    written = son.model_dump(exclude={"resident", "order", "id"})
    await room_of(notified).change_contact(wish, son.id or "", {**written, "phones": (phone,)})


async def move_up(notified: Notified, incident: int, name: str) -> None:
    sheet, wish = await wish_over(notified, incident)
    him = next(one for one in sheet.entry.contacts if one.name == name)
    await room_of(notified).move_contact(wish, him.id or "", up=True)


async def drop(notified: Notified, incident: int, name: str) -> None:
    sheet, wish = await wish_over(notified, incident)
    him = next(one for one in sheet.entry.contacts if one.name == name)
    await room_of(notified).drop_contact(wish, him.id or "")


async def add(notified: Notified, incident: int, name: str, phone: str) -> None:
    _, wish = await wish_over(notified, incident)
    await room_of(notified).add_contact(wish, {"name": name, "relation": "邻居", "phones": (phone,)})


async def two(notified: Notified, *, ids: tuple[str | None, str | None] = (None, None)) -> None:
    """王强 and 王芳 are on the list, in this order; she has the key."""
    rows = [
        ContactRow(resident=ELDER, order=0, id=ids[0], name="王强", relation="儿子", phones=(SON,), has_key=False),
        ContactRow(resident=ELDER, order=1, id=ids[1], name="王芳", relation="女儿", phones=(DAUGHTER,), has_key=True),
    ]
    hand = Hand(by="chen", at=notified.now, reason="a list")

    def write(connection: sa.Connection) -> None:
        connection.execute(sa.delete(contacts).where(contacts.c.resident_id == ELDER))
        take_in(connection, register_of(rows), hand, Tally())

    await notified.store.write(write)


async def queue(notified: Notified, incident: int, audience: str) -> None:
    """The ladder wants them called; nothing has gone out yet."""
    await notified.notifier().bring_in()
    await notified.notice(incident, audience, rung=3)
    await notified.store.write(
        lambda connection: notices.turn(connection, notified.now, notified.engine_ms, notified.rung_failed)
    )
    assert {outcome for _, _, outcome in await notified.attempts()} == {"queued"}


async def as_an_older_server_wrote(notified: Notified) -> None:
    """Attempts name the places of the list as it is now."""

    def write(connection: sa.Connection) -> None:
        for row in connection.execute(sa.select(contacts)).all():
            now, before = contact_keys.keys_of(row.resident_id, row.contact_id, row.place)
            connection.execute(sa.update(attempts).where(attempts.c.person == now).values(person=before))

    await notified.store.write(write)
    assert all(person.rpartition(":")[2].isdecimal() for _, person, _ in await notified.attempts())


async def replies(notified: Notified) -> dict[str, Reply | None]:
    """Who is said to go, by the number that was rung."""
    sent = notified.channels["calls"].sent
    return {
        one.to: await notified.store.read(lambda connection, key=one.key: reply_of(connection, key, "1", notified.now))
        for one in sent
    }


async def tries(notified: Notified, incident: int) -> list[Try]:
    found = await notified.store.read(lambda connection: calls_of(connection, incident, notified.now))
    return [one for call in found for one in call.tries]


async def test_call_that_waits_rings_the_new_number(notified: Notified) -> None:
    voice = notified.line("calls", Way.VOICE)
    incident = await notified.case()
    await notified.notice(incident, "family", rung=3)
    await mend(notified, incident, "139 0000 7777")
    async with notified.running():
        await notified.until_outcomes("sent")
    assert [one.to for one in voice.sent] == ["13900007777"]


async def test_next_rung_of_the_ladder_rings_the_new_number_after_the_old_one_failed(notified: Notified) -> None:
    voice = notified.line("calls", Way.VOICE)
    incident = await notified.case()
    await notified.notice(incident, "family", rung=3)
    async with notified.running():
        await notified.until_outcomes("sent")
    await mend(notified, incident, "139 0000 7777")
    await notified.notice(incident, "keyholder", rung=4)
    async with notified.running():
        await notified.until_outcomes("sent", "sent")
    assert [one.to for one in voice.sent] == ["138", "13900007777"]


# ---- another order ----


@pytest.mark.parametrize("is_older", [False, True], ids=["by id", "queued by an older server"])
@pytest.mark.parametrize("ids", [(None, None), ("1", "0")], ids=["made ids", "ids of digits"])
async def test_whoever_is_moved_up_while_her_call_waits_is_rung_herself(
    notified: Notified, ids: tuple[str | None, str | None], *, is_older: bool
) -> None:
    voice = notified.line("calls", Way.VOICE)
    await two(notified, ids=ids)
    incident = await notified.case()
    await queue(notified, incident, "keyholder")
    if is_older:
        await as_an_older_server_wrote(notified)
    await move_up(notified, incident, "王芳")
    async with notified.running():
        await notified.until_outcomes("sent")
    assert [one.to for one in voice.sent] == [DAUGHTER]
    assert [one.person for one in await tries(notified, incident)] == ["王芳"]


@pytest.mark.parametrize("is_older", [False, True], ids=["by id", "rung by an older server"])
async def test_answer_is_of_whom_was_rung_however_the_list_is_ordered_since(
    notified: Notified, *, is_older: bool
) -> None:
    notified.line("calls", Way.VOICE)
    await two(notified)
    incident = await notified.case()
    await queue(notified, incident, "family")
    async with notified.running():
        await notified.until_outcomes("sent", "sent")
    if is_older:
        await as_an_older_server_wrote(notified)
    await move_up(notified, incident, "王芳")
    found = await replies(notified)
    assert {to: (one.name, one.relation) for to, one in found.items() if one} == {
        SON: ("王强", "儿子"),
        DAUGHTER: ("王芳", "女儿"),
    }
    assert {one.person for one in await tries(notified, incident)} == {"王强", "王芳"}
    listed = await notified.store.read(lambda connection: attempts_of(connection, incident, notified.now))
    assert [one.name for one in listed] == ["王强", "王芳"]


async def test_key_of_an_older_server_is_read_as_long_as_the_list_stays(notified: Notified) -> None:
    voice = notified.line("calls", Way.VOICE)
    await two(notified)
    incident = await notified.case()
    await queue(notified, incident, "keyholder")
    await as_an_older_server_wrote(notified)
    async with notified.running():
        await notified.until_outcomes("sent")
    assert [one.to for one in voice.sent] == [DAUGHTER]
    assert (await replies(notified))[DAUGHTER].name == "王芳"


@pytest.mark.parametrize("is_older", [False, True], ids=["by id", "rung by an older server"])
async def test_relative_who_signed_in_answers_her_own_call(notified: Notified, *, is_older: bool) -> None:
    notified.line("calls", Way.VOICE)
    await two(notified, ids=("son", "daughter"))
    incident = await notified.case()
    await queue(notified, incident, "keyholder")
    if is_older:
        await as_an_older_server_wrote(notified)
    (row,) = await notified.rows(attempts)
    assert await summoned(notified, incident) == {"son": None, "daughter": row.key}
    await move_up(notified, incident, "王芳")
    assert await summoned(notified, incident) == {"son": None, "daughter": row.key}


async def summoned(notified: Notified, incident: int) -> dict[str, str | None]:
    """Who is told that the centre called him, with the key of the call."""

    def look(connection: sa.Connection, who: str) -> Summons | None:
        user = User(user_id="u-2", login=who, name=who, role=Role.FAMILY, language="zh", person=who)
        (elder,) = family.elders(connection, user, notified.now)
        return family.summons(connection, elder, incident)

    found = {
        who: await notified.store.read(lambda connection, who=who: look(connection, who)) for who in ("son", "daughter")
    }
    return {who: None if one is None else one.key for who, one in found.items()}


async def test_file_that_lists_them_in_another_order_changes_nobody_of_an_older_key(notified: Notified) -> None:
    voice = notified.line("calls", Way.VOICE)
    await two(notified)
    incident = await notified.case()
    await queue(notified, incident, "keyholder")
    await as_an_older_server_wrote(notified)
    rows = [
        ContactRow(resident=ELDER, order=0, name="王芳", relation="女儿", phones=(DAUGHTER,)),
        ContactRow(resident=ELDER, order=1, name="王强", relation="儿子", phones=(SON,)),
    ]
    hand = Hand(by="chen", at=notified.now, reason="a list")
    await notified.store.write(lambda connection: take_in(connection, register_of(rows), hand, Tally()))
    async with notified.running():
        await notified.until_outcomes("sent")
    assert [one.to for one in voice.sent] == [DAUGHTER]


async def test_namesakes_of_a_file_are_two_people(notified: Notified) -> None:
    """The first of them took over the id of the second, whose name and number made it, and both were one."""
    hand = Hand(by="chen", at=notified.now, reason="a list")
    one = ContactRow(resident=ELDER, order=0, name="值班员", phones=(SON,))
    await notified.store.write(lambda connection: take_in(connection, register_of([one]), hand, Tally()))
    rows = [ContactRow(resident=ELDER, order=0, name="值班员", phones=(DAUGHTER,)), one.model_copy(update={"order": 1})]
    await notified.store.write(lambda connection: take_in(connection, register_of(rows), hand, Tally()))
    found = {row.phone: row.contact_id for row in await notified.rows(contacts)}
    assert found == {number: contact_id_of(ELDER, "值班员", number) for number in (SON, DAUGHTER)}


@pytest.mark.parametrize("contact_id", ["c-1f", "0", "17", "1a", "wang.qiang", "0.1"])
def test_key_says_whom_it_names(contact_id: str) -> None:
    now, before = contact_keys.keys_of("home:1", contact_id, 3)
    assert contact_keys.named(now) == contact_keys.Named(resident_id="home:1", contact_id=contact_id)
    assert contact_keys.named(before) == contact_keys.Named(resident_id="home:1", contact_id=None, place=3)


@pytest.mark.parametrize("key", ["", "erased", "contact:", "contact:0", "contact::0", "contact:x:", "responder:liu:1"])
def test_key_of_no_contact_names_nobody(key: str) -> None:
    assert contact_keys.named(key) is None


def edited(*people: ContactEntry) -> HomeEntry:
    """The home of community.yaml with these contacts."""
    resident = DemoHome.entry.resident.model_copy(update={"contacts": people})
    return DemoHome.entry.model_copy(update={"resident": resident})


@pytest.mark.parametrize("is_older", [False, True], ids=["by id", "queued by an older server"])
async def test_home_of_the_settings_that_lists_somebody_before_him_rings_him_by_his_new_number(
    notified: Notified, *, is_older: bool
) -> None:
    voice = notified.line("calls", Way.VOICE)
    incident = await notified.case()
    await queue(notified, incident, "keyholder")
    if is_older:
        await as_an_older_server_wrote(notified)
    home = edited(
        ContactEntry(name="王芳", relation="女儿", phone=DAUGHTER),
        ContactEntry(name="王强", relation="儿子", phone=SON, has_key=True),
    )
    await notified.store.write(lambda connection: bring_in(connection, (home,)))
    async with notified.running():
        await notified.until_outcomes("sent")
    assert [one.to for one in voice.sent] == [SON]


# ---- off the list ----


@pytest.mark.parametrize("is_older", [False, True], ids=["by id", "queued by an older server"])
async def test_whoever_was_taken_off_the_list_is_not_rung_nor_is_the_newcomer_in_her_place(
    notified: Notified, *, is_older: bool
) -> None:
    voice = notified.line("calls", Way.VOICE)
    await two(notified)
    incident = await notified.case()
    await queue(notified, incident, "keyholder")
    if is_older:
        await as_an_older_server_wrote(notified)
    await drop(notified, incident, "王芳")
    await add(notified, incident, "赵敏", "13800000003")
    async with notified.running():
        await notified.until_outcomes("failed")
    assert voice.sent == []
    assert [row.code for row in await notified.rows(attempts)] == [notices.OFF_THE_LIST]
    assert notified.lost == [(incident, 3)], "the ladder goes on at once"
    (only,) = await tries(notified, incident)
    assert (only.person, only.has_left, only.is_of_home) == ("王芳", True, True)
    await notified.notice(incident, "family", rung=4)
    async with notified.running():
        await notified.until_outcomes("failed", "sent", "sent")
    assert sorted(one.to for one in voice.sent) == [SON, "13800000003"]


async def test_whoever_waits_beside_one_who_was_taken_off_the_list_is_rung(notified: Notified) -> None:
    voice = notified.line("calls", Way.VOICE)
    await two(notified)
    incident = await notified.case()
    await queue(notified, incident, "family")
    await drop(notified, incident, "王强")
    async with notified.running():
        await notified.until_outcomes("failed", "sent")
    assert [one.to for one in voice.sent] == [DAUGHTER]
    assert notified.lost == []


async def test_whoever_answers_after_he_was_taken_off_the_list_keeps_his_name(notified: Notified) -> None:
    notified.line("calls", Way.VOICE)
    await two(notified)
    incident = await notified.case()
    await queue(notified, incident, "family")
    async with notified.running():
        await notified.until_outcomes("sent", "sent")
    await drop(notified, incident, "王芳")
    await add(notified, incident, "赵敏", "13800000003")
    reply = (await replies(notified))[DAUGHTER]
    assert reply is not None
    assert (reply.name, reply.relation) == ("王芳", "女儿")
    assert [(one.person, one.has_left) for one in await tries(notified, incident)] == [("王强", False), ("王芳", True)]


async def test_case_that_was_taken_meanwhile_needs_nobody_of_the_list(notified: Notified) -> None:
    notified.line("calls", Way.VOICE)
    await two(notified)
    incident = await notified.case()
    await queue(notified, incident, "keyholder")
    await drop(notified, incident, "王芳")
    await notified.put(incident, state="ACKED", owner="zhang")
    async with notified.running():
        await notified.until_outcomes("failed")
    assert [row.code for row in await notified.rows(attempts)] == ["not needed any more"]
    assert notified.lost == []


async def test_name_of_somebody_off_the_list_goes_with_the_erased_resident(notified: Notified) -> None:
    notified.line("calls", Way.VOICE)
    await two(notified)
    incident = await notified.case()
    await queue(notified, incident, "keyholder")
    await drop(notified, incident, "王芳")
    (her,) = await notified.rows(attempts)
    await notified.put(incident, state="CLOSED")
    await notified.store.write(
        lambda connection: people_erasure.erase(connection, ELDER, by="chen", at=notified.now, reason="asked for it")
    )
    assert [row.person for row in await notified.rows(attempts)] == [people_erasure.ERASED]
    whom = contact_keys.named(her.person)
    assert whom is not None
    assert await notified.store.read(lambda connection: contact_keys.left_of(connection, whom)) is None


async def shown(notified: Notified, incident: int, language: Language) -> str:
    calls = await notified.store.read(lambda connection: calls_of(connection, incident, notified.now))
    pages = Pages(clock=lambda: notified.now, zone=UTC, name="", static="")
    return pages.render("_calls.html", language, {"calls": calls})


@pytest.mark.parametrize(
    ("language", "words"), [(Language.EN, "taken off the list"), (Language.ZH, "已移出联系人名单")]
)
async def test_page_says_who_was_taken_off_the_list(notified: Notified, language: Language, words: str) -> None:
    notified.line("calls", Way.VOICE)
    await two(notified)
    incident = await notified.case()
    await queue(notified, incident, "keyholder")
    assert words not in await shown(notified, incident, language)
    await drop(notified, incident, "王芳")
    page = await shown(notified, incident, language)
    assert "王芳" in page
    assert words in page
