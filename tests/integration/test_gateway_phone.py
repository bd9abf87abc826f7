"""The gateway with a modem: it is a sensor, people ask by SMS how the home is, and nothing they say changes a watch."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from fixtures.modem_home import CODE, DAUGHTER, SON
from fixtures.quick_time import run_quickly

from config.loader import load
from gateway import app
from gateway.phone import Whereabouts, phone_of
from gateway.roster import Roster
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.errors import ConfigError
from shouwang.status import SensorState, SensorStatus
from simulators.serial.modem import Modem

AT = datetime(2026, 11, 25, 8, 15, tzinfo=UTC)


@pytest.fixture
def home(tmp_path):
    (tmp_path / "code").write_text(f"{CODE}\n")
    path = tmp_path / "home.yaml"
    path.write_text(
        f"""\
gateway: {{id: gw-1, data_dir: data}}
resident: {{id: r1}}
uplink: {{url: "mqtt://127.0.0.1:1"}}
modem:
  port: {tmp_path}/modem
  commands: {{numbers: ["{SON}", "{DAUGHTER}"], code_file: code}}
sensors:
  - {{kind: fall_radar_r60, id: radar, port: {tmp_path}/radar}}
rules:
  - {{kind: fall, id: fall}}
  - {{kind: silence, id: silent}}
"""
    )
    return load(path)


def alert(key: str, state: AlertState = AlertState.FIRING) -> Alert:
    rule_id = key.split(":", maxsplit=1)[0]
    return Alert(
        alert_id=alert_id_of(key, AT, state),
        key=key,
        rule_id=rule_id,
        rule_version=1,
        hazard=rule_id,
        severity=Severity.P1,
        state=state,
        resident_id="r1",
        sensor_id="radar",
        since=AT,
        at=AT,
        mono=0,
        why=Sentence(zh="跌倒", en="a fall"),
    )


def status(sensor: str, state: SensorState) -> SensorStatus:
    return SensorStatus(sensor_id=sensor, state=state, since=AT, at=AT, mono=0)


@asynccontextmanager
async def gateway_of(home):
    """The whole gateway, as systemd runs and stops it; the centre cannot be reached."""
    running = asyncio.create_task(app.run(home))
    try:
        yield
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await running


async def until(seen) -> None:
    async with asyncio.timeout(600):
        while not seen():
            await asyncio.sleep(0.25)


async def asked(modem: Modem, text: str, sender: str = SON) -> str:
    """The answer to a text."""
    before = len(modem.network.sent)
    modem.receive(sender, f"{text} {CODE}")
    await until(lambda: len(modem.network.sent) > before)
    assert modem.network.sent[-1][1].to == sender
    return modem.network.sent[-1][1].text


def test_a_home_without_internet_answers_by_sms(home, tmp_path, caplog):
    async def scene() -> list[str]:
        async with Modem(tmp_path / "modem").running() as modem, gateway_of(home):
            await until(lambda: "AT+CMGL=4" in modem.commands)
            await asyncio.sleep(5)
            answers = [await asked(modem, "状态"), await asked(modem, "test", DAUGHTER), await asked(modem, "外出")]
            modem.receive("+8613700137000", f"状态 {CODE}")
            await until(lambda: not modem.stored)
            assert len(modem.network.sent) == 3
            return answers

    answers = run_quickly(scene())
    assert answers[0] == "守望：没有报警；1 个传感器正常，1 个失联：radar。"
    assert answers[1].startswith("Shouwang test: this box receives and sends SMS")
    assert answers[2].startswith("最近一次动静不是出门，家中可能有人：未设为外出，守护照常")
    assert SON not in caplog.text
    assert CODE not in caplog.text


def test_a_wish_is_handed_to_whoever_consumes_it(home, tmp_path):
    async def scene() -> None:
        heard = []

        def consume(wish):
            heard.append((wish.whereabouts, wish.by))
            return Sentence(zh="好的", en="all right")

        async with Modem(tmp_path / "modem").running() as modem, phone_of(home) as phone:
            assert phone is not None
            phone.wish = consume
            working = [asyncio.create_task(phone.run()), asyncio.create_task(phone.driver.run(lambda _: None))]
            assert await asked(modem, "back", DAUGHTER) == "all right"
            assert heard == [(Whereabouts.HOME, DAUGHTER)]
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)

    run_quickly(scene())


def test_a_code_that_is_too_short_stops_the_start_with_words(home, tmp_path):
    async def scene() -> None:
        async with phone_of(home):
            pass

    (tmp_path / "code").write_text("1234")
    with pytest.raises(ConfigError, match="6 to 20 letters or digits"):
        run_quickly(scene())


def test_the_roster_names_what_is_lost_and_what_is_on():
    roster = Roster(["a", "b", "c", "d", "e"])
    assert roster.words().en == "Shouwang: no alarm; 0 sensors heard, 5 lost: a, b, c +2."
    for sensor in "abcde":
        roster.status(status(sensor, SensorState.UP))
    roster.status(status("b", SensorState.SILENT))
    roster.alerts([alert("fall:radar"), alert("sos:bed", AlertState.PREALARM)])
    assert roster.words().zh == "守望：有 2 个报警：fall, sos；4 个传感器正常，1 个失联：b。"
    roster.alerts([alert("fall:radar", AlertState.RESOLVED), alert("sos:bed", AlertState.CANCELLED)])
    assert roster.words().en == "Shouwang: no alarm; 4 sensors heard, 1 lost: b."


def test_a_modem_comes_and_goes_with_a_reload(home, tmp_path, caplog):
    """It answers as soon as it is there, and knows what was so before it; then its port is free."""
    caplog.set_level("INFO")
    path = tmp_path / "home.yaml"
    text = path.read_text()
    begin, end = text.index("modem:"), text.index("sensors:")

    async def reloaded(new: str, times: int) -> None:
        path.write_text(new)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: caplog.text.count("home.yaml was read again: parts changed: lifeline, modem") == times)

    async def scene() -> str:
        path.write_text(text[:begin] + text[end:])
        running = asyncio.create_task(app.run(load(path), reread=lambda: load(path)))
        async with Modem(tmp_path / "modem").running() as modem:
            await until(lambda: "sensor radar is down" in caplog.text)
            await reloaded(text, 1)
            await until(lambda: "AT+CMGL=4" in modem.commands)
            await asyncio.sleep(5)
            answer = await asked(modem, "状态")
            await reloaded(text[:begin] + text[end:], 2)
            await until(lambda: not modem.line.is_open)
        os.kill(os.getpid(), signal.SIGTERM)
        await running
        return answer

    assert run_quickly(scene()) == "守望：没有报警；1 个传感器正常，1 个失联：radar。"
