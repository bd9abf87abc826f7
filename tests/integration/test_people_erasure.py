"""A resident's right to see and to be forgotten: all of it, nothing of another's, and the audit chain stays whole."""

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome

from community.casefile import Disposition
from community.desk import Wish
from community.measurement_settings import MeasurementsEntry
from community.measurements.forgetting import forget_stored
from community.registry import ContactRow, HomeRow, ResidentRow, register_of
from community.registry_dossier import chapters
from community.registry_folder import pages_of
from community.registry_sealing import Safe
from community.store import (
    case_schema,
    chain,
    dead_letters,
    dispatch_schema,
    intake,
    orders,
    page,
    people,
    people_key_safes,
    schema,
    sms_intake,
    views,
)
from community.store.database import Store
from community.store.directory import bring_in
from community.store.handovers import Note, Screen
from community.store.people_dossier import dossier, samples_of, series_of
from community.store.people_erasure import erase
from community.store.people_register import Hand, Tally, take_in
from community.store.people_schema import access_log, erased_alerts, key_safes, register_changes
from shouwang.alert import AlertState, Sentence
from shouwang.errors import IllegalMove
from shouwang.quantities import Quantity
from shouwang.short_alert import ShortAlert
from shouwang.wire import TelemetryBody

SOON = NOON + timedelta(seconds=5)
HIM, HOME = "resident-0001", "home-501"
HAND = Hand(by="zhang", at=SOON, reason="a visit")


async def take(store: Store, *envelopes) -> None:
    await store.write(lambda connection: intake.take_in(connection, envelopes, SOON))


async def order(store: Store, command: str, number: int, **more: object) -> None:
    who = {"by": "zhang", "role": "operator", "command_id": f"{command}-{number}", **more}
    wish = Wish(incident_id=1, command=command, **who)
    answer = await store.write(lambda connection: orders.carry_out(connection, wish, SOON))
    answer.value()


async def taken(store: Store, *rows: object) -> None:
    await store.write(lambda connection: take_in(connection, register_of(rows), HAND, Tally()))


async def a_life(store: Store, home: DemoHome, resident_id: str = HIM) -> None:
    """An alarm with evidence, taken and closed with words, readings, a key-safe, a correction."""
    alert = msgspec.structs.replace(home.alert(evidence=(home.reading(81.5),)), resident_id=resident_id)
    await take(store, home.envelope(alert), home.envelope(home.readings(7)))
    await order(store, "ack", 1, version=1)
    await order(store, "note", 1, text="王桂兰 fell in the bathroom")
    done = {"disposition": Disposition.HELPED, "text": "a word with 王强", "spoke": True}
    await order(store, "resolve_remote", 1, version=3, **done)
    await order(store, "verify_ok", 1, version=4, by="li")
    await order(store, "revisit_ok", 1, version=5, by="wang", role="caller", score=5)
    await taken(store, ResidentRow(id=HIM, home=HOME, name="王桂兰", notes="the bell is broken"))
    await store.write(
        lambda connection: people_key_safes.put(
            connection, HOME, "sesame-4711", Safe(), hint="left", by="zhang", at=SOON
        )
    )


async def erased(store: Store, resident_id: str = HIM):
    gone = await store.write(
        lambda connection: erase(connection, resident_id, by="li", at=SOON, reason="asked by 王桂兰 herself")
    )
    await forget_stored(MeasurementsEntry(), "postgresql://nowhere/beside", store, gone.claims)
    return gone


async def close_all(store: Store) -> None:
    """Whatever its table asks for: only that it is closed is looked at."""
    await store.write(lambda connection: connection.execute(sa.update(schema.incidents).values(state="CLOSED")))


async def everything_stored(store: Store) -> str:
    """All that stands in any table, as one text."""

    def read(connection: sa.Connection) -> str:
        found = []
        for table in schema.metadata.sorted_tables:
            if not sa.inspect(connection).has_table(table.name):
                continue
            for row in connection.execute(sa.select(table)):
                found += [value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in row]
        return "\n".join(found)

    return await store.read(read)


