"""Whoever left is called about no more, on both databases; the home's alarms open cases and climb as before."""

from pathlib import Path

import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome
from fixtures.notified import SUPERVISOR, Notified

from community.channels.port import Way
from community.people import Flag, Item, Left
from community.registry import ContactRow, ResidentRow, register_of
from community.registry_checks import Known, Reading, sift
from community.registry_folder import read_register
from community.store import family, living, needs, people, people_of_homes, requests, schema, views
from community.store.people_dossier import dossier
from community.store.people_register import Hand, Tally, take_in
from community.users import Role, User

ELDER, WIDOW, HOME = "resident-0001", "resident-0002", DemoHome.entry.id
SON = User(user_id="u-9", login="wang", name="王强", role=Role.FAMILY, language="zh", person="son")


async def write(notified: Notified, *rows: ResidentRow | ContactRow) -> None:
    hand = Hand(by="chen", at=notified.now, reason="told by his son")
    await notified.store.write(lambda connection: take_in(connection, register_of(rows), hand, Tally()))


def elder(**more: object) -> ResidentRow:
    return ResidentRow.model_validate({"id": ELDER, "home": HOME, "name": "王桂兰", **more})


async def with_widow(notified: Notified) -> None:
    await write(
        notified,
        ResidentRow(id=WIDOW, home=HOME, order=1, name="李秀英"),
        ContactRow(resident=ELDER, order=0, id="son", name="王强", phones=("138",), may_see=(Item.STATUS,)),
        ContactRow(resident=WIDOW, order=0, id="niece", name="李娜", phones=("137",), has_key=True),
    )


async def rung(notified: Notified, audience: str) -> list[str]:
    voice = notified.line("calls", Way.VOICE)
    incident = await notified.case()
    await notified.notice(incident, audience, rung=3)
    async with notified.running():
        await notified.until(lambda: _is_settled(notified))
    return [one.to for one in voice.sent]


async def _is_settled(notified: Notified) -> bool:
    rows = await notified.rows(schema.metadata.tables["notices"])
    return all(row.state != "waiting" for row in rows) and all(one[2] != "queued" for one in await notified.attempts())


async def test_the_ladder_rings_those_of_the_widow_alone(notified: Notified) -> None:
    await with_widow(notified)
    await write(notified, elder(left=Left.DIED, left_on="2026-11-20"))
    assert await rung(notified, "family") == ["137"]


async def test_both_are_rung_about_as_long_as_both_live_there(notified: Notified) -> None:
    await with_widow(notified)
    assert sorted(await rung(notified, "family")) == ["137", "138"]


async def test_in_an_empty_home_a_case_opens_and_the_rung_of_the_family_is_lost_not_the_alarm(
    notified: Notified,
) -> None:
    await write(notified, elder(left=Left.MOVED, left_on="2026-11-20"))
    assert await rung(notified, "family") == []
    (row,) = await notified.store.read(lambda connection: views.queue(connection, NOON))
    assert (row.home_id, row.resident_name, row.address) == (HOME, "", "3号楼2-501")
    assert notified.lost  # told to the engine, which climbs


async def test_the_desk_is_rung_for_an_empty_home_as_for_any(notified: Notified) -> None:
    notified.people.append(SUPERVISOR)
    await write(notified, elder(left=Left.DIED, left_on="2026-11-20"))
    sms = notified.line("texts", Way.SMS)
    incident = await notified.case()
    await notified.notice(incident, "supervisor", rung=2)
    async with notified.running():
        await notified.until(lambda: _is_settled(notified))
    assert [one.to for one in sms.sent] == ["139"]


async def test_nobody_takes_who_left_for_who_lives_there(notified: Notified) -> None:
    await with_widow(notified)
    await write(notified, elder(flags=(Flag.OXYGEN,)))
    assert (await notified.store.read(lambda connection: needs.needs(connection, HOME))).needs_power
    await write(notified, elder(left=Left.DIED, left_on="2026-11-20"))

    def told(connection: sa.Connection) -> None:
        assert [one.id for one in people.residents_of(connection, HOME)] == [WIDOW]
        card = people.card(connection, HOME, NOON, resident_id=ELDER)
        assert card is not None
        assert [one.name for one in card.contacts] == ["李娜"]
        assert people.flags(connection, HOME) == frozenset()
        assert [one.person for one in requests.askers(connection, HOME)] == [WIDOW, "niece"]
        assert people_of_homes.households(connection, {HOME})[HOME].people == ((WIDOW, "李秀英"),)
        assert list(people.filed(connection, NOON)) == [WIDOW]
        assert living.gone_from(connection, {HOME}) == (frozenset({ELDER}), frozenset())
        (page,) = family.elders(connection, SON, NOON)
        assert (page.left, page.may_see) == (Left.DIED, frozenset())

    await notified.store.read(told)
    fresh = await notified.store.read(needs.risks)
    assert fresh.get(HOME, 0) == 0
    filed = await notified.store.write(
        lambda connection: dossier(connection, ELDER, by="li", at=notified.now, reason="asked")
    )
    assert filed.resident.left is Left.DIED


async def test_the_card_of_a_home_says_who_left(notified: Notified) -> None:
    await write(notified, elder(left=Left.CARE_HOME, left_on="2026-01-20"))

    def said(connection: sa.Connection, about: str = "") -> list[str]:
        return [one.resident_id for one in living.left_as_told(connection, HOME, about, NOON)]

    assert await notified.store.read(said) == [ELDER]  # nobody lives on: always
    await with_widow(notified)
    assert await notified.store.read(said) == []  # long ago, and she lives on
    assert await notified.store.read(lambda connection: said(connection, ELDER)) == [ELDER]  # the alarm names him


async def test_a_file_marks_who_left_only_with_its_day_and_takes_it_back(notified: Notified, tmp_path: Path) -> None:
    (tmp_path / "residents.csv").write_text(
        f"id,home,name,left,left_on\n{ELDER},{HOME},王桂兰,died,2026-11-20\nresident-0003,{HOME},王五,died,\n", "utf-8"
    )
    found = read_register(tmp_path)
    assert [one.row.left for one in found.register.entries] == [Left.DIED]
    assert "left_on" in found.refusals[0].message
    known = Known(homes=frozenset({HOME}), residents={}, gateways={}, pinned={})
    assert not sift(Reading(register=found.register), known, NOON).refusals
    await notified.store.write(
        lambda connection: take_in(connection, found.register, Hand(by="chen", at=NOON), Tally())
    )
    (tmp_path / "residents.csv").write_text(f"id,home,name,left,left_on\n{ELDER},{HOME},王桂兰,-,-\n", "utf-8")
    gone = sa.select(schema.residents.c.left_why, schema.residents.c.left_on)
    assert await notified.store.read(lambda connection: connection.execute(gone).one()) == ("died", "2026-11-20")
    back = read_register(tmp_path).register
    await notified.store.write(lambda connection: take_in(connection, back, Hand(by="chen", at=NOON), Tally()))
    assert await notified.store.read(lambda connection: connection.execute(gone).one()) == ("", "")
