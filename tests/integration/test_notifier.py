"""Notices become attempts, each is carried out once, retried, folded, dropped; a rung that reached nobody goes on."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fixtures.browser import cheap_hasher
from fixtures.notified import SUPERVISOR, HandChannel, Notified

from community.accounts import Accounts
from community.casefile import Answered, Offer
from community.channels.port import Carried, Outcome, Way
from community.channels.voice import NotTaken
from community.store import cases, reach, schema
from community.store.case_schema import attempts, notices
from community.store.channel_schema import channel_health
from community.store.contact_keys import key_of
from community.store.dispatch_schema import responders, single_shifts, units
from community.store.people_rows import contact_id_of
from community.store.ways import Reached
from community.users import Role
from shouwang.alert import Severity
from shouwang.errors import ConfigError, GiveUp, ShouwangError, TryLater

SON = key_of("resident-0001", contact_id_of("resident-0001", "王强", "138"))


async def sign_in(notified: Notified, login: str = "zhang", role: Role = Role.OPERATOR) -> None:
    accounts = Accounts(notified.store, hasher=cheap_hasher())
    await accounts.add_user(login=login, name=login, role=role, language="en", password=None, now=notified.now)
    token = await accounts.make_link(login, now=notified.now)
    assert await accounts.use_link(token, now=notified.now) is not None


# ---- who is reached ----


async def test_operators_are_reached_at_their_open_consoles(notified: Notified) -> None:
    await sign_in(notified)
    notice = await notified.notice(await notified.case(), "operators", rung=0)
    async with notified.running():
        await notified.until_outcomes("delivered")
    assert await notified.attempts() == [("console", "desk:zhang", "delivered")]
    assert await notified.state(notice) == "done"
    assert notified.lost == []


async def test_a_console_that_was_shut_reaches_nobody(notified: Notified) -> None:
    await sign_in(notified)
    incident = await notified.case()
    notified.later(reach.CONSOLE_SEEN_WITHIN)
    notice = await notified.notice(incident, "operators", rung=0)
    async with notified.running():
        await notified.until(lambda: _is(notified, notice, "missed"))
    assert notified.lost == [(incident, 0)]


async def test_a_contact_is_called_and_written_to_once_though_he_is_family_and_has_the_key(notified: Notified) -> None:
    voice, sms = notified.line("calls", Way.VOICE), notified.line("sms", Way.SMS)
    incident = await notified.case()
    first = await notified.notice(incident, "family", rung=3, version=7)
    second = await notified.notice(incident, "keyholder", rung=3, version=7, place=1)
    async with notified.running():
        await notified.until_outcomes("sent", "sent")
    assert sorted(await notified.attempts()) == [("calls", SON, "sent"), ("sms", SON, "sent")]
    assert [(len(one.sent), one.sent[0].to) for one in (voice, sms)] == [(1, "138"), (1, "138")]
    assert voice.sent[0].digit == "1"
    assert sms.sent[0].digit == ""
    assert [await notified.state(one) for one in (first, second)] == ["done", "done"]


async def test_what_is_written_holds_nothing_medical_and_no_door(notified: Notified) -> None:
    sms, mail = notified.line("sms", Way.SMS), notified.line("mail", Way.MAIL)
    notified.people.append(SUPERVISOR)
    incident = await notified.case()
    await notified.notice(incident, "family")
    await notified.notice(incident, "supervisor")
    async with notified.running():
        await notified.until_outcomes("sent", "sent", "sent")
    for message in (*sms.sent, *mail.sent):
        assert "王桂兰" in message.text
        assert not any(
            word in message.text + message.subject for word in ("冠心病", "2-501", "SOS", "紧急按钮", "1944")
        )


async def test_preferences_and_language_of_people_hold(notified: Notified) -> None:
    notified.line("calls", Way.VOICE)
    push = notified.line("wecom", Way.PUSH)
    notified.people.append(Reached(person="138", name="王强", language="en", audiences=(), ways=((Way.PUSH, "wq"),)))
    await notified.notice(await notified.case(), "family")
    async with notified.running():
        await notified.until_outcomes("sent")
    assert (push.sent[0].to, push.sent[0].language) == ("wq", "en")
    assert push.sent[0].text.startswith("[Shouwang] An alarm came")


async def test_a_responder_is_called_while_his_offer_stands(notified: Notified) -> None:
    voice = notified.line("calls", Way.VOICE)
    incident = await notified.case()
    await add_responder(notified)
    await notified.put(incident, state="DISPATCHED", offers=(Offer(to="liu", at_e=0),))
    await notified.notice(incident, "responders", to_whom="liu")
    async with notified.running():
        await notified.until_outcomes("sent")
    assert "3号楼2-501" in voice.sent[0].text
    await notified.put(incident, offers=(Offer(to="liu", at_e=0, answer=Answered.TAKEN),))
    second = await notified.notice(incident, "responders", to_whom="liu")
    async with notified.running():
        await notified.until(lambda: _is(notified, second, "dropped"))


async def test_a_unit_is_called_by_its_channel_while_its_answer_is_waited_for(notified: Notified) -> None:
    voice, sms = notified.line("calls", Way.VOICE), notified.line("sms", Way.SMS)
    await add_units(notified, ("property", "voice", "0571-88880002"), ("clinic", "sms", "13900000006"))
    incident = await notified.case()
    asked = (Offer(to="property", at_e=0), Offer(to="clinic", at_e=0))
    await notified.put(incident, state="EN_ROUTE", tasks=asked)
    await notified.notice(incident, "units", to_whom="property", step="call_unit")
    async with notified.running():
        await notified.until_outcomes("sent")
    assert await notified.attempts() == [("calls", "unit:property", "sent")]
    assert (voice.sent[0].to, voice.sent[0].digit) == ("057188880002", "1")
    assert "3号楼2-501" in voice.sent[0].text
    await notified.notice(incident, "units", to_whom="clinic", step="call_unit")
    async with notified.running():
        await notified.until_outcomes("sent", "sent", "sent")
    assert "请回电中心" in sms.sent[0].text
    assert "2-501" not in sms.sent[0].text
    done = tuple(Offer(to=one.to, at_e=0, answer=Answered.ACCEPTED) for one in asked)
    await notified.put(incident, tasks=done)
    late = await notified.notice(incident, "units", to_whom="clinic", step="call_unit")
    async with notified.running():
        await notified.until(lambda: _is(notified, late, "dropped"))


async def test_an_offer_to_a_unit_calls_the_unit_and_names_no_page(notified: Notified) -> None:
    sms = notified.line("sms", Way.SMS)
    await add_units(notified, ("property", "sms", "13900000002"))
    incident = await notified.case()
    await notified.put(incident, state="DISPATCHED", offers=(Offer(to="property", at_e=0),))
    await notified.notice(incident, "responders", to_whom="property", step="dispatch")
    async with notified.running():
        await notified.until_outcomes("sent")
    assert "派单页" not in sms.sent[0].text


async def test_no_machine_dials_an_emergency_service(notified: Notified) -> None:
    voice = notified.line("calls", Way.VOICE)
    await add_units(notified, ("ambulance", "voice", "120"), kind="120")
    incident = await notified.case()
    await notified.put(incident, state="EN_ROUTE", tasks=(Offer(to="ambulance", at_e=0),))
    notice = await notified.notice(incident, "units", to_whom="ambulance", step="call_unit")
    async with notified.running():
        await notified.until(lambda: _is(notified, notice, "missed"))
    assert voice.sent == []


async def test_above_the_supervisor_stand_the_duty_leader_of_the_hour_and_the_command_centre(
    notified: Notified,
) -> None:
    sms, voice = notified.line("sms", Way.SMS), notified.line("calls", Way.VOICE)
    for login, role in (("boss", Role.SUPERVISOR), ("ling", Role.ADMIN), ("off", Role.SUPERVISOR)):
        await Accounts(notified.store, hasher=cheap_hasher()).add_user(
            login=login, name=login, role=role, language="zh", password=None, now=notified.now
        )
        notified.people.append(
            Reached(person=login, name=login, language="zh", audiences=(), ways=((Way.SMS, f"1{login}"),))
        )
    await add_units(notified, ("command", "voice", "0571-1"), kind="command")

    def lead(connection: sa.Connection) -> None:
        start, end = notified.now - timedelta(hours=1), notified.now + timedelta(hours=1)
        whose = {"post": "duty_leader", "place": "main"}
        connection.execute(single_shifts.insert().values(person="ling", starts_at=start, ends_at=end, **whose))

    await notified.store.write(lead)
    incident = await notified.case()
    await notified.notice(incident, "duty_leader", step="total.red")
    await notified.notice(incident, "command_centre", step="total.red")
    async with notified.running():
        await notified.until_outcomes("sent", "sent")
    assert [one.to for one in sms.sent] == ["1ling"]
    assert "值班领导" in sms.sent[0].text
    assert "指挥中心" in voice.sent[0].text
    notified.later(timedelta(hours=2))  # nobody is on duty as leader: the supervisors are, rather than nobody
    await notified.notice(incident, "duty_leader", step="total.red")
    async with notified.running():
        await notified.until_outcomes("sent", "failed", "sent", "sent")  # nobody told what became of the call
    assert sorted(one.to for one in sms.sent[1:]) == ["1boss", "1off"]


@pytest.mark.parametrize(("severity", "called"), [(Severity.P1, ["131", "138"]), (Severity.P2, ["131"])])
async def test_at_three_in_the_morning_a_life_wakes_all_of_the_family(
    notified: Notified, severity: Severity, called: list[str]
) -> None:
    """The daughter who may be called at any hour may not answer; her brother would never have known."""
    sms = notified.line("sms", Way.SMS)
    incident = await notified.case(severity)
    hour = notified.now.astimezone().hour
    asleep = f"{(hour + 2) % 24:02d}:00-{(hour + 3) % 24:02d}:00"

    def write(connection: sa.Connection) -> None:
        connection.execute(schema.contacts.update().values(hours=asleep))
        son = connection.execute(sa.select(schema.contacts)).mappings().one()
        connection.execute(
            schema.contacts.insert().values({**son, "place": 1, "contact_id": "c-1", "phone": "131", "hours": ""})
        )

    await notified.store.write(write)
    await notified.notice(incident, "family", rung=3)
    async with notified.running():
        await notified.until_outcomes(*("sent" for _ in called))
    assert sorted(one.to for one in sms.sent) == called


async def test_a_channel_with_a_fault_of_its_own_stops_no_other_one(notified: Notified) -> None:
    broken, sms = notified.line("calls", Way.VOICE), notified.line("sms", Way.SMS)
    broken.always = ValueError("no channel raises this")
    incident = await notified.case()
    await notified.notice(incident, "family", rung=3)
    async with notified.running():
        await notified.until(lambda: _is_told(notified, "sms"))
        await notified.until(lambda: _was_tried(notified, "calls"))
        sms.sent.clear()
        await notified.notice(incident, "family", rung=3)
        await notified.until(lambda: _are_sent(sms))


async def _is_told(notified: Notified, channel: str) -> bool:
    return (channel, SON, "sent") in await notified.attempts()


async def _was_tried(notified: Notified, channel: str) -> bool:
    rows = await notified.rows(attempts)
    return any(row.channel == channel and row.tries and "ValueError" in row.code for row in rows)


async def _are_sent(channel: HandChannel) -> bool:
    return bool(channel.sent)


async def add_units(notified: Notified, *those: tuple[str, str, str], kind: str = "property") -> None:
    def write(connection: sa.Connection) -> None:
        for unit_id, channel, phone in those:
            blank = dict.fromkeys(("hours", "areas", "skills"), b"[]")
            values = {"name": unit_id, "kind": kind, "tier": 1, "zone": "", "is_active": True, **blank}
            connection.execute(units.insert().values(unit_id=unit_id, phone=phone, channel=channel, **values))

    await notified.store.write(write)


async def add_responder(notified: Notified) -> None:
    await add_units(notified, ("u", "", ""))

    def write(connection: sa.Connection) -> None:
        connection.execute(
            responders.insert().values(
                responder_id="liu",
                unit_id="u",
                name="刘",
                phone="137",
                skills=b"[]",
                areas=b"[]",
                language="zh",
                is_active=True,
            )
        )

    await notified.store.write(write)


async def test_technical_things_ring_no_telephone(notified: Notified) -> None:
    notified.line("calls", Way.VOICE)
    sms = notified.line("sms", Way.SMS)
    notified.people.append(
        Reached(
            person="duty", name="D", language="zh", audiences=("supervisor",), ways=((Way.VOICE, "1"), (Way.SMS, "1"))
        )
    )
    await notified.notice(await notified.case(Severity.P3), "supervisor", rung=1)
    async with notified.running():
        await notified.until_outcomes("sent")
    assert len(sms.sent) == 1


# ---- how it goes ----


async def test_a_passing_failure_is_tried_again_with_the_same_key(notified: Notified) -> None:
    sms = notified.line("sms", Way.SMS)
    sms.does = [TryLater("503")]
    await notified.notice(await notified.case(), "family")
    async with notified.running():
        await notified.until_outcomes("sent")
    assert len(sms.sent) == 2
    assert len({message.key for message in sms.sent}) == 1
    assert notified.lost == []
    assert (await notified.rows(attempts))[0].tries == 2


async def test_a_rung_goes_on_when_every_try_has_failed_twice_and_tries_go_on(notified: Notified) -> None:
    sms = notified.line("sms", Way.SMS)
    sms.does = [TryLater("503"), TryLater("503")]
    incident = await notified.case()
    await notified.notice(incident, "family", rung=2)
    async with notified.running():
        await notified.until_outcomes("sent")
    assert set(notified.lost) == {(incident, 2)}
    assert len(sms.sent) == 3


async def test_a_rung_goes_on_at_once_where_the_numbers_are_of_no_use(notified: Notified) -> None:
    for name, way in (("sms", Way.SMS), ("calls", Way.VOICE)):
        notified.line(name, way).always = GiveUp("no such number")
    incident = await notified.case()
    notice = await notified.notice(incident, "family", rung=2)
    async with notified.running():
        await notified.until_outcomes("failed", "failed")
    assert notified.lost == [(incident, 2)]
    assert await notified.state(notice) == "failed"


async def test_one_that_was_reached_holds_the_rung(notified: Notified) -> None:
    notified.line("sms", Way.SMS)
    notified.line("calls", Way.VOICE).always = GiveUp("no such number")
    await notified.notice(await notified.case(), "family", rung=2)
    async with notified.running():
        await notified.until_outcomes("failed", "sent")
    assert notified.lost == []


async def test_the_last_rung_and_a_case_in_hand_do_not_climb(notified: Notified) -> None:
    notified.line("sms", Way.SMS).always = GiveUp("no such number")
    incident = await notified.case()
    await notified.notice(incident, "family", rung=4)
    await notified.put(incident, state="ACKED", owner="zhang")
    await notified.notice(incident, "family", rung=2, step="handle.red")
    async with notified.running():
        await notified.until(lambda: _states(notified, "dropped", "failed"))
    assert notified.lost == []


async def test_a_contact_is_called_twice(notified: Notified) -> None:
    voice = notified.line("calls", Way.VOICE)
    voice.always = NotTaken("no-answer")
    incident = await notified.case()
    await notified.notice(incident, "family", rung=2)
    async with notified.running():
        await notified.until_outcomes("failed")
    assert len(voice.sent) == 2
    assert notified.lost == [(incident, 2)]


async def test_a_key_that_was_pressed_is_passed_on(notified: Notified) -> None:
    voice = notified.line("calls", Way.VOICE)

    async def pressed() -> Carried:
        return Carried(outcome=Outcome.ANSWERED, code="confirmed", digit="1")

    voice.does = [pressed]
    incident = await notified.case()
    await notified.notice(incident, "family")
    async with notified.running():
        await notified.until(lambda: _ready(bool(notified.replies)))
    reply = notified.replies[0]
    assert (reply.incident_id, reply.person, reply.name, reply.digit) == (incident, SON, "王强", "1")
    assert (await notified.rows(attempts))[0].code == "confirmed key 1"


async def test_a_channel_that_hangs_delays_no_other_and_life_goes_before_technical(notified: Notified) -> None:
    never = asyncio.Event()

    async def hang() -> Carried:
        await never.wait()
        return Carried()

    mail, sms = notified.line("mail", Way.MAIL, at_once=2, timeout_s=60.0), notified.line("sms", Way.SMS)
    notified.people.append(SUPERVISOR)
    for _ in range(4):
        await notified.notice(await notified.case(Severity.P3), "supervisor")
    mail.does = [hang, hang]
    async with notified.running():
        await notified.until(lambda: _ready(len(mail.sent) == 2 and len(sms.sent) == 4))
        life = await notified.notice(await notified.case(), "supervisor")
        await notified.until(lambda: _is(notified, life, "done"))
        await notified.until(lambda: _ready(any(message.priority == "P1" for message in mail.sent)))
        assert mail.most_at_once <= 3
        assert [message.priority for message in mail.sent] == ["P3", "P3", "P1"]


async def test_a_case_that_was_taken_meanwhile_calls_nobody_more(notified: Notified) -> None:
    sms = notified.line("sms", Way.SMS)
    sms.does = [TryLater("503")]
    incident = await notified.case()
    notice = await notified.notice(incident, "family")
    async with notified.running():
        await notified.until(lambda: _ready(len(sms.sent) == 1))
        await notified.put(incident, state="ACKED", owner="zhang")
        await notified.until(lambda: _is(notified, notice, "dropped"))
    assert len(sms.sent) == 1
    assert [(row.outcome, row.code) for row in await notified.rows(attempts)] == [("failed", "not needed any more")]
    assert notified.lost == []


# ---- too old ----


@pytest.mark.parametrize(
    ("age", "sent"),
    [(timedelta(minutes=9), ["calls", "mail", "sms"]), (timedelta(minutes=29), ["mail", "sms"])],
)
async def test_what_is_too_old_after_a_stop_is_one_digest(notified: Notified, age: timedelta, sent: list[str]) -> None:
    for name, way in (("calls", Way.VOICE), ("sms", Way.SMS), ("mail", Way.MAIL)):
        notified.line(name, way)
    notified.people.append(
        Reached(
            person="138",
            name="王强",
            language="zh",
            audiences=(),
            ways=tuple((way, "138") for way in (Way.VOICE, Way.SMS, Way.MAIL)),
        )
    )
    incident = await notified.case()
    for _ in range(3):
        await notified.notice(incident, "family")
    notifier = notified.notifier()
    await notifier.bring_in()
    await notified.store.write(lambda connection: _expand(notified, connection))
    notified.later(age)
    async with notified.running():
        await notified.until(lambda: _none_queued(notified))
    told = sorted(name for name, channel in notified.channels.items() if channel.sent)
    assert told == sent
    digests = [message for channel in notified.channels.values() for message in channel.sent if "3条" in message.text]
    assert len(digests) == (0 if "calls" in sent else 1)


def _expand(notified: Notified, connection: sa.Connection) -> None:
    from community.store import notices as work

    work.turn(connection, notified.now, notified.engine_ms, notified.rung_failed)


async def test_old_calls_are_folded_and_old_cases_that_are_over_are_not_told(notified: Notified) -> None:
    notified.line("calls", Way.VOICE)
    sms = notified.line("sms", Way.SMS)
    incident = await notified.case()
    notice = await notified.notice(incident, "family")
    await notified.notifier().bring_in()
    await notified.store.write(lambda connection: _expand(notified, connection))
    await notified.put(incident, state="CLOSED")
    notified.later(timedelta(hours=2))
    async with notified.running():
        await notified.until(lambda: _none_queued(notified))
    assert sms.sent == []
    assert await notified.state(notice) == "stale"


# ---- health ----


async def test_a_dead_channel_is_a_case_and_skipped_at_once(notified: Notified) -> None:
    sms = notified.line("sms", Way.SMS)
    sms.always = ConfigError("the provider refuses us (401)")
    incident = await notified.case()
    await notified.notice(incident, "family", rung=2)
    async with notified.running():
        await notified.until(lambda: _up(notified, "sms", up=False))
        assert (incident, 2) in notified.lost
        case = await notified.store.read(lambda connection: cases.load(connection, incident))
        assert case is not None
        assert "family" not in await notified.store.read(lambda c: reach.audiences(c, case, notified.now))
        sms.always = None
        await notified.until(lambda: _up(notified, "sms", up=True))
    own = [row for row in await notified.rows(schema.incidents) if row.lane == "tech:channel-down"]
    assert [(row.home_key, row.priority) for row in own] == [("centre:channels", "P3")]
    told = await notified.store.read(lambda connection: cases.load(connection, own[0].incident_id))
    assert told is not None
    assert told.is_cleared


async def test_what_waits_for_a_dead_channel_goes_by_the_second_one(notified: Notified) -> None:
    first, second = notified.line("sms", Way.SMS), notified.line("sms2", Way.SMS)
    first.always = ConfigError("refused")
    await notified.notice(await notified.case(), "family", rung=2)
    async with notified.running():
        await notified.until_outcomes("failed", "sent")
    assert (await notified.rows(attempts))[0].code == "goes by sms2"
    assert len(second.sent) == 1
    assert notified.lost == []


@pytest.mark.parametrize("error", [TryLater("nobody there"), GiveUp("554 no")], ids=["passing", "lasting"])
async def test_a_probe_that_fails_twice_takes_the_channel_away_and_one_brings_it_back(
    notified: Notified, error: ShouwangError
) -> None:
    sms = notified.line("sms", Way.SMS)
    notifier = notified.notifier()
    await notifier.bring_in()
    watch = notifier._watch
    sms.at_probe = error
    failures = await watch.look(notified.lines[0], 0)
    assert await _up(notified, "sms", up=True)
    await watch.look(notified.lines[0], failures)
    assert await _up(notified, "sms", up=False)
    sms.at_probe = None
    await watch.look(notified.lines[0], 2)
    assert await _up(notified, "sms", up=True)


async def test_the_monthly_test_is_real_and_a_refused_channel_is_not_believed_by_its_probe(notified: Notified) -> None:
    sms = notified.line("sms", Way.SMS, test_to="136")
    notifier = notified.notifier()
    await notifier.bring_in()
    watch, line = notifier._watch, notified.lines[0]
    await watch.look(line, 0)
    assert [message.to for message in sms.sent] == ["136"]
    await watch.look(line, 0)
    assert len(sms.sent) == 1
    notified.later(timedelta(days=31))
    watch._test_not_before[line.name] = 0.0
    sms.does = [TryLater("balance exhausted")]
    await watch.look(line, 0)
    assert await _up(notified, "sms", up=False)
    await watch.look(line, 0)
    assert await _up(notified, "sms", up=False)
    watch._test_not_before[line.name] = 0.0
    await watch.look(line, 0)
    assert await _up(notified, "sms", up=True)


async def test_a_channel_that_is_gone_from_the_file_fails_what_waits_for_it(notified: Notified) -> None:
    notified.line("sms", Way.SMS)
    incident = await notified.case()
    await notified.notice(incident, "family", rung=2)
    await notified.notifier().bring_in()
    await notified.store.write(lambda connection: _expand(notified, connection))
    notified.lines.clear()
    await notified.notifier().bring_in()
    assert await notified.attempts() == [("sms", SON, "failed")]
    assert notified.lost == [(incident, 2)]


async def test_audiences_that_can_be_reached(notified: Notified) -> None:
    incident = await notified.case()
    case = await notified.store.read(lambda connection: cases.load(connection, incident))
    assert case is not None

    async def reachable() -> frozenset[str]:
        return await notified.store.read(lambda connection: reach.audiences(connection, case, notified.now))

    await notified.notifier().bring_in()
    assert await reachable() == frozenset()
    notified.line("sms", Way.SMS)
    await notified.notifier().bring_in()
    assert await reachable() == {"family", "keyholder"}
    notified.people.append(SUPERVISOR)
    await notified.notifier().bring_in()
    assert await reachable() == {"family", "keyholder", "supervisor"}
    await sign_in(notified, "boss", Role.SUPERVISOR)
    assert {"operators", "owner", "supervisor", "team_lead", "next_candidate"} <= await reachable()


async def _is(notified: Notified, notice: int, state: str) -> bool:
    return await notified.state(notice) == state


async def _states(notified: Notified, *states: str) -> bool:
    return sorted(row.state for row in await notified.rows(notices)) == sorted(states)


async def _ready(is_so: bool) -> bool:
    return is_so


async def _none_queued(notified: Notified) -> bool:
    rows = await notified.rows(attempts)
    return bool(rows) and all(row.outcome != "queued" for row in rows)


async def _up(notified: Notified, channel: str, *, up: bool) -> bool:
    return any(row.channel == channel and row.is_up is up for row in await notified.rows(channel_health))
