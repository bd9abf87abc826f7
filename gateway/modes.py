"""Whether the people of the home are there: said by a button, the family or the centre, until it is over by itself.

What is said becomes a reading of the pseudo-sensor `home`, through the pipeline like any other: rules, card and centre
see it. It lasts over restarts, and its end is counted in engine time. No mode watches over smoke, gas, water, falls or
SOS any less.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Never

import msgspec

from config.presses import LONGEST, ModePress
from gateway.clock import Clock
from gateway.noted import read_back, written
from gateway.phone import Whereabouts, WhereaboutsWish
from rules.away import is_inside
from rules.inactivity import SETTLE
from rules.modes import HOME_SENSOR, Mode
from shouwang.alert import Alert, AlertState, Sentence, Severity
from shouwang.driver import Measurement, Note
from shouwang.quantities import Quantity
from shouwang.reading import Moment, Quality, Reading
from shouwang.wire import SetMode

log = logging.getLogger(__name__)

AT_MOST = {Mode.AWAY: LONGEST, Mode.HOSPITAL: LONGEST, Mode.VISITOR: timedelta(hours=24)}
"""So long, and the home counts as `home` again: who forgets to say so is watched again. Set by this project."""
BY_MESSAGE = timedelta(hours=72)
"""The sender of a text message can be forged: what it says is over sooner. Set by this project."""
NOTE = "mode"
_LOOK_AGAIN_S = 60.0
"""The loop's clock stands still in suspend, engine time does not."""
_SETTLE_MS = SETTLE // timedelta(milliseconds=1)


