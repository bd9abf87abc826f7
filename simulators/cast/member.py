"""What the devices of a story have in common: each shows what a step or a recording says, and faults are planted in it.

A kind of device brings its specification, its scene and `show`; what is done with the values is the same for both.
"""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, Protocol, TypeVar

from shouwang.quantities import Quantity
from simulators.ble.clock import DeviceClock
from simulators.ble.numbers import NotCarried, Special, sfloat
from simulators.ble.outbox import Storing
from simulators.ble.peripheral import Outfit, Peripheral
from simulators.ble.speaking import Speaking
from simulators.cast.scene import DeviceSpec, Drop, Fault, PassingSpec, PeripheralSpec, Range, Scene, Turn, turned_by
from simulators.recording import Measures, Said, Told

LISTENER_S = 30.0
"""How long a device of a recording waits for somebody who listens, e.g. while the gateway connects again."""

_MAY_BE_ZERO = frozenset({Quantity.GLUCOSE_TREND, Quantity.CARBOHYDRATE, Quantity.IRREGULAR_PULSE})
"""No device measures zero of the others: it shows dashes, and the profiles have "not a number" for them."""


class Performer(Protocol):
    """A device of a story. A `Playable` one can be shown a recording too."""

    @property
    def spec(self) -> DeviceSpec:
        """Where it stands and what it is."""
        ...

    def running(self) -> AbstractAsyncContextManager[object]:
        """Switched on."""
        ...

    async def act(self, scene: Scene) -> None:
        """Do what a step says; returns when it is said, or kept."""
        ...

    async def plant(self, fault: Fault) -> None:
        """Let that go wrong, now or with the next value."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Sifted:
    """Values that go out as numbers, and those that go out as `special`, or as "not known"."""

    carried: Mapping[Quantity, float]
    refused: Sequence[Said]
    special: Special | None

    def number(self, quantity: Quantity) -> float | Special | None:
        """What is put where this number belongs."""
        return self.carried.get(quantity, self.special)


Encoders = Mapping[Quantity, Callable[[float], object]]
D = TypeVar("D", bound=Peripheral)
S = TypeVar("S", bound=Speaking)


class Member(Generic[D]):
    """A peripheral of a story."""

    encoders: ClassVar[Encoders] = {}
    """How a quantity is put into bytes, or NotCarried raised; as an SFLOAT where nothing is said."""

    def __init__(self, spec: PeripheralSpec, device: D, clock: DeviceClock | None = None) -> None:
        """`device` is made as `spec` says, with this clock, and is switched off."""
        self.device = device
        self._spec = spec
        self._clock = clock
        self._special: Special | None = None
        self._expected: list[Callable[[], bool]] = []

    @property
    def spec(self) -> DeviceSpec:
        """Where it stands and what it is."""
        return self._spec

    @property
    def measures(self) -> Measures:
        """What a recording can hold of it."""
        return self._spec.measures

    def running(self) -> AbstractAsyncContextManager[object]:
        """Switched on."""
        return self.device.running()

    @abstractmethod
    async def act(self, scene: Scene) -> None:
        """Do what a step says; returns when it is said, or kept."""

    @abstractmethod
    async def show(self, values: Mapping[Quantity, float], at: datetime | None) -> Told:
        """Measure these, at this moment (aware), or now."""

    def expect(self, sifted: Sifted, is_heard: Callable[[], bool]) -> Told:
        """It has kept these values, for whoever comes."""
        self._expected = [*(one for one in self._expected if not one()), is_heard]
        return Told(said=[*sifted.carried.items()], refused=sifted.refused, is_heard=is_heard)

    async def hear_out(self) -> None:
        """Somebody presses its key, and what it keeps is waited for."""
        if not self._is_heard_out():
            await self.device.wake()
            await in_time(self.device.until(self._is_heard_out))
        self._expected.clear()

    def _is_heard_out(self) -> bool:
        return all(is_heard() for is_heard in self._expected)

    async def plant(self, fault: Fault) -> None:
        """Let that go wrong, now or with the next value."""
        ways: Mapping[str, Callable[[Fault], Awaitable[None]]] = {
            "drop": self._drop,
            "wrong_length": self._misshape,
            "special": self._blank,
            "resend": self._resend,
            "clock": self._turn,
            "bond": self._forget_bonds,
            "range": self._move,
        }
        await ways[fault.way](fault)

    def sift(self, values: Mapping[Quantity, float]) -> Sifted:
        """Which values go out as numbers; none where a special value was planted, which is then used up."""
        special, self._special = self._special, None
        carried = {} if special else {q: value for q, value in values.items() if self._carries(q, value)}
        refused = [one for one in values.items() if one[0] not in carried]
        return Sifted(carried=carried, refused=refused, special=special)

    def _carries(self, quantity: Quantity, value: float) -> bool:
        if value == 0 and quantity not in _MAY_BE_ZERO:
            return False
        try:
            self.encoders.get(quantity, sfloat)(value)
        except NotCarried:
            return False
        return True

    async def _drop(self, fault: Fault) -> None:
        drop = fault.drop or Drop()
        if drop.after == 0:
            await self.device.drop()
            return
        self.device.mishaps.drop_after = drop.after
        self.device.mishaps.drops_unconfirmed = drop.before_confirmation

    async def _misshape(self, fault: Fault) -> None:
        octets = fault.wrong_length or 0
        self.device.mishaps.misshapen.append(lambda value: value[:octets] if octets < 0 else value + bytes(octets))

    async def _blank(self, fault: Fault) -> None:
        self._special = None if fault.special is None else fault.special.special

    async def _resend(self, fault: Fault) -> None:
        """What is indicated comes again when its confirmation is lost; what is notified goes out twice."""
        if isinstance(self.device, Storing):
            self.device.mishaps.lost_confirmations += fault.resend or 0
        else:
            self.device.mishaps.resends += fault.resend or 0

    async def _turn(self, fault: Fault) -> None:
        if self._clock is not None and fault.clock is not None:
            turn(self._clock, fault.clock)

    async def _forget_bonds(self, _fault: Fault) -> None:
        self.device.forget_bonds()
        await self.device.drop()  # a device that is reset starts anew

    async def _move(self, fault: Fault) -> None:
        await (self.device.go_away() if fault.range is Range.AWAY else self.device.come_back())


class Passing(Member[D]):
    """A device that keeps what it measured until somebody comes for it."""

    def __init__(self, spec: PeripheralSpec, device: D, clock: DeviceClock) -> None:
        """`device` is made as `spec` says, with this clock, and is switched off."""
        super().__init__(spec, device, clock)
        self._is_alone = False

    @asynccontextmanager
    async def playing(self, first: datetime | None) -> AsyncIterator[None]:  # noqa: ARG002 - a memory goes on
        """While a recording is played; at the end what it keeps is waited for."""
        self._is_alone = False
        yield
        await self.hear_out()

    async def room(self) -> None:
        """Wait until its memory would not lose a record to the next; not again where nobody came for so long."""
        if isinstance(self.device, Storing) and not self._is_alone:
            device = self.device
            self._is_alone = not await in_time(device.until(lambda: not device.is_full))


class Lasting(Member[S]):
    """A device that measures all the time, and says so to whoever listens."""

    @asynccontextmanager
    async def playing(self, first: datetime | None) -> AsyncIterator[None]:  # noqa: ARG002 - what it says is of now
        """While a recording is played it says nothing of its own."""
        with self.device.held():
            await self.listener()
            yield

    async def listener(self) -> bool:
        """Wait for somebody who listens; False where nobody came in time."""
        return await in_time(self.device.wait_for_listener())


async def in_time(waiting: Awaitable[None]) -> bool:
    """Whether that was so within LISTENER_S."""
    try:
        await asyncio.wait_for(waiting, LISTENER_S)
    except TimeoutError:
        return False
    return True


def never() -> bool:
    """Nobody listened to what is not kept."""
    return False


def outfit(spec: PeripheralSpec) -> Outfit:
    """What a peripheral is given as `spec` says."""
    return Outfit(
        sensor_id=spec.id,
        address=spec.address,
        advertising_interval_ms=spec.advertising.total_seconds() * 1000,
        battery=spec.battery,
        awake_s=spec.awake.total_seconds() if isinstance(spec, PassingSpec) else None,
        is_guarded=spec.must_pair,
    )


def clock_of(turned: Turn | None) -> DeviceClock:
    """A clock that runs from now on, right or wrong."""
    clock = DeviceClock()
    turn(clock, "+0s" if turned is None else turned)
    return clock


def turn(clock: DeviceClock, turned: Turn) -> None:
    """Let it go wrong."""
    by = turned_by(turned)
    if by is None:
        clock.lose()
    else:
        clock.shift(by)


def local(at: datetime | None) -> datetime | None:
    """The moment as a device's display shows it, without a zone."""
    return None if at is None else at.astimezone().replace(tzinfo=None)
