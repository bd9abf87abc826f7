"""What goes wrong with serial ports, on real pseudo terminals: unplugging, other programs, hung devices, old input."""

import asyncio
import os
import termios
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from fixtures.heard import LIMIT_S, failure, running, supervised
from fixtures.quick_time import run_quickly
from fixtures.serial_line import SERIAL_KINDS, SerialKind, frames_of, held_by, open_files

from drivers.serial import holders, instrument, link
from drivers.serial.fall_radar_r60 import INSTRUMENT, FallRadarR60
from drivers.serial.instrument import InstrumentDriver
from drivers.serial.link import Line, SerialLink
from gateway import supervise
from shouwang.bilingual import chinese, told_by
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity
from shouwang.status import SensorState
from simulators.serial import r60
from simulators.serial.instrument import SimulatedInstrument
from simulators.serial.ptypair import PtyPair

UP, DOWN, SILENT = SensorState.UP, SensorState.DOWN, SensorState.SILENT
LINE = Line(baudrate=115200)
QUESTION = b"x" * 500
MUCH = b"x" * 200_000
"""More than a terminal keeps for a device that takes nothing."""
OPENING_S = 0.05
ONE_KIND = pytest.mark.parametrize("kind", SERIAL_KINDS[:1], ids=lambda kind: kind.name, indirect=True)
"""What is the link's own doing is the same for all."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 0.05)
    monkeypatch.setattr(link, "WRITE_S", 0.2)


@pytest.fixture(params=SERIAL_KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> SerialKind:
    return request.param


@pytest.fixture
async def device(kind: SerialKind, tmp_path: Path) -> AsyncIterator[SimulatedInstrument]:
    async with kind.simulator(tmp_path).running() as simulated:
        yield simulated


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[PtyPair]:
    pair = PtyPair(tmp_path / "port", lambda _: None)
    pair.plug()
    yield pair
    pair.unplug()


async def until_open(pair: PtyPair) -> None:
    async with asyncio.timeout(LIMIT_S):
        await pair.wait_until_open()


@ONE_KIND
async def test_unplugged_while_it_opens(kind: SerialKind, device: SimulatedInstrument) -> None:
    """At any moment of the opening; nothing stays open, and the next opening is as any other."""
    before = open_files()
    for step in range(20):
        driver = kind.driver(device.line.link)
        async with running(driver) as (_, task):
            await asyncio.sleep(OPENING_S * step / 20)
            device.line.unplug()
            assert isinstance(await failure(task), DeviceError)
        device.line.plug()
    async with running(kind.driver(device.line.link)) as (heard, _):
        await heard.until(lambda: heard.said)
    assert open_files() <= before


@pytest.mark.parametrize("state", ["before a frame", "in mid-frame", "hung", "while a question is written"])
async def test_unplugged_and_replugged_under_another_number(
    kind: SerialKind, device: SimulatedInstrument, state: str
) -> None:
    before = open_files()
    device.line.is_hung = state in ("before a frame", "hung")
    async with supervised(kind.driver(device.line.link)) as (heard,):
        await until_open(device.line)
        if state != "before a frame":
            device.line.is_hung = False
            await heard.until_state(UP)
        if state == "in mid-frame":
            frame = frames_of(kind, device)[0]
            await device.line.say(frame[: len(frame) // 2])
        device.line.is_hung = state == "hung"
        device.line.is_deaf = state == "while a question is written"
        was = device.line.link.readlink()
        device.line.unplug()
        await heard.until_state(DOWN)
        device.line.is_hung = device.line.is_deaf = False
        device.line.plug()
        assert device.line.link.readlink() != was
        await heard.until_state(UP)
    assert open_files() <= before


async def test_unplugged_while_it_takes_nothing(line: PtyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "WRITE_S", LIMIT_S)
    line.is_deaf = True
    async with SerialLink(str(line.link), LINE).opened() as port:
        await until_open(line)
        writing = asyncio.create_task(port.write(MUCH))
        await asyncio.sleep(OPENING_S)
        line.unplug()
        assert isinstance(await failure(writing), DeviceError)


async def test_a_write_to_a_port_that_was_just_pulled_fails(line: PtyPair) -> None:
    """Before the loop has seen that it is gone."""
    async with SerialLink(str(line.link), LINE).opened() as port:
        await until_open(line)
        line.unplug()
        with pytest.raises(DeviceError, match="was lost; was the adapter unplugged"):
            await port.write(b"?")


async def test_a_device_that_takes_nothing_is_told_and_its_questions_are_not_kept(tmp_path: Path) -> None:
    """Beyond what the kernel takes, nothing waits here: old questions would all come at once later."""
    line, other = (PtyPair(tmp_path / name, lambda _: None) for name in ("port", "other"))
    line.is_deaf = other.is_deaf = True
    line.plug()
    other.plug()
    bare = os.open(other.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    kernel = 0
    with suppress(BlockingIOError):
        while True:
            kernel += os.write(bare, QUESTION)
    os.close(bare)
    to_line = SerialLink(str(line.link), LINE)
    async with to_line.opened() as port:
        with pytest.raises(DeviceError, match="takes no data; unplug the adapter once"):
            while True:
                await port.write(QUESTION)
    assert to_line.traffic.bytes_out <= 2 * kernel + len(QUESTION)
    line.unplug()
    other.unplug()


@ONE_KIND
async def test_many_replugs_leak_nothing(kind: SerialKind, device: SimulatedInstrument) -> None:
    async with supervised(kind.driver(device.line.link)) as (heard,):
        await heard.until_state(UP)
        before = (open_files(), len(asyncio.all_tasks()))
        for _ in range(15):
            device.line.unplug()
            await heard.until_state(DOWN)
            device.line.plug()
            await heard.until_state(UP)
        assert open_files() <= before[0] + 1
        assert len(asyncio.all_tasks()) <= before[1] + 1


@ONE_KIND
@pytest.mark.parametrize("is_locking", [True, False], ids=["with a lock", "without a lock"])
async def test_a_port_that_another_program_holds_names_it_and_is_taken_when_free(
    kind: SerialKind, device: SimulatedInstrument, is_locking: bool
) -> None:
    async with AsyncExitStack() as holding:
        pid = await holding.enter_async_context(held_by("ModemManager", device.line.link, is_locking=is_locking))
        async with supervised(kind.driver(device.line.link)) as (heard,):
            await heard.until_state(DOWN)
            assert f"is in use by ModemManager (process {pid}); it asks every new port" in heard.reason
            assert "60-shouwang-serial.rules" in heard.reason
            await holding.aclose()
            await heard.until_state(UP)


async def test_a_program_that_nobody_knows_is_named_too(line: PtyPair) -> None:
    async with held_by("picocom", line.link, is_locking=False) as pid:
        with pytest.raises(DeviceError, match=rf"is in use by picocom \(process {pid}\); stop that one") as caught:
            async with SerialLink(str(line.link), LINE).opened():
                pytest.fail("opened what another program reads")
        assert f"{line.link} 正被 picocom（进程 {pid}）占用" in chinese(told_by(caught.value))


async def test_a_lock_of_a_program_that_cannot_be_seen_says_how_to_look(
    line: PtyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the gateway's own user sees it under ProtectProc=invisible."""
    monkeypatch.setattr(holders, "_PROC", Path("/nowhere"))
    async with held_by("brltty", line.link, is_locking=True):
        with pytest.raises(DeviceError, match=r"in use by another program; see which: sudo fuser -v "):
            async with SerialLink(str(line.link), LINE).opened():
                pytest.fail("opened what another program has locked")


