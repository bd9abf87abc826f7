"""`shouwang demo`: a whole small world on this machine, playing the evening story or a recording of vital signs."""

import asyncio
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from shouwang.errors import ConfigError, DeviceError
from shouwang.recording import read_recording
from simulators.acts import Acts
from simulators.broker import BrokerKind, require_free
from simulators.door.opening import open_door
from simulators.door.page import create_door
from simulators.door.scene import Scene
from simulators.door.seats import Seats
from simulators.ledger import Ledger, Report, SeenBeat, StoredAlert
from simulators.narration import describe, mark
from simulators.operator import signed_in
from simulators.responder import Responder
from simulators.scenario import Action, Beat, Scenario, evening, parse_scenario
from simulators.stage import LONGEST_HOLD_S, Plan, Stage, running_stage

_T = TypeVar("_T")
SHORTEST_S = 15.0
"""A story told faster than six times would have cancel windows shorter than a Bluetooth connection takes."""
_OPERATOR_DELAY_S = 1.0
_OPERATOR_PATIENCE_S = 12.0
_DRAIN_S = 30.0
_LOOK_S = 0.1
_LATE_S = 1.0  # a beat may come this much after its window: the window leaves room for hold times, this for the machine


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What the person who typed the command wants. `seconds` is the length of the play, start-up not counted."""

    is_headless: bool = False
    seconds: float | None = None
    report: Path | None = None
    recording: Path | None = None
    broker: BrokerKind = BrokerKind.AUTO
    port: int = 0
    door_port: int = 0
    language: str = "zh"


async def perform(wish: Wish, tell: Callable[[str], None]) -> Report | None:
    """Play what is wished for; `tell` prints a line for the person watching. Raises ShouwangError.

    SIGINT and SIGTERM end it in order at every moment. None where that came before there was anything to report.
    """
    _look_at_ports(wish)
    curtain = _Curtain()
    work = _perform_recording(wish, wish.recording, tell) if wish.recording else _perform_story(wish, curtain, tell)
    performing = asyncio.create_task(work, name="performance")
    falling = asyncio.create_task(curtain.asked.wait(), name="stop asked")
    await asyncio.wait({performing, falling}, return_when=asyncio.FIRST_COMPLETED)
    falling.cancel()
    if not performing.done():
        tell("stopping: sensors, gateway, server and brokers, in this order (a few seconds) ...")
        if not curtain.ends_in_order:
            performing.cancel()
    with suppress(asyncio.CancelledError):
        return await performing
    return None


def _look_at_ports(wish: Wish) -> None:
    """Before anything is started. Raises ConfigError, DeviceError."""
    if wish.port and wish.port == wish.door_port:
        raise ConfigError(f"--port and --door-port are both {wish.port}: give each its own, or leave one out")
    for option, port in (("--port", wish.port), ("--door-port", wish.door_port)):
        if port:
            require_free(port, f"; give {option} another number, or leave it out: then a free one is taken")


class _Curtain:
    """Falls when a signal comes. `ends_in_order`: the play itself looks at `asked` and adds up what was seen."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.ends_in_order = False
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.asked.set)


async def _perform_story(wish: Wish, curtain: _Curtain, tell: Callable[[str], None]) -> Report:
    story = parse_scenario(evening(), name="evening.yaml")
    pace = _pace_of(story, wish)
    plan = Plan(broker=wish.broker, pace=pace, web_port=wish.port, language=wish.language, has_district=True)
    tell("starting brokers, community server with a district of 41 homes, simulated home and gateway ...")
    async with running_stage(plan, tell) as stage:
        report = Report(broker=stage.broker.kind.value)
        tell(_broker_line(stage))
        if wish.is_headless:
            await _with_operator(stage, story, wish, report, tell)
        else:
            await _for_people(stage, story, wish, report, curtain=curtain, tell=tell)
        await _settle(stage, report)
    return report


