"""The whole product as processes: the story, kills in the middle of it, recordings that equal their replay."""

import asyncio
import csv
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from simulators.child import find_program
from simulators.ledger import Ledger
from simulators.operator import signed_in
from simulators.stage import GATEWAY_ID, Plan, running_stage

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PROGRAM = [sys.executable, "-m", "shouwang"]
NO_STORY = {
    "mosquitto": "needs mosquitto (Debian package mosquitto)",
    "dbus-daemon": "needs dbus-daemon (Debian: dbus)",
}


@pytest.fixture(autouse=True)
def tools():
    for name, reason in NO_STORY.items():
        if find_program(name) is None:
            pytest.skip(reason)


def demo(tmp_path, *more, timeout=240):
    report = tmp_path / "report.json"
    done = subprocess.run(
        [*PROGRAM, "demo", "--headless", "--report", str(report), *more],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done, json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}


@pytest.mark.parametrize("broker", ["mosquitto", "amqtt"])
def test_the_story_is_seen_whole_and_nothing_is_lost(tmp_path, broker):
    done, report = demo(tmp_path, "--seconds", "45", "--broker", broker)
    assert done.returncode == 0, done.stdout + done.stderr
    assert report["ok"] is True
    assert report["broker"] == broker
    assert [beat["name"] for beat in report["beats"] if not beat["seen"]] == []
    assert report["readings"]["emitted"] == report["readings"]["stored"] > 50
    assert (report["readings"]["lost"], report["readings"]["duplicated"]) == (0, 0)
    assert report["incidents"] >= 2
    assert report["errors"] == []
    assert report["sent_out"] == ["dispatch", "accept", "arrive", "report", "verify", "revisit"]
    states = [(alert["rule_id"], alert["state"]) for alert in report["alerts"]]
    assert ("fall", "cancelled") in states
    assert {alert["severity"] for alert in report["alerts"] if alert["rule_id"] == "sos"} == {"P1"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("moment", "children_at_least"), [("starting", 0), ("Open in a browser", 5), ("00:00", 5)])
