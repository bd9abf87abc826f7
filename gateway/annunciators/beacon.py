"""A siren or a lamp on a switch: plays its rhythm on the event loop, and is off at the end.

While gas may be in the air, what could make a spark is left as it stands: neither switched on nor off.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Never, Protocol

from gateway.annunciators.rhythm import Lamp, Rhythm, lamp_rhythm, siren_rhythm
from gateway.annunciators.signal import Signal, Standing
from gateway.annunciators.switch import Switch
from messaging.backoff import Backoff
from shouwang.alert import Severity
from shouwang.errors import DeviceError

log = logging.getLogger(__name__)

RETRY_START_S = 0.5
RETRY_CAP_S = 15.0
"""How often a switch that does not obey is tried again; a change is tried at once."""
FAREWELL_S = 1.0
"""At the end, a switch has this long to go off."""


class Player(Protocol):
    """What a beacon plays now: which switch, and how."""

    @property
    def switches(self) -> tuple[Switch, ...]:
        """All that it uses."""
        ...

    def show(self, signals: Sequence[Signal]) -> None:
        """How the home stands from now on."""
        ...

    def now(self) -> tuple[Switch, Rhythm]:
        """The switch that is played, and its rhythm; the others are off."""
        ...


class SirenPlayer:
    """As urgent as the alarms that nobody has answered; loud for a limited time, for the neighbours' sake."""

    def __init__(self, switch: Switch, *, loud_s: float, is_slow: bool) -> None:
        """`is_slow`: a relay or a radio, which cannot follow pulses."""
        self.switches = (switch,)
        self._loud_s = loud_s
        self._is_slow = is_slow
        self._signals: tuple[Signal, ...] = ()
        self._since: dict[tuple[str, Severity], float] = {}

    def show(self, signals: Sequence[Signal]) -> None:
        """Note since when each alarm sounds; one that has become more urgent sounds anew."""
        now = asyncio.get_running_loop().time()
        alarms = {(one.key, one.severity) for one in signals if one.standing is Standing.ALARM}
        self._since = {key: self._since.get(key, now) for key in alarms}
        self._signals = tuple(signals)

    def now(self) -> tuple[Switch, Rhythm]:
        """Its one switch."""
        now = asyncio.get_running_loop().time()
        ages = {key: now - since for (key, _), since in self._since.items()}
        return self.switches[0], siren_rhythm(self._signals, ages, self._loud_s, is_slow=self._is_slow)


class LampPlayer:
    """The colour of the most urgent alarm; a home with one lamp has one colour."""

    def __init__(self, red: Switch, yellow: Switch | None, *, is_slow: bool) -> None:
        """`is_slow`: it does not flash."""
        self.switches = (red,) if yellow is None else (red, yellow)
        self._lamps = {Lamp.RED: red, Lamp.YELLOW: yellow or red}
        self._is_slow = is_slow
        self._signals: tuple[Signal, ...] = ()

    def show(self, signals: Sequence[Signal]) -> None:
        """Nothing to note but them."""
        self._signals = tuple(signals)

    def now(self) -> tuple[Switch, Rhythm]:
        """The lamp of the colour."""
        lamp, rhythm = lamp_rhythm(self._signals, is_slow=self._is_slow)
        return self._lamps[lamp], rhythm


class SwitchedBeacon:
    """One siren or lamp. `run` is a task of the gateway."""

    def __init__(self, name: str, player: Player, *, ex_safe: bool) -> None:
        """`ex_safe`: it may be switched while gas is in the air."""
        self.name = name
        self._player = player
        self._ex_safe = ex_safe
        self._is_held = False
        self._changed = asyncio.Event()
        self._backoff = Backoff(RETRY_START_S, RETRY_CAP_S)
        self._stands: dict[Switch, bool] = {}

    @property
    def is_failing(self) -> bool:
        """Whether a switch did not obey when last asked."""
        return self._backoff.failures > 0

    @property
    def is_off(self) -> bool:
        """Whether all its switches are known to be off."""
        return all(self._stands.get(switch) is False for switch in self._player.switches)

    def show(self, signals: Sequence[Signal], *, is_gas: bool = False) -> None:
        """How the home stands from now on; never blocks. `is_gas`: an alarm or a sensor says so."""
        self._is_held = not self._ex_safe and is_gas
        self._player.show(signals)
        self._changed.set()

    async def run(self) -> Never:
        """Play until cancelled; off at the end."""
        try:
            while True:
                self._changed.clear()
                if self._is_held:
                    await self._changed.wait()
                else:
                    await self._play(*self._player.now())
        finally:
            await self._end()

    async def _play(self, switch: Switch, rhythm: Rhythm) -> None:
        for other in self._player.switches:
            if other is not switch and self._stands.get(other) is not False and not await self._set(other, on=False):
                return
        for beat in rhythm:
            if not await self._set(switch, on=beat.on) or not await self._stays(beat.seconds, switch, rhythm):
                return

    async def _set(self, switch: Switch, *, on: bool) -> bool:
        if on:  # also where nobody waits for it any more, or it is told that it failed: it may have gone out
            self._stands[switch] = True
        try:
            await switch.set(on)
        except DeviceError as error:
            if not self._backoff.failures:
                log.error("annunciator %s fails: %s", self.name, error)  # noqa: TRY400 - no fault of the program
            with suppress(TimeoutError):  # a change that came meanwhile is tried at once
                async with asyncio.timeout(self._backoff.next_pause_s()):
                    await self._changed.wait()
            return False
        if self._backoff.failures:
            log.warning("annunciator %s works again", self.name)
            self._backoff.succeeded()
        self._stands[switch] = on
        return True

    async def _stays(self, seconds: float, switch: Switch, rhythm: Rhythm) -> bool:
        """Whether this is still what to play when so much time is over; returns as soon as it is not."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._is_right(switch, rhythm):
            if loop.time() >= until:
                return True
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._changed.wait()
        return False

    def _is_right(self, switch: Switch, rhythm: Rhythm) -> bool:
        return not self._is_held and self._player.now() == (switch, rhythm)

    async def _end(self) -> None:
        for switch in self._player.switches:
            if self._stands.get(switch) and not self._is_held:
                with suppress(DeviceError, TimeoutError):
                    async with asyncio.timeout(FAREWELL_S):
                        await switch.set(False)
