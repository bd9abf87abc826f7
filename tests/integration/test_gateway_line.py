"""The uplink on a line that is slow, mute, barred or shared, and what is said of the path then."""

import asyncio
import os
import signal
from dataclasses import replace

import pytest
from fixtures.quick_time import quickly
from fixtures.uplink_home import GW, alerts, centre, living, path_changes

from gateway import internet as internet_module
from gateway import scribe as scribe_module
from gateway import unconfirmed as unconfirmed_module
from gateway import uplink as uplink_module
from gateway.window import OTHER_BYTES
from messaging.session import connect
from shouwang.quantities import Quantity
from shouwang.wire import Lane, Path, TelemetryBody
from simulators.line import running_line

ACL = """user community
topic readwrite #
pattern write v1/%u/lwt
pattern read v1/%u/down/#
pattern write v1/%u/up/al
pattern write v1/%u/up/st
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(uplink_module, "RESEND_FIRST_S", 0.2)
    monkeypatch.setattr(unconfirmed_module, "RESEND_FIRST_S", 0.2)
    monkeypatch.setattr(unconfirmed_module, "RESEND_CAP_S", 0.4)
    monkeypatch.setattr(uplink_module, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(uplink_module, "BACKOFF_CAP_S", 0.2)
    monkeypatch.setattr(scribe_module, "GROUP_COMMIT_S", 0.05)
    monkeypatch.setattr(internet_module, "_LOOK_S", 0.02)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def fill(home, readings):
    for n in range(readings):
        home.say(Quantity.PRESENCE, float(n % 2))
        if n % 400 == 0:
            await asyncio.sleep(0)
    return await home.written()


def readings(came):
    return sum(len(item.body.readings) for item in came if isinstance(item.body, TelemetryBody))


@quickly
async def test_on_a_slow_line_an_alert_waits_behind_a_bounded_number_of_bytes(mosquitto, tmp_path):
    async with (
        running_line(mosquitto.port) as line,
        centre(mosquitto.port) as there,
        living(tmp_path / "o.db", line.port, online=False) as home,
    ):
        await fill(home, 3000)
        line.up_bytes_s = 200_000  # the bytes are counted, not the time
        task = asyncio.create_task(home.uplink.run())
        await there.until(lambda came: readings(came) >= 500)
        before = line.up_bytes
        home.say(Quantity.SOS)
        await there.until(alerts)
        waited = line.up_bytes - before
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert readings(there.came) < 3000  # it has overtaken
    assert waited <= OTHER_BYTES + 4096  # the alert itself, and what MQTT adds


@quickly
async def test_a_slow_line_is_not_given_up_nor_loaded_with_repeats(mosquitto, tmp_path, monkeypatch):
    monkeypatch.setattr("messaging.session.ANSWER_TIMEOUT_S", 0.05)
    monkeypatch.setattr("messaging.session.SLOWEST_BYTES_S", 20_000)
    async with running_line(mosquitto.port) as line, centre(mosquitto.port) as there:
        async with living(tmp_path / "o.db", line.port, online=False) as home:
            await fill(home, 400)
            line.up_bytes_s = 40_000  # each message takes longer than the first resend and the first answer
            task = asyncio.create_task(home.uplink.run())
            await home.backlog_is(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        ids = [item.id for item in there.came]
    assert len(ids) == len(set(ids))
    assert line.connections == 1


async def test_a_missing_line_of_the_acl_is_a_fault_of_the_path_and_heals(start_mosquitto, tmp_path, caplog):
    acl = tmp_path / "acl"
    acl.write_text(ACL, encoding="utf-8")
    broker = start_mosquitto("allow_anonymous true", f"acl_file {acl}")
    async with (
        centre(broker.port, username="community") as there,
        living(tmp_path / "o.db", broker.port, username=GW) as home,
    ):
        home.say(Quantity.SOS)  # with its reading, which may not be written
        await until(lambda: home.paths.is_down(Path.INTERNET))
        (state,) = home.paths.states()
        assert "0x87" in state.reason
        assert "pattern write v1/%u/up/#" in state.reason
        assert f"v1/{GW}/up/tm" in state.reason
        await there.until(lambda came: path_changes(came) == [False] or path_changes(came) == [True, False])
        said = [record for record in caplog.records if record.name == "gateway.uplink"]
        assert len([record for record in said if "0x87" in record.message]) == 1
        acl.write_text(ACL + "pattern write v1/%u/up/#\n", encoding="utf-8")
        os.kill(broker.pid, signal.SIGHUP)
        await home.backlog_is(0)
        await until(lambda: home.paths.is_up(Path.INTERNET))
        await there.until(lambda came: path_changes(came)[-1] is True)


async def test_receipts_that_the_acl_keeps_back_are_a_fault_of_the_path(start_mosquitto, tmp_path, monkeypatch):
    monkeypatch.setattr(internet_module, "UNCONFIRMED_S", 0.3)
    acl = tmp_path / "acl"
    acl.write_text("user community\ntopic readwrite #\npattern write v1/%u/#\n", encoding="utf-8")
    broker = start_mosquitto("allow_anonymous true", f"acl_file {acl}")
    async with centre(broker.port, username="community"), living(tmp_path / "o.db", broker.port, username=GW) as home:
        home.say(Quantity.SOS)
        await until(lambda: home.paths.is_down(Path.INTERNET))
        assert "pattern read v1/%u/down/#" in home.paths.states()[0].reason


async def test_a_box_that_is_not_let_in_has_no_path_at_once(start_mosquitto, tmp_path):
    broker = start_mosquitto("allow_anonymous false")
    async with living(tmp_path / "o.db", broker.port, username=GW, password="old") as home:
        await until(lambda: home.paths.is_down(Path.INTERNET))
        assert "password_file" in home.paths.states()[0].reason


async def test_a_failure_is_told_with_its_times_once_there_is_a_way_again(mosquitto, tmp_path, monkeypatch):
    monkeypatch.setattr(internet_module, "LOST_S", 0.2)
    async with living(tmp_path / "o.db", mosquitto.port) as home:
        async with centre(mosquitto.port) as there:
            home.say(Quantity.SOS)
            await there.until(lambda came: path_changes(came) == [True])
        mosquitto.kill()
        await until(lambda: home.paths.is_down(Path.INTERNET))
        down = home.paths.states()[0]
        mosquitto.start()
        async with centre(mosquitto.port) as there:
            await there.until(lambda came: path_changes(came)[-2:] == [False, True])
            told = [item.body for item in there.came if item.id.lane is Lane.STATE and path_changes([item])]
            failure = next(body for body in told if not body.is_up)
            assert failure.since == down.since <= failure.at
            await home.backlog_is(0)


async def test_a_line_that_drops_everything_without_a_word_is_found(mosquitto, tmp_path, monkeypatch):
    monkeypatch.setattr(internet_module, "LOST_S", 0.2)
    monkeypatch.setattr("messaging.session.CONNECT_TIMEOUT_S", 0.2)
    async with (
        running_line(mosquitto.port) as line,
        centre(mosquitto.port) as there,
        living(tmp_path / "o.db", line.port, keepalive_s=1) as home,
    ):
        home.say(Quantity.SOS)
        await home.backlog_is(0)
        await until(lambda: home.paths.is_up(Path.INTERNET))
        line.mute()  # nothing waits for an answer: only the keep-alive can tell
        await until(lambda: home.paths.is_down(Path.INTERNET))
        line.unmute()
        await there.until(lambda came: path_changes(came)[-2:] == [False, True])


async def test_an_unanswered_message_finds_the_dead_line_sooner(mosquitto, tmp_path, monkeypatch):
    monkeypatch.setattr("messaging.session.ANSWER_TIMEOUT_S", 0.2)
    async with (
        running_line(mosquitto.port) as line,
        centre(mosquitto.port) as there,
        living(tmp_path / "o.db", line.port) as home,
    ):
        home.say(Quantity.PRESENCE)
        await there.until(readings)
        await home.backlog_is(0)
        line.mute()
        home.say(Quantity.SOS)
        await until(lambda: line.connections > 1)
        line.unmute()
        await there.until(alerts)


async def test_two_boxes_with_one_id_are_recognised_by_how_it_looks(mosquitto, tmp_path, caplog):
    async with running_line(mosquitto.port) as line, living(tmp_path / "o.db", line.port) as home:
        for n in range(1, 5):
            await until(lambda n=n: line.connections == n and home.uplink._brief_until)
            async with connect(replace(home.settings, port=mosquitto.port)):  # the other box
                pass  # mosquitto 2.0.11 says nothing to the first
        await until(lambda: any(f"another box or program with the id {GW}" in word for word in caplog.messages))


async def test_the_backlog_comes_oldest_first_and_within_the_brokers_receive_maximum(start_mosquitto, tmp_path):
    broker = start_mosquitto("allow_anonymous true", "max_inflight_messages 3")
    async with centre(broker.port) as there, living(tmp_path / "o.db", broker.port, online=False) as home:
        count = await fill(home, 3000)
        home.say(Quantity.SOS)
        await home.written()
        task = asyncio.create_task(home.uplink.run())
        await home.backlog_is(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert there.came[0].id.lane is Lane.LIFE_SAFETY
        seqs = [item.id.seq for item in there.came if item.id.lane is Lane.TELEMETRY]
    assert seqs == sorted(seqs)
    assert len(seqs) >= count - 1


@quickly
async def test_a_metered_line_carries_packed_readings_and_plain_alerts(mosquitto, tmp_path):
    sizes = {}
    for is_metered in (True, False):
        async with running_line(mosquitto.port) as line, centre(mosquitto.port) as there:
            path = tmp_path / f"{is_metered}.db"
            async with living(path, line.port, online=False, is_metered=is_metered) as home:
                await fill(home, 500)
                home.say(Quantity.SOS)
                await home.written()
                task = asyncio.create_task(home.uplink.run())
                await home.backlog_is(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            assert readings(there.came) == 501
            assert len(alerts(there.came)) == 1
            others = [item for item in there.came if item.id.lane is not Lane.LIFE_SAFETY]
            assert there.packed == (len(others) if is_metered else 0)
            sizes[is_metered] = line.up_bytes
    assert sizes[True] < sizes[False] / 3


async def test_with_an_old_mqtt_a_metered_line_is_not_packed(mosquitto, tmp_path):
    async with (
        centre(mosquitto.port) as there,
        living(tmp_path / "o.db", mosquitto.port, is_metered=True, version="3.1.1") as home,
    ):
        home.say(Quantity.PRESENCE)
        await there.until(readings)
        await home.backlog_is(0)
    assert there.packed == 0