WORDS = Sentence(zh="浴室滑倒", en="she slipped in the bath")
SECRETS = ("王桂兰", "王强", "3号楼", "冠心病", "sesame-4711", "the bell is broken", "bathroom", "81.5", "herself")


async def test_nothing_of_an_erased_person_is_left_and_the_chain_is_whole(store: Store, home: DemoHome) -> None:
    await a_life(store, home)
    before = await everything_stored(store)
    assert [word for word in SECRETS if word not in before] == ["herself"]
    assert (await store.read(chain.verify)).faults == ()
    gone = await erased(store)
    assert (gone.contacts, gone.alerts, gone.was_last) == (1, 1, True)
    assert gone.notes == 2
    after = await everything_stored(store)
    assert [word for word in SECRETS if word in after] == []
    audit = await store.read(chain.verify)
    assert audit.faults == ()
    assert audit.entries > 3


async def test_case_of_an_erased_person_can_still_be_looked_at(store: Store, home: DemoHome) -> None:
    await a_life(store, home)
    await erased(store)
    shown = await store.read(lambda connection: page.page(connection, 1, SOON))
    assert shown is not None
    assert shown.resident is None
    assert [alert.why.en for alert in shown.alerts] == ["erased on request"]
    assert shown.row.resident_name == ""
    (row,) = await store.read(lambda connection: views.closed(connection, 5, SOON))
    assert row.address == ""


async def test_erased_person_does_not_come_back_with_the_file(store: Store, home: DemoHome) -> None:
    await a_life(store, home)
    await erased(store)
    await store.write(lambda connection: bring_in(connection, (DemoHome.entry,)))
    assert "王桂兰" not in await everything_stored(store)
    assert "3号楼" not in await everything_stored(store)
    assert await store.read(lambda connection: people.card(connection, HOME, SOON)) is None


async def test_next_tenant_gets_the_address_back(store: Store, home: DemoHome) -> None:
    await a_life(store, home)
    await erased(store)
    tenant = DemoHome.entry.resident.model_copy(update={"id": "resident-0002", "name": "陈德明"})
    await store.write(
        lambda connection: bring_in(connection, (DemoHome.entry.model_copy(update={"resident": tenant}),), SOON)
    )
    card = await store.read(lambda connection: people.card(connection, HOME, SOON))
    assert card is not None
    assert card.name == "陈德明"
    assert "3号楼2-501" in await everything_stored(store)


async def test_new_alarm_of_the_home_is_still_of_that_home(store: Store, home: DemoHome) -> None:
    await a_life(store, home)
    await erased(store)
    await take(store, home.envelope(home.alert(since=SOON)))
    (row,) = await store.read(lambda connection: views.queue(connection, SOON))
    assert row.home_id == HOME


async def test_open_case_keeps_its_person(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(home.alert()))
    with pytest.raises(IllegalMove, match="case 1 is open"):
        await erased(store)
    assert "王桂兰" in await everything_stored(store)
    assert (
        await store.read(lambda connection: connection.scalar(sa.select(sa.func.count()).select_from(access_log))) == 0
    )


async def test_nobody_is_erased_twice(store: Store) -> None:
    await erased(store)
    with pytest.raises(IllegalMove, match="not on file"):
        await erased(store)


