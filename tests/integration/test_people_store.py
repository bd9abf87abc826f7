"""People and places in the tables, on SQLite and PostgreSQL: taken in, given out, kept from whoever may not look."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures.community_home import GATEWAY, DemoHome

from community.consent import Consent, How, Purpose
from community.people import Flag, Item, Situation, is_power_dependent, keyholders
from community.registry import (
    TABLES,
    ConsentRow,
    ContactRow,
    DeviceRow,
    HomeRow,
    Reading,
    Register,
    ResidentRow,
    Row,
    register_of,
)
from community.registry_batches import BATCH, batches
from community.registry_checks import sift
from community.registry_demo import HOMES, demo
from community.registry_files import read_yaml, write_yaml
from community.registry_sealing import Safe, open_safe, write_new_key
from community.settings import ContactEntry
from community.store import people, people_access, people_demands, people_key_safes, places, schema
from community.store.database import Store
from community.store.directory import bring_in
from community.store.people_access import Act
from community.store.people_export import given_out, known
from community.store.people_register import Hand, Tally, take_in
from community.store.people_schema import access_log, consents, home_register, key_safes, register_changes
from community.store.people_watches import watches
from shouwang.errors import ConfigError, GiveUp, IllegalMove

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HAND = Hand(by="zhang", at=NOW, reason="the yearly visit")


async def taken(store: Store, *rows: Row, hand: Hand = HAND) -> Tally:
    return await taken_whole(store, register_of(rows), hand=hand)


async def taken_whole(store: Store, register: Register, *, hand: Hand = HAND) -> Tally:
    sifted = sift(Reading(register=register), await store.read(known), NOW)
    assert sifted.refusals == ()
    tally = Tally()
    for part in batches(sifted.register):
        await store.write(lambda connection, part=part: take_in(connection, part, hand, tally))
    return tally


async def rows(store: Store, table: sa.Table):
    return await store.read(lambda connection: connection.execute(sa.select(table)).all())


def told(register: Register) -> dict[str, list[dict[str, object]]]:
    return {
        table: sorted((row.model_dump() for row in register.rows(model)), key=str) for table, model in TABLES.items()
    }


# ---- the file and the register ----


async def test_home_of_the_file_is_whole_in_the_register(store: Store) -> None:
    register = await store.read(given_out)
    (home,), (resident,), (contact,) = (register.rows(model) for model in (HomeRow, ResidentRow, ContactRow))
    assert (home.id, home.address, home.gateway) == ("home-501", "3号楼2-501", GATEWAY)
    assert (resident.name, resident.born, resident.situation) == ("王桂兰", 1944, Situation.ALONE)
    assert resident.conditions == ("冠心病",)
    assert (contact.name, contact.phones, contact.has_key) == ("王强", ("138",), True)
    card = await store.read(lambda connection: people.card(connection, "home-501", NOW))
    assert card is not None
    assert (card.name, card.age, card.living, card.contacts[0].name) == ("王桂兰", 82, "独居", "王强")


async def test_home_that_is_not_on_file_has_no_people_and_no_place(store: Store) -> None:
    def look(connection: sa.Connection) -> tuple[object, ...]:
        home = "gateway:gw-stranger"
        return (
            people.card(connection, home, NOW),
            people.circle(connection, home, NOW),
            people.flags(connection, home),
            places.grid_of(connection, home),
            places.area_of(connection, home),
            places.area_of(connection, "home-501"),
        )

    assert await store.read(look) == (None, (), frozenset(), None, (), ())


async def test_what_the_register_changed_outlives_the_next_start(store: Store) -> None:
    await taken(store, ResidentRow(id="resident-0001", home="home-501", name="王桂兰", notes="门铃坏了"))
    await taken(store, HomeRow(id="home-501", address="3号楼2-502"))
    await taken(store, ContactRow(resident="resident-0001", order=0, name="王强", phones=("139",)))
    await store.write(lambda connection: bring_in(connection, (DemoHome.entry,)))
    register = await store.read(given_out)
    assert register.rows(HomeRow)[0].address == "3号楼2-502"
    assert register.rows(ResidentRow)[0].notes == "门铃坏了"
    assert register.rows(ContactRow)[0].phones == ("139",)
    assert register.rows(ContactRow)[0].has_key  # the row did not say, and the file had
    assert register.rows(ResidentRow)[0].conditions == ("冠心病",)


async def test_file_goes_on_changing_what_the_register_left_alone(store: Store) -> None:
    neighbour = ContactEntry(name="刘芳", relation="邻居", phone="137")
    later = DemoHome.entry.model_copy(
        update={"resident": DemoHome.entry.resident.model_copy(update={"contacts": (neighbour,), "living": "与老伴"})}
    )
    await store.write(lambda connection: bring_in(connection, (later,)))
    register = await store.read(given_out)
    assert [one.name for one in register.rows(ContactRow)] == ["刘芳"]
    assert register.rows(ResidentRow)[0].situation is Situation.WITH_SPOUSE


async def test_box_of_a_register_home_stays_there_over_a_start(store: Store) -> None:
    await taken(store, HomeRow(id="home-502", address="3号楼2-502", gateway="gw-2"))
    await store.write(lambda connection: bring_in(connection, (DemoHome.entry,)))
    homes = {row.gateway_id: row.home_id for row in await rows(store, schema.gateways)}
    assert homes == {GATEWAY: "home-501", "gw-2": "home-502"}


async def test_box_that_the_file_puts_elsewhere_is_there_after_the_start(store: Store) -> None:
    await taken(
        store,
        HomeRow(id="home-501", address="3号楼2-502"),
        HomeRow(id="home-502", address="B", gateway="gw-2"),
        HomeRow(id="home-503", address="C", gateway="gw-3"),
    )
    newer = DemoHome.entry.model_copy(update={"gateway": "gw-2"})
    await store.write(lambda connection: bring_in(connection, (newer,)))
    homes = {row.gateway_id: row.home_id for row in await rows(store, schema.gateways)}
    assert homes == {GATEWAY: None, "gw-2": "home-501", "gw-3": "home-503"}


async def test_box_of_a_home_that_was_imported_before_the_first_start(store: Store) -> None:
    await taken(store, HomeRow(id="home-7", address="A"))
    entry = DemoHome.entry.resident.model_copy(update={"id": "resident-7"})
    home = DemoHome.entry.model_copy(update={"id": "home-7", "gateway": "gw-7", "resident": entry})
    await store.write(lambda connection: bring_in(connection, (DemoHome.entry, home)))
    homes = {row.gateway_id: row.home_id for row in await rows(store, schema.gateways)}
    assert homes == {GATEWAY: "home-501", "gw-7": "home-7"}


async def test_home_gone_from_the_file_loses_its_box_and_keeps_its_history(store: Store) -> None:
    await store.write(lambda connection: bring_in(connection, ()))
    assert [row.home_id for row in await rows(store, schema.gateways)] == [None]
    assert len(await rows(store, schema.homes)) == 1


async def test_boxes_of_two_homes_change_places(store: Store) -> None:
    await taken(store, HomeRow(id="home-502", address="B", gateway="gw-2"))
    await taken(
        store,
        HomeRow(id="home-501", address="3号楼2-501", gateway="gw-2"),
        HomeRow(id="home-502", address="B", gateway=GATEWAY),
    )
    homes = {row.gateway_id: row.home_id for row in await rows(store, schema.gateways)}
    assert homes == {"gw-2": "home-501", GATEWAY: "home-502"}


async def test_number_that_nobody_would_write_today_still_shows_its_person(store: Store) -> None:
    odd = ContactEntry(name="王强", relation="儿子", phone="ask at the office")
    resident = DemoHome.entry.resident.model_copy(update={"contacts": (odd,)})
    entry = DemoHome.entry.model_copy(update={"resident": resident})
    await store.write(lambda connection: bring_in(connection, (entry,)))
    card = await store.read(lambda connection: people.card(connection, "home-501", NOW))
    assert card is not None
    assert [one.phone for one in card.contacts] == ["ask at the office"]


# ---- taking in ----


async def test_demo_district_comes_in_and_out_whole_and_twice_is_once(store: Store) -> None:
    first = await taken_whole(store, demo())
    assert first.new["homes"] == HOMES
    assert first.changed["homes"] == 0
    before = await store.read(given_out)
    again = await taken_whole(store, demo())
    assert again.touched == 0
    out = await taken_whole(store, read_yaml(write_yaml(before), name="out.yaml").register)
    assert out.touched == 0
    assert told(await store.read(given_out)) == told(before)


async def test_dry_run_counts_the_same_and_writes_nothing(store: Store) -> None:
    before = told(await store.read(given_out))
    dry = await taken_whole(store, demo(), hand=Hand(by="zhang", at=NOW, dry=True))
    assert told(await store.read(given_out)) == before
    real = await taken_whole(store, demo())
    assert (dry.new, dry.changed, dry.same) == (real.new, real.changed, real.same)


async def test_list_of_contacts_is_never_split_between_transactions() -> None:
    contacts = [ContactRow(resident="r1", order=n, name=f"N{n}", phones=("110",)) for n in range(90)]
    others = [ContactRow(resident=f"s{n}", order=0, name="N", phones=("110",)) for n in range(2 * BATCH)]
    parts = [part.rows(ContactRow) for part in batches(register_of([*others, *contacts]))]
    assert sum(map(len, parts)) == len(contacts) + len(others)
    assert sum(any(one.resident == "r1" for one in part) for part in parts) == 1


async def test_what_was_said_before_is_kept(store: Store) -> None:
    await taken(store, ResidentRow(id="resident-0001", home="home-501", name="王桂蘭"))
    (change,) = await store.read(lambda connection: people_demands.history(connection, "resident-0001"))
    assert (change.field, change.before, change.after) == ("name", "王桂兰", "王桂蘭")
    assert (change.by, change.reason, change.at) == ("zhang", "the yearly visit", NOW)


async def test_contact_keeps_his_id_when_his_number_changes(store: Store) -> None:
    async def ids() -> list[str | None]:
        return [one.id for one in (await store.read(given_out)).rows(ContactRow)]

    before = await ids()
    await taken(store, ContactRow(resident="resident-0001", order=0, name="王强", phones=("139", "138")))
    assert await ids() == before


async def test_list_of_contacts_is_taken_whole(store: Store) -> None:
    await taken(store, ContactRow(resident="resident-0001", order=0, name="刘芳", phones=("137",)))
    assert [one.name for one in (await store.read(given_out)).rows(ContactRow)] == ["刘芳"]


# ---- places ----


async def test_home_stands_at_a_door_of_its_grid(store: Store) -> None:
    await taken_whole(store, demo())
    area = await store.read(lambda connection: places.area_of(connection, "home-001"))
    assert area == (
        "pujiang",
        "sunny",
        "sunny-1",
        "sunny-1/b1号楼",
        "sunny-1/b1号楼/u1",
        "sunny-1/b1号楼/u1/f1",
        "sunny-1/b1号楼/u1/f1/d101",
    )
    assert await store.read(lambda connection: places.grid_of(connection, "home-001")) == "sunny-1"
    assert await store.read(lambda connection: places.name_of(connection, area[-1])) == (
        "浦江区 阳光社区 第一网格 1号楼 1 1 101"
    )
    every = await store.read(places.areas)
    assert every["home-001"] == area
    assert len(every) == HOMES
    inside = await store.read(lambda connection: places.homes_in(connection, "sunny"))
    assert len(inside) == HOMES // 2
    assert all("sunny" in every[home] for home in inside)


# ---- people ----


async def family(store: Store) -> None:
    """A couple with one son, who has the key of his father's entry only, a neighbour and a grid worker."""
    await taken(
        store,
        ResidentRow(id="a", home="home-501", order=1, name="老李", flags=(Flag.OXYGEN,)),
        ContactRow(resident="resident-0001", order=0, name="网格员", phones=("333",), circle="professional"),
        ContactRow(resident="resident-0001", order=1, name="邻居", phones=("222",), circle="neighbours", has_key=True),
        ContactRow(resident="resident-0001", order=2, name="儿子", phones=("138 0000",), may_see=(Item.STATUS,)),
        ContactRow(resident="a", order=0, name="儿子", phones=("1380000",), has_key=True, hours="01:00-02:00"),
    )


