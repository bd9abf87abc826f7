"""The ways to the centre: what is told, when, once; over restarts; and how the internet is judged."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.quick_time import run_quickly

from gateway.clock import Clock
from gateway.internet import BOOT_S, LOST_S, UNCONFIRMED_S, Internet
from gateway.paths import NOTES, Paths
from shouwang.bilingual import Bilingual
from shouwang.wire import Lane, Path, PathBody

START = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)


class Card:
    """Time, the card and the queue to the centre, as the paths see them."""

    def __init__(self):
        self.ms = 0
        self.clock = None
        self.notes = {}
        self.told = []
        self.changes = []

    def paths(self, *used):
        last = None if self.clock is None else self.clock.mark()
        clock = Clock(last, boot="b", boottime_ms=lambda: self.ms, wall=lambda: START + timedelta(milliseconds=self.ms))
        self.clock = clock
        paths = Paths(clock, used or (Path.INTERNET, Path.SMS), noted=self.notes, send=self.send, note=self.note)
        paths.watch(self.changes.append)
        return paths

    def pass_(self, **time):
        self.ms += timedelta(**time) // timedelta(milliseconds=1)

    def send(self, lane, body):
        assert lane is Lane.STATE
        self.told.append(body)

    def note(self, owner, name, text):
        assert owner == NOTES
        self.notes[name] = text

    def said(self):
        return [(body.path, body.is_up) for body in self.told]


@pytest.fixture
def card():
    return Card()


def test_a_path_is_neither_up_nor_down_before_it_was_looked_at(card):
    paths = card.paths(Path.INTERNET)
    assert (paths.is_up(Path.INTERNET), paths.is_down(Path.INTERNET)) == (False, False)
    assert (paths.is_up(Path.SMS), paths.is_down(Path.SMS)) == (False, True)  # this home has none
    paths.report(Path.SMS, is_up=True)
    assert card.told == []


def test_only_changes_are_told_with_their_times_and_to_those_who_watch(card):
    paths = card.paths()
    paths.report(Path.INTERNET, is_up=True)
    paths.report(Path.INTERNET, is_up=True)
    card.pass_(minutes=5)
    since = START + timedelta(minutes=4)
    paths.report(Path.INTERNET, is_up=False, reason=Bilingual("cut", zh="线断了"), since=since)
    paths.report(Path.INTERNET, is_up=False, reason="another reason")
    card.pass_(minutes=5)
    paths.report(Path.INTERNET, is_up=True, reason="left out")
    assert card.told == [
        PathBody(path=Path.INTERNET, is_up=True, since=START, at=START, mono=0),
        PathBody(
            path=Path.INTERNET,
            is_up=False,
            since=since,
            at=START + timedelta(minutes=5),
            mono=300_000,
            reason="cut",
            reason_zh="线断了",
        ),
        PathBody(
            path=Path.INTERNET,
            is_up=True,
            since=START + timedelta(minutes=10),
            at=START + timedelta(minutes=10),
            mono=600_000,
        ),
    ]
    assert [state.is_up for state in card.changes] == [True, False, True]


@pytest.mark.parametrize("is_up", [True, False])
def test_a_restart_tells_nothing_twice(card, is_up):
    card.paths().report(Path.INTERNET, is_up=is_up, reason="why")
    card.pass_(minutes=1)
    card.told.clear()
    paths = card.paths()
    assert paths.is_up(Path.INTERNET) is is_up
    paths.report(Path.INTERNET, is_up=is_up, reason="why")
    assert card.told == []
    paths.report(Path.INTERNET, is_up=not is_up, reason="why")
    assert card.said() == [(Path.INTERNET, not is_up)]


def test_a_note_of_another_version_is_looked_at_anew(card):
    card.notes = {"internet": '{"path":"internet","colour":"red"}', "sms": "no json"}
    paths = card.paths()
    assert not paths.is_up(Path.INTERNET)
    assert not paths.is_down(Path.INTERNET)


def test_each_test_of_a_standby_path_is_told_and_of_the_internet_one_a_day(card):
    paths = card.paths()
    for _ in range(49):
        paths.tested(Path.INTERNET)
        paths.tested(Path.SMS)
        card.pass_(hours=1)
    told = card.said()
    assert told.count((Path.SMS, True)) == 49
    assert told.count((Path.INTERNET, True)) == 2
    assert card.told[-1].tested_at == START + timedelta(hours=48)
    assert {state.path: state.tested_at for state in paths.states()}[Path.INTERNET] == START + timedelta(hours=48)


async def until_settled(paths):
    task = asyncio.create_task(paths.run())
    await asyncio.sleep(100)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("was_tested", [True, False])
def test_a_standby_path_without_a_test_for_25_hours_has_failed_over_restarts_too(card, was_tested):
    paths = card.paths()
    if was_tested:
        paths.tested(Path.SMS)
    card.pass_(hours=24)
    paths = card.paths()
    run_quickly(until_settled(paths))
    assert not paths.is_down(Path.SMS)
    card.pass_(hours=2)
    run_quickly(until_settled(paths))
    assert paths.is_down(Path.SMS)
    assert "25 h" in card.told[-1].reason
    paths.report(Path.SMS, is_up=True)
    assert paths.is_down(Path.SMS)  # a modem that has network proves nothing
    paths.tested(Path.SMS)
    assert paths.is_up(Path.SMS)
    assert not paths.is_down(Path.INTERNET)  # it is watched otherwise


class Seen:
    """When the path was said to be up or down, by the loop's clock."""

    def __init__(self, card, *, is_up=True):
        self.paths = card.paths(Path.INTERNET)
        if is_up:
            self.paths.tested(Path.INTERNET)
        self.internet = Internet(self.paths, card.clock)
        self.changes = []
        self.paths.watch(lambda state: self.changes.append((asyncio.get_running_loop().time(), state)))

    async def during(self, story):
        task = asyncio.create_task(self.internet.run())
        await asyncio.sleep(0)
        await story(self.internet)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def only(self):
        ((at, state),) = self.changes
        return at, state


