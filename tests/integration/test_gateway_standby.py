"""The standby paths over a simulated modem: proven daily at the price of one SMS, lost as soon as the modem says so."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from fixtures.heard import end
from fixtures.modem_home import SON, Marks, opened
from fixtures.quick_time import run_quickly

from config.second_path import SecondPathPart
from drivers.serial.sms import Fate, Outcome
from gateway.climb import CENTRE
from gateway.clock import Clock
from gateway.courier import Means, Sender
from gateway.paths import Paths
from gateway.standby import MARK, Standby
from gateway.supervise import Supervisor
from shouwang.errors import TryLater
from shouwang.short_alert import ShortTest, decode, key_from
from shouwang.status import SensorStatus
from shouwang.wire import Path, PathBody
from simulators.serial.modem import Modem

NUMBER = "+8610650000000"
KEY = key_from("0123456789abcdef" * 2)
DAY_S = 86_400
START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


class Box:
    """A home with a modem; what the paths told the centre outlives a restart, as the card would."""

    def __init__(self) -> None:
        self.told: list[PathBody] = []
        self.notes: dict[str, str] = {}

    def of(self, path: Path) -> list[tuple[bool, str]]:
        """The changes of a path, without the daily proofs."""
        found: list[tuple[bool, str]] = []
        for body in self.told:
            if body.path is path and (not found or found[-1][0] is not body.is_up):
                found.append((body.is_up, body.reason))
        return found

    def proofs(self, path: Path) -> int:
        return len({body.tested_at for body in self.told if body.path is path and body.tested_at is not None})


@asynccontextmanager
async def gateway(box: Box, folder, modem, **changed):
    """The parts as lifeline.py wires them; leaving it is a kill."""
    loop = asyncio.get_running_loop()
    async with opened(folder, modem) as home:
        clock = Clock(boottime_ms=lambda: int(loop.time() * 1000), wall=lambda: START + timedelta(seconds=loop.time()))
        clock._base_ms, clock._origin_ms = 0, 0
        paths = Paths(
            clock,
            (Path.SMS, Path.VOICE),
            noted=box.notes,
            send=lambda lane, body: box.told.append(body),
            note=lambda owner, name, text: box.notes.update({name: text}),
        )
        standby = Standby(Sender(gateway_id="gw-1", resident="王桂兰"), clock, paths)
        part = {"centre_number": NUMBER, "key_file": "key", "contacts": [{"name": "王强", "phone": SON}], **changed}
        means = Means(
            part=SecondPathPart.model_validate({name: value for name, value in part.items() if value is not None}),
            key=KEY,
            sms=home.queue,
            voice=home.booth,
            marks=Marks(home.store, home.queue._thread),
            sms_is=standby.sms_is,
        )

        def accept(event) -> None:
            if isinstance(event, SensorStatus):
                standby.status(event)

        work = [
            asyncio.create_task(home.queue.run()),
            asyncio.create_task(Supervisor(home.driver, clock, accept).run()),
            asyncio.create_task(paths.run()),
            asyncio.create_task(standby.run(means)),
        ]
        try:
            yield home, standby, paths
        finally:
            await end(*work)


def scene(tmp_path, story, **changed) -> tuple[Box, Modem]:
    box = Box()

    async def play() -> Modem:
        async with Modem(tmp_path / "m").running() as modem:
            modem.faults.slow_s = 0.0
            async with gateway(box, tmp_path, modem, **changed) as (home, standby, paths):
                await story(modem, home, standby, paths)
            return modem

    return box, run_quickly(play())


def texts(modem: Modem) -> list[str]:
    return [submitted.text for _, submitted in modem.network.sent]


HOURS_S = 3600


@pytest.mark.slow  # the modem is asked every 30 s: a day of that is thousands of lines over the pty
def test_one_signed_sms_a_day_proves_the_way_and_voice_costs_nothing(tmp_path):
    async def story(modem, home, standby, paths):
        await asyncio.sleep(DAY_S + HOURS_S)
        assert paths.is_up(Path.SMS)
        assert paths.is_up(Path.VOICE)

    box, modem = scene(tmp_path, story)
    assert [submitted.to for _, submitted in modem.network.sent] == [NUMBER] * 2
    assert len(set(texts(modem))) == 2
    assert isinstance(decode(texts(modem)[0], lambda _: KEY), ShortTest)
    assert box.of(Path.SMS) == [(True, "")]
    assert box.of(Path.VOICE) == [(True, "")]
    assert box.proofs(Path.VOICE) == 2
    assert modem.telephone.dialled == []


def test_a_modem_without_network_is_told_as_soon_as_it_says_so_and_its_return_too(tmp_path):
    async def story(modem, home, standby, paths):
        await asyncio.sleep(60)
        modem.register(2)
        await asyncio.sleep(120)
        assert paths.is_down(Path.SMS)
        assert paths.is_down(Path.VOICE)
        modem.register(1)
        await asyncio.sleep(120)
        assert paths.is_up(Path.SMS)

    box, modem = scene(tmp_path, story)
    for path in (Path.SMS, Path.VOICE):
        states = box.of(path)
        assert [is_up for is_up, _ in states] == [True, False, True]
        assert "no network has taken the modem in" in states[1][1]
    assert len(modem.network.sent) == 1, "the day's test was sent already"


def test_a_refused_test_is_a_failure_and_is_tried_again_in_an_hour(tmp_path):
    async def story(modem, home, standby, paths):
        modem.faults.refusals.extend(["+CMS ERROR: 8"] * 1)
        await asyncio.sleep(60)
        assert paths.is_down(Path.SMS)
        assert paths.is_up(Path.VOICE)
        await asyncio.sleep(HOURS_S)
        assert paths.is_up(Path.SMS)

    box, modem = scene(tmp_path, story)
    assert [is_up for is_up, _ in box.of(Path.SMS)][-2:] == [False, True]
    assert len(modem.network.sent) == 1


def test_no_restart_pays_for_a_second_test_on_one_day(tmp_path):
    async def play() -> Modem:
        box = Box()
        async with Modem(tmp_path / "m").running() as modem:
            for _ in range(3):
                async with gateway(box, tmp_path, modem):
                    await asyncio.sleep(60)
            assert box.of(Path.SMS) == [(True, "")]
            return modem

    modem = run_quickly(play())
    assert len(modem.network.sent) == 1


@pytest.mark.parametrize("changed", [{"self_test": False}, {"centre_number": None, "key_file": None}])
def test_where_nobody_pays_for_a_test_registration_has_to_do(tmp_path, changed):
    async def story(modem, home, standby, paths):
        await asyncio.sleep(120)
        assert paths.is_up(Path.SMS)

    box, modem = scene(tmp_path, story, **changed)
    assert modem.network.sent == []
    assert box.proofs(Path.SMS) == box.proofs(Path.VOICE) == 1


def test_an_alarm_that_the_network_took_is_a_test_too(tmp_path):
    async def story(modem, home, standby, paths):
        await asyncio.sleep(30)
        modem.register(2)
        await asyncio.sleep(120)
        assert paths.is_down(Path.SMS)
        standby.sms_is(CENTRE, Outcome(key="k", fate=Fate.DELIVERED, is_final=True))
        assert paths.is_up(Path.SMS)
        standby.sms_is(SON, Outcome(key="k", fate=Fate.FAILED, reason="no such number", is_final=True))
        assert paths.is_up(Path.SMS), "a person's wrong number is no failure of the way"
        standby.sms_is(CENTRE, Outcome(key="k", fate=Fate.UNCERTAIN, is_final=True))
        assert paths.is_up(Path.SMS)
        standby.sms_is(CENTRE, Outcome(key="k", fate=Fate.FAILED, reason="call barred", is_final=True))
        assert paths.is_down(Path.SMS)

    box, _ = scene(tmp_path, story)
    assert box.of(Path.SMS)[-1] == (False, "call barred")


def test_a_card_that_fails_keeps_nobody_from_testing(tmp_path, caplog):
    async def story(modem, home, standby, paths):
        def fails(*_):
            raise TryLater("the card is read-only")

        home.store.set_mark = fails
        await asyncio.sleep(60)
        assert paths.is_up(Path.SMS)

    _, modem = scene(tmp_path, story)
    assert len(modem.network.sent) == 1


def test_a_home_without_a_second_path_supervises_nothing():
    async def play() -> list[PathBody]:
        box = Box()
        clock = Clock()
        paths = Paths(clock, (), noted={}, send=lambda lane, body: box.told.append(body), note=lambda *_: None)
        standby = Standby(Sender(gateway_id="gw-1", resident="r"), clock, paths)
        work = asyncio.create_task(standby.run(None))
        await asyncio.sleep(2 * DAY_S)
        await end(work)
        return box.told

    assert run_quickly(play()) == []


def test_a_restart_proves_nothing_again(tmp_path):
    """A box that is switched off each night must not live on the test of the first day."""

    async def play() -> list[int]:
        proofs = []
        async with Modem(tmp_path / "m").running() as modem:
            modem.faults.slow_s = 0.0
            box = Box()
            for _ in range(3):
                async with gateway(box, tmp_path, modem) as (_, _, paths):
                    async with asyncio.timeout(600):
                        while not (texts(modem) and paths.is_up(Path.SMS)):
                            await asyncio.sleep(1)
                    await asyncio.sleep(120)
                proofs.append(box.proofs(Path.SMS))
            assert len(texts(modem)) == 1
        return proofs

    assert run_quickly(play()) == [1, 1, 1]


def test_a_test_that_lies_ahead_of_the_engine_clock_is_no_proof(tmp_path):
    """The file with the engine time was lost; that with the last test was not."""

    async def play() -> Modem:
        async with Modem(tmp_path / "m").running() as modem:
            modem.faults.slow_s = 0.0
            for count in (1, 2):
                async with gateway(Box(), tmp_path, modem) as (home, _, _):
                    async with asyncio.timeout(600):
                        while len(texts(modem)) < count:
                            await asyncio.sleep(1)
                    last = msgspec.json.decode(home.store.mark(MARK))
                    home.store.set_mark(MARK, msgspec.json.encode(last | {"mono": 10**12}).decode())
            return modem

    assert len(texts(run_quickly(play()))) == 2
