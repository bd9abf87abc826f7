"""The home's way to people when the internet fails, as the gateway wires it: the second path, and who supervises it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable

from config.home import Home
from gateway.batch import Key
from gateway.clock import Clock
from gateway.courier import Sender, means_of
from gateway.paths import Paths
from gateway.phone import Phone
from gateway.second_path import Say, SecondPath
from gateway.standby import Standby
from gateway.stored import Stored
from shouwang.alert import Alert
from shouwang.status import SensorStatus
from shouwang.wire import Lane, Path

_PAGE = 200

Pending = Callable[[Lane, int, int], Awaitable[list[Stored]]]
"""What of a lane waits for receipts on the card: numbers after, at most so many. Raises TryLater."""


class Lifeline:
    """One home's."""

    def __init__(
        self,
        home: Home,
        phone: Phone | None,
        clock: Clock,
        *,
        paths: Paths,
        say: Say,
        pending: Pending,
        is_card_whole: bool = True,
    ) -> None:
        """`say` tells the elder how far help is. Raises ConfigError where the key for the centre cannot be used.

        `is_card_whole` False: the messages of the last run were damaged, as `SecondPath`.
        """
        self._pending = pending
        self._standby = Standby(_sender(home), clock, paths)
        self._means = means_of(home.second_path, phone, self._standby.sms_is)
        self._path = SecondPath(
            _sender(home),
            self._means,
            clock=clock,
            say=say,
            is_dead=lambda: paths.is_down(Path.INTERNET),
            is_card_whole=is_card_whole,
        )
        paths.watch(lambda _: self._path.look())

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """New steps of alarms."""
        self._path.alerts(alerts)

    def stored(self, messages: Iterable[Stored]) -> None:
        """Messages that go up, from the card or from memory."""
        self._path.stored(messages)

    def help_coming(self, keys: Collection[str]) -> None:
        """The centre has taken the case of these alarms; of all, where it names none."""
        self._path.help_coming(keys)

    def use(self, home: Home, phone: Phone | None) -> None:
        """Go this way from the next `run` on. Raises ConfigError."""
        self._means = means_of(home.second_path, phone, self._standby.sms_is)
        self._path.use(_sender(home), self._means)

    def confirmed(self, keys: Iterable[Key]) -> None:
        """The centre has these messages."""
        self._path.confirmed(keys)

    def status(self, status: SensorStatus) -> None:
        """A sensor was found or lost: the modem is one."""
        self._standby.status(status)

    async def run(self, active: Callable[[], Iterable[Alert]]) -> None:
        """Watch and test until cancelled. `active` are the alarms that are on."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._path.run(self._unconfirmed, active), name="second-path")
            group.create_task(self._standby.run(self._means), name="standby-paths")

    async def _unconfirmed(self) -> list[Stored]:
        found: list[Stored] = []
        while True:
            page = await self._pending(Lane.LIFE_SAFETY, found[-1].seq if found else 0, _PAGE)
            found += page
            if len(page) < _PAGE:
                return found


def _sender(home: Home) -> Sender:
    return Sender(gateway_id=home.gateway.id, resident=home.resident.name or home.resident.id)
