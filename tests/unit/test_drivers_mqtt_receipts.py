"""Receipts for the local broker: nothing is acknowledged before it was taken in, and no kill makes it count twice."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from drivers.mqtt import receipts as receipts_module
from drivers.mqtt.receipts import Receipts
from drivers.mqtt.sensor import MqttSensor
from drivers.mqtt.switchboard import Arrival, Switchboard
from drivers.mqtt.taken import ALL, Taken
from shouwang.driver import Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

BOOT = "0e1c2ad5-9a4e-4c0e-8df0-2f6f6f1a6d11"


@dataclass
class Story:
    """Stands for the tail: readings by their number."""

    readings: list[str] = field(default_factory=list)

    def last(self) -> int:
        return len(self.readings)

    def readings_after(self, number: int) -> int:
        return len(self.readings[number:])


class Ear:
    """Takes what a switchboard hands out, as a subscription does."""

    def __init__(self) -> None:
        self.topics: tuple[str, ...] = ()
        self.named: tuple[str, ...] = ()
        self.inbox: list[Arrival] = []

    def arrive(self, arrival: Arrival) -> None:
        self.inbox.append(arrival)


class Link:
    """A broker's side: hands in messages, notes what is acknowledged."""

    def __init__(self, *ears: Ear, taken: Taken | None = None, is_resumed: bool = True) -> None:
        self.acknowledged: list[int] = []
        self.board = Switchboard()
        self.receipts = Receipts()
        if taken is not None:
            self.receipts.taken = taken
        self.receipts.connected(self.acknowledged.append, is_resumed=is_resumed)
        for ear in ears:
            self.board.join(ear, ["t"])

    def give(self, mid: int, payload: bytes = b"1", *, again: bool = False, topic: str = "t") -> None:
        receipt = self.receipts.receipt(mid, topic, payload, is_repeated=again)
        if receipt is not None:
            self.board.route(Arrival(topic=topic, payload=payload, retained=False), receipt)


def test_a_message_is_acknowledged_once_when_all_have_it() -> None:
    one, two = Ear(), Ear()
    link = Link(one, two)
    link.give(7)
    one.inbox[0].let_go()
    one.inbox[0].let_go()
    assert link.acknowledged == []
    two.inbox[0].let_go()
    assert link.acknowledged == [7]


def test_what_nobody_takes_is_acknowledged_at_once() -> None:
    link = Link()
    link.give(1)
    link.board.mute(["own/#"])
    link.give(2, topic="own/state")
    assert link.acknowledged == [1, 2]


def test_a_taker_that_leaves_lets_go_of_what_it_had_not_read() -> None:
    ear = Ear()
    link = Link(ear)
    link.give(1)
    link.board.leave(ear, ear.inbox)
    assert link.acknowledged == [1]


def test_who_comes_in_the_place_of_another_inherits_what_is_kept_for_it() -> None:
    old, new = Ear(), Ear()
    link = Link(old)
    link.give(1)
    with link.board.held():
        link.give(2)
        link.board.leave(old, old.inbox)
        link.board.join(new, ["t"])
    assert [one.claim is not None for one in new.inbox] == [True, True]
    assert link.acknowledged == []
    for arrival in new.inbox:
        arrival.let_go()
    assert link.acknowledged == [1, 2]


def test_of_two_that_come_in_the_place_of_one_the_first_has_its_claim() -> None:
    old, new, newer = Ear(), Ear(), Ear()
    link = Link(old)
    link.give(1)
    with link.board.held():
        link.board.leave(old, old.inbox)
        link.board.join(new, ["t"])
        link.board.join(newer, ["t"])
    newer.inbox[0].let_go()
    assert link.acknowledged == []
    new.inbox[0].let_go()
    assert link.acknowledged == [1]


def test_a_message_given_again_over_a_new_connection_is_still_one() -> None:
    ear = Ear()
    link = Link(ear)
    link.give(1, b"a")
    link.give(2, b"b")
    link.receipts.lost()
    ear.inbox[0].let_go()
    again: list[int] = []
    link.receipts.connected(again.append, is_resumed=True)
    link.give(1, b"a", again=True)
    link.give(2, b"b", again=True)
    assert [one.payload for one in ear.inbox] == [b"a", b"b"]
    assert again == [1], "it was taken in between the connections: the broker may forget it"
    ear.inbox[1].let_go()
    assert (link.acknowledged, again) == ([], [1, 2])


def test_a_message_is_acknowledged_only_to_a_connection_that_has_given_it() -> None:
    ear = Ear()
    link = Link(ear)
    link.give(1, b"a")
    link.receipts.lost()
    link.receipts.connected(link.acknowledged.append, is_resumed=True)
    ear.inbox[0].let_go()
    assert link.acknowledged == [], "the broker has not come to it yet"
    link.give(1, b"a", again=True)
    assert link.acknowledged == [1]
    assert len(ear.inbox) == 1


def test_a_broker_that_does_not_know_us_any_more_gives_new_messages_with_old_numbers() -> None:
    ear = Ear()
    link = Link(ear)
    link.give(1, b"a")
    ear.inbox[0].let_go()
    link.receipts.lost()
    link.receipts.connected(link.acknowledged.append, is_resumed=False)
    link.give(1, b"a", again=True)
    assert len(ear.inbox) == 2


def test_the_same_words_under_a_used_number_are_another_message() -> None:
    """A button pressed twice, at a broker that soon uses a number again: the second press was never taken in."""
    before, after = Ear(), Ear()
    taken = Taken()
    link = Link(before, taken=taken)
    link.give(1, b"press")
    before.inbox[0].let_go()
    link.give(1, b"press")
    killed = Link(after, taken=taken)
    killed.give(1, b"press", again=True)
    assert (len(before.inbox), len(after.inbox)) == (2, 1)