async def test_circles_are_walked_in_order_and_nobody_is_called_twice(store: Store) -> None:
    await family(store)
    called = await store.read(lambda connection: people.circle(connection, "home-501", NOW))
    assert [(one.name, one.has_key) for one in called] == [("儿子", True), ("邻居", True), ("网格员", False)]
    assert [one.name for one in keyholders(called)] == ["儿子", "邻居"]


async def test_flags_of_all_who_live_there_count_for_the_home(store: Store) -> None:
    assert not is_power_dependent(await store.read(lambda connection: people.flags(connection, "home-501")))
    await family(store)
    found = await store.read(lambda connection: people.flags(connection, "home-501"))
    assert found == {Flag.OXYGEN}
    assert is_power_dependent(found)
    watch = (await store.read(watches))[GATEWAY]
    assert watch.is_high_risk
    assert watch.limit == timedelta(minutes=3)


async def test_card_is_of_the_first_or_of_whom_the_alarm_names(store: Store) -> None:
    await family(store)

    def cards(connection: sa.Connection) -> list[str]:
        found = [people.card(connection, "home-501", NOW, resident_id=name) for name in ("", "a", "stranger")]
        return [one.name for one in found if one is not None]

    assert await store.read(cards) == ["王桂兰", "老李", "王桂兰"]