async def test_erasing_one_of_two_leaves_the_other_whole(store: Store, home: DemoHome) -> None:
    other = ResidentRow(id="his-wife", home=HOME, order=1, name="李秀英", conditions=("哮喘",))
    await taken(store, other, ContactRow(resident="his-wife", order=0, name="女儿", phones=("139",)))
    hers = msgspec.structs.replace(home.reading(77.5, quantity=Quantity.HEART_RATE), resident_id="his-wife")
    await take(store, home.envelope(TelemetryBody(readings=(hers,))))
    await a_life(store, home)
    gone = await erased(store)
    assert not gone.was_last
    after = await everything_stored(store)
    assert [
        word for word in ("李秀英", "哮喘", "女儿", "139", "3号楼", "77.5", "sesame-4711") if word not in after
    ] == []
    assert [word for word in ("王桂兰", "冠心病", "bathroom", "81.5", "the bell is broken") if word in after] == []
    assert (await store.read(chain.verify)).faults == ()


async def test_words_about_another_stay(store: Store, home: DemoHome) -> None:
    await taken(store, ResidentRow(id="his-wife", home=HOME, order=1, name="李秀英"))
    await a_life(store, home, resident_id="his-wife")
    await erased(store)
    assert "bathroom" in await everything_stored(store)


async def test_alert_that_was_thinned_by_another_hand_is_found(store: Store, home: DemoHome) -> None:
    await a_life(store, home)
    await erased(store)

    def forge(connection: sa.Connection) -> None:
        body = connection.scalar(sa.select(schema.alerts.c.body))
        connection.execute(sa.update(schema.alerts).values(body=body.replace(b"P1", b"P4")))

    await store.write(forge)
    assert any("is not the one that was sealed" in fault for fault in (await store.read(chain.verify)).faults)


async def test_erasure_that_is_not_in_the_log_counts_for_nothing(store: Store, home: DemoHome) -> None:
    await a_life(store, home)
    await erased(store)
    act = sa.update(access_log).where(access_log.c.act == "erasure").values(act="card")
    await store.write(lambda connection: connection.execute(act))
    faults = (await store.read(chain.verify)).faults
    assert any("is not the one that was sealed" in fault for fault in faults)
    assert any("columns differ" in fault for fault in faults)


async def test_traces_are_kept_as_ids(store: Store, home: DemoHome) -> None:
    await a_life(store, home)
    await erased(store)

    def read(connection: sa.Connection) -> tuple[object, ...]:
        return (
            connection.execute(sa.select(erased_alerts.c.alert_id)).all(),
            connection.execute(sa.select(key_safes)).all(),
            connection.execute(sa.select(register_changes.c.before, register_changes.c.field)).all(),
        )

    alerts, safes, changes = await store.read(read)
    assert len(alerts) == 1
    assert safes == []
    assert {row.before for row in changes} == {None}
    assert {row.field for row in changes} == {"notes"}


# ---- what comes again ----


async def test_alert_that_is_sent_again_brings_nothing_back(store: Store, home: DemoHome) -> None:
    await a_life(store, home)
    await erased(store)
    alert = home.alert(evidence=(home.reading(81.5),))
    await take(store, home.envelope(alert), home.envelope(msgspec.structs.replace(alert, why=WORDS)))
    short = ShortAlert(gateway_id=home.gateway, alert=msgspec.structs.replace(alert, why=WORDS), is_clock_unsure=False)
    await store.write(lambda connection: sms_intake.take_in(connection, short, sender="+86138", at=SOON))
    after = await everything_stored(store)
    assert [word for word in (*SECRETS, "slipped") if word in after] == []
    assert (await store.read(chain.verify)).faults == ()


async def test_alert_of_which_only_the_sms_was_there_stays_empty(store: Store, home: DemoHome) -> None:
    """Its whole text comes by the internet after the erasure."""
    alert = msgspec.structs.replace(home.alert(evidence=(home.reading(81.5),)), why=WORDS)
    thin = msgspec.structs.replace(alert, evidence=(), why=Sentence(zh="SOS", en="SOS"))
    short = ShortAlert(gateway_id=home.gateway, alert=thin, is_clock_unsure=False)
    await store.write(lambda connection: sms_intake.take_in(connection, short, sender="+86138", at=SOON))
    await close_all(store)
    await erased(store)
    await take(store, home.envelope(alert))
    after = await everything_stored(store)
    assert [word for word in ("slipped", "81.5", "王桂兰") if word in after] == []


