"""A health device of a standard profile: found, asked, heard out, let go. What is particular to a kind is its `Talk`.

A device that is awake for moments only (a cuff, a scale, a meter) is connected to when it is heard and let go when it
has said all: its battery is its owner's. One that measures all the time is kept.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, Protocol

from drivers.ble.attribute import Attribute
from drivers.ble.codec.battery import decode_battery
from drivers.ble.codec.battery import samples as battery_samples
from drivers.ble.codec.device_information import Identity, decode_text
from drivers.ble.codec.quirks import quirk_of
from drivers.ble.device_clock import DeviceClock, heed_clock
from drivers.ble.inbox import Inbox
from drivers.ble.link import LinkLost, NoLink, Peripheral, connected
from drivers.ble.radio import Radio
from drivers.ble.records import Refused
from drivers.ble.rest import Rest
from drivers.rejects import Rejects
from shouwang.bilingual import both, told_by
from shouwang.driver import Alive, Emit, Emitted, Said, Sample
from shouwang.errors import DecodeError, DeviceError
from shouwang.quantities import Quantity

log = logging.getLogger(__name__)

BATTERY = Attribute(0x180F, 0x2A19)
_MANUFACTURER = Attribute(0x180A, 0x2A29)
_MODEL = Attribute(0x180A, 0x2A24)

IDLE_S = 30.0
"""A cuff that stays connected sends its memory within seconds; scales and thermometers measure again within these."""
VISIT_S = 600.0
"""Longest visit to a passing device: a memory of 1,000 records takes two minutes; one that never stops speaking (of its
battery, of the pressure in its cuff) must not keep its connection from others for good."""
IN_VAIN = 3
"""Visits in a row that come to nothing before a passing device is down: once or twice it has just fallen asleep."""
_ENDED = "{address} has ended the connection", "{address} 断开了连接"
_NOTHING_CAME = (
    (
        "heard, but {times} connections in a row came to nothing, the last since {why}; bring it nearer, keep phones "
        "away from it, and if it wants to be paired: shouwang gateway pair ADDRESS"
    ),
    (
        "收得到它，但连续 {times} 次没有连上，最后一次：{why}；把它放近些，别让手机连它；如果它需要配对："
        "shouwang gateway pair 地址"
    ),
)
AGAIN_S = 1.0
"""After such a visit: a bluetoothd that was restarted takes a moment to know of no link any more."""


class Told(NamedTuple):
    """What a talk may know of the device when it begins."""

    device: Peripheral
    clock: DeviceClock
    identity: Identity


class Talk(Protocol):
    """What is particular to one kind of device. Raises DecodeError for values that cannot be read."""

    @property
    def services(self) -> tuple[int, ...]:
        """The device must offer one of these; the first that it offers holds its clock."""
        ...

    @property
    def unasked(self) -> tuple[Attribute, ...]:
        """What the device keeps and tells as soon as there is a link, where it is bonded and was listened to before."""
        ...

    async def open(self, told: Told) -> None:
        """Subscribe, and ask for what must be asked for. Raises DeviceError."""
        ...

    def take(self, attribute: Attribute, value: bytes) -> Iterable[Emitted]:
        """What one value means."""
        ...

    async def answer(self, attribute: Attribute, value: bytes) -> None:
        """Go on with the conversation after a value, where the device waits for a word. Raises DeviceError."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether the device has said all that it was asked for; False where it speaks by itself."""
        ...


