"""A simulated home as a process of its own: `python -m simulators.process '{"broker": "mqtt://127.0.0.1:1883"}'`.

The argument is a HomeSpec as JSON or YAML. The first line on stdout tells where the sensors are (`"event": "ready"`);
after that each line on stdin is one command, each line on stdout one event, both JSON. The end of stdin, SIGINT or
SIGTERM takes everything away again; the last event holds the counts of all that was said to a listener.

Commands, one of these each, with an optional `id` that comes back in its events:
    {"apply": {"sos": "press"}}                          -> applied
    {"play": "evening.yaml"}  ("" plays the evening)     -> applied for each step, then played; its devices are placed
    {"recording": "vitals.csv", "seconds": 20}           -> recorded; "dates" as of simulators.recording.Dates
    {"faults": {"Connect": ["org.bluez.Error.Failed"]}}  -> applied
    {"wait": "listeners"}  (oximeter and radar are heard) -> listened
    {"tell": "emitted"}                                  -> emitted
"""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shouwang.document import parse
from shouwang.errors import ConfigError, ShouwangError
from shouwang.recording import read_recording
from simulators.home import HomeSpec, SimulatedHome, simulated_home
from simulators.player import play
from simulators.recording import Dates, beginning
from simulators.scenario import Action, evening, parse_scenario

_LINE_MAX = 64 * 1024
_VERBS = ("apply", "play", "recording", "faults", "wait", "tell")


class Order(BaseModel):
    """One line on stdin: exactly one verb."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str | int | None = None
    apply: Action | None = None
    play: str | None = None
    recording: str | None = None
    seconds: float = Field(default=60.0, gt=0)
    dates: Dates = Dates.RECORDED
    faults: dict[str, list[str]] | None = None
    wait: Literal["listeners"] | None = None
    tell: Literal["emitted"] | None = None

    @model_validator(mode="after")
    def _has_one_verb(self) -> Self:
        if sum(getattr(self, verb) is not None for verb in _VERBS) != 1:
            raise ValueError(f"one of {', '.join(_VERBS)} is needed")
        return self


class Stage:
    """Carries out orders on a home and says what happened."""

    def __init__(self, home: SimulatedHome) -> None:
        """`home` runs."""
        self._home = home
        self._one_by_one = asyncio.Lock()

    async def obey(self, line: str) -> None:
        """Carry out one line; what cannot be done is said as `refused`."""
        try:
            order = Order.model_validate_json(line)
        except ValidationError as error:
            say("refused", why=str(error))
            return
        try:
            await self._carry_out(order)
        except (ShouwangError, OSError) as error:
            say("refused", id=order.id, why=str(error))

    def tell_emitted(self, order_id: str | int | None = None) -> None:
        """Say all counts so far."""
        counts = sorted(self._home.emitted().items())
        say("emitted", id=order_id, counts=[[*key, count] for key, count in counts])

    async def _carry_out(self, order: Order) -> None:
        if order.apply is not None:
            await self._apply(order.apply, order.id)
        elif order.play is not None:
            await self._play(order.play, order.id)
        elif order.recording is not None:
            await self._play_recording(order.recording, order)
        elif order.faults is not None:
            self._home.bluez.faults.update({method: [*errors] for method, errors in order.faults.items()})
            say("applied", id=order.id)
        elif order.wait is not None:
            await self._home.oximeter.wait_for_listener()
            await self._home.radar.line.wait_until_open()
            say("listened", id=order.id)
        else:
            self.tell_emitted(order.id)

    async def _apply(self, action: Action, order_id: str | int | None) -> None:
        async with self._one_by_one:  # as they were ordered
            await self._home.apply(action)
        say("applied", id=order_id, step=action.model_dump(mode="json", by_alias=True, exclude_defaults=True))

    async def _play(self, path: str, order_id: str | int | None) -> None:
        text = await asyncio.to_thread(_text, path) if path else evening()
        story = parse_scenario(text, name=path or "evening")
        for device in story.devices:
            await self._home.bedside.place(device)
        await play(story, lambda step: self._apply(step, order_id))
        say("played", id=order_id)

    async def _play_recording(self, path: str, order: Order) -> None:
        recording = read_recording((await asyncio.to_thread(_text, path)).splitlines(), name=path)
        played = await self._home.play(
            recording.moments,
            within=timedelta(seconds=order.seconds),
            began=beginning(recording, order.dates),
        )
        say(
            "recorded",
            id=order.id,
            speed=played.speed,
            notifications=played.notifications,
            emitted=[[*key, count] for key, count in sorted(played.emitted.items())],
            refused=played.refused,
            ignored=dict(played.ignored.items() | recording.skipped.items()),
            unheard=played.unheard,
        )


def say(event: str, **words: object) -> None:
    """One event on stdout, with the wall time."""
    known = {name: word for name, word in words.items() if word is not None}
    line = json.dumps({"event": event, "at": datetime.now(UTC).isoformat(), **known}, ensure_ascii=False)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def serve(spec: HomeSpec) -> None:
    """Run the home until stdin ends or a signal comes. Raises DeviceError."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with simulated_home(spec) as home:
        stage = Stage(home)
        say("ready", **_ports(home))
        await _serve_lines(stage, ended)
        stage.tell_emitted()


class _Ended(Exception):
    """stdin ended or a signal came."""


async def _serve_lines(stage: Stage, ended: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LINE_MAX)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        async with asyncio.TaskGroup() as orders:
            orders.create_task(_end(ended), name="end")
            while line := await reader.readline():
                orders.create_task(stage.obey(line.decode()), name="order")
            ended.set()
    except* _Ended:
        pass
    finally:
        transport.close()


async def _end(ended: asyncio.Event) -> None:
    await ended.wait()
    raise _Ended


def _ports(home: SimulatedHome) -> Mapping[str, Any]:
    ports = home.ports
    return {
        "dbus": ports.dbus,
        "address": ports.address,
        "serial": str(ports.serial),
        "sos_topic": ports.sos_topic,
        "door_topic": ports.door_topic,
    }


def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Run until asked to end; 0 when that went well, 2 where the argument cannot be used, 1 where a part failed."""
    if len(arguments) != 1:
        sys.stderr.write((__doc__ or "") + "\n")
        return 2
    try:
        asyncio.run(serve(parse(arguments[0], HomeSpec, name="argument")))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except ShouwangError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