async def test_completeness_says_what_is_missing(store: Store) -> None:
    await taken_whole(store, demo())
    found = await store.read(lambda connection: people.completeness(connection, NOW))
    assert found["resident-002a"].percent == 100
    assert found["resident-0001"].missing[:3] == ("place", "second_contact", "consent")
    assert found["resident-0001"].percent < found["resident-001a"].percent


# ---- consent ----


def said(purpose: Purpose, at: datetime, *, is_given: bool) -> Consent:
    return Consent(
        purpose=purpose, is_given=is_given, given_by="王桂兰", relation="", at=at, text_version="1", how=How.SPOKEN
    )


async def test_withdrawal_takes_effect_at_once(store: Store) -> None:
    await taken(
        store,
        ContactRow(resident="resident-0001", order=0, name="王强", phones=("138",), id="son", may_see=(Item.CARD,)),
    )

    async def may_see() -> frozenset[Item]:
        return await store.read(lambda connection: people.items_for(connection, "resident-0001", "son", NOW))

    async def say(minute: int, *, is_given: bool) -> None:
        word = said(Purpose.FAMILY_VIEW, NOW - timedelta(minutes=10 - minute), is_given=is_given)
        await store.write(
            lambda connection: people_demands.say_consent(connection, "resident-0001", word, by="zhang", at=NOW)
        )

    assert await may_see() == frozenset()
    await say(1, is_given=True)
    assert await may_see() == {Item.CARD}
    await say(2, is_given=False)
    assert await may_see() == frozenset()
    await say(1, is_given=True)  # the first word again: written down twice, said once
    assert await may_see() == frozenset()
    assert len(await rows(store, consents)) == 2
    assert [row.reason for row in await rows(store, access_log)] == ["family_view given", "family_view withdrawn"]