class HealthDriver:
    """One device of a standard health profile."""

    def __init__(
        self, sensor_id: str, address: str, radio: Radio, talk: Talk, *, max_silence: timedelta | None
    ) -> None:
        """`max_silence` is None for a device that is awake for moments only."""
        self._sensor_id = sensor_id
        self._address = address
        self._radio = radio
        self._talk = talk
        self._max_silence = max_silence
        self._rejects = Rejects(sensor_id)
        self._inbox = Inbox()
        radio.standing.want(address, talk.unasked, self._inbox)
        self._identity: Identity | None = None
        self._clock: DeviceClock | None = None
        self._visit_now = _Visit()
        self._rest = Rest()
        self._in_vain = 0
        self._failed_at: float | None = None

    @property
    def sensor_id(self) -> str:
        """The id given in the home's configuration."""
        return self._sensor_id

    @property
    def max_silence(self) -> timedelta | None:
        """As configured; None where it speaks only when it is used."""
        return self._max_silence

    @property
    def rejected(self) -> int:
        """How many values could not be read since the start."""
        return self._rejects.count

    def close(self) -> None:
        """Nothing that the device says unasked comes here any more."""
        self._radio.standing.unwant(self._address, self._inbox)

    async def run(self, emit: Emit) -> None:
        """Emit until cancelled; raises DeviceError where the device cannot be reached or, if it is kept, goes away."""
        if self._max_silence is not None:
            await self._visit(emit, is_passing=False)
            raise DeviceError(both(*_ENDED, address=self._address))
        await self._radio.ready()
        while True:
            if self._failed_at is None or self._radio.up_since >= self._failed_at:
                emit(Alive())  # it would be heard
            began = asyncio.get_running_loop().time()
            try:
                await self._pass_by(emit)
            except DeviceError:  # what is wrong with it stays wrong until a visit succeeds, whatever is heard of it
                self._failed_at = began  # a radio that came up since then was to blame
                raise
            self._failed_at = None

    async def _pass_by(self, emit: Emit) -> None:
        """One visit to a device that sleeps. Asleep is not down: raises DeviceError where visits came to nothing."""
        try:
            await self._visit(emit, is_passing=True)
        except DeviceError as error:
            self._radio.must_be_up()
            self._in_vain += 1
            if self._in_vain < IN_VAIN:
                log.debug("%s: a visit came to nothing: %s", self._sensor_id, error)
                await asyncio.sleep(AGAIN_S)
                return
            if not isinstance(error, NoLink | LinkLost):
                raise
            raise DeviceError(both(*_NOTHING_CAME, times=IN_VAIN, why=told_by(error))) from error
        self._in_vain = 0

    async def _visit(self, emit: Emit, *, is_passing: bool) -> None:
        visit = self._visit_now = _Visit()
        failure: DeviceError | None = None
        try:
            async with connected(
                self._radio,
                self._address,
                services=self._talk.services,
                inbox=self._inbox,
                is_passing=is_passing,
                rest=self._rest if is_passing else None,
            ) as device:
                await self._open(device, emit)
                visit.is_open = True
                _say_strength(device, emit)
                await self._listen(device, emit, visit, is_passing=is_passing)
        except DeviceError as error:
            failure = error
        except asyncio.CancelledError:
            self._take_waiting(emit)
            raise
        # bluetoothd has confirmed what came before the link went: the device will not send it again
        await self._radio.standing.caught_up(self._address)
        self._take_waiting(emit)
        if failure is not None and not (is_passing and visit.may_end_with(failure)):
            raise failure  # and tried again at once, or after the supervisor's pause
        is_broken = (failure is not None or visit.is_cut) and not self._talk.is_over
        self._rest.begin(asyncio.get_running_loop().time(), has_news=visit.has_news, is_broken=is_broken)

    async def _open(self, device: Peripheral, emit: Emit) -> None:
        service = next(number for number in self._talk.services if device.has_service(number))
        clock = self._clock = await heed_clock(device, service, before=self._clock)
        identity = await self._identify(device)
        battery = await self._open_battery(device)
        await self._talk.open(Told(device, clock, identity))
        if battery is not None:  # not before: a device that gives only this is of no use, and must not seem to be
            self._take(BATTERY, battery, emit)

    async def _listen(self, device: Peripheral, emit: Emit, visit: "_Visit", *, is_passing: bool) -> None:
        with suppress(TimeoutError):  # it has no more to say
            async with asyncio.timeout(VISIT_S if is_passing else None) as whole:
                while not self._talk.is_over:
                    async with asyncio.timeout(IDLE_S if is_passing else None):
                        attribute, value = await device.next_value()
                    await self._hear(attribute, value, emit)
        visit.is_cut = whole.expired()

    def _take_waiting(self, emit: Emit) -> None:
        for attribute, value in self._inbox.take_all():
            if attribute == BATTERY and not self._visit_now.is_open:
                continue  # as in `_open`
            self._take(attribute, value, emit)

    async def _hear(self, attribute: Attribute, value: bytes, emit: Emit) -> None:
        self._take(attribute, value, emit)
        try:
            await self._talk.answer(attribute, value)
        except DecodeError as error:
            self._rejects.add(error)

    def _take(self, attribute: Attribute, value: bytes, emit: Emit) -> None:
        self._visit_now.has_heard |= attribute != BATTERY
        try:
            said = self._meaning(attribute, value)
        except DecodeError as error:
            self._rejects.add(error)
            return
        for one in said:
            self._visit_now.has_news |= attribute != BATTERY and not isinstance(one, Alive)
            emit(one)

    def _meaning(self, attribute: Attribute, value: bytes) -> list[Emitted]:
        return [*read({}, attribute, value)] if attribute == BATTERY else [*self._talk.take(attribute, value)]

    async def _identify(self, device: Peripheral) -> Identity:
        """Maker and model, asked once: they choose the quirks."""
        if self._identity is None:
            texts = [await _text(device, attribute) for attribute in (_MANUFACTURER, _MODEL)]
            self._identity = Identity(manufacturer=texts[0], model=texts[1], name=device.name or "")
        return self._identity

    async def _open_battery(self, device: Peripheral) -> bytes | None:
        if not device.has(BATTERY):
            return None
        value = await device.read(BATTERY)  # before it is subscribed, or it would come twice
        if device.can_tell(BATTERY):
            await device.subscribe(BATTERY)
        return value


