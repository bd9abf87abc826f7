"""`shouwang sim`: simulated devices on this machine, driven by a story or a recording, for a gateway to hear."""

import argparse
import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from shouwang.errors import ConfigError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.recording import Recording, read_recording
from simulators.bedside import Bedside, bedside
from simulators.cast import EVERY_KIND, AnyDevice
from simulators.child import Child, start_child
from simulators.narration import describe, mark
from simulators.player import play
from simulators.recording import Dates, Played, beginning, needed
from simulators.scenario import Action, Scenario, parse_scenario, shelf, shipped

_LOOK_S = 0.2
_LAST_WORDS_S = 5.0
"""What was said last is then with the gateway's rules."""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listed = commands.add_parser("list", help="the stories that are shipped")
    listed.set_defaults(func=_list)
    run = commands.add_parser("run", help="play a story: devices appear, measure, and have their mishaps")
    run.add_argument("story", help="the name of a shipped story, or a file, e.g. story.yaml")
    run.add_argument("--pace", type=_pace, default=1.0, help="how many times as fast as it is written (default: 1)")
    _add_listener(run)
    run.set_defaults(func=_run)
    recorded = commands.add_parser("play", help="play recorded vital signs through the devices that measure them")
    recorded.add_argument("recording", type=Path, metavar="CSV", help="with the columns at,quantity,value")
    recorded.add_argument("--seconds", type=_seconds, default=60.0, help="how long to play (default: 60)")
    recorded.add_argument(
        "--dates",
        type=Dates,
        default=Dates.RECORDED,
        choices=list(Dates),
        help="time that devices with a clock stamp: as recorded, as if recorded until now, or when it is played",
    )
    _add_listener(recorded)
    recorded.set_defaults(func=_play)
    home = commands.add_parser("home", help="print the home.yaml of a gateway that hears a story's devices")
    home.add_argument("story", help="the name of a shipped story, or a file: story.yaml or recording.csv")
    home.set_defaults(func=_home)


def _add_listener(parser: argparse.ArgumentParser) -> None:
    listener = parser.add_mutually_exclusive_group()
    listener.add_argument("--gateway", action="store_true", help="start a gateway too, and print what it says")
    listener.add_argument("--at-once", action="store_true", help="do not wait until a gateway listens")


def _list(_options: argparse.Namespace) -> int:
    for name in shelf():
        story = parse_scenario(shipped(name), name=f"{name}.yaml")
        _tell(f"{name:12} {mark(story.lasts)}  {story.about}")
    return 0


def _home(options: argparse.Namespace) -> int:
    is_recording = str(options.story).endswith(".csv")
    devices = _needed_by(_recording(Path(options.story))) if is_recording else _story(options.story).devices
    _tell(home_text(devices, Path("data")).rstrip("\n"))
    return 0


def _run(options: argparse.Namespace) -> int:
    story = _story(options.story)

    async def perform(beside: Bedside) -> None:
        async def apply(action: Action) -> None:
            _tell(f"  {describe(action)}")
            await beside.apply(action)

        await play(story, apply, pace=options.pace)

    return asyncio.run(_on_stage(story.devices, perform, options))


def _play(options: argparse.Namespace) -> int:
    recording = _recording(options.recording)
    if not recording.moments:
        raise ConfigError(f"{options.recording}: holds no moment that could be played")

    async def perform(beside: Bedside) -> None:
        within = timedelta(seconds=options.seconds)
        played = await beside.play(recording.moments, within=within, began=beginning(recording, options.dates))
        for line in _accounts(played, recording):
            _tell(line)

    return asyncio.run(_on_stage(_needed_by(recording), perform, options))


async def _on_stage(
    devices: Sequence[AnyDevice], perform: Callable[[Bedside], Awaitable[None]], options: argparse.Namespace
) -> int:
    logging.getLogger("bumble").setLevel(logging.ERROR)  # it warns of what stories do on purpose
    async with bedside() as beside, AsyncExitStack() as stack:
        for device in devices:
            await beside.place(device)
            _tell(f"  {device.address}  {device.id} ({device.kind})")
        if options.gateway:
            await stack.enter_async_context(_gateway(beside, devices))
        else:
            _tell(f"  export DBUS_SYSTEM_BUS_ADDRESS='{beside.dbus}'   # where a gateway hears them")
        if not options.at_once:
            _tell("  waiting for a gateway that listens ...")
            await _listener(beside)
        await perform(beside)
        if options.gateway:
            await asyncio.sleep(_LAST_WORDS_S)
        for line in _heard(beside):
            _tell(line)
    return 0


