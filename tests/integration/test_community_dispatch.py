"""Sending people, on SQLite and PostgreSQL: who is proposed, the next one at once, races, links, photos, rosters."""

import asyncio
import io
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome
from fixtures.sent_out import PEOPLE, alarm, bring_in, notices, order
from PIL import Image

from community.casefile import Answered, Case
from community.desk import Wish
from community.dispatcher import Dispatcher
from community.errand import Standing
from community.errands import Door, Errands, Opened, wish_of
from community.registry_sealing import Safe
from community.rights import AFTERWARDS, Refused
from community.rosters import Absence
from community.store import (
    case_schema,
    chain,
    dispatch,
    dispatch_schema,
    errands,
    handovers,
    next_offers,
    no_shows,
    orders,
    people_access,
    people_key_safes,
    responder_links,
    rosters,
    schema,
    sheet,
)
from community.store.cases import load
from community.store.database import Store
from community.token_hash import token_hash
from shouwang.alert import Severity
from shouwang.errors import ConfigError, DecodeError, IllegalMove

SOON = NOON + timedelta(seconds=1)


@pytest.fixture
async def sent_out(store: Store, home: DemoHome) -> Store:
    """People are on file, and Wang Guilan's button has been pressed."""
    await bring_in(store, NOON)
    await alarm(store, home.envelope(home.alert()), SOON)
    return store


async def case_of(store: Store, incident_id: int = 1) -> Case:
    found = await store.read(lambda connection: load(connection, incident_id))
    assert found is not None
    return found


async def candidates(store: Store, now: datetime = SOON) -> tuple[str, ...]:
    case = await case_of(store)
    return await store.read(lambda connection: dispatch.candidates(connection, case, now))


async def left_out(store: Store, now: datetime = SOON) -> dict[str, str]:
    case = await case_of(store)
    _, left = await store.read(lambda connection: dispatch.proposed(connection, case, now))
    return {one.responder_id: one.reason.en for one in left}


async def dispatched(store: Store, *targets: str) -> None:
    await order(store, SOON, "ack")
    await order(store, SOON, "dispatch", targets=targets or ("liu",))


async def answer(store: Store, who: str, command: str, **more: object) -> None:
    once = {"version": None, "command_id": f"{who}-{command}-once"}
    await order(store, SOON, command, by=who, role="responder", **once, **more)


async def ask_next(store: Store, now: datetime = SOON) -> tuple[int, int]:
    return await store.write(lambda connection: next_offers.ask(connection, now))


