"""From the pipeline to a centre and back over a real broker: receipts, resends, overtaking, losses."""

import asyncio
import socket
import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.uplink_home import GW, SickCard, alerts, centre, each_once, living

from gateway import lanes as lanes_module
from gateway import scribe as scribe_module
from gateway import unconfirmed as unconfirmed_module
from gateway import uplink as uplink_module
from gateway.clock import Clock
from messaging.backoff import Backoff
from messaging.session import connect
from shouwang.alert import AlertState, Sentence
from shouwang.quantities import Quantity
from shouwang.wire import (
    AlertBody,
    HelpComing,
    Lane,
    Receipt,
    ResetAlarm,
    TelemetryBody,
    command_topic,
    encode,
    receipt_topic,
)
from simulators.line import running_line


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(uplink_module, "RESEND_FIRST_S", 0.2)
    monkeypatch.setattr(unconfirmed_module, "RESEND_FIRST_S", 0.2)
    monkeypatch.setattr(unconfirmed_module, "RESEND_CAP_S", 0.4)
    monkeypatch.setattr(uplink_module, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(uplink_module, "BACKOFF_CAP_S", 0.2)
    monkeypatch.setattr(scribe_module, "GROUP_COMMIT_S", 0.05)


async def test_an_alert_goes_up_and_leaves_the_card_on_the_receipt(mosquitto, tmp_path):
    async with centre(mosquitto.port) as there, living(tmp_path / "o.db", mosquitto.port) as home:
        home.say(Quantity.SOS)
        await there.until(alerts)
        assert [step.state for step in home.said] == [AlertState.FIRING]
        assert alerts(there.came) == home.said
        await home.backlog_is(0)


async def test_without_a_receipt_it_stays_and_is_sent_again_the_same(mosquitto, tmp_path):
    async with centre(mosquitto.port) as there, living(tmp_path / "o.db", mosquitto.port) as home:
        there.confirms = False
        home.say(Quantity.SOS)
        await there.until(lambda came: len(alerts(came)) >= 3)
        assert len({item.id for item in there.came if item.id.lane == Lane.LIFE_SAFETY}) == 1
        assert home.scribe.backlog >= 1
        there.confirms = True
        await home.backlog_is(0)


async def test_nobody_at_the_centre_is_no_delivery(mosquitto, tmp_path):
    async with living(tmp_path / "o.db", mosquitto.port) as home:
        home.say(Quantity.SOS)
        assert await home.written() == 2
        async with centre(mosquitto.port) as there:
            await there.until(alerts)
            await home.backlog_is(0)


async def test_a_broker_killed_under_way_loses_nothing(mosquitto, tmp_path):
    async with living(tmp_path / "o.db", mosquitto.port) as home:
        mosquitto.kill()
        for n in range(300):
            home.say(Quantity.PRESENCE, float(n % 2))
        home.say(Quantity.SOS)
        assert await home.written() >= 4
        mosquitto.start()
        async with centre(mosquitto.port) as there:
            await home.backlog_is(0)
            readings = {item.id: len(item.body.readings) for item in there.came if isinstance(item.body, TelemetryBody)}
            assert sum(readings.values()) == 301
            assert {step.state for step in alerts(there.came)} == {AlertState.FIRING}


async def test_alerts_overtake_a_backlog(mosquitto, tmp_path):
    async with running_line(mosquitto.port) as line, living(tmp_path / "o.db", line.port, online=False) as home:
        for n in range(100 * 100):
            home.say(Quantity.PRESENCE, float(n % 2))
            if n % 400 == 0:
                await asyncio.sleep(0)
        assert await home.written() >= 100
        async with centre(mosquitto.port) as there:
            line.up_bytes_s = 400_000  # else the backlog is through before anybody can press
            task = asyncio.create_task(home.uplink.run())
            await there.until(lambda came: len(came) > 5)
            home.say(Quantity.SOS)
            await there.until(alerts)
            before = next(n for n, item in enumerate(there.came) if isinstance(item.body, AlertBody))
            await home.backlog_is(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            seqs = [item.id.seq for item in there.came if item.id.lane == Lane.TELEMETRY]
    assert before < 90
    assert sorted(set(seqs)) == list(range(1, len(set(seqs)) + 1))


async def test_a_restart_sends_what_had_no_receipt(mosquitto, tmp_path):
    async with living(tmp_path / "o.db", mosquitto.port, online=False) as home:
        home.say(Quantity.SOS)
        await home.written()
    async with centre(mosquitto.port) as there, living(tmp_path / "o.db", mosquitto.port) as home:
        await there.until(alerts)
        await home.backlog_is(0)
        assert home.said == []  # the rule's state came back too: it does not fire a second time


async def test_help_is_coming_is_carried_out_once(mosquitto, tmp_path):
    words = HelpComing(say=Sentence(zh="帮助在路上", en="Help is coming"))
    async with centre(mosquitto.port) as there, living(tmp_path / "o.db", mosquitto.port) as home:
        home.say(Quantity.SOS)
        await there.until(alerts)
        await there.order(words)
        await there.order(words)
        await there.order(words, "c2")
        async with asyncio.timeout(20):
            while len(home.helped) < 2:
                await asyncio.sleep(0.01)
    assert [command.command_id for command in home.helped] == ["c1", "c2"]


async def test_a_reset_ends_a_latched_alarm_and_the_centre_is_told(mosquitto, tmp_path):
    async with centre(mosquitto.port) as there, living(tmp_path / "o.db", mosquitto.port) as home:
        home.say(Quantity.SOS)
        await there.until(alerts)
        await there.order(ResetAlarm(keys=("sos:bed", "unknown:x"), by="zhanglin"))
        await there.until(lambda came: len(each_once(came)) == 2)
        assert [step.state for step in each_once(there.came)] == [AlertState.FIRING, AlertState.RESOLVED]
        await home.backlog_is(0)


async def test_a_command_past_its_time_is_left_out(mosquitto, tmp_path):
    words = HelpComing(say=Sentence(zh="", en=""))
    async with centre(mosquitto.port) as there, living(tmp_path / "o.db", mosquitto.port) as home:
        home.say(Quantity.SOS)
        await there.until(alerts)
        await there.order(words, "old", timedelta(seconds=-1))
        await there.order(words, "new")
        async with asyncio.timeout(20):
            while not home.helped:
                await asyncio.sleep(0.01)
    assert [command.command_id for command in home.helped] == ["new"]


async def test_nonsense_from_the_centre_harms_nobody(mosquitto, tmp_path):
    async with centre(mosquitto.port) as there, living(tmp_path / "o.db", mosquitto.port) as home:
        home.say(Quantity.SOS)
        await there.until(alerts)
        huge = encode(Receipt(epoch="f" * 16, lane=Lane.STATE, seqs=(10**30,), server_at=datetime.now(UTC)))
        huge = huge.replace(b"f" * 16, there.came[0].id.epoch.encode())  # a number that no file can hold
        for topic in (receipt_topic(GW), command_topic(GW)):
            for payload in (b"", b"\xff", b"[]", b'{"epoch":1}', b"x" * 1_000_000, huge):
                await there.session.publish(topic, payload)
        await there.order(HelpComing(say=Sentence(zh="", en="")))
        async with asyncio.timeout(20):
            while not home.helped:
                await asyncio.sleep(0.01)
        await home.backlog_is(0)  # the card is still written


async def test_a_receipt_of_another_epoch_confirms_nothing(mosquitto, tmp_path):
    async with centre(mosquitto.port) as there, living(tmp_path / "o.db", mosquitto.port) as home:
        there.confirms = False
        home.say(Quantity.SOS)
        await there.until(alerts)
        other = Receipt(epoch="f" * 16, lane=Lane.LIFE_SAFETY, seqs=(1,), server_at=datetime.now(UTC))
        await there.session.publish(receipt_topic(GW), encode(other))
        await there.until(lambda came: len(alerts(came)) >= 2)
        assert home.scribe.backlog >= 1


async def test_an_alert_reaches_the_centre_although_the_card_is_read_only(mosquitto, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(scribe_module, "_RETRY_CAP_S", 0.2)
    async with centre(mosquitto.port) as there, living(tmp_path / "o.db", mosquitto.port) as home:
        home.card.is_read_only = True
        home.say(Quantity.SOS)
        await there.until(alerts)
        mosquitto.kill()  # it goes on from memory over a lost connection too, where no receipt came
        assert alerts(there.came) == home.said
        assert home.scribe.backlog == 0
        home.card.is_read_only = False
        await home.backlog_is(3)  # the alert, the reading, and that the path is up
        mosquitto.start()
        async with centre(mosquitto.port) as again:
            await home.backlog_is(0)
    assert {step.alert_id for step in alerts([*there.came, *again.came])} == {home.said[0].alert_id}
    words = [record.message for record in caplog.records]
    assert sum("from memory" in word for word in words) == 1


async def test_an_alert_in_memory_only_is_sent_in_the_next_connection(mosquitto, tmp_path):
    async with living(tmp_path / "o.db", mosquitto.port) as home:
        home.card.is_read_only = True
        home.say(Quantity.SOS)
        mosquitto.restart()
        async with centre(mosquitto.port) as there:
            await there.until(alerts)
            async with asyncio.timeout(20):
                while home.uplink._slips:
                    await asyncio.sleep(0.01)


async def test_an_alert_reaches_the_centre_although_the_card_hangs(mosquitto, tmp_path, monkeypatch):
    monkeypatch.setattr(scribe_module, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(SickCard, "may_go_on", threading.Event())
    async with centre(mosquitto.port) as there, living(tmp_path / "o.db", mosquitto.port) as home:
        home.say(Quantity.PRESENCE)
        async with asyncio.timeout(20):
            while home.pipeline._inbox or not home.pipeline.batch.is_empty:
                await asyncio.sleep(0.01)
        home.say(Quantity.SOS)  # while the card sits on what came before
        await there.until(alerts)
        home.card.may_go_on.set()
        await home.backlog_is(0)


async def test_a_centre_that_confirms_nothing_is_asked_with_a_few_messages_only(mosquitto, tmp_path):
    async with living(tmp_path / "o.db", mosquitto.port, online=False) as home:
        for n in range(60 * 100):
            home.say(Quantity.PRESENCE, float(n % 2))
            if n % 400 == 0:
                await asyncio.sleep(0)
        count = await home.written()
        assert count > 20
        async with centre(mosquitto.port) as there:
            there.confirms = False
            task = asyncio.create_task(home.uplink.run())
            await there.until(lambda came: len(came) > 30)  # again and again the same
            assert len({item.id for item in there.came}) <= 4
            home.say(Quantity.SOS)
            await there.until(alerts)
            there.confirms = True
            await home.backlog_is(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_command_repeated_before_it_is_durable_is_not_acknowledged(mosquitto, tmp_path):
    words = HelpComing(say=Sentence(zh="", en=""))
    async with centre(mosquitto.port) as there:
        async with living(tmp_path / "o.db", mosquitto.port) as home:
            home.say(Quantity.SOS)
            await there.until(alerts)
            home.card.is_read_only = True
            await there.order(words)
            async with asyncio.timeout(20):
                while not home.helped:
                    await asyncio.sleep(0.01)
            async with connect(home.settings):
                pass  # the broker drops the gateway's connection: the command comes once more in the next
            await there.order(words, "c2")
            async with asyncio.timeout(20):
                while len(home.helped) < 2:
                    await asyncio.sleep(0.01)
        async with living(tmp_path / "o.db", mosquitto.port) as home:  # a power cut: nothing of it was on the card
            async with asyncio.timeout(20):
                while len(home.helped) < 2:
                    await asyncio.sleep(0.01)
            assert [command.command_id for command in home.helped] == ["c1", "c2"]


@pytest.mark.parametrize("wrong", [timedelta(days=-20_000), timedelta(days=400)])
async def test_a_wrong_clock_and_one_set_right_under_way_refuse_no_command(mosquitto, tmp_path, wrong):
    error = wrong
    clock = Clock(wall=lambda: datetime.now(UTC) + error)
    words = HelpComing(say=Sentence(zh="", en=""))
    async with centre(mosquitto.port) as there, living(tmp_path / "o.db", mosquitto.port, clock=clock) as home:
        async with asyncio.timeout(20):
            while home.uplink._outage.is_on or home.uplink._steady_from > 1e12:
                await asyncio.sleep(0.01)
        await there.order(words, "before any receipt")
        home.say(Quantity.SOS)
        await there.until(alerts)
        await home.backlog_is(0)
        error = timedelta(0)
        await there.order(words, "late", timedelta(seconds=-1))
        await there.order(words, "after the step")
        async with asyncio.timeout(20):
            while len(home.helped) < 2:
                await asyncio.sleep(0.01)
    assert [command.command_id for command in home.helped] == ["before any receipt", "after the step"]


async def test_a_file_that_breaks_under_way_is_replaced_and_all_goes_on(mosquitto, tmp_path, monkeypatch):
    monkeypatch.setattr(uplink_module, "AHEAD", 1)
    monkeypatch.setattr(lanes_module, "AHEAD", 1)
    async with centre(mosquitto.port) as there, living(tmp_path / "o.db", mosquitto.port) as home:
        there.confirms = False
        home.say(Quantity.SOS)
        await there.until(alerts)
        for _ in range(10):
            home.say(Quantity.PRESENCE)
            await home.written()
        epoch = home.card.epoch
        home.card._is_damaged = True
        home.say(Quantity.PRESENCE)
        await home.written()
        assert home.card.epoch != epoch
        there.confirms = True
        await home.backlog_is(0)
    assert {step.state for step in alerts(there.came)} == {AlertState.FIRING}
    assert {item.id.lane for item in there.came if item.id.epoch == home.card.epoch} == {0, 1, 2}


async def test_a_broker_that_never_answers_is_asked_less_and_less(tmp_path, monkeypatch):
    monkeypatch.setattr("messaging.session.CONNECT_TIMEOUT_S", 0.02)
    monkeypatch.setattr(uplink_module, "_STEADY_S", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        async with living(tmp_path / "o.db", mute.getsockname()[1], online=False) as home:
            pauses, successes = [], []

            class Watched(Backoff):
                async def pause(self):
                    pauses.append(self.next_pause_s())

                def succeeded(self):
                    successes.append(1)

            monkeypatch.setattr(uplink_module, "Backoff", Watched)
            task = asyncio.create_task(home.uplink.run())
            async with asyncio.timeout(20):
                while len(pauses) < 3:
                    await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert successes == []


@pytest.mark.parametrize("ticks", range(12))
async def test_a_stop_in_the_moment_of_a_loss_is_obeyed(mosquitto, tmp_path, ticks):
    async with running_line(mosquitto.port) as line, living(tmp_path / "o.db", line.port, online=False) as home:
        home.say(Quantity.SOS)
        task = asyncio.create_task(home.uplink.run())
        async with asyncio.timeout(20):
            while line.down_bytes < 20:  # CONNACK and SUBACK have come
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        line.cut()
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=20)
        assert done, "told to stop, and went on"


class _Counting:
    """A broker that takes one message at a time (Receive Maximum 1); `most` were under way at once."""

    window = 1

    def __init__(self):
        self.topics, self.under_way, self.most = [], 0, 0

    @asynccontextmanager
    async def connected(self, *_, **__):
        yield self

    async def subscribe(self, _topics):
        pass

    async def publish(self, topic, _payload, **_):
        self.topics.append(topic)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.01)
        self.under_way -= 1

    async def messages(self):
        await asyncio.Event().wait()
        yield


async def test_the_word_online_counts_in_the_brokers_receive_maximum_too(tmp_path, monkeypatch):
    broker = _Counting()
    async with living(tmp_path / "o.db", 1, online=False) as home:
        monkeypatch.setattr(uplink_module, "connect", broker.connected)
        home.say(Quantity.SOS)
        await home.written()
        task = asyncio.create_task(home.uplink.run())
        async with asyncio.timeout(20):
            while not any(topic.endswith("/al") for topic in broker.topics):
                await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert broker.topics[0].endswith("/lwt")
    assert broker.most == 1


class _SlowGoodbye:
    """A broker whose sessions end when the test lets them."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.grew = asyncio.Event()
        self.may_end = asyncio.Event()

    @asynccontextmanager
    async def connected(self, settings, **_):
        self._step(f"open {settings.host}")
        try:
            yield self
        finally:
            await self.may_end.wait()
            self._step(f"closed {settings.host}")

    async def subscribe(self, _topics):
        await asyncio.Event().wait()

    def _step(self, what):
        self.steps.append(what)
        self.grew.set()

    async def until(self, count):
        async with asyncio.timeout(20):
            while len(self.steps) < count:
                self.grew.clear()
                await self.grew.wait()


async def test_another_run_waits_for_the_end_of_the_one_before(tmp_path, monkeypatch):
    """A reload does not wait for an uplink that is slow to end."""
    broker = _SlowGoodbye()
    monkeypatch.setattr(uplink_module, "connect", broker.connected)
    async with living(tmp_path / "o.db", 1, online=False) as home:
        before = asyncio.create_task(home.uplink.run())
        await broker.until(1)
        before.cancel()
        home.uplink.use(replace(home.settings, host="another"), is_metered=False)
        after = asyncio.create_task(home.uplink.run())
        for _ in range(20):
            await asyncio.sleep(0)
        meanwhile = [*broker.steps]
        broker.may_end.set()
        await broker.until(3)
        after.cancel()
        await asyncio.gather(before, after, return_exceptions=True)
    assert meanwhile == ["open 127.0.0.1"]
    assert broker.steps[:3] == ["open 127.0.0.1", "closed 127.0.0.1", "open another"]
