"""What siren and lamp must know of the alarms that are on, and the port through which they are told."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Never, Protocol

import msgspec

from shouwang.alert import Severity


class Standing(Enum):
    """How far an alarm is: it asks, it calls for help, or it only wants to be known."""

    QUESTION = auto()
    ALARM = auto()
    NOTICE = auto()


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm that is on.

    `is_answered`: the centre has taken it. `is_paused`: somebody at home has silenced it for two minutes.
    """

    key: str
    severity: Severity
    standing: Standing
    is_answered: bool = False
    is_paused: bool = False


class Beacon(Protocol):
    """A siren or a lamp: it does not say things, it shows how the home stands."""

    @property
    def name(self) -> str:
        """For the log."""
        ...

    def show(self, signals: Sequence[Signal], *, is_gas: bool = False) -> None:
        """How the home stands from now on; never blocks.

        `is_gas`: gas may be in the air, by an alarm or a sensor, so that nothing may be switched that could make a
        spark: neither on nor off, also where no alarm is on any more.
        """
        ...

    async def run(self) -> Never:
        """Sound and shine until cancelled; off at the end."""
        ...