@dataclass(kw_only=True, slots=True)
class _Visit:
    """What became of one visit. `has_news`: something was told that was not known; `is_open`: all was asked for;
    `is_cut`: it took too long."""

    is_open: bool = False
    is_cut: bool = False
    has_heard: bool = False
    has_news: bool = False

    def may_end_with(self, failure: DeviceError) -> bool:
        """Whether that is how a passing device goes to sleep."""
        if isinstance(failure, LinkLost):
            return self.is_open or self.has_heard
        return self.has_heard and not isinstance(failure, Refused)


def as_standard(identity: Identity, attribute: Attribute, value: bytes) -> bytes:
    """The value as the standard asks for it, of a device that is known to say it otherwise. Raises DecodeError."""
    quirk = quirk_of(attribute.characteristic, identity)
    return value if quirk is None else quirk.as_standard(value)


Codecs = Mapping[Attribute, Callable[[bytes], list[Said]]]
"""What the values of each characteristic mean."""


def read(codecs: Codecs, attribute: Attribute, value: bytes) -> list[Said]:
    """What one value means; every device may have a battery. Raises DecodeError."""
    if attribute == BATTERY:
        return battery_samples(decode_battery(value), value)
    if attribute not in codecs:
        raise DecodeError(f"{attribute.characteristic:04X} is not of this device")
    return codecs[attribute](value)


def _say_strength(device: Peripheral, emit: Emit) -> None:
    if device.rssi_dbm is not None:
        emit(Sample(quantity=Quantity.SIGNAL_STRENGTH, value=float(device.rssi_dbm)))


async def _text(device: Peripheral, attribute: Attribute) -> str:
    if not device.has(attribute):
        return ""
    try:
        return decode_text(await device.read(attribute))
    except (DecodeError, DeviceError):  # some refuse it unpaired; where the link is lost, the next call says so
        return ""
