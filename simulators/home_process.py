"""The simulated home as a process of its own: orders in, events out, both JSON lines."""

import asyncio
import json
from typing import Any

from shouwang.errors import DeviceError
from simulators.child import Child

START_S = 60.0
"""How long a part may take to start, or to answer."""


class HomeProcess:
    """The simulated home: orders in, events out, both JSON lines."""

    def __init__(self, child: Child) -> None:
        """`child` has said `ready` in `ports`."""
        self._child = child
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._next = 0
        self.ports: dict[str, str] = {}
        self.emitted: dict[tuple[str, str, float], int] = {}
        """What was said to a listener, as of the last `emitted` event."""

    async def read(self) -> None:
        """Take events in until the process ends."""
        while line := await self._child.stdout.readline():
            event = json.loads(line)
            if event["event"] == "emitted":
                self.emitted = {(sensor, quantity, value): n for sensor, quantity, value, n in event["counts"]}
            answer = self._answers.pop(str(event.get("id")), None)
            if answer is not None and not answer.done():
                answer.set_result(event)

    async def order(self, timeout_s: float = START_S, **verb: object) -> dict[str, Any]:
        """Give an order and wait for its answer. Raises DeviceError where it is refused or not answered in time."""
        self._next += 1
        order_id = str(self._next)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[order_id] = answer
        self._child.stdin.write(json.dumps({"id": order_id, **verb}).encode() + b"\n")
        try:
            async with asyncio.timeout(timeout_s):
                event = await answer
        except TimeoutError as error:
            raise DeviceError(f"the simulated home does not answer {verb}") from error
        if event["event"] == "refused":
            raise DeviceError(f"the simulated home refuses {verb}: {event['why']}")
        return event

    async def finish(self) -> None:
        """End it; it says its last counts, which `read` takes in."""
        self._child.stdin.close()