async def rows(store: Store, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
    return list(await store.read(lambda connection: connection.execute(sa.select(table)).all()))


# ---- whom to ask ----


async def test_the_grid_worker_is_asked_first_and_the_others_follow(sent_out: Store) -> None:
    # 12:00 UTC is 20:00 in Shanghai: the clinic is closed
    assert await candidates(sent_out) == ("liu", "zhao")
    assert await left_out(sent_out) == {
        "sun": "the unit is closed at this hour",
        "mute": "has no telephone number on file",
    }


async def test_hours_of_a_unit_open_and_close(sent_out: Store) -> None:
    morning = NOON - timedelta(hours=10)
    assert await candidates(sent_out, morning) == ("liu", "zhao", "sun")


async def test_a_roster_an_absence_and_another_case_take_people_out(sent_out: Store, stranger: DemoHome) -> None:
    duties = 'duties:\n  - {post: responder, person: zhao, from: "08:00", to: "19:00"}\n'
    await bring_in(sent_out, NOON, PEOPLE + duties)
    assert await candidates(sent_out) == ("liu",)
    away = Absence(person="liu", starts_at=NOON, ends_at=NOON + timedelta(hours=1))
    await sent_out.write(lambda connection: rosters.add_absence(connection, away))
    assert await candidates(sent_out) == ()
    assert await candidates(sent_out, NOON + timedelta(hours=1)) == ("liu",)
    assert (await left_out(sent_out))["zhao"] == "off duty"
    assert (await left_out(sent_out))["liu"] == "absent"


async def test_who_is_on_another_case_is_busy_and_who_was_asked_comes_later(
    sent_out: Store, stranger: DemoHome
) -> None:
    await dispatched(sent_out, "liu")
    await alarm(sent_out, stranger.envelope(stranger.alert()), SOON)
    other = await case_of(sent_out, 2)
    found = await sent_out.read(lambda connection: dispatch.candidates(connection, other, SOON))
    assert found == ("zhao", "liu")
    await answer(sent_out, "liu", "accept")
    found = await sent_out.read(lambda connection: dispatch.candidates(connection, other, SOON))
    assert found == ("zhao",)


async def test_nobody_is_sent_to_a_case_that_knows_no_sending(sent_out: Store, home: DemoHome) -> None:
    technical = home.alert("sensor-silent:oximeter", hazard="sensor-silent", severity=Severity.P3)
    await alarm(sent_out, home.envelope(technical), SOON)
    case = await case_of(sent_out, 2)
    assert case.workflow == "technical"
    assert await sent_out.read(lambda connection: dispatch.candidates(connection, case, SOON)) == ()


async def test_people_who_left_are_not_asked_and_stay_on_file(sent_out: Store) -> None:
    without = PEOPLE.replace(
        '  - {id: zhao, name: 赵敏, unit: grid, phone: "13900000002", lat: 30.26, lon: 120.17}\n', ""
    )
    assert without != PEOPLE
    await bring_in(sent_out, NOON, without)
    assert await candidates(sent_out) == ("liu",)
    assert len(await rows(sent_out, dispatch_schema.responders)) == 4


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            'duties:\n  - {post: operator, person: ghost, from: "08:00", to: "20:00"}\n',
            "a duty as operator names ghost",
        ),
        ('duties:\n  - {post: responder, person: ghost, from: "08:00", to: "20:00"}\n', "names ghost"),
        ("absences:\n  - {person: ghost, start: 2026-12-01T08:00, end: 2026-12-02T08:00}\n", "an absence names ghost"),
    ],
)
async def test_a_file_that_names_strangers_changes_nothing(store: Store, more: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        await bring_in(store, NOON, PEOPLE + more)
    assert await rows(store, dispatch_schema.units) == []


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("unit: clinic", "unit: nowhere", "is of the unit nowhere"),
        ("backup: zhao", "backup: ghost", "the grid grid-7 names ghost"),
        ("backup: zhao", "backup: liu", "cannot be his own back-up"),
    ],
)
async def test_a_file_that_hangs_in_the_air_changes_nothing(store: Store, was: str, becomes: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        await bring_in(store, NOON, PEOPLE.replace(was, becomes))
    assert await rows(store, dispatch_schema.units) == []


# ---- the next one, at once ----


async def test_after_a_decline_the_next_one_is_asked_in_the_next_turn(sent_out: Store) -> None:
    await dispatched(sent_out, "liu")
    await answer(sent_out, "liu", "decline", reason="too far")
    assert (await case_of(sent_out)).state == "ACKED"
    assert await ask_next(sent_out) == (1, 0)
    case = await case_of(sent_out)
    assert (case.state, case.owner) == ("DISPATCHED", "zhang")
    assert [(offer.to, offer.answer) for offer in case.offers] == [
        ("liu", Answered.DECLINED),
        ("zhao", Answered.ASKED),
    ]
    assert (await notices(sent_out))[-1] == ("responders", "zhao", "")
    assert ("family", "", "") in await notices(sent_out)
    assert await ask_next(sent_out) == (0, 0)
    assert (await sent_out.read(chain.verify)).faults == ()


async def test_where_nobody_is_left_it_is_said_and_the_ladder_goes_on(sent_out: Store) -> None:
    await sign_in(sent_out, "wang", role="supervisor")
    await dispatched(sent_out, "liu")
    for who in ("liu", "zhao"):
        await answer(sent_out, who, "decline")
        await ask_next(sent_out)
    case = await case_of(sent_out)
    assert (case.state, case.owner) == ("ACKED", "zhang")
    # supervisor, family and keyholder; as no channel reaches those two here, 120 at once
    assert case.rung == 4
    assert ("operators", "", "call_120") in await notices(sent_out)
    outcomes = [row.outcome for row in await rows(sent_out, dispatch_schema.next_offers)]
    assert outcomes == ["done", "missed"]
    assert {("supervisor", "", ""), ("family", "", ""), ("keyholder", "", "")} <= set(await notices(sent_out))


async def test_a_case_that_has_moved_on_asks_nobody(sent_out: Store) -> None:
    await dispatched(sent_out, "liu")
    await answer(sent_out, "liu", "decline")
    await order(sent_out, SOON, "dispatch", targets=("zhao",), command_id="again")
    before = await case_of(sent_out)
    assert await ask_next(sent_out) == (0, 0)
    assert await case_of(sent_out) == before


async def test_the_dispatcher_asks_by_itself(sent_out: Store) -> None:
    told = asyncio.Event()
    dispatcher = Dispatcher(sent_out, clock=lambda: SOON, told=told.set)
    await dispatcher.turn()
    assert not told.is_set()
    await dispatched(sent_out, "liu")
    await answer(sent_out, "liu", "decline")
    running = asyncio.create_task(dispatcher.run(), name="dispatcher")
    dispatcher.look()
    async with asyncio.timeout(60):  # against hanging only
        await told.wait()
    running.cancel()
    await asyncio.wait({running})
    assert (await case_of(sent_out)).state == "DISPATCHED"


# ---- races ----


async def test_of_two_accepts_at_once_one_wins_and_the_other_is_told(sent_out: Store) -> None:
    await dispatched(sent_out, "liu", "zhao")
    outcomes = await asyncio.gather(
        answer(sent_out, "liu", "accept", eta_min=5), answer(sent_out, "zhao", "accept"), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["NoneType", "NotNow"]
    case = await case_of(sent_out)
    loser = {"liu": "zhao", "zhao": "liu"}[str(case.responder)]
    assert ("responders", loser, "taken") in await notices(sent_out)
    assert {offer.to: offer.answer for offer in case.offers}[loser] is Answered.TAKEN


async def test_accept_and_decline_of_one_person_at_once_leave_one_answer(sent_out: Store) -> None:
    await dispatched(sent_out, "liu")
    await asyncio.gather(answer(sent_out, "liu", "accept"), answer(sent_out, "liu", "decline"), return_exceptions=True)
    case = await case_of(sent_out)
    (offer,) = case.offers
    assert (case.state, offer.answer) in {("ACKED", Answered.DECLINED), ("EN_ROUTE", Answered.ACCEPTED)}


async def test_a_double_press_is_one_answer(sent_out: Store) -> None:
    await dispatched(sent_out, "liu")
    await asyncio.gather(answer(sent_out, "liu", "accept"), answer(sent_out, "liu", "accept"))
    assert (await case_of(sent_out)).state == "EN_ROUTE"


# ---- the phone ----


class Clock:
    def __init__(self) -> None:
        self.now = SOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def phones(sent_out: Store, clock: Clock) -> Errands:
    def set_code(connection: sa.Connection) -> None:
        people_key_safes.put(connection, "home-501", "47#11", Safe(), hint="门框右侧", by="admin", at=NOON)

    await sent_out.write(set_code)
    await dispatched(sent_out, "liu", "zhao")
    return Errands(sent_out, clock=clock, changed=lambda: None, safe=Safe(), phone="0571-88880000")


async def opened(phones: Errands, who: str = "liu") -> Opened:
    token = await phones.make_link(1, who)
    device = await phones.bind(token)
    assert device is not None
    found = await phones.open(token, device)
    assert isinstance(found, Opened)
    return found


async def looked(store: Store) -> list[tuple[str, str]]:
    entries = await store.read(people_access.newest)
    return [(entry.actor, entry.act.value) for entry in reversed(entries) if entry.actor != "admin"]


async def test_of_a_link_only_the_hash_is_kept(sent_out: Store, phones: Errands) -> None:
    token = await phones.make_link(1, "liu")
    (row,) = await rows(sent_out, dispatch_schema.responder_links)
    assert token.encode() not in bytes(row.token_hash)
    assert row.token_hash == token_hash(token)


async def test_a_link_is_made_for_who_was_asked_only(phones: Errands) -> None:
    with pytest.raises(IllegalMove, match="sun was not asked"):
        await phones.make_link(1, "sun")
    with pytest.raises(IllegalMove):
        await phones.make_link(99, "liu")


async def test_a_link_belongs_to_the_first_phone(phones: Errands) -> None:
    token = await phones.make_link(1, "liu")
    assert isinstance(await phones.open(token, ""), Opened)  # looking alone, as previews do, binds nothing
    first, second = await asyncio.gather(phones.bind(token), phones.bind(token))
    device = first or second
    assert (first is None) is not (second is None)
    assert isinstance(await phones.open(token, str(device)), Opened)
    assert await phones.open(token, "") is Door.ELSEWHERE
    assert await phones.open(token, "another") is Door.ELSEWHERE
    assert await phones.open("guessed", str(device)) is Door.UNKNOWN


async def test_many_links_of_one_person_stay_few(sent_out: Store, phones: Errands) -> None:
    tokens = [await phones.make_link(1, "liu") for _ in range(responder_links.MOST_LINKS + 3)]
    assert len(await rows(sent_out, dispatch_schema.responder_links)) == responder_links.MOST_LINKS
    assert isinstance(await phones.open(tokens[-1], ""), Opened)


async def test_before_he_accepts_he_sees_where_and_why_but_not_the_person(sent_out: Store, phones: Errands) -> None:
    errand = await phones.errand((await opened(phones)).link)
    assert errand is not None
    assert (errand.standing, errand.step, errand.address) == (Standing.ASKED, "accept", "3号楼2-501")
    assert (errand.card, errand.key_at, errand.way_in) == (None, "", "")
    with pytest.raises(Refused):
        await phones.key_safe((await opened(phones)).link)
    assert await looked(sent_out) == []


async def test_from_accept_to_report_he_sees_what_he_needs_and_each_look_is_logged(
    sent_out: Store, phones: Errands, clock: Clock
) -> None:
    link = (await opened(phones)).link
    await phones.order(wish_of(link, "accept", "accept-1", eta_min=5))
    for _ in range(2):
        errand = await phones.errand(link)
    assert errand is not None
    assert (errand.standing, errand.step) == (Standing.GOING, "arrive")
    assert errand.card is not None
    assert (errand.card.name, errand.card.conditions) == ("王桂兰", ("冠心病",))
    assert (errand.way_in, errand.key_at, errand.has_key_safe) == ("北门进，电梯左侧", "门框右侧", True)
    assert await looked(sent_out) == [("liu", "card")]
    assert await phones.key_safe(link) == "47#11"
    assert await looked(sent_out) == [("liu", "card"), ("liu", "key_safe")]
    await phones.order(wish_of(link, "arrive", "arrive-1"))
    await phones.order(wish_of(link, "report", "report-1", disposition="helped", text="扶起，无外伤"))
    with pytest.raises(Refused):
        await phones.key_safe(link)
    done = await phones.errand(link)
    assert done is not None
    assert (done.standing, done.step, done.address) == (Standing.DONE, None, "")
    assert done.card is not None  # for two hours
    assert (await sent_out.read(people_access.faults)) == []
    assert (await sent_out.read(chain.verify)).faults == ()


async def test_two_hours_after_his_part_the_link_is_shut(sent_out: Store, phones: Errands, clock: Clock) -> None:
    token = await phones.make_link(1, "liu")
    device = str(await phones.bind(token))
    link = (await phones.open(token, device)).link  # type: ignore[union-attr]
    for command in ("accept", "arrive"):
        await phones.order(wish_of(link, command, f"{command}-1"))
    await phones.order(wish_of(link, "report", "report-1", disposition="helped", text="好"))
    await Dispatcher(sent_out, clock=clock, told=lambda: None).turn()
    clock.now = SOON + AFTERWARDS
    still = await phones.open(token, device)
    assert isinstance(still, Opened)
    errand = await phones.errand(still.link)
    assert errand is not None
    assert errand.card is not None
    clock.now += timedelta(seconds=1)
    assert await phones.open(token, device) is Door.CLOSED
    late = await phones.errand(still.link)
    assert late is not None
    assert (late.standing, late.card) == (Standing.OVER, None)


async def test_who_was_slower_or_declined_sees_nothing_of_it(phones: Errands) -> None:
    liu, zhao = (await opened(phones)).link, (await opened(phones, "zhao")).link
    await phones.order(wish_of(liu, "accept", "accept-1"))
    errand = await phones.errand(zhao)
    assert errand is not None
    assert (errand.standing, errand.address, errand.card) == (Standing.TAKEN, "", None)
    await phones.order(wish_of(liu, "decline", "decline-1", reason="ill"))
    errand = await phones.errand(liu)
    assert errand is not None
    assert (errand.standing, errand.address, errand.card) == (Standing.DECLINED, "", None)


async def test_a_case_that_was_merged_away_is_no_errand(sent_out: Store, phones: Errands, home: DemoHome) -> None:
    link = (await opened(phones)).link
    await phones.order(wish_of(link, "accept", "accept-1"))

    def close(connection: sa.Connection) -> None:
        case = load(connection, 1)
        assert case is not None
        import msgspec

        gone = msgspec.structs.replace(case, state="CLOSED")
        connection.execute(schema.incidents.update().values(state="CLOSED", body=msgspec.json.encode(gone)))

    await sent_out.write(close)
    over = await sent_out.read(responder_links.those_over)
    assert len(over) == 1
    errand = await phones.errand(link)
    assert errand is not None
    assert (errand.standing, errand.address) == (Standing.DONE, "")


async def test_the_desk_does_not_take_orders_of_the_desk_from_a_phone(phones: Errands) -> None:
    link = (await opened(phones)).link
    for command in ("ack", "verify_ok", "take_over", "merge"):
        with pytest.raises(IllegalMove, match="not ordered from a phone"):
            wish_of(link, command, "x-1")


async def test_a_ping_waits_until_he_says_that_all_is_well(sent_out: Store, phones: Errands) -> None:
    link = (await opened(phones)).link
    for command in ("accept", "arrive"):
        await phones.order(wish_of(link, command, f"{command}-1"))

    def ring(connection: sa.Connection) -> None:
        from community import engine
        from community.casefile import Context
        from community.store.cases import record

        case = load(connection, 1)
        assert case is not None
        ping = case.clock("ping")
        assert ping is not None
        made = None
        context = Context(now_e=ping.due_e)
        while made is None or made[1].name != "ping.red":
            made = engine.fired(case, context, at=SOON)
            assert made is not None
            case = made[0]
            record(connection, 1, made, at=SOON, actor="system")

    assert (await phones.errand(link)).pinged_at is None  # type: ignore[union-attr]
    await sent_out.write(ring)
    assert (await phones.errand(link)).pinged_at == SOON  # type: ignore[union-attr]
    await phones.order(wish_of(link, "ping", "ping-1"))
    assert (await phones.errand(link)).pinged_at is None  # type: ignore[union-attr]


# ---- photos ----


def a_photo() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (40, 30), (1, 2, 3)).save(made, "PNG")
    return made.getvalue()


async def look_at(store: Store, incident_id: int) -> bytes | None:
    return await store.write(lambda c: errands.look_at_photo(c, incident_id, "report-1", by="zhang", now=SOON))


async def test_a_report_and_its_photo_are_one_and_each_look_is_logged(sent_out: Store, phones: Errands) -> None:
    link = (await opened(phones)).link
    for command in ("accept", "arrive"):
        await phones.order(wish_of(link, command, f"{command}-1"))
    wish = wish_of(link, "report", "report-1", disposition="helped", text="好")
    with pytest.raises(DecodeError):
        await phones.order(wish, b"no photo")
    assert (await case_of(sent_out)).state == "ON_SCENE"
    for _ in range(2):
        await phones.order(wish, a_photo())
    (picture,) = await phones.pictures(1)
    assert (picture.photo_id, picture.taken_by) == ("report-1", "liu")
    body = await look_at(sent_out, 1)
    assert body is not None
    assert body.startswith(b"\xff\xd8")
    assert await look_at(sent_out, 2) is None
    assert (await looked(sent_out))[-1] == ("zhang", "photo")
    assert await sent_out.write(lambda connection: errands.erase_photos(connection, "home-501")) == 1
    assert await look_at(sent_out, 1) is None
    assert [one.is_erased for one in await phones.pictures(1)] == [True]


async def test_a_refused_order_keeps_no_photo(phones: Errands) -> None:
    link = (await opened(phones)).link
    with pytest.raises(IllegalMove):
        await phones.order(wish_of(link, "report", "r-1", disposition="helped", text="好"), a_photo())
    assert await phones.pictures(1) == ()


async def test_photos_of_one_person_in_one_case_are_bounded(phones: Errands) -> None:
    link = (await opened(phones)).link
    for command in ("accept", "arrive"):
        await phones.order(wish_of(link, command, f"{command}-1"))
    for number in range(errands.MOST_PHOTOS):
        await phones.order(wish_of(link, "note", f"note-{number}", text="看"), a_photo())
    with pytest.raises(IllegalMove, match="at most"):
        await phones.order(wish_of(link, "note", "note-x", text="看"), a_photo())
    assert len(await phones.pictures(1)) == errands.MOST_PHOTOS


# ---- the sheet for 120 ----


async def test_the_sheet_holds_what_a_crew_must_know_and_no_code(sent_out: Store, phones: Errands) -> None:
    link = (await opened(phones)).link
    await phones.order(wish_of(link, "accept", "accept-1"))
    await order(sent_out, SOON, "call_120")
    await order(sent_out, SOON, "call_120", reference="HZ-4711", command_id="confirmed")
    made = await sent_out.read(
        lambda connection: sheet.gathered(connection, 1, SOON, centre="阳光社区", callback="0571-88880000")
    )
    assert made is not None
    assert (made.name, made.conditions, made.code_at, made.way_in) == (
        "王桂兰",
        ("冠心病",),
        "门框右侧",
        "北门进，电梯左侧",
    )
    assert made.helpers == ("120", "120:HZ-4711")
    assert made.on_site == "刘芳 13900000001"
    assert [one.name for one in made.contacts] == ["王强"]
    assert made.lines
    assert "47#11" not in repr(made)
    assert await sent_out.read(lambda c: sheet.gathered(c, 9, SOON, centre="x", callback="")) is None


# ---- shifts ----


async def sign_in(store: Store, *logins: str, role: str = "operator", now: datetime = SOON) -> None:
    def work(connection: sa.Connection) -> None:
        for login in logins:
            row = {"user_id": f"u-{login}", "login": login, "name": login, "role": role, "language": "zh"}
            known = connection.execute(sa.select(schema.users.c.login).where(schema.users.c.login == login)).first()
            if known is None:
                connection.execute(schema.users.insert().values(created_at=now, **row))
            connection.execute(
                schema.login_sessions.insert().values(
                    token_hash=f"{login}-{now}".encode(),
                    user_id=f"u-{login}",
                    created_at=now,
                    expires_at=now + timedelta(hours=12),
                    last_seen_at=now,
                )
            )

    await store.write(work)


async def test_a_shift_goes_over_with_two_signatures_and_all_its_cases(sent_out: Store, home: DemoHome) -> None:
    await sign_in(sent_out, "zhang", "chen")
    await dispatched(sent_out, "liu")
    await answer(sent_out, "liu", "accept")
    await order(sent_out, SOON, "note", by="li", text="儿子在路上", command_id="n1")
    seen = await sent_out.read(lambda c: handovers.screen(c, "zhang", "chen", SOON))
    assert ([row.incident_id for row in seen.rows], seen.has_life, seen.waiting) == ([1], True, 0)
    assert [(one.by, one.words) for one in seen.notes] == [("li", "儿子在路上")]
    number = await sent_out.write(lambda c: handovers.offer(c, "zhang", "chen", "注意 3 号楼", SOON))
    assert (await case_of(sent_out)).owner == "zhang"  # not before the second one signs
    with pytest.raises(IllegalMove):
        await sent_out.write(lambda c: handovers.sign(c, number, "li", SOON))
    assert await sent_out.write(lambda c: handovers.sign(c, number, "chen", SOON)) == (1,)
    case = await case_of(sent_out)
    assert (case.owner, case.state, case.responder) == ("chen", "EN_ROUTE", "liu")
    (done,) = await sent_out.read(handovers.done)
    assert (done.leaver, done.taker, done.signed_at, done.words) == ("zhang", "chen", SOON, "注意 3 号楼")
    with pytest.raises(IllegalMove):
        await sent_out.write(lambda c: handovers.sign(c, number, "chen", SOON))
    assert (await sent_out.read(chain.verify)).faults == ()


async def test_a_shift_goes_to_somebody_who_is_here(sent_out: Store) -> None:
    await sign_in(sent_out, "zhang")
    for taker in ("zhang", "ghost"):
        with pytest.raises(IllegalMove):
            await sent_out.write(lambda c, taker=taker: handovers.offer(c, "zhang", taker, "", SOON))


async def test_an_offer_that_is_withdrawn_or_made_anew_cannot_be_signed(sent_out: Store) -> None:
    await sign_in(sent_out, "zhang", "chen", "li")
    first = await sent_out.write(lambda c: handovers.offer(c, "zhang", "chen", "", SOON))
    second = await sent_out.write(lambda c: handovers.offer(c, "zhang", "li", "", SOON))
    with pytest.raises(IllegalMove):
        await sent_out.write(lambda c: handovers.sign(c, first, "chen", SOON))
    await sent_out.write(lambda c: handovers.withdraw(c, second, "chen"))  # none of the two
    assert [one.handover_id for one in await sent_out.read(lambda c: handovers.offered(c, "li"))] == [second]
    await sent_out.write(lambda c: handovers.withdraw(c, second, "li"))
    assert await sent_out.read(lambda c: handovers.offered(c, "li")) == ()


async def test_who_does_not_come_is_a_red_row_and_the_shift_stays_with_the_leaver(sent_out: Store) -> None:
    # NOON is 20:00 in Shanghai
    await sign_in(sent_out, "zhang", "li", "chen")
    duties = """
duties:
  - {post: operator, person: zhang, from: "08:00", to: "20:00"}
  - {post: operator, person: li, from: "20:00", to: "08:00"}
  - {post: operator, person: chen, as: backup, from: "20:00", to: "08:00"}
"""
    await bring_in(sent_out, NOON, PEOPLE + duties)

    def li_leaves(connection: sa.Connection) -> None:
        connection.execute(schema.login_sessions.delete().where(schema.login_sessions.c.user_id == "u-li"))

    await sent_out.write(li_leaves)

    async def missing(minutes: int) -> tuple[str, ...]:
        now = NOON + timedelta(minutes=minutes)
        return await sent_out.write(lambda c: no_shows.look(c, now))

    async def told() -> list[tuple[str, str]]:
        rows = await sent_out.read(lambda c: c.execute(sa.select(case_schema.notices)).all())
        return [(row.audience, row.step) for row in rows if row.prompt == "no_show"]

    assert await missing(14) == ()
    assert await missing(15) == ("li",)
    assert await missing(16) == ()  # told once
    assert await told() == [("supervisor", "no_show")]
    case = await case_of(sent_out, 2)
    assert (case.lane, case.priority, case.is_cleared) == ("tech:no-show", Severity.P3, False)
    (red,) = await sent_out.read(rosters.open_no_shows)
    assert (red.person, red.leaver, red.came_at) == ("li", "zhang", None)
    await sign_in(sent_out, "li", now=NOON + timedelta(minutes=40))
    await missing(41)
    (red,) = await sent_out.read(rosters.open_no_shows)
    assert red.came_at == NOON + timedelta(minutes=41)
    assert (await case_of(sent_out, 2)).is_cleared
    await sent_out.write(lambda c: no_shows.settle(c, red.no_show_id, by="wang", now=SOON))
    assert await sent_out.read(rosters.open_no_shows) == ()


async def test_the_home_hears_the_name_of_who_is_on_the_way(sent_out: Store) -> None:
    await dispatched(sent_out, "刘芳")  # by name: one alone is called so
    assert [offer.to for offer in (await case_of(sent_out)).offers] == ["liu"]
    await answer(sent_out, "liu", "accept", eta_min=4)
    table = schema.downlink
    bodies = await sent_out.read(lambda c: c.execute(sa.select(table.c.body)).scalars().all())
    assert any("刘芳已经出发，大约4分钟到" in body.decode() for body in bodies)


@pytest.mark.parametrize("whom", ["nobody", "ambulance", "急救中心", ""])
async def test_whom_nobody_can_call_is_not_sent(sent_out: Store, whom: str) -> None:
    await order(sent_out, SOON, "ack")
    for command in ("dispatch", "call_unit"):
        with pytest.raises(IllegalMove, match="nobody on file"):
            await order(sent_out, SOON, command, targets=(whom,))
    case = await case_of(sent_out)
    assert (case.state, case.offers, case.tasks) == ("ACKED", (), ())


async def test_of_two_answers_of_a_unit_the_first_counts(sent_out: Store) -> None:
    await order(sent_out, SOON, "call_unit", targets=("clinic",))
    await answer(sent_out, "clinic", "unit_accept")
    await answer(sent_out, "clinic", "unit_accept")  # the same key, brought twice by its provider
    with pytest.raises(IllegalMove, match="answered already"):
        await answer(sent_out, "clinic", "unit_decline")
    assert [(one.to, one.answer) for one in (await case_of(sent_out)).tasks] == [("clinic", Answered.ACCEPTED)]


async def test_a_missing_colleague_whom_the_supervisor_has_seen_to_is_told_no_more(sent_out: Store) -> None:
    await sign_in(sent_out, "zhang", "chen")
    duties = """
duties:
  - {post: operator, person: zhang, from: "20:00", to: "08:00"}
  - {post: operator, person: chen, as: backup, from: "20:00", to: "08:00"}
"""
    await bring_in(sent_out, NOON, PEOPLE + duties)
    late = NOON + timedelta(minutes=15)

    def both_leave(connection: sa.Connection) -> None:
        connection.execute(schema.login_sessions.delete())

    await sent_out.write(both_leave)
    assert await sent_out.write(lambda c: no_shows.look(c, late)) == ("zhang", "chen")
    case = await case_of(sent_out, 2)
    assert len(case.active) == 2  # one case for both
    rows = await sent_out.read(rosters.open_no_shows)
    for row in rows:
        await sent_out.write(lambda c, one=row.no_show_id: no_shows.settle(c, one, by="wang", now=late))
    assert (await case_of(sent_out, 2)).is_cleared


def wish(**more: object) -> Wish:
    return Wish(**{"incident_id": 1, "command": "offer_next", "by": "x", "command_id": "x-1", **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["operator", "supervisor", "responder", "family"])
async def test_no_person_gives_the_systems_order(sent_out: Store, role: str) -> None:
    answer = await sent_out.write(lambda c: orders.carry_out(c, wish(role=role, targets=("liu",)), SOON))
    assert answer.row is None


# ---- places ----


async def test_areas_come_from_the_tree_of_places_and_from_the_file(sent_out: Store) -> None:
    from community.store import roster_check
    from community.store.people_schema import home_register, places

    def plant(connection: sa.Connection) -> None:
        tree = [("sun", None, "community", "SUN"), ("g7", "sun", "grid", "grid-7"), ("b3", "g7", "building", "3")]
        for place_id, parent_id, level, code in tree:
            connection.execute(
                places.insert().values(place_id=place_id, parent_id=parent_id, level=level, code=code, name=code)
            )
        connection.execute(home_register.update().values(place_id="b3"))

    end = SOON + timedelta(days=1)
    seen = await sent_out.read(lambda c: roster_check.gathered(c, SOON, end))
    assert (seen.gridless, seen.grids, seen.mute) == ((), ("grid-7",), ("mute",))
    await sent_out.write(plant)
    found = await sent_out.read(lambda c: dispatch.all_areas_of(c, "home-501"))
    assert found == ("building-3", "grid-7", "b3", "3", "g7", "sun", "SUN")
    assert await sent_out.read(dispatch.grids_of_homes) == {"home-501": "grid-7"}
    await sent_out.write(lambda c: c.execute(places.update().where(places.c.place_id == "sun").values(parent_id="b3")))
    assert len(await sent_out.read(lambda c: dispatch.all_areas_of(c, "home-501"))) == 7  # a ring comes to an end


async def test_a_home_without_a_grid_is_found(store: Store) -> None:
    from community.store import roster_check

    seen = await store.read(lambda c: roster_check.gathered(c, SOON, SOON + timedelta(days=1)))
    assert seen.gridless == ("home-501",)
