"""The centre's commands: each is carried out once, one past its time not at all."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from messaging.session import Message
from shouwang.wire import Command, decode_command

log = logging.getLogger(__name__)

_EARLY = 64  # commands that came before the first receipt


class Orders:
    """Takes commands from the broker; one is acknowledged when it and what it did are durable."""

    def __init__(self, obey: Callable[[Command, Callable[[], None]], None], done: set[str]) -> None:
        """`obey(command, when_durable)` carries a command out; `done` holds the ids of those carried out before."""
        self._obey = obey
        self._done = done
        self._under_way: dict[str, Callable[[], None]] = {}
        self._early: deque[Message] = deque(maxlen=_EARLY)
        self._anchor: tuple[datetime, float] | None = None

    def begin(self) -> None:
        """A new connection: what was not acknowledged comes once more."""
        self._early.clear()

    def tell_time(self, centre_at: datetime) -> None:
        """It is now this time at the centre."""
        self._anchor = centre_at, asyncio.get_running_loop().time()
        while self._early:
            self.take(self._early.popleft())

    def take(self, message: Message) -> None:
        """Carry it out, now or as soon as the time is known. Raises DecodeError."""
        command = decode_command(message.payload)
        if command.command_id in self._done:
            message.ack()
        elif command.command_id in self._under_way:  # sent again before it was durable: so is its acknowledgement
            self._under_way[command.command_id] = message.ack
        elif self._anchor is None:  # this box's clock may be wrong by years: the first receipt tells the time
            self._early.append(message)
        elif self._centre_time(self._anchor) > command.expires_at:
            log.warning("command %s came too late and is left out", command.command_id)
            message.ack()
        else:
            self._under_way[command.command_id] = message.ack
            self._obey(command, partial(self._acknowledge, command.command_id))

    def _centre_time(self, anchor: tuple[datetime, float]) -> datetime:
        at, when = anchor
        return at + timedelta(seconds=asyncio.get_running_loop().time() - when)

    def _acknowledge(self, command_id: str) -> None:
        self._done.add(command_id)
        self._under_way.pop(command_id)()