async def test_a_lock_of_another_user_is_named_by_the_list_of_locks(
    line: PtyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders, "_who_opened", lambda _: iter(()))
    async with held_by("brltty", line.link, is_locking=True) as pid:
        (holder,) = await holders.holders_of(str(line.link))
    assert holder.words().startswith(f"in use by brltty (process {pid}); it takes the adapter for a Braille display")


async def test_what_was_said_before_the_opening_is_not_heard(line: PtyPair) -> None:
    os.write(line._ours or -1, r60.frame(*r60.FALL_STATE, b"\x01") * 3)  # a device speaks also when nobody listens
    config = FallRadarR60.model_validate({"kind": "fall_radar_r60", "id": "it", "port": str(line.link)})
    async with running(InstrumentDriver(config, INSTRUMENT)) as (heard, _):
        await until_open(line)
        await asyncio.sleep(OPENING_S)
        await line.say(r60.frame(*r60.FALL_STATE, b"\x00"))
        await heard.until_value(Quantity.FALL, 0)
    assert heard.count(Quantity.FALL, 1) == 0


async def test_a_frame_behind_a_cut_one_is_heard_though_nothing_follows(
    line: PtyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cut one promises more bytes than the fall has; nobody may wait for them."""
    monkeypatch.setattr(instrument, "PARTIAL_S", 0.1)
    config = FallRadarR60.model_validate({"kind": "fall_radar_r60", "id": "it", "port": str(line.link)})
    async with running(InstrumentDriver(config, INSTRUMENT)) as (heard, _):
        await until_open(line)
        await asyncio.sleep(OPENING_S)
        cut = r60.frame(*r60.MODEL, b"R60AFD1" * 4)[:12]
        await line.say(cut + r60.frame(*r60.FALL_STATE, b"\x01"))
        await heard.until_value(Quantity.FALL, 1)


async def test_closing_leaves_the_control_lines_up(line: PtyPair) -> None:
    """HUPCL would lower them, and the next opening reset a board with auto-reset."""
    async with SerialLink(str(line.link), LINE).opened():
        other = os.open(line.link, os.O_RDWR | os.O_NOCTTY)
        flags = termios.tcgetattr(other)[2]
        os.close(other)
    assert not flags & termios.HUPCL
    assert flags & termios.CLOCAL


async def test_what_nobody_reads_is_bounded_and_the_rest_comes_when_it_is_read(line: PtyPair) -> None:
    taken = 0
    async with SerialLink(str(line.link), LINE).opened() as port:
        await until_open(line)
        refused = 0
        while refused < 100:
            refused = 0 if await line.say(b"x" * 1000) else refused + 1
            taken += 1000 if not refused else 0
            await asyncio.sleep(0)
            assert taken < 1_000_000
        got = 0
        async with asyncio.timeout(LIMIT_S):
            while got < taken:
                got += len(await port.read())
        await line.say(b"new")
        assert (await port.read()).endswith(b"new")


def test_a_hung_device_is_silent_within_its_deadline(kind: SerialKind, tmp_path: Path) -> None:
    """On virtual time: silent after `max_silence`, not before, and reopened then."""

    async def hang() -> None:
        loop = asyncio.get_running_loop()
        async with kind.simulator(tmp_path).running() as device:
            driver = kind.driver(device.line.link, max_silence="12s")
            async with supervised(driver) as (heard,):
                await heard.until_state(UP)
                device.line.is_hung = True
                began = loop.time()
                async with asyncio.timeout(200):
                    while heard.states[-1] is not SILENT:
                        await asyncio.sleep(1)
                assert 1 <= loop.time() - began <= 17
                device.line.is_hung = False
                async with asyncio.timeout(200):
                    while heard.states[-1] is not UP:
                        await asyncio.sleep(1)

    run_quickly(hang())