async def test_nobody_is_asked_before_he_is_helped_and_his_no_is_kept(store: Store) -> None:
    async def card():
        return await store.read(lambda connection: people.card(connection, "home-501", NOW))

    assert (await card()).conditions == ("冠心病",)
    word = said(Purpose.EMERGENCY, NOW, is_given=False)
    await store.write(
        lambda connection: people_demands.say_consent(connection, "resident-0001", word, by="zhang", at=NOW)
    )
    shown = await card()
    assert shown.conditions == ()
    assert shown.name == "王桂兰"
    assert shown.contacts


async def test_nothing_of_a_stranger_is_agreed_to(store: Store) -> None:
    for purpose in Purpose:
        assert not await store.read(lambda connection, p=purpose: people.is_agreed(connection, p, "nobody", NOW))


# ---- correction ----


async def test_correction_keeps_what_was_said_and_is_logged(store: Store) -> None:
    def correct(connection: sa.Connection, value: object) -> bool:
        return people_demands.correct(connection, "resident-0001", "allergies", value, HAND)

    assert await store.write(lambda connection: correct(connection, ("青霉素",)))
    assert not await store.write(lambda connection: correct(connection, ("青霉素",)))
    (change,) = await rows(store, register_changes)
    assert (change.field, change.before, change.after) == ("allergies", "[]", '["青霉素"]')
    (entry,) = await rows(store, access_log)
    assert (entry.act, entry.actor, entry.resident_id) == ("correction", "zhang", "resident-0001")


