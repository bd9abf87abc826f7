"""What a rule is: a pure step from a small state and an event to a new state and alerts."""

from typing import Protocol, TypeVar

import msgspec

from shouwang.alert import Alert
from shouwang.reading import Moment, Reading
from shouwang.status import SensorStatus

S = TypeVar("S")


class Wake(msgspec.Struct, frozen=True, kw_only=True):
    """The moment that a rule asked for with `wake_at` (`mono`: engine milliseconds)."""

    at: Moment
    mono: int


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """A person ended the alarm `key` (the centre closed the case, or a key at home): latched rules let go."""

    key: str
    at: Moment
    mono: int
    by: str


Event = Reading | SensorStatus | Wake | Reset


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one step. `state` is the rule's next state, `wake_at` the engine millisecond of its next wake.

    `wake_at` replaces any earlier wish; None withdraws it.
    """

    state: object
    alerts: tuple[Alert, ...] = ()
    wake_at: int | None = None


class Rule(Protocol[S]):
    """A pure step. S is a small frozen msgspec value, so that it survives a reboot as JSON.

    Same state and event, same step: a rule reads no clock and keeps nothing outside S.
    """

    @property
    def key(self) -> str:
        """The identity of this instance and of its alerts: rule and what it watches, e.g. `spo2-low:oximeter`."""
        ...

    def start(self) -> S:
        """The state of a rule that has seen nothing."""
        ...

    def step(self, state: S, event: Event) -> Step:
        """The next state, the alerts to raise now, and the next wish to be woken."""
        ...