async def _listener(beside: Bedside) -> None:
    while not await beside.bluez.client_count():  # noqa: ASYNC110 - the bus tells of no one's coming
        await asyncio.sleep(_LOOK_S)


@asynccontextmanager
async def _gateway(beside: Bedside, devices: Sequence[AnyDevice]) -> AsyncIterator[None]:
    """Run a gateway that hears these, with its own folder, and print what it says and complains of."""
    with TemporaryDirectory(prefix="shouwang-sim-") as folder:
        config = Path(folder, "home.yaml")
        await asyncio.to_thread(config.write_text, home_text(devices, Path(folder, "data")), encoding="utf-8")
        log = Path(folder, "gateway.log")
        child = await start_child(
            [sys.executable, "-m", "shouwang", "gateway", "run", "-c", str(config)],
            log=log,
            read_output=True,
            environment={"DBUS_SYSTEM_BUS_ADDRESS": beside.dbus},
        )
        speaking = asyncio.create_task(_echo(child), name="gateway")
        try:
            yield
        finally:
            await child.stop()
            await asyncio.gather(speaking, return_exceptions=True)
            for line in (await asyncio.to_thread(log.read_text, encoding="utf-8", errors="replace")).splitlines():
                if line.startswith(("WARNING", "ERROR", "CRITICAL", "Traceback")):
                    _tell(f"        gateway | {line}")


async def _echo(gateway: Child) -> None:
    while line := await gateway.stdout.readline():
        words = line.decode(errors="replace").rstrip()
        _tell(f"        gateway | {words}")


def home_text(devices: Sequence[AnyDevice], data: Path) -> str:
    """The home.yaml of a gateway that hears these devices and keeps its data there; its call centre is nowhere."""
    home = {
        "gateway": {"id": "gw-sim-0001", "data_dir": str(data), "language": "en"},
        "resident": {"id": "r-sim-0001", "name": "Wang Guilan"},
        "uplink": {"url": "mqtt://127.0.0.1:1883"},
        "sensors": [device.sensor() for device in devices],
        "rules": [],
    }
    return yaml.safe_dump(home, allow_unicode=True, sort_keys=False)


def _heard(beside: Bedside) -> Iterable[str]:
    yield "heard:"
    by_series: dict[tuple[str, Quantity], list[float]] = {}
    for (sensor, quantity, value), count in sorted(beside.tally.counts().items()):
        by_series.setdefault((sensor, quantity), []).extend([value] * count)
    for (sensor, quantity), values in by_series.items():
        span = f"{min(values):g}" if min(values) == max(values) else f"{min(values):g} to {max(values):g}"
        yield f"  {sensor:14} {quantity:24} {len(values):5} x  {span} {QUANTITIES[quantity].unit}"


def _accounts(played: Played, recording: Recording) -> Iterable[str]:
    yield (
        f"played {played.speed:.0f} times as fast as recorded: {played.notifications} measurements heard, "
        f"{played.unheard} unheard"
    )
    for quantity, value in played.refused:
        yield f"  sent as not known: {quantity} {value:g}"
    for name, count in sorted({**{str(q): n for q, n in played.ignored.items()}, **recording.skipped}.items()):
        yield f"  no device measures {name}: {count} x"


def _needed_by(recording: Recording) -> Sequence[AnyDevice]:
    return needed(recording.moments, EVERY_KIND)


def _story(named: str) -> Scenario:
    """The story of that name or file, which must be one of devices alone. Raises ConfigError."""
    is_file = named.endswith((".yaml", ".yml"))
    story = parse_scenario(_text(Path(named)) if is_file else shipped(named), name=named)
    if story.uses_furniture:
        raise ConfigError(
            f"{named}: needs a whole home (radar, SOS fob, contact, its own oximeter); see: shouwang demo"
        )
    return story


def _recording(path: Path) -> Recording:
    return read_recording(_text(path).splitlines(), name=str(path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error


def _pace(written: str) -> float:
    return _between(written, 0.1, 100)


def _seconds(written: str) -> float:
    return _between(written, 1, 86_400)


def _between(written: str, low: float, high: float) -> float:
    number = float(written)
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"must be from {low:g} to {high:g}")
    return number


def _tell(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()