@pytest.mark.parametrize(
    ("what", "hand", "why"),
    [
        (("nobody", "name", "N"), HAND, "not on file"),
        (("resident-0001", "nickname", "N"), HAND, "cannot be corrected"),
        (("resident-0001", "id", "N"), HAND, "cannot be corrected"),
        (("resident-0001", "born", "1066"), HAND, "born: "),
        (("resident-0001", "home", "home-9"), HAND, "the home home-9 is not on file"),
        (("resident-0001", "name", "N"), Hand(by="zhang", at=NOW), "say why"),
    ],
)
async def test_correction_that_cannot_be_is_refused(
    store: Store, what: tuple[str, str, str], hand: Hand, why: str
) -> None:
    with pytest.raises(IllegalMove, match=why):
        await store.write(lambda connection: people_demands.correct(connection, *what, hand))


# ---- the key-safe ----


def put_code(connection: sa.Connection, safe: Safe) -> None:
    people_key_safes.put(connection, "home-501", "47#11", safe, hint="左侧墙", by="zhang", at=NOW)


def open_case(connection: sa.Connection, state: str = "OPEN", home: str = "home-501") -> int:
    values = {"lane": "life", "state": state, "priority": "P1", "version": 1, "opened_at": NOW, "changed_at": NOW}
    table = schema.incidents
    made = sa.insert(table).values(home_key=home, body=b"{}", **values).returning(table.c.incident_id)
    return connection.execute(made).scalar_one()


def read_code(connection: sa.Connection, safe: Safe, case: int) -> str:
    return people_key_safes.read(connection, "home-501", safe, incident_id=case, by="zhang", at=NOW)


async def test_code_is_read_in_an_open_case_and_logged_with_case_and_reader(store: Store, tmp_path: Path) -> None:
    write_new_key(tmp_path / "key")
    safe = open_safe(tmp_path / "key")
    await store.write(lambda connection: put_code(connection, safe))
    case = await store.write(open_case)
    assert await store.write(lambda connection: read_code(connection, safe, case)) == "47#11"
    entry = (await rows(store, access_log))[-1]
    assert (entry.act, entry.actor, entry.incident_id, entry.home_id) == ("key_safe", "zhang", case, "home-501")
    about = await store.read(lambda connection: people_key_safes.about(connection, "home-501"))
    assert about is not None
    assert (about.hint, about.is_used) == ("左侧墙", True)
    (row,) = await rows(store, key_safes)
    assert b"47#11" not in row.sealed


async def test_code_is_in_no_export(store: Store) -> None:
    await store.write(lambda connection: put_code(connection, Safe()))
    assert "47#11" not in write_yaml(await store.read(given_out))


async def test_code_is_not_shown_without_an_open_case_of_this_home(store: Store) -> None:
    await store.write(lambda connection: put_code(connection, Safe()))
    over = await store.write(lambda connection: open_case(connection, "CLOSED"))
    other = await store.write(lambda connection: open_case(connection, home="home-9"))
    for case, why in ((over, "is over"), (other, "not one of the home"), (999, "not one of the home")):
        with pytest.raises(IllegalMove, match=why):
            await store.write(lambda connection, case=case: read_code(connection, Safe(), case))
    assert [row.act for row in await rows(store, access_log)] == ["key_safe_set"]


async def test_code_opens_for_its_home_and_key_only(store: Store, tmp_path: Path) -> None:
    for name in ("key", "other"):
        write_new_key(tmp_path / name)
    safe, other = open_safe(tmp_path / "key"), open_safe(tmp_path / "other")
    await store.write(lambda connection: put_code(connection, safe))
    case = await store.write(open_case)
    for wrong in (other, Safe()):
        with pytest.raises(ConfigError, match="key file back"):
            await store.write(lambda connection, wrong=wrong: read_code(connection, wrong, case))
    (row,) = await rows(store, key_safes)
    with pytest.raises(GiveUp, match="not as it was sealed"):
        safe.open(row.sealed, of="home-9", key_name=row.key_name)
    await store.write(lambda connection: people_key_safes.seal_all(connection, safe, other))
    assert await store.write(lambda connection: read_code(connection, other, case)) == "47#11"


