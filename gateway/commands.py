"""`shouwang gateway ...`: run the daemon, check a configuration, export its schema, replay a recording."""

import argparse
import asyncio
import gc
import json
import logging
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gateway import house_commands
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError
from shouwang.spoken import said_here

if TYPE_CHECKING:
    from config.home import Home
    from shouwang.recording import Recording

_ORDERS = {
    "reload": "take a changed home.yaml in use; only what changed restarts",
    "audio-pause": "do not repeat the alarms that were told, for two minutes",
    "test-alarm": "send a test alarm the whole way to the centre; nobody is sent",
}
"""What the gateway that runs does at once and answers in words."""
_INSTALLED = Path("/etc/shouwang/home.yaml")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # a recording without dates begins here


def register(parser: argparse.ArgumentParser) -> None:
    """Add the gateway's subcommands."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = _with_config(commands.add_parser("run", help="watch over the home; runs until stopped"))
    run.add_argument("--time-scale", type=_scale, default=1.0, help="the rules' time runs N times as fast (recordings)")
    run.set_defaults(func=_run)
    check = _with_config(commands.add_parser("check", help="check a home.yaml and say what is wrong, line by line"))
    check.set_defaults(func=_check)
    schema = commands.add_parser("schema", help="print the JSON Schema of home.yaml, for editors")
    schema.set_defaults(func=_schema)
    scan = commands.add_parser("scan", help="list the Bluetooth devices near, with the lines of home.yaml to paste")
    scan.add_argument("--adapter", default="hci0", help="as bluetoothctl list says (default: hci0)")
    scan.add_argument("--seconds", type=float, default=15.0, help="how long to listen (default: 15)")
    scan.add_argument("-c", "--config", type=Path, metavar="home.yaml", help="mark the devices that are in it already")
    scan.set_defaults(func=_scan)
    pair = commands.add_parser("pair", help="bond with a Bluetooth device, set its clock, show its first reading")
    pair.add_argument("address", help="e.g. C0:FF:EE:00:00:01, as shouwang gateway scan says")
    pair.add_argument("--adapter", default="hci0", help="as bluetoothctl list says (default: hci0)")
    pair.set_defaults(func=_pair)
    ports = commands.add_parser("ports", help="list the serial ports and what answers there, with the lines to paste")
    ports.add_argument("port", nargs="*", help="only these, e.g. /dev/ttyUSB0 (default: all that are there)")
    ports.add_argument("-c", "--config", type=Path, metavar="home.yaml", help="mark the ports that are in it already")
    ports.add_argument("--modbus", action="store_true", help="also look for Modbus units: asks addresses 1 to 16")
    ports.set_defaults(func=_ports)
    learn = _with_config(commands.add_parser("learn", help="list the EnOcean and 433 MHz devices in reach, to paste"))
    learn.add_argument("--seconds", type=float, default=120.0, help="how long to listen (default: 120)")
    learn.set_defaults(func=_learn)
    _register_asking(commands)
    replay = _with_config(commands.add_parser("replay", help="print the alerts that the rules give on a recording"))
    replay.add_argument("recording", type=Path, help="CSV with the columns at,quantity,value")
    replay.add_argument("--sensor", help="the sensor that said it (default: the first that measures such quantities)")
    replay.set_defaults(func=_replay)
    house_commands.register(lambda name, text: _with_config(commands.add_parser(name, help=text)))


def _register_asking(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Those that ask the gateway that runs."""
    status = _asking(
        commands.add_parser("status", help="how the home is now: sensors, alarms, queue, ways to the centre")
    )
    status.add_argument("--json", action="store_true", help="for programs")
    status.add_argument("--watch", action="store_true", help="draw it anew each second; Ctrl-C ends it")
    status.set_defaults(func=_status)
    doctor = commands.add_parser("doctor", help="look over the whole box, and say what to do")
    doctor.add_argument(
        "-c", "--config", type=Path, metavar="home.yaml", default=_INSTALLED, help=f"default: {_INSTALLED}"
    )
    doctor.add_argument("--language", choices=("zh", "en"), help="of the answer (default: the home's)")
    doctor.set_defaults(func=_doctor)
    for order, text in _ORDERS.items():
        _asking(commands.add_parser(order, help=text)).set_defaults(func=_order, command=order)


def _with_config(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "-c", "--config", type=Path, required=True, metavar="home.yaml", help="configuration of the home"
    )
    return parser


