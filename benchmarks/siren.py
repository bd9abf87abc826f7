"""From a sensor's frame to the siren's pin, without a centre: `./dev bench siren [--json FILE]`. Exits 1 where missed.

The real gateway with its outbox on disk and a real mosquitto, in one process with gpiozero's mock pins, which tell when
they change. An SOS frame is published on the home's broker; before each press the siren is silenced by the audio pause,
which a new alarm ends. A Raspberry Pi is several times slower than a desk computer, and its pin costs microseconds.
"""

import asyncio
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from _figures import Figure, options_of, report
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

from config.loader import load
from gateway.app import run
from gateway.pipeline import Input, Pipeline
from messaging.broker import BrokerSettings
from messaging.session import PublishRefused, Session, connect
from shouwang.driver import Measurement
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from simulators.broker import running_broker

PRESSES = 200
BUTTONS = 20
PIN = 17
PAUSE_S = 0.12
_HOME = """
gateway: {{id: bench, data_dir: data, language: zh}}
resident: {{id: r-1}}
uplink: {{url: "mqtt://127.0.0.1:9"}}
local_broker: {{url: "{url}"}}
presets: [{{use: sos}}]
audio_pause: [{{sensor: fob, value: 3}}]
annunciators: [{{kind: gpio_siren, id: siren, pin: {pin}}}]
sensors:
  - {{kind: mqtt_json, id: fob, topic: zigbee2mqtt/fob, values: [{{path: action, quantity: button, values: {{p: 3}}}}]}}
"""
_BUTTON = "  - {{kind: sos_button_zigbee2mqtt, id: b{n}, topic: zigbee2mqtt/b{n}, press: [single]}}\n"


class WatchedPin(MockPin):  # type: ignore[misc] # gpiozero ships no types
    """Notes when it went on."""

    def _set_state(self, value: bool) -> None:  # noqa: FBT001 - gpiozero's own signature
        if value and not self.state:
            Moments.on.append(time.perf_counter())
        super()._set_state(value)


class Moments:
    """When a press was taken in by the pipeline, and when the pin went on."""

    taken: ClassVar[list[float]] = []
    on: ClassVar[list[float]] = []


def _spy(accept: Callable[[Pipeline, Input], None]) -> Callable[[Pipeline, Input], None]:
    def accepting(pipeline: Pipeline, event: Input) -> None:
        readings = event.readings if isinstance(event, Measurement) else (event,)
        if any(isinstance(one, Reading) and one.quantity is Quantity.SOS for one in readings):
            Moments.taken.append(time.perf_counter())
        accept(pipeline, event)

    return accepting


async def measure(folder: Path) -> list[Figure]:
    """All figures of one run."""
    Device.pin_factory = MockFactory(pin_class=WatchedPin)
    Pipeline.accept = _spy(Pipeline.accept)  # type: ignore[method-assign]
    async with running_broker() as broker:
        file = folder / "home.yaml"
        buttons = "".join(_BUTTON.format(n=n) for n in range(BUTTONS))
        file.write_text(_HOME.format(url=broker.url, pin=PIN) + buttons, encoding="utf-8")
        gateway = asyncio.create_task(run(load(file)))
        settings = BrokerSettings(host=broker.host, port=broker.port, client_id="bench", version="5")
        async with connect(settings) as room:
            await _until_heard(room)
            frames = [await _press(room, n % BUTTONS) for n in range(1, PRESSES + 1)]
        gateway.cancel()
        await asyncio.gather(gateway, return_exceptions=True)
    from_frame, from_accept = zip(*frames, strict=True)
    return [
        Figure(name="SOS frame at the broker to siren's pin, p50", value=_percentile(from_frame, 50), unit="ms"),
        Figure(
            name="SOS frame at the broker to siren's pin, p99", value=_percentile(from_frame, 99), unit="ms", target=250
        ),
        Figure(name="reading accepted to siren's pin, p50", value=_percentile(from_accept, 50), unit="ms"),
        Figure(name="reading accepted to siren's pin, p99", value=_percentile(from_accept, 99), unit="ms", target=50),
    ]


async def _until_heard(room: Session) -> None:
    async with asyncio.timeout(20):
        while not Moments.on:
            with suppress(PublishRefused):
                await room.publish("zigbee2mqtt/b0", b'{"action":"single"}')
            await asyncio.sleep(0.2)


async def _press(room: Session, n: int) -> tuple[float, float]:
    """The siren is silenced, then a button is pressed: seconds from the frame, and from the reading."""
    await room.publish("zigbee2mqtt/fob", b'{"action":"p"}')
    await asyncio.sleep(PAUSE_S)
    Moments.on.clear()
    Moments.taken.clear()
    began = time.perf_counter()
    await room.publish(f"zigbee2mqtt/b{n}", b'{"action":"single"}', qos=0)
    async with asyncio.timeout(10):
        while not Moments.on:  # noqa: ASYNC110 - a pin is no task
            await asyncio.sleep(0.0005)
    return Moments.on[0] - began, Moments.on[0] - Moments.taken[0]


def _percentile(seconds: Sequence[float], percent: int) -> float:
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)]


def main() -> int:
    """Print the table, write the JSON; 1 where a target is missed."""
    options = options_of(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return report(asyncio.run(measure(Path(folder))), options.json)


if __name__ == "__main__":
    sys.exit(main())