@pytest.mark.parametrize("named", [HIM, ""])
async def test_end_of_an_alarm_that_comes_after_the_erasure_is_kept_without_words(
    store: Store, home: DemoHome, named: str
) -> None:
    await a_life(store, home)
    await erased(store)
    over = home.alert(state=AlertState.RESOLVED, at=NOON + timedelta(seconds=2), evidence=(home.reading(81.5),))
    await take(store, home.envelope(msgspec.structs.replace(over, why=WORDS, resident_id=named)))
    after = await everything_stored(store)
    assert [word for word in ("slipped", "81.5") if word in after] == []


async def test_end_of_an_alarm_of_who_is_still_there_keeps_its_words(store: Store, home: DemoHome) -> None:
    await taken(store, ResidentRow(id="his-wife", home=HOME, order=1, name="李秀英"))
    await erased(store)
    over = home.alert(state=AlertState.RESOLVED, at=NOON + timedelta(seconds=2))
    await take(store, home.envelope(msgspec.structs.replace(over, why=WORDS, resident_id="his-wife")))
    assert "slipped" in await everything_stored(store)


# ---- further places ----


async def test_alerts_without_a_case_go_too(store: Store, home: DemoHome) -> None:
    over = home.alert("fall:bath", state=AlertState.RESOLVED, evidence=(home.reading(81.5),))
    await take(store, home.envelope(msgspec.structs.replace(over, why=WORDS)))
    assert "slipped" in await everything_stored(store)
    assert (await erased(store)).alerts == 1
    after = await everything_stored(store)
    assert [word for word in ("slipped", "81.5") if word in after] == []


def visited(connection: sa.Connection) -> None:
    """A photo, a link, calls with answers, a hand-over, letters that nobody could read, a login of the son's."""
    photo = {"photo_id": "p", "incident_id": 1, "taken_by": "r", "at": SOON, "width": 1, "height": 1, "digest": "d"}
    connection.execute(sa.insert(dispatch_schema.case_photos).values(photo | {"body": b"her kitchen"}))
    link = {"token_hash": b"t", "incident_id": 1, "responder_id": "r", "made_at": SOON}
    connection.execute(sa.insert(dispatch_schema.responder_links).values(link))
    notice = {"incident_id": 1, "version": 99, "step": "s", "rung": 0, "prompt": "", "created_at": SOON}
    for place, audience in enumerate(("family", "responders")):
        call = {"notice_id": 70 + place, "place": place, "audience": audience, "to_whom": f"to-{audience}"}
        connection.execute(sa.insert(case_schema.notices).values(notice | call | {"created_e": 0, "state": "done"}))
        tried = {"notice_id": 70 + place, "channel": "sms", "person": f"person-{audience}", "key": f"key-{audience}"}
        said = {"outcome": "answered", "code": f"code-{audience}", "queued_at": SOON, "changed_at": SOON}
        connection.execute(sa.insert(case_schema.attempts).values(tried | said))
    seen = Screen(rows=(), waiting=0, notes=(Note(incident_id=1, at=SOON, by="a", words="her cough"),), changes=())
    shift = {"leaver": "a", "taker": "b", "begun_at": SOON, "words": "look after Guilan", "state": "done"}
    connection.execute(sa.insert(dispatch_schema.handovers).values(shift | {"body": msgspec.json.encode(seen)}))
    letters = (
        ("sw/1/gw-demo-0001/up/alert", b"torn words"),
        ("sms/+86", b"gw-demo-0001 short"),
        ("sw/1/gw-2/up/x", b"not hers"),
    )
    for topic, payload in letters:
        dead_letters.bury(connection, topic=topic, payload=payload, reason="r", at=SOON)
    son = connection.scalar(sa.select(schema.contacts.c.contact_id).where(schema.contacts.c.resident_id == HIM))
    login = {"user_id": "u", "login": "son", "name": "The Son", "role": "family", "language": "zh", "created_at": SOON}
    connection.execute(sa.insert(schema.users).values(login | {"person": son, "password_hash": "h"}))
    hers = {"home_id": HOME, "areas": b"[]", "door_note": "key under the pot"}
    connection.execute(sa.insert(dispatch_schema.home_spots).values(hers))