async def _with_operator(
    stage: Stage, story: Scenario, wish: Wish, report: Report, tell: Callable[[str], None]
) -> None:
    pace = stage.plan.pace
    link = await stage.login_link("zhanglin", "张琳", wish.language)
    colleague = await stage.login_link("limin", "李敏", wish.language)
    rounds = max(1, int((wish.seconds or 0) // (story.lasts.total_seconds() / pace)))
    async with (
        signed_in(
            link,
            colleague,
            delay_s=_OPERATOR_DELAY_S / pace,
            patience_s=_OPERATOR_PATIENCE_S / pace,
            sends_out=True,
        ) as operator,
        asyncio.TaskGroup() as group,
    ):
        responder = Responder(stage.phones, delay_s=_OPERATOR_DELAY_S / pace)
        going = group.create_task(responder.go(), name="responder")
        watching = group.create_task(operator.watch(group), name="operator")
        for number in range(rounds):
            tell(f"story {number + 1} of {rounds}, {story.lasts.total_seconds() / pace:.0f} s, scripted operator")
            report.beats += await _tell_story(stage, story, tell)
        watching.cancel()
        going.cancel()
        operator.stop()
    report.sent_out = [*operator.sent_out[:1], *responder.steps, *operator.sent_out[1:]]


async def _for_people(
    stage: Stage, story: Scenario, wish: Wish, report: Report, *, curtain: _Curtain, tell: Callable[[str], None]
) -> None:
    curtain.ends_in_order = True
    if wish.seconds is not None:
        asyncio.get_running_loop().call_later(wish.seconds, curtain.asked.set)

    async def evening() -> None:
        report.beats = await _tell_story(stage, story, tell)

    async with asyncio.TaskGroup() as group:
        acts = Acts(stage, group, evening=evening)
        scene = Scene(stage, acts)
        acts.told = scene.went_wrong
        stage.on_said = _both(scene.home_said, lambda words: tell(f"        home | {words}"))
        stage.phones.on_sms = _both(scene.phone_rang, lambda sms: tell(f"       phone | {sms.to}: {sms.text}"))
        door = create_door(scene, acts, Seats(stage), language=wish.language)
        async with open_door(door, wish.door_port) as address:
            _invite(address, stage.url, tell)
            await curtain.asked.wait()
        await acts.stop()


def _invite(address: str, console: str, tell: Callable[[str], None]) -> None:
    tell("")
    tell(f"  在浏览器中打开 Open in a browser:   {address}")
    tell("  (the page explains itself: sit down at the desk, press SOS, see it through)")
    tell(f"  The console alone is at {console}. Ctrl-C ends everything and leaves nothing behind;")
    tell("  the next ./dev demo begins anew. Below: what the home says, and what comes to telephones.")
    tell("")


def _both(first: Callable[[_T], None], second: Callable[[_T], None]) -> Callable[[_T], None]:
    def tell(said: _T) -> None:
        first(said)
        second(said)

    return tell


async def _tell_story(stage: Stage, story: Scenario, tell: Callable[[str], None]) -> list[SeenBeat]:
    pace = stage.plan.pace
    began = datetime.now(UTC)
    watch = _BeatWatch(stage, story.want, began, tell)
    loop = asyncio.get_running_loop()
    start = loop.time()
    steps = list(story.schedule())
    while (told := (loop.time() - start) * pace) < story.lasts.total_seconds():
        while steps and steps[0].at.total_seconds() <= told:
            step = steps.pop(0)
            tell(f"  {mark(step.at)}  {describe(step.action)}")
            await stage.order(apply=_paced(step.action, pace))
        watch.look()
        await asyncio.sleep(_LOOK_S / pace)
    await asyncio.sleep(_LATE_S)
    watch.look()
    return watch.beats


class _BeatWatch:
    """Looks for each beat of a story in what the centre stored and what the home said."""

    def __init__(self, stage: Stage, want: tuple[Beat, ...], began: datetime, tell: Callable[[str], None]) -> None:
        self._stage = stage
        self._ledger = Ledger(stage.database)
        self._want = want
        self._began = began
        self._tell = tell
        self._used: set[int] = set()
        self.beats = [SeenBeat(name=beat.beat, expected=_expectation(beat)) for beat in want]

    def look(self) -> None:
        alerts = self._ledger.alerts()
        for wanted, beat in zip(self._want, self.beats, strict=True):
            if beat.seen:
                continue
            moment = self._moment_of(wanted, alerts)
            if moment is not None:
                beat.seen = True
                beat.latency_ms = max(0, round((moment - self._time(wanted.between[0])) / timedelta(milliseconds=1)))
                self._tell(f"           ✓ {beat.name}")

    def _moment_of(self, wanted: Beat, alerts: list[StoredAlert]) -> datetime | None:
        first, last = self._time(wanted.between[0]), self._time(wanted.between[1]) + timedelta(seconds=_LATE_S)
        if wanted.alert is not None:
            for number, alert in enumerate(alerts):
                is_it = (alert.rule_id, alert.state) == (wanted.alert.rule, wanted.alert.state.value)
                if is_it and number not in self._used and first <= alert.received_at <= last:
                    self._used.add(number)
                    return alert.received_at
            return None
        if wanted.incident is not None:
            moments = self._ledger.incident_moments(wanted.incident.value)
        else:
            moments = [at for at, words in self._stage.said if words.startswith(f"ANNOUNCE {wanted.home}")]
        return next((moment for moment in moments if first <= moment <= last), None)

    def _time(self, offset: timedelta) -> datetime:
        return self._began + offset / self._stage.plan.pace


async def _perform_recording(wish: Wish, path: Path, tell: Callable[[str], None]) -> Report:
    try:
        lines = (await asyncio.to_thread(path.read_text, encoding="utf-8")).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
    moments = read_recording(lines, name=str(path)).moments
    if len(moments) < 2:
        raise ConfigError(f"{path}: a recording needs at least two moments to be played")
    seconds = wish.seconds or 60.0
    pace = max(1.0, (moments[-1].offset_s - moments[0].offset_s) / seconds)
    plan = Plan(broker=wish.broker, pace=pace, vitals_only=True, web_port=wish.port, language=wish.language)
    tell("starting brokers, community server, simulated oximeter and gateway ...")
    async with running_stage(plan, tell) as stage:
        report = Report(broker=stage.broker.kind.value)
        tell(_broker_line(stage))
        tell(f"playing {path}: {len(moments)} moments, {pace:.0f} times as fast as recorded")
        length = (moments[-1].offset_s - moments[0].offset_s) / pace
        played = await stage.order(recording=str(path), seconds=length, timeout_s=length + 120)
        report.beats.append(_played_beat(played))
        await asyncio.sleep(LONGEST_HOLD_S / pace)
        await _settle(stage, report)
        report.beats.append(await _equal_beat(stage, path, report.alerts))
    return report


def _played_beat(played: Mapping[str, Any]) -> SeenBeat:
    beat = SeenBeat(name="the recording is played whole", expected="every moment is said to a listener")
    beat.seen = played["unheard"] == 0
    return beat


async def _equal_beat(stage: Stage, path: Path, alerts: list[StoredAlert]) -> SeenBeat:
    """The yardstick: the same file through the same rules, without any radio, broker or clock."""
    beat = SeenBeat(name="alerts equal the replay", expected="each rule gives the same steps without radio or broker")
    words = await stage.run("gateway", "replay", "-c", str(stage.folder / "home.yaml"), str(path))
    found = re.findall(r"^\S.* (P[1-4]) (\w+) (\S+) \|", words, re.MULTILINE)
    wanted: dict[str, list[tuple[str, str]]] = {}
    for severity, state, key in found:
        wanted.setdefault(key, []).append((severity, state))
    seen: dict[str, list[tuple[str, str]]] = {}
    for alert in alerts:
        seen.setdefault(alert.key, []).append((alert.severity, alert.state))
    beat.seen = seen == wanted
    beat.expected += f": {sum(map(len, wanted.values()))} steps"
    return beat


async def _settle(stage: Stage, report: Report) -> None:
    """Stop the sensors, wait until the centre has what was said, and add up."""
    await stage.finish_home()
    ledger = Ledger(stage.database)
    emitted = stage.emitted()
    loop = asyncio.get_running_loop()
    end = loop.time() + _DRAIN_S
    while loop.time() < end and Counter(emitted) != ledger.stored():  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(_LOOK_S)
    report.readings = ledger.readings(emitted)
    report.alerts = ledger.alerts()
    report.incidents = ledger.incidents()
    report.errors += stage.errors()


def _pace_of(story: Scenario, wish: Wish) -> float:
    lasts = story.lasts.total_seconds()
    if wish.seconds is None or wish.seconds >= lasts or not wish.is_headless:
        return 1.0
    if wish.seconds < SHORTEST_S:
        raise ConfigError(f"--seconds {wish.seconds:g}: the story needs at least {SHORTEST_S:g} s")
    return lasts / wish.seconds


def _paced(action: Action, pace: float) -> dict[str, Any]:
    written = action.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if action.oximeter is not None and action.oximeter.over:
        written["oximeter"]["over"] = f"{round(action.oximeter.over.total_seconds() * 1000 / pace)}ms"
    return written


def _expectation(beat: Beat) -> str:
    first, last = (mark(moment) for moment in beat.between)
    if beat.alert is not None:
        what = f"alert {beat.alert.rule} {beat.alert.state.value}"
    elif beat.incident is not None:
        what = f"incident {beat.incident.value}"
    else:
        what = f"home says {beat.home}"
    return f"{what} between {first} and {last}"


def _broker_line(stage: Stage) -> str:
    if stage.broker.kind is BrokerKind.MOSQUITTO:
        return "broker: mosquitto"
    return "broker: amqtt (mosquitto is not installed; amqtt is for demonstrations only: apt install mosquitto)"


def print_line(words: str) -> None:
    """Show a line at once, also through a pipe."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def headless_verdict(report: Report) -> str:
    """The last line of a headless run."""
    seen = sum(beat.seen for beat in report.beats)
    missing = ", ".join(beat.name for beat in report.beats if not beat.seen)
    words = (
        f"{seen} of {len(report.beats)} beats seen; readings: {report.readings.emitted} said, "
        f"{report.readings.stored} stored, {report.readings.lost} lost, {report.readings.duplicated} doubled; "
        f"{len(report.alerts)} alert steps, {report.incidents} incidents, {len(report.errors)} errors"
    )
    if report.sent_out:
        words += f"; sent out: {', '.join(report.sent_out)}"
    return words + (f"; not seen: {missing}" if missing else "")


def write_report(report: Report, path: Path) -> None:
    """Raises DeviceError where the file cannot be written."""
    try:
        path.write_text(report.as_json() + "\n", encoding="utf-8")
    except OSError as error:
        raise DeviceError(f"the report cannot be written to {path}: {error.strerror}") from error
