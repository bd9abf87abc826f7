"""A bed radar R60ABD1 or MR60BHA1 on a pseudo terminal: a sleeper's heart and breath, in bed and out of it."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from shouwang.quantities import Quantity
from simulators.serial import r60
from simulators.serial.glide import Glide
from simulators.serial.instrument import Utterance
from simulators.serial.shown import Shown
from simulators.tally import Tally

_NONE, _STILL, _ACTIVE = 0, 1, 2
_AWAKE = 2
_FLAT_WAVE = bytes((0x80,)) * 5
_EARLY_MOVING = 3
"""The early module says a direction instead of a motion; this is "disorderly"."""


class BedRadar(Shown):
    """One radar. `model` is what it says of itself; `is_early` gives 81/xx the meaning of the early MR60BHA1.

    Rates are zero until it has found the chest, `find_s` after somebody lies down.
    """

    leads = frozenset({Quantity.HEART_RATE, Quantity.RESPIRATORY_RATE, Quantity.BED, Quantity.PRESENCE})

    def __init__(
        self,
        tally: Tally,
        *,
        sensor_id: str,
        link: Path,
        model: bytes = b"R60ABD1",
        is_early: bool = False,
        find_s: float = 20.0,
        every_s: float = 1.0,
    ) -> None:
        """Unplugged until `running`; somebody lies in bed with 62 /min and 14 breaths, long found."""
        super().__init__(tally, sensor_id=sensor_id, link=link, every_s=every_s)
        self.asked: list[tuple[int, int, bytes]] = []
        """Every sound frame that came: control, command, data."""
        self.is_nameless = False
        """Whether it leaves the question for its model unanswered."""
        self._model = model
        self._is_early = is_early
        self._find_s = find_s
        self._found_at = 0.0
        self._ear = r60.Listener()
        self._heart, self._breath = Glide(62), Glide(14)
        self._distance_cm = 66
        self._state = {r60.PRESENCE: 1, r60.MOTION: _STILL, r60.BODY_MOVEMENT: 2, r60.BED_STATE: 1}

    def breathe(self, *, breath: float, heart: float, over_s: float = 0.0) -> None:
        """The sleeper's rates become these, in `/min`, within `over_s` seconds."""
        now = asyncio.get_running_loop().time()
        self._breath.turn_to(breath, now=now, over_s=over_s)
        self._heart.turn_to(heart, now=now, over_s=over_s)

    async def get_into_bed(self) -> None:
        """Somebody comes and lies down."""
        self._found_at = asyncio.get_running_loop().time() + self._find_s
        await self._become(r60.PRESENCE, 1)
        await self._become(r60.MOTION, _STILL)
        await self._become(r60.BED_STATE, 1)

    async def leave_bed(self) -> None:
        """The sleeper gets up and moves about before the radar."""
        await self._become(r60.MOTION, _ACTIVE)
        await self._become(r60.BED_STATE, 0)

    async def leave(self) -> None:
        """The room is empty."""
        await self._become(r60.BED_STATE, 0)
        await self._become(r60.MOTION, _NONE)
        await self._become(r60.PRESENCE, 0)

    def report(self) -> Iterable[Utterance]:
        """The heartbeat, and what is measured."""
        yield Utterance(frame=r60.frame(*r60.HEARTBEAT, r60.ASK))
        if self.is_playing:
            return
        yield self._body_movement()
        if self._is_early:
            yield Utterance(frame=r60.frame(*r60.EARLY_BREATH_WAVE, _FLAT_WAVE))
            yield Utterance(frame=r60.frame(*r60.EARLY_ANGLE, (102).to_bytes(2, "big")))
        else:
            yield Utterance(frame=r60.frame(*r60.BREATH_WAVE, _FLAT_WAVE))
        yield from self._measured()

    def answers(self, data: bytes) -> Iterable[Utterance]:
        """The state or rate that is asked for, and the module's name."""
        for (control, command), value in self._ear.hear(data):
            self.asked.append((control, command, value))
            what = (control, command & ~r60.QUERY)
            if (control, command) == r60.MODEL and not self.is_nameless:
                yield Utterance(frame=r60.frame(control, command, self._model))
            elif command & r60.QUERY and what in self._state and not (self._is_early and what == r60.BED_STATE):
                yield self._told(what, command)
            elif command & r60.QUERY and not self._is_early and not self.is_playing:
                yield from (one for one in self._measured(r60.QUERY) if one.frame[2:4] == bytes((control, command)))

    def carries(self, quantity: Quantity, value: float) -> bool:
        """Whole numbers of one byte, and no bed where the module has none."""
        if quantity in (Quantity.BED, Quantity.PRESENCE):
            return value in (0, 1) and not (self._is_early and quantity is Quantity.BED)
        return value == int(value) and 0 < value <= 255

    async def tell(self, values: Mapping[Quantity, float]) -> bool:
        """These values, one frame each."""
        said = [
            await self.say(self._frame_of(quantity, int(value)), {quantity: value})
            for quantity, value in values.items()
        ]
        return all(said)

    def _frame_of(self, quantity: Quantity, value: int) -> bytes:
        states = {Quantity.PRESENCE: r60.PRESENCE, Quantity.BED: r60.BED_STATE}
        if quantity in states:
            self._state[states[quantity]] = value
            return r60.frame(*states[quantity], bytes((value,)))
        heart, breath = self._numbers()
        return r60.frame(*(heart if quantity is Quantity.HEART_RATE else breath), bytes((value,)))

    def _numbers(self) -> tuple[r60.What, r60.What]:
        if self._is_early:
            return r60.EARLY_HEART_RATE, r60.EARLY_BREATH_RATE
        return r60.HEART_RATE, r60.BREATH_RATE

    def _measured(self, mark: int = 0) -> Iterable[Utterance]:
        """Rates and distance; zero where nobody lies, or the chest is not found yet."""
        now = asyncio.get_running_loop().time()
        is_there = self._state[r60.BED_STATE] == 1 and self._state[r60.PRESENCE] == 1
        is_found = is_there and now >= self._found_at
        for what, quantity, glide in zip(
            self._numbers(), (Quantity.HEART_RATE, Quantity.RESPIRATORY_RATE), (self._heart, self._breath), strict=True
        ):
            value = round(glide.at(now)) if is_found else 0
            values = {quantity: float(value)} if is_found else {}
            yield Utterance(frame=r60.frame(what[0], what[1] | mark, bytes((value,))), values=values)
        control, command = r60.EARLY_DISTANCE if self._is_early else r60.DISTANCE
        distance = self._distance_cm if is_there else 0
        values = {Quantity.DISTANCE: distance / 100} if is_there else {}
        yield Utterance(frame=r60.frame(control, command | mark, distance.to_bytes(2, "big")), values=values)

    def _body_movement(self) -> Utterance:
        return self._told(r60.BODY_MOVEMENT, r60.BODY_MOVEMENT[1])

    async def _become(self, what: r60.What, value: int) -> None:
        if self._state[what] == value:
            return
        self._state[what] = value
        if self._is_early and what == r60.BED_STATE:
            return
        told = self._told(what, what[1])
        await self.say(told.frame, told.values)

    def _told(self, what: r60.What, command: int) -> Utterance:
        value = self._state[what]
        if self._is_early and what == r60.MOTION:
            direction = _EARLY_MOVING if value == _ACTIVE else _NONE
            return Utterance(frame=r60.frame(what[0], command, bytes((direction,))))
        quantities = {
            r60.PRESENCE: Quantity.PRESENCE,
            r60.MOTION: Quantity.MOTION,
            r60.BODY_MOVEMENT: Quantity.BODY_MOVEMENT,
            r60.BED_STATE: Quantity.BED,
        }
        return Utterance(frame=r60.frame(what[0], command, bytes((value,))), values={quantities[what]: float(value)})