class Stay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who said what when; `until` for people, `ends` (engine ms) for the count; both None where it has no end."""

    mode: Mode
    by: str
    since: Moment
    until: Moment | None = None
    ends: int | None = None


class Modes:
    """One home's mode."""

    def __init__(
        self,
        clock: Clock,
        presses: Iterable[ModePress],
        *,
        noted: str | None,
        accept: Callable[[Measurement], None],
        say: Callable[[Sentence], None],
        answer: Callable[[Sentence], None] | None = None,
    ) -> None:
        """Go on from what was `noted`. `accept` takes readings of the mode in, `say` speaks at home; neither blocks.

        `answer` speaks to somebody who has just pressed a button: where `say` would wait for the morning.
        """
        self._clock = clock
        self.use(presses)
        self._accept = accept
        self._say = say
        self._answer = answer or say
        self._changed = asyncio.Event()
        self._urgent: set[str] = set()
        self._inside_at: int | None = None
        self._door_at: int | None = None
        self._occupied: set[tuple[str, Quantity]] = set()
        self._noted = noted
        self.stay = read_back(noted, Stay) or Stay(mode=Mode.HOME, by="", since=clock.now())

    def use(self, presses: Iterable[ModePress]) -> None:
        """These presses mean modes from now on."""
        self._presses = {(press.sensor, float(press.value)): press for press in presses}

    def restore(self) -> None:
        """Tell the rules where the home stands: those that are new know nothing of it."""
        if self._noted is not None and read_back(self._noted, Stay) is None:
            log.warning("the saved mode of the home cannot be read: it counts as home")
            self._put(self.stay)
        elif self.stay.mode is not Mode.HOME:
            self._tell(self.stay, ())

    def hear(self, reading: Reading) -> None:
        """A reading of any sensor: a button may mean a mode, and movement tells who may be in."""
        if reading.is_late or reading.quality is not Quality.GOOD:
            return
        place = (reading.sensor_id, reading.quantity)
        if is_inside(reading):
            self._inside_at = reading.mono
            if reading.quantity in _LEVELS:
                self._occupied.add(place)
        elif reading.quantity in _LEVELS:
            self._occupied.discard(place)
        elif reading.quantity is Quantity.DOOR:
            self._door_at = reading.mono
        if reading.quantity is Quantity.BUTTON:
            press = self._presses.get((reading.sensor_id, reading.value))
            if press is not None:
                self.set(Mode[press.mode.upper()], by=press.sensor, lasts=press.lasts)

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Steps of alarms."""
        for alert in alerts:
            if alert.state in _ON and alert.severity.rank <= Severity.P2.rank:
                self._urgent.add(alert.key)
            else:
                self._urgent.discard(alert.key)

    def order(self, action: SetMode, issued_at: datetime) -> None:
        """The centre says so. An `until` that is past leaves the home as it is."""
        lasts = None
        if action.until is not None:
            # a box that believes in an early year counts from the centre's own clock
            lasts = action.until - max(issued_at, self._clock.now())
            if lasts <= timedelta(0):
                log.warning("the centre's order for the mode %s is over already and is left out", action.mode)
                return
        self.set(Mode[action.mode.upper()], by=action.by, lasts=lasts)

    def wish(self, wish: WhereaboutsWish) -> Sentence:
        """The family says so by text message.

        It may be forged or mistaken, so the home counts as empty only where it believes so itself: no alarm is on, and
        the last thing heard was a door.
        """
        if wish.whereabouts is Whereabouts.HOME:
            self.set(Mode.HOME, by=_FAMILY)
            return Sentence(zh="已设为在家，照常守护。", en="Set to home. Everything is watched.")
        if self._urgent:
            return Sentence(
                zh="家中有报警，未设为外出，守护照常。请致电服务中心。",
                en="An alarm is on at home: not set to away, all is watched as before. Call the centre.",
            )
        if not self._seems_empty():
            return Sentence(
                zh="最近一次动静不是出门，家中可能有人：未设为外出，守护照常。请核实，或致电服务中心。",
                en="The last thing heard was not the door, somebody may be in: not set to away, all is watched as "
                "before. Please check, or call the centre.",
            )
        stay = self.set(Mode.AWAY, by=_FAMILY, lasts=BY_MESSAGE)
        hours = BY_MESSAGE // timedelta(hours=1)
        log.info("the home counts as away until %s", stay.until)
        return Sentence(
            zh=f"已设为外出，最长 {hours} 小时；回家请发“回家”。烟雾、燃气、漏水、跌倒和求助照常守护。",
            en=f"Set to away for {hours} h at most; text HOME on return. Smoke, gas, water, falls and SOS are watched.",
        )

    def set(self, mode: Mode, *, by: str, lasts: timedelta | None = None) -> Stay:
        """From now on, for at most as long as this mode may last."""
        longest = AT_MOST.get(mode)
        lasts = None if longest is None else min(lasts or longest, longest)
        now, mono = self._clock.now(), self._clock.mono()
        stay = Stay(
            mode=mode,
            by=by,
            since=now,
            until=None if lasts is None else now + lasts,
            ends=None if lasts is None else mono + lasts // timedelta(milliseconds=1),
        )
        is_new = mode is not self.stay.mode
        self._put(stay)
        if is_new:
            log.info("the home is now: %s", mode.name.lower())
            is_answer = any(by == sensor for sensor, _ in self._presses)
            (self._answer if is_answer else self._say)(_WORDS[mode])
        return stay

    async def run(self) -> Never:
        """End what is over, until cancelled."""
        while True:
            self._changed.clear()
            ends = self.stay.ends
            if ends is not None and self._clock.mono() >= ends:
                self.set(Mode.HOME, by=_TIME)
                continue
            pause = None if ends is None else min(self._clock.seconds_until(ends), _LOOK_AGAIN_S)
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _put(self, stay: Stay) -> None:
        self.stay = stay
        self._noted = written(stay)
        self._tell(stay, (Note(name=NOTE, text=self._noted),))
        self._changed.set()

    def _tell(self, stay: Stay, notes: tuple[Note, ...]) -> None:
        reading = Reading(
            sensor_id=HOME_SENSOR,
            quantity=Quantity.MODE,
            value=float(stay.mode),
            at=self._clock.now(),
            mono=self._clock.mono(),
        )
        self._accept(Measurement(sensor_id=HOME_SENSOR, readings=(reading,), notes=notes))

    def _seems_empty(self) -> bool:
        if self._door_at is None or self._occupied:
            return False
        return self._inside_at is None or self._inside_at <= self._door_at + _SETTLE_MS


_ON = (AlertState.PREALARM, AlertState.FIRING)
_LEVELS = (Quantity.PRESENCE, Quantity.BED)
_FAMILY, _TIME = "family", "time"
_SAME = Sentence(zh="烟雾、燃气、漏水和求助照常守护。", en="Smoke, gas, water and SOS are watched all the same.")
_WORDS = {
    Mode.HOME: Sentence(zh="已设为在家。", en="The home is set to: at home."),
    Mode.AWAY: Sentence(zh=f"已设为外出。{_SAME.zh}", en=f"The home is set to: away. {_SAME.en}"),
    Mode.HOSPITAL: Sentence(zh=f"已设为住院。{_SAME.zh}", en=f"The home is set to: in hospital. {_SAME.en}"),
    Mode.VISITOR: Sentence(zh=f"已设为有访客。{_SAME.zh}", en=f"The home is set to: visitors. {_SAME.en}"),
}