def test_a_short_break_is_no_failure_and_a_longer_one_is(card):
    seen = Seen(card)

    async def story(internet):
        internet.connected()
        await asyncio.sleep(100)
        internet.lost("the line was cut")
        await asyncio.sleep(LOST_S - 1)
        internet.connected()
        await asyncio.sleep(100)
        assert seen.changes == []
        internet.lost("the line was cut")
        await asyncio.sleep(1)
        internet.lost("nobody answers")  # the next try does not begin the count anew
        await asyncio.sleep(100)

    run_quickly(seen.during(story))
    at, state = seen.only()
    assert 209 + LOST_S - 2 <= at <= 209 + LOST_S + 2
    assert (state.is_up, state.reason) == (False, "nobody answers")


def test_after_a_start_the_router_is_given_a_minute(card):
    seen = Seen(card)

    async def story(internet):
        internet.lost("nobody answers")
        await asyncio.sleep(BOOT_S - 2)
        assert seen.changes == []
        await asyncio.sleep(4)

    run_quickly(seen.during(story))
    assert not seen.only()[1].is_up


def test_a_centre_that_confirms_nothing_is_no_path_although_the_connection_stands(card):
    seen = Seen(card)

    async def story(internet):
        internet.connected()
        await asyncio.sleep(1000)  # nothing waits: nothing is missed
        internet.asked()
        await asyncio.sleep(UNCONFIRMED_S - 2)
        internet.confirmed(Lane.STATE, is_more_waiting=True)
        await asyncio.sleep(UNCONFIRMED_S - 2)
        internet.asked()
        assert seen.changes == []
        await asyncio.sleep(100)

    run_quickly(seen.during(story))
    at, state = seen.only()
    assert at <= 1000 + 2 * UNCONFIRMED_S
    assert "the centre confirms none" in state.reason


@pytest.mark.parametrize("stands_s", [1, 11, 25])
def test_a_line_that_lets_us_in_and_carries_nothing_is_no_path_however_often_it_comes_back(card, stands_s):
    seen = Seen(card)

    async def story(internet):
        for _ in range(20):  # e.g. large packets are dropped on the way: CONNECT passes, messages do not
            internet.connected()
            internet.asked()
            await asyncio.sleep(stands_s)
            internet.lost("the broker did not answer a message within 10 s")
            await asyncio.sleep(LOST_S / 4)

    run_quickly(seen.during(story))
    at, state = seen.only()
    assert not state.is_up
    assert at <= 2 * UNCONFIRMED_S


def test_what_was_asked_before_a_break_is_no_reproach_once_it_is_confirmed(card):
    seen = Seen(card)

    async def story(internet):
        internet.connected()
        internet.asked()
        internet.lost("the line was cut")
        await asyncio.sleep(LOST_S - 1)
        internet.connected()
        internet.asked()
        await asyncio.sleep(1)
        internet.confirmed(Lane.STATE, is_more_waiting=False)
        await asyncio.sleep(1000)

    run_quickly(seen.during(story))
    assert seen.changes == []


def test_a_message_that_nobody_took_explains_the_silence(card):
    seen = Seen(card)

    async def story(internet):
        internet.connected()
        internet.asked()
        internet.unheard("nobody listens at the centre")
        assert seen.changes == []
        await asyncio.sleep(100)

    run_quickly(seen.during(story))
    assert seen.only()[1].reason == "nobody listens at the centre"


def test_a_refused_lane_bars_the_path_at_once_until_a_receipt_of_that_lane(card):
    seen = Seen(card)

    async def story(internet):
        internet.connected()
        internet.barred(Lane.TELEMETRY, "its ACL")
        assert seen.only()[1].reason == "its ACL"
        internet.confirmed(Lane.STATE, is_more_waiting=True)
        await asyncio.sleep(100)
        seen.only()
        internet.confirmed(Lane.TELEMETRY, is_more_waiting=False)

    run_quickly(seen.during(story))
    assert [state.is_up for _, state in seen.changes] == [False, True]


def test_a_box_that_is_not_let_in_knows_at_once_and_a_connection_alone_proves_nothing(card):
    seen = Seen(card)

    async def story(internet):
        internet.lost("its certificate has expired", is_refusal=True)
        assert not seen.only()[1].is_up
        internet.connected()
        await asyncio.sleep(1000)
        seen.only()
        internet.confirmed(Lane.STATE, is_more_waiting=False)

    run_quickly(seen.during(story))
    assert [state.is_up for _, state in seen.changes] == [False, True]


def test_the_slowest_failure_of_a_quiet_home_is_known_within_180_s():
    heartbeat_s, keep_alive_s, connect_s = 60, 2 * 20 + 1, 10
    assert heartbeat_s + UNCONFIRMED_S <= 180  # the centre is gone, the broker is there
    assert keep_alive_s + connect_s + LOST_S <= 180  # packets are dropped without a word
    assert BOOT_S <= 180