def test_of_what_waits_for_sensors_that_rest_only_the_newest_is_kept_by_the_broker(monkeypatch) -> None:
    monkeypatch.setattr(receipts_module, "PATIENCE", 3)
    ear = Ear()
    link = Link(ear)
    for mid in range(1, 6):
        link.give(mid, b"%d" % mid)
        claim = ear.inbox[-1].claim
        assert claim is not None
        link.receipts.wait(claim)
    assert link.acknowledged == [1, 2]
    assert [one.is_kept for one in ear.inbox] == [False, False, True, True, True]
    assert len(ear.inbox) == 5, "they wait in memory all the same"


# ---- killed at every moment ----


class Inbox:
    """A subscription without a broker: gives what it has, then ends the driver."""

    dropped = 0

    def __init__(self, arrivals: list[Arrival], after_each) -> None:
        self._arrivals = arrivals
        self._in_hand: Arrival | None = None
        self._after_each = after_each

    async def connection(self) -> None:
        pass

    async def next(self) -> Arrival:
        if self._in_hand is not None:
            self._in_hand.let_go()
            self._after_each()
        if not self._arrivals:
            raise asyncio.CancelledError
        self._in_hand = self._arrivals.pop(0)
        self._after_each()
        if self._in_hand.claim is not None:
            self._in_hand.claim.begin()
            self._after_each()
        return self._in_hand

    def rest(self) -> None:
        pass


MESSAGES = {1: b"1,2,3", 2: b"4", 3: b"x", 4: b"5,6"}


def decode(arrival: Arrival) -> list[Sample]:
    if arrival.payload == b"x":
        raise DecodeError("not a list of numbers")
    return [Sample(quantity=Quantity.TEMPERATURE, value=float(one)) for one in arrival.payload.split(b",")]


def run_once(file, story: Story, unacknowledged: dict[int, bytes], *, again: bool, image) -> list[int]:
    """One life of the process; `image` is called at each moment at which it may be killed."""
    ear = Ear()
    link = Link(ear, taken=Taken.kept_in(file, BOOT, story))

    def emit(said) -> None:
        image(link.acknowledged)
        if isinstance(said, Sample):
            story.readings.append(f"{said.value:g}")
        image(link.acknowledged)

    for mid, payload in unacknowledged.items():
        link.give(mid, payload, again=again)
    sensor = MqttSensor("s", Inbox(ear.inbox, lambda: image(link.acknowledged)), decode)

    async def live() -> None:
        with suppress(asyncio.CancelledError):
            await sensor.run(emit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("drivers.mqtt.sensor.SETTLE_S", 0.0)
        asyncio.run(live())
    link.receipts.taken.close()
    return link.acknowledged


def test_killed_at_any_moment_and_killed_again_each_reading_is_taken_in_once(tmp_path) -> None:
    """Each moment of the first life, then each moment of the second one, then a third that is left alone."""
    file = tmp_path / "taken"
    states: list[tuple[bytes, list[str], dict[int, bytes]]] = []

    def images(story: Story, given: dict[int, bytes]):
        def image(acknowledged: list[int]) -> None:
            left = {mid: payload for mid, payload in given.items() if mid not in acknowledged}
            states.append((file.read_bytes(), list(story.readings), left))

        return image

    first = Story()
    run_once(file, first, dict(MESSAGES), again=False, image=images(first, dict(MESSAGES)))
    assert first.readings == ["1", "2", "3", "4", "5", "6"]
    moments, states = states, []
    assert len(moments) > 20
    for map_, readings, left in moments:
        file.write_bytes(map_)
        second = Story(list(readings))
        run_once(file, second, left, again=True, image=images(second, left))
        assert Counter(second.readings) == Counter("123456"), (readings, left)
    assert len(states) > 100
    for map_, readings, left in states[:: max(1, len(states) // 150)]:
        file.write_bytes(map_)
        third = Story(list(readings))
        run_once(file, third, left, again=True, image=lambda _: None)
        assert Counter(third.readings) == Counter("123456"), (readings, left)


# ---- the file ----


def test_the_memory_is_of_one_boot_only(tmp_path) -> None:
    file, story = tmp_path / "folder" / "taken", Story()
    taken = Taken.kept_in(file, BOOT, story)
    place = taken.place(9, 0, 1, 1234)
    taken.end(place)
    taken.close()
    assert Taken.kept_in(file, BOOT, story).count(place) == ALL
    assert Taken.kept_in(file, "another boot", story).count(place) == 0
    assert Taken.kept_in(file, BOOT, story).count(place) == 0


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff" * 200_000])
def test_a_file_of_something_else_is_begun_anew(tmp_path, content) -> None:
    file = tmp_path / "taken"
    file.write_bytes(content)
    taken = Taken.kept_in(file, BOOT, Story())
    place = taken.place(9, 0, 1, 1234)
    assert taken.count(place) == 0
    taken.end(place)
    assert taken.count(place) == ALL


def test_a_place_where_nothing_can_be_written_costs_the_memory_only(tmp_path, caplog) -> None:
    (tmp_path / "taken").mkdir()
    taken = Taken.kept_in(tmp_path / "taken", BOOT, Story())
    place = taken.place(9, 0, 1, 1234)
    taken.end(place)
    assert taken.count(place) == ALL
    assert "may be heard twice" in caplog.text


def test_two_takers_of_one_message_do_not_stand_for_each_other() -> None:
    taken = Taken()
    one, two = (taken.place(9, taker, 2, 1234) for taker in range(2))
    taken.end(one)
    assert (taken.count(one), taken.count(two)) == (ALL, 0)
    assert taken.count(taken.place(9, 0, 1, 1234)) == 0, "with another taker beside it, it is better heard twice"