async def test_photos_links_calls_hand_overs_letters_and_logins_go_too(store: Store, home: DemoHome) -> None:
    await a_life(store, home)
    await store.write(visited)
    gone = await erased(store)
    assert (gone.photos, gone.letters) == (1, 2)
    after = await everything_stored(store)
    hers = ("her kitchen", "her cough", "Guilan", "torn words", "gw-demo-0001 short", "The Son", "under the pot")
    theirs = [f"{word}-family" for word in ("to", "person", "key", "code")]
    assert [word for word in (*hers, *theirs) if word in after] == []
    kept = ["not hers", *(f"{word}-responders" for word in ("to", "person", "key", "code"))]
    assert [word for word in kept if word not in after] == []

    def left(connection: sa.Connection) -> tuple[object, ...]:
        links = connection.execute(sa.select(dispatch_schema.responder_links)).all()
        user = connection.execute(sa.select(schema.users.c.disabled_at, schema.users.c.password_hash)).one()
        return links, user.disabled_at, user.password_hash

    assert await store.read(left) == ([], SOON, None)
    assert (await store.read(chain.verify)).faults == ()


async def test_cases_of_who_lived_there_before_stay(store: Store, home: DemoHome) -> None:
    await a_life(store, home)
    tenant = ResidentRow(id="tenant", home=HOME, name="陈德明")
    later = Hand(by="zhang", at=SOON + timedelta(days=1))
    rows = [HomeRow(id="home-9", address="8号楼"), ResidentRow(id=HIM, home="home-9", name="王桂兰"), tenant]
    await store.write(lambda connection: take_in(connection, register_of(rows), later, Tally()))
    await erased(store, "tenant")
    assert "bathroom" in await everything_stored(store)
    assert (await erased(store)).notes == 2  # and hers are found where she lived before
    assert "bathroom" not in await everything_stored(store)


# ---- seeing it ----


async def test_dossier_holds_everything_but_codes_and_what_is_anothers(
    store: Store, home: DemoHome, tmp_path: Path
) -> None:
    await taken(store, ResidentRow(id="his-wife", home=HOME, order=1, name="李秀英", conditions=("哮喘",)))
    await a_life(store, home)
    told = await store.write(lambda connection: dossier(connection, HIM, by="li", at=SOON, reason="she asked"))
    text = pages_of(chapters(told))
    whole = json.dumps(json.loads(msgspec.json.encode(told, enc_hook=lambda row: row.model_dump(mode="json"))))
    whole = whole.encode().decode("unicode_escape", errors="replace") + text
    for word in ("冠心病", "138", "3号楼", "the bell is broken", "bathroom", "a word with"):
        assert word in text
    for word in ("sesame-4711", "李秀英", "哮喘"):
        assert word not in whole
    (series,) = await store.read(lambda connection: series_of(connection, told.claims))
    part = await store.read(lambda connection: samples_of(connection, series, None))
    assert [value for *_, value, _ in part] == [90 + n % 9 for n in range(7)]
    assert await store.read(lambda connection: samples_of(connection, series, part[-1][:3])) == []
    assert told.looked[0].act == "dossier"
    assert told.looked[0].reason == "she asked"


async def test_dossier_of_a_stranger_is_refused(store: Store) -> None:
    with pytest.raises(IllegalMove, match="not on file"):
        await store.write(lambda connection: dossier(connection, "nobody", by="li", at=SOON, reason="r"))