async def test_codes_from_before_the_key_file_are_sealed_later(store: Store, tmp_path: Path) -> None:
    write_new_key(tmp_path / "key")
    safe = open_safe(tmp_path / "key")
    await store.write(lambda connection: put_code(connection, Safe()))
    case = await store.write(open_case)
    assert await store.write(lambda connection: read_code(connection, safe, case)) == "47#11"
    assert await store.write(lambda connection: people_key_safes.seal_all(connection, Safe(), safe)) == 1
    assert b"47#11" not in (await rows(store, key_safes))[0].sealed
    assert await store.write(lambda connection: people_key_safes.seal_all(connection, Safe(), safe)) == 0


def test_key_file_is_never_written_over(tmp_path: Path) -> None:
    write_new_key(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="cannot be made"):
        write_new_key(tmp_path / "key")
    (tmp_path / "bad").write_text("not a key\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="is no key"):
        open_safe(tmp_path / "bad")


# ---- who looked ----


async def looked(store: Store) -> None:
    for number, who in enumerate(("zhang", "li", "zhang")):
        await store.write(
            lambda connection, who=who, number=number: people_access.note(
                connection, Act.CARD, actor=who, at=NOW, resident_id="resident-0001", reason=f"call {number}"
            )
        )


async def test_log_of_access_is_whole_also_without_its_reasons(store: Store) -> None:
    await looked(store)
    entries = await store.read(lambda connection: people_access.of_resident(connection, "resident-0001"))
    assert [(one.actor, one.reason) for one in entries] == [("zhang", "call 2"), ("li", "call 1"), ("zhang", "call 0")]
    assert await store.write(lambda connection: people_access.forget_reasons(connection, "resident-0001")) == 3
    assert await store.read(people_access.faults) == []
    assert [one.reason for one in await store.read(people_access.newest)] == ["", "", ""]


TAMPER = {
    "actor": ({"actor": "wang"}, "columns differ"),
    "reason": ({"reason": "none of your business"}, "its reason is not the one"),
    "body": ({"body": b"{}"}, "bytes are not those"),
    "prev_hash": ({"prev_hash": bytes(32)}, "does not follow"),
}


@pytest.mark.parametrize("what", TAMPER)
async def test_entry_that_was_changed_is_found(store: Store, what: str) -> None:
    await looked(store)
    values, why = TAMPER[what]
    second = sa.update(access_log).where(access_log.c.access_id == 2).values(values)
    await store.write(lambda connection: connection.execute(second))
    assert any(why in fault for fault in await store.read(people_access.faults))


async def test_entry_that_was_taken_out_is_found(store: Store) -> None:
    await looked(store)
    second = sa.delete(access_log).where(access_log.c.access_id == 2)
    await store.write(lambda connection: connection.execute(second))
    assert any("missing before it" in fault for fault in await store.read(people_access.faults))


# ---- devices ----


async def test_device_moves_between_homes_and_the_store_room(store: Store) -> None:
    await taken(store, DeviceRow(id="d", home="home-501", model="SOS", sensors=("sos-bed",), key_ref="secrets/d"))
    await taken(store, DeviceRow(id="d", home=None, serviced_on="2026-11-01"))
    (device,) = (await store.read(given_out)).rows(DeviceRow)
    assert (device.home, device.model, device.serviced_on) == (None, "SOS", "2026-11-01")


async def test_consent_of_a_file_comes_in_once(store: Store) -> None:
    row = ConsentRow(resident="resident-0001", purpose=Purpose.STATISTICS, given=True, by="王桂兰", at="2026-11-01")
    assert (await taken(store, row)).new["consents"] == 1
    assert (await taken(store, row)).touched == 0
    assert await store.read(lambda connection: people.is_agreed(connection, Purpose.STATISTICS, "resident-0001", NOW))
    assert home_register.c.place_id is not None