def _asking(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("-c", "--config", type=Path, metavar="home.yaml", help="ask the gateway of this home only")
    parser.add_argument("--language", choices=("zh", "en"), help="of the answer (default: the home's)")
    return parser


def _scale(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _run(options: argparse.Namespace) -> int:
    from config.loader import load  # noqa: PLC0415 - each command imports what it needs: `check` needs no radio
    from gateway.app import run  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    reread = partial(load, options.config)
    home = reread()
    # what was made so far stays: each look for garbage among it held all alarms up, 20 ms here and far more on a Pi
    gc.collect()
    gc.freeze()
    asyncio.run(run(home, time_scale=options.time_scale, reread=reread))
    return 0


def _check(options: argparse.Namespace) -> int:
    from config.check import check  # noqa: PLC0415

    return check(options.config)


def _schema(_options: argparse.Namespace) -> int:
    from config.schema import schema  # noqa: PLC0415

    print(json.dumps(schema(), ensure_ascii=False, indent=2))
    return 0


def _scan(options: argparse.Namespace) -> int:
    from config.loader import load  # noqa: PLC0415
    from gateway.enrol import scan  # noqa: PLC0415

    home = None if options.config is None else load(options.config)
    asyncio.run(scan(options.adapter, options.seconds, home, _print))
    return 0


def _pair(options: argparse.Namespace) -> int:
    from gateway.enrol import pair  # noqa: PLC0415

    asyncio.run(pair(options.adapter, options.address.upper(), _print))
    return 0


def _ports(options: argparse.Namespace) -> int:
    from config.loader import load  # noqa: PLC0415
    from gateway.ports import ports  # noqa: PLC0415

    home = None if options.config is None else load(options.config)
    asyncio.run(ports(home, _print, named=options.port, modbus=options.modbus))
    return 0


def _learn(options: argparse.Namespace) -> int:
    from config.loader import load  # noqa: PLC0415
    from gateway.learn import learn  # noqa: PLC0415

    asyncio.run(learn(load(options.config), options.seconds, _print))
    return 0


def _status(options: argparse.Namespace) -> int:
    from gateway.asking import status  # noqa: PLC0415

    gateway_id, folders = _whom(options)
    return status(gateway_id, folders, language=options.language, is_json=options.json, is_watching=options.watch)


def _doctor(options: argparse.Namespace) -> int:
    from gateway.doctor.visit import doctor  # noqa: PLC0415

    return doctor(options.config, _print, language=options.language)


def _order(options: argparse.Namespace) -> int:
    from gateway.asking import order  # noqa: PLC0415

    gateway_id, folders = _whom(options)
    return order(gateway_id, folders, options.command, language=options.language)


def _whom(options: argparse.Namespace) -> tuple[str, list[Path]]:
    """The id of the gateway to ask, empty for any, and where its socket may lie."""
    from gateway.caller import folders_for  # noqa: PLC0415

    if options.config is None:
        return "", folders_for(None)
    from config.loader import placed  # noqa: PLC0415

    gateway = placed(options.config)
    return gateway.id, folders_for(gateway.data_dir)


def _print(line: str) -> None:
    print(said_here(line), flush=True)


def _replay(options: argparse.Namespace) -> int:
    from config.loader import load  # noqa: PLC0415
    from gateway.replay import replay  # noqa: PLC0415
    from shouwang.recording import read_recording  # noqa: PLC0415

    home = load(options.config)
    try:
        lines = options.recording.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            Bilingual(f"{options.recording}: cannot be read ({error})", zh=f"{options.recording}：读不出来（{error}）")
        ) from error
    recording = read_recording(lines, name=str(options.recording))
    sensor = options.sensor or _first_sensor_with(home, recording)
    for alert in replay(home, recording.moments, sensor_id=sensor, start=_EPOCH):
        after = alert.at - _EPOCH
        print(f"{after} {alert.severity} {alert.state} {alert.key} | {alert.why.zh} | {alert.why.en}")
    return 0


def _first_sensor_with(home: "Home", recording: "Recording") -> str:
    recorded = {quantity for moment in recording.moments for quantity in moment.values}
    can_say = home.facts().emits
    for sensor in home.sensors:
        if recorded & can_say[sensor.id]:
            return sensor.id
    raise ConfigError(
        Bilingual(
            f"no sensor of this home measures {', '.join(sorted(recorded)) or 'anything that was recorded'}",
            zh=f"这个家没有传感器能测 {'、'.join(sorted(recorded)) or '录下的任何一项'}",
        )
    )