def test_a_stop_leaves_nothing_behind(tmp_path, moment, children_at_least, how):
    process = subprocess.Popen(
        [*PROGRAM, "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if moment in line:
            break
        if door := re.search(r"Open in a browser:\s+(http\S+)", line):
            httpx.post(f"{door[1]}/act/evening")
    children = _descendants(process.pid)
    os.killpg(process.pid, how)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0, "".join(lines) + rest
    assert "Traceback" not in "".join(lines) + rest
    assert len(children) >= children_at_least
    assert [pid for pid in children if _lives(pid)] == []
    assert [*tmp_path.iterdir()] == []


@asynccontextmanager
async def stage_with_operator():
    plan = Plan(pace=2.0)
    async with running_stage(plan) as stage:
        link = await stage.login_link("zhanglin", "张琳", "zh")
        colleague = await stage.login_link("limin", "李敏", "zh")
        async with signed_in(link, colleague, delay_s=0.3, patience_s=2.0) as operator, asyncio.TaskGroup() as group:
            watching = group.create_task(operator.watch(group))
            yield stage, operator
            watching.cancel()
            operator.stop()


async def until(condition, what, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not seen in {seconds} s: {what}"
        await asyncio.sleep(0.1)


async def press(stage):
    await stage.order(apply={"sos": "press"})


def firing(ledger, rule):
    return [alert for alert in ledger.alerts() if (alert.rule_id, alert.state) == (rule, "firing")]


async def test_kill_9_of_gateway_server_and_broker_loses_no_alert_and_doubles_no_incident():
    async with stage_with_operator() as (stage, operator):
        ledger = Ledger(stage.database)

        # the server dies before the alarm and comes back after it
        await stage.community.kill()
        await press(stage)
        await until(lambda: any("ANNOUNCE alarm P1 sos:" in words for _, words in stage.said), "the home's own voice")
        await stage.start_community()
        await until(lambda: len(firing(ledger, "sos")) == 1, "the first SOS at the centre")
        await until(lambda: len(operator.closed) == 1, "the first case closed")

        # the broker dies with an alarm under way
        await stage.broker.kill()
        await press(stage)
        await stage.broker.start()
        await until(lambda: len(firing(ledger, "sos")) == 2, "the second SOS at the centre")
        await until(lambda: len(operator.closed) == 2, "the second case closed")

        # the gateway dies in the middle of a spoken check; the countdown goes on after the restart
        await stage.order(apply={"radar": "fall"})
        await until(lambda: any("ANNOUNCE prealarm" in words for _, words in stage.said), "the spoken check")
        await stage.gateway.kill()
        await stage.start_gateway()
        await until(lambda: len(firing(ledger, "fall")) == 1, "the fall at the centre")
        await until(lambda: len(operator.closed) == 3, "the third case closed")

        # all three at once, right after a press has been heard at home
        heard = len(stage.said)
        await asyncio.sleep(2.0)  # the button's debounce
        await press(stage)
        await until(lambda: any("alarm P1 sos:" in words for _, words in stage.said[heard:]), "the voice")
        await asyncio.gather(stage.gateway.kill(), stage.community.kill(), stage.broker.kill())
        await stage.broker.start()
        await stage.start_community()
        await stage.start_gateway()
        await until(lambda: len(firing(ledger, "sos")) == 3, "the third SOS at the centre")
        await until(lambda: len(operator.closed) == 4, "the fourth case closed")

        assert ledger.incidents() == 4
        alerts = Counter((alert.key, alert.at, alert.state) for alert in ledger.alerts())
        assert set(alerts.values()) == {1}
        verified = await stage.run("community", "audit", "verify", "-c", str(stage.folder / "community.yaml"))
        assert re.search(r"\d+", verified)


async def test_the_gateway_starts_and_keeps_watch_while_nothing_can_be_reached(tmp_path):
    config = tmp_path / "home.yaml"
    config.write_text(
        f"""
gateway: {{id: gw-1, data_dir: {tmp_path / "data"}, language: en}}
resident: {{id: r-1}}
uplink: {{url: "mqtt://127.0.0.1:1"}}
local_broker: {{url: "mqtt://127.0.0.1:2"}}
sensors:
  - {{kind: pulse_oximeter_plx, id: oximeter, address: "C0:FF:EE:00:00:01"}}
  - {{kind: fall_radar_r60, id: radar, port: {tmp_path / "no-such-port"}}}
  - {{kind: sos_button_zigbee2mqtt, id: sos, topic: zigbee2mqtt/sos}}
rules:
  - {{kind: sos, id: sos}}
  - {{kind: fall, id: fall}}
  - {{kind: silence, id: silence, after: 1s}}
""",
        encoding="utf-8",
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "outbox.sqlite3").write_bytes(b"no database at all" * 100)
    environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path / 'no-bus'}"}
    command = [*PROGRAM, "gateway", "run", "-c", str(config)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    try:
        said = set()
        while len(said) < 3:
            line = await asyncio.to_thread(process.stdout.readline)
            assert line, (tmp_path / "log").read_text()
            found = re.match(r"ANNOUNCE notice P3 silence:(\S+)", line)
            if found:
                said.add(found[1])
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate(timeout=60)
    words = (tmp_path / "log").read_text()
    assert process.returncode == 0
    assert "Traceback" not in words
    assert "damaged" in words
    assert "no way to the centre" in words
    assert "no-such-port" in words
    assert (tmp_path / "data" / "outbox.sqlite3.corrupt-1").exists()


def recording_of(shared, tmp_path, record_id):
    """One patient's saturation and pulse, as `at,quantity,value`."""
    rows = []
    with gzip.open(shared / "data" / "icu2012" / "vitals.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["record_id"] == record_id and row["param"] in {"HR", "SaO2"}:
                quantity = {"HR": "heart-rate", "SaO2": "spo2"}[row["param"]]
                rows.append(f"{60 * int(row['t_min'])},{quantity},{row['value']}")
    path = tmp_path / f"{record_id}.csv"
    path.write_text("\n".join(["at,quantity,value", *rows, ""]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def alarming_patients(shared):
    """Patients whose recordings cross the limits most often."""
    crossings = Counter()
    with gzip.open(shared / "data" / "icu2012" / "vitals.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            value = float(row["value"])
            low = row["param"] == "SaO2" and 20 <= value <= 90
            fast = row["param"] == "HR" and (value >= 131 or 10 <= value <= 40)
            crossings[row["record_id"]] += low or fast
    return [record for record, _ in crossings.most_common(3)]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_recording_gives_the_alerts_that_the_rules_alone_give(shared, tmp_path, alarming_patients, place):
    path = recording_of(shared, tmp_path, alarming_patients[place])
    done, report = demo(tmp_path, "--seconds", "15", "--recording", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert report["ok"] is True
    assert report["alerts"], "a recording without alerts shows nothing"
    assert report["readings"]["lost"] == report["readings"]["duplicated"] == 0


def test_a_recording_that_cannot_be_read_is_explained(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("at,quantity,value\n0,spo2,ninety\n", encoding="utf-8")
    done, _ = demo(tmp_path, "--recording", str(path))
    assert done.returncode == 1
    assert re.search(r"bad\.csv:2: .*ninety", done.stderr), done.stderr


def _descendants(pid):
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *_descendants(int(child))]
    return found


def _lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_demonstrations_gateway_has_the_documented_name():
    assert GATEWAY_ID == "gw-demo-0001"
