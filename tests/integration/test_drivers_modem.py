"""The modem on a pseudo terminal: registration, SMS sent once and never twice, commands that come in, calls, faults."""

import asyncio
import functools
import os
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from fixtures.modem_home import CODE, DAUGHTER, SON, Home, at_home, opened, working
from fixtures.quick_time import run_quickly

from drivers.serial import modem as modem_driver
from drivers.serial import modem_credit, sms_inbox, sms_queue
from drivers.serial.sms import Fate, Outcome
from drivers.serial.sms_commands import Order
from drivers.serial.voice_call import CallFate
from gateway import supervise
from shouwang.errors import GiveUp, IllegalMove, TryLater
from shouwang.quantities import Quantity
from shouwang.status import SensorState
from simulators.serial.modem import Modem
from simulators.serial.modem_call import Scene

UP, DOWN = SensorState.UP, SensorState.DOWN
ALARM = "【守望】王桂兰家 卫生间 跌倒 08:15,请立即查看。"
LONG = ALARM * 6


@pytest.fixture(autouse=True)
def retried_soon(monkeypatch):
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 2.0)


def quickly(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The test on virtual time: minutes of time-outs in milliseconds."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        run_quickly(test(*args, **kwargs))

    return run


async def alarm(home: Home, text: str = ALARM, *, key: str = "fall-1") -> Outcome:
    return await home.queue.send(SON, text, key=key, urgent=True)


# ---- up and down ----


@pytest.mark.parametrize("model", ["SIMCOM_SIM7600E", "SIM800 R14.18", "EC25", "Something Else"])
@quickly
async def test_a_registered_modem_is_heard_with_its_signal(tmp_path, model):
    async with Modem(tmp_path / "m", model=model).running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        assert home.heard.states == [UP]
        assert home.heard.count(Quantity.SIGNAL_STRENGTH, -73)
        modem.network.signal = 99
        await asyncio.sleep(300)
        assert home.heard.states == [UP]
        assert home.heard.count(Quantity.SIGNAL_STRENGTH, -73) == 1, "what is not known is not told"
    assert modem.commands.index("ATE0") < modem.commands.index("AT+CPIN?") < modem.commands.index("AT+CMGF=0")


@pytest.mark.parametrize(
    ("stat", "signal", "words"),
    [
        (3, 20, "the network denies this SIM"),
        (2, 20, "no network has taken the modem in"),
        (2, 99, "is the antenna screwed on"),
        (2, 1, "the signal is too weak (-111 dBm)"),
        (8, 20, "emergency calls only"),
    ],
)
@quickly
async def test_why_there_is_no_network_is_told_once_and_it_heals(tmp_path, stat, signal, words):
    async with Modem(tmp_path / "m").running() as modem:
        modem.network.stat, modem.network.signal = stat, signal
        async with at_home(tmp_path, modem) as home:
            await home.until(lambda: home.heard.states)
            assert home.heard.states == [DOWN]
            assert words in home.heard.reason
            opened_again = modem.commands.count("ATE0")
            outcome = await alarm(home)
            await asyncio.sleep(3600)
            assert modem.commands.count("ATE0") < opened_again + 5, "it waits, and does not open the port each minute"
            assert modem.network.sent == []
            modem.register(1)
            await home.until(lambda: home.heard.states[-1] is UP)
            await home.fate(outcome, Fate.DELIVERED)
        assert home.heard.states == [DOWN, UP]


@quickly
async def test_a_short_loss_of_the_network_is_no_news(tmp_path):
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        modem.register(2)
        await asyncio.sleep(40)
        modem.register(5)
        await asyncio.sleep(200)
        assert home.heard.states == [UP]
        modem.register(0)
        await asyncio.sleep(120)
        assert home.heard.states == [UP, DOWN]


@pytest.mark.parametrize(
    ("sim", "words"),
    [
        ("NOT INSERTED", "there is no SIM"),
        ("SIM PUK", "locked after three wrong PINs"),
        ("SIM PIN", "wants its PIN; write it into a file"),
    ],
)
@quickly
async def test_a_sim_that_cannot_be_used_is_told(tmp_path, sim, words):
    async with Modem(tmp_path / "m", sim=sim).running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        assert words in home.heard.reason
        modem.sim = "READY"
        await home.until(lambda: home.heard.states[-1] is UP)


@quickly
async def test_a_busy_sim_is_waited_for(tmp_path):
    async with Modem(tmp_path / "m").running() as modem:
        modem.faults.sim_busy = 6
        async with at_home(tmp_path, modem) as home:
            await home.until(lambda: home.heard.states)
            assert home.heard.states == [UP]


@quickly
async def test_a_wrong_pin_is_tried_once_ever_and_a_new_one_once(tmp_path):
    pin_file = tmp_path / "pin"
    pin_file.write_text("1111\n")
    async with Modem(tmp_path / "m", sim="SIM PIN", pin="2580").running() as modem:
        for _ in range(3):
            async with at_home(tmp_path, modem, pin_file=str(pin_file)) as home:
                await home.until(lambda home=home: home.heard.states)
                await asyncio.sleep(10)
                assert home.heard.states == [DOWN]
                assert "PIN" in home.heard.reason
        assert modem.pins_tried == ["1111"]
        pin_file.write_text("2580\n")
        os.utime(pin_file, ns=(1, 1))
        for _ in range(2):
            async with at_home(tmp_path, modem, pin_file=str(pin_file)) as home:
                await home.until(lambda home=home: home.heard.states[-1:] == [UP])
            modem.sim = "SIM PIN"
        assert modem.pins_tried == ["1111", "2580", "2580"]


@pytest.mark.parametrize("written", ["", "12", "abcd", "123456789", "12 34"])
@quickly
async def test_what_is_no_pin_is_never_tried(tmp_path, written):
    (tmp_path / "pin").write_text(written)
    async with Modem(tmp_path / "m", sim="SIM PIN", pin="1").running() as modem:
        home_of = at_home(tmp_path, modem, pin_file=str(tmp_path / "pin"))
        async with home_of as home:
            await home.until(lambda: home.heard.states)
            assert "nothing was tried" in home.heard.reason
    assert modem.pins_tried == []


@quickly
async def test_a_sim_without_credit_is_down_and_still_tries(tmp_path, monkeypatch):
    monkeypatch.setattr(modem_credit, "AGAIN_S", 1200.0)  # who tops it up does not wait for the next day
    balance = {"code": "*100#", "pattern": "余额([0-9.]+)元", "at_least": 5}
    async with Modem(tmp_path / "m").running() as modem:
        modem.network.credit = "您好,余额1.20元。"
        async with at_home(tmp_path, modem, balance=balance) as home:
            await home.until(lambda: DOWN in home.heard.states)
            assert home.heard.reason == "the SIM's credit is 1.2, less than 5; top it up"
            assert home.heard.reason_zh == "SIM 卡余额 1.2，低于 5；请充值"
            await home.fate(await alarm(home), Fate.DELIVERED)
            await asyncio.sleep(600)
            assert UP not in home.heard.states[home.heard.states.index(DOWN) :], "up and down in turn tells nobody"
            modem.network.credit = "您好,余额51.20元。"
            await home.until(lambda: home.heard.states[-1] is UP)


@quickly
async def test_a_mute_modem_is_down_and_comes_back(tmp_path):
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        modem.faults.mute = True
        await home.until(lambda: home.heard.states[-1] is DOWN)
        assert "does not answer" in home.heard.reason
        modem.faults.mute = False
        await home.until(lambda: home.heard.states[-1] is UP)


@quickly
async def test_a_restart_of_the_modem_is_noticed_by_its_words_or_by_its_echo(tmp_path):
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        modem.reset()
        await home.until(lambda: home.heard.states[-1] is DOWN)
        assert "power supply" in home.heard.reason
        await home.until(lambda: home.heard.states[-1] is UP)
        modem._echo = True  # it was restarted, and its words were lost
        await home.until(lambda: home.heard.states[-1] is DOWN)
        assert "forgotten its settings" in home.heard.reason
        await home.until(lambda: home.heard.states[-1] is UP)


@quickly
async def test_one_command_is_in_flight(tmp_path):
    async with Modem(tmp_path / "m").running() as modem:
        modem.faults.slow_s = 0.5
        async with at_home(tmp_path, modem) as home:
            await home.fate(await alarm(home, LONG), Fate.DELIVERED)
            modem.receive(SON, f"status {CODE}")
            await home.booth.call(SON)
            await home.until(lambda: not modem.stored)
            assert home.heard.states == [UP]
    assert modem.interrupted == []


# ---- sent once ----


@pytest.mark.parametrize("model", ["SIMCOM_SIM7600E", "SIM800 R14.18"])
@pytest.mark.parametrize("text", [ALARM, LONG, "Fall in the bathroom {08:15}", "x" * 400])
@quickly
async def test_a_message_is_sent_whole_and_reported(tmp_path, text, model):
    async with Modem(tmp_path / "m", model=model).running() as modem, at_home(tmp_path, modem) as home:
        outcome = await alarm(home, text)
        assert outcome.fate is Fate.QUEUED
        outcome = await home.fate(outcome, Fate.DELIVERED)
        assert outcome.is_final
    assert "".join(home.texts) == text
    parts = [submitted.part for _, submitted in modem.network.sent]
    if len(parts) > 1:
        assert [part[2] for part in parts] == [*range(1, len(parts) + 1)]
        assert len({part[:2] for part in parts}) == 1
    assert all(submitted.to == SON for _, submitted in modem.network.sent)


@pytest.mark.parametrize("interject", ['+CREG: 1,"5E25","605F"', "RING", '+CMTI: "SM",19', "\x00\xff~", "+XYZ: 1"])
@quickly
async def test_words_in_the_middle_of_answers_do_no_harm(tmp_path, interject):
    async with Modem(tmp_path / "m").running() as modem:
        modem.faults.interject = interject
        async with at_home(tmp_path, modem) as home:
            await home.fate(await alarm(home, LONG), Fate.DELIVERED)
            assert "".join(home.texts) == LONG
            assert home.heard.states == [UP]


@pytest.mark.parametrize("line", ["+CMS ERROR: 38", "+CMS ERROR: 500", "+CMS ERROR: 515", "ERROR", "+CME ERROR: 14"])
@quickly
async def test_what_may_pass_later_is_tried_again(tmp_path, line):
    async with Modem(tmp_path / "m").running() as modem:
        modem.faults.refusals.extend([line] * 4)
        async with at_home(tmp_path, modem) as home:
            await home.fate(await alarm(home), Fate.DELIVERED)
    assert home.texts == [ALARM]


@quickly
async def test_what_will_never_pass_fails_at_once(tmp_path):
    async with Modem(tmp_path / "m").running() as modem:
        modem.faults.refusals.extend(["+CMS ERROR: 28"] * 4)
        async with at_home(tmp_path, modem) as home:
            outcome = await home.fate(await alarm(home, LONG), Fate.FAILED)
            await asyncio.sleep(3600)
    assert outcome.is_final
    assert outcome.reason == "the subscriber is not known (+CMS ERROR: 28)"
    assert len(modem.faults.refusals) == 3, "one try, and no other part"


@pytest.mark.parametrize("urgent", [False, True])
@quickly
async def test_a_vague_refusal_is_tried_some_times_only_unless_urgent(tmp_path, urgent):
    async with Modem(tmp_path / "m").running() as modem:
        modem.faults.refusals.extend(["+CMS ERROR: 500"] * 40)
        async with at_home(tmp_path, modem) as home:
            outcome = await home.queue.send(SON, ALARM, key="k", urgent=urgent)
            outcome = await home.fate(outcome, Fate.DELIVERED, Fate.FAILED)
    assert outcome.fate is (Fate.DELIVERED if urgent else Fate.FAILED)
    assert 40 - len(modem.faults.refusals) == (40 if urgent else 8)


@quickly
async def test_a_prompt_that_never_comes_means_that_nothing_was_sent(tmp_path):
    async with Modem(tmp_path / "m").running() as modem:
        modem.faults.no_prompt = 3
        async with at_home(tmp_path, modem) as home:
            await home.fate(await alarm(home), Fate.DELIVERED)
            assert home.heard.states == [UP]
    assert home.texts == [ALARM]


@quickly
async def test_a_lost_answer_is_settled_by_the_report(tmp_path):
    async with Modem(tmp_path / "m").running() as modem:
        modem.network.report_after_s = 90
        async with at_home(tmp_path, modem) as home:
            await home.fate(await alarm(home, "before", key="before"), Fate.SENT)
            modem.faults.lost_sent = 1
            outcome = await home.fate(await alarm(home), Fate.DELIVERED)
            assert outcome.is_final
    assert home.texts == ["before", ALARM]


@quickly
async def test_a_lost_answer_without_report_is_told_as_uncertain_and_never_sent_again(tmp_path):
    async with Modem(tmp_path / "m").running() as modem:
        modem.network.status = None
        modem.faults.lost_sent = 1
        async with at_home(tmp_path, modem) as home:
            began = asyncio.get_running_loop().time()
            outcome = await home.fate(await alarm(home), Fate.UNCERTAIN)
            assert outcome.is_final
            assert asyncio.get_running_loop().time() - began < 60 + sms_queue.DOUBT_S + 10
            await asyncio.sleep(7200)
            assert home.texts == [ALARM]
            modem.report(1, SON)  # days later
            await home.until(lambda: home.queue._letters[1].fate is Fate.DELIVERED)


@quickly
async def test_a_message_that_was_lost_unsent_is_uncertain_too(tmp_path):
    async with Modem(tmp_path / "m").running() as modem:
        modem.faults.lost_unsent = 1
        async with at_home(tmp_path, modem) as home:
            outcome = await home.fate(await alarm(home), Fate.UNCERTAIN)
            assert "not sent again by itself" in outcome.reason
            again = await home.queue.send(SON, ALARM, key="fall-1 again", urgent=True)  # the caller decides
            await home.fate(again, Fate.DELIVERED)
            await asyncio.sleep(3600)
            assert (await home.queue.next(outcome)).fate is Fate.UNCERTAIN, "the report was about the second"
    assert home.texts == [ALARM]


@quickly
async def test_an_answer_that_comes_late_is_heard(tmp_path):
    async with Modem(tmp_path / "m").running() as modem:
        modem.network.status = None
        modem.faults.late_s = 70
        async with at_home(tmp_path, modem) as home:
            outcome = await home.fate(await alarm(home), Fate.SENT)
            assert outcome.reason == ""
            await home.until(lambda: home.heard.states[-1] is UP)
    assert home.texts == [ALARM]


@quickly
async def test_a_network_that_does_not_confirm_may_have_taken_it(tmp_path):
    async with Modem(tmp_path / "m").running() as modem:
        modem.faults.refusals.append("+CMS ERROR: 332")
        async with at_home(tmp_path, modem) as home:
            outcome = await home.fate(await alarm(home), Fate.UNCERTAIN)
            await asyncio.sleep(3600)
    assert "did not answer in time" in outcome.reason
    assert home.texts == []


@quickly
async def test_a_supply_that_breaks_down_in_the_message(tmp_path):
    async with Modem(tmp_path / "m").running() as modem:
        modem.faults.reset_in_message = 1
        async with at_home(tmp_path, modem) as home:
            await home.fate(await alarm(home), Fate.UNCERTAIN)
            assert home.heard.states[:3] == [UP, DOWN, UP]
            await home.fate(await alarm(home, key="again"), Fate.DELIVERED)
    assert home.texts == [ALARM]


@pytest.mark.parametrize(("status", "fate"), [(0x46, Fate.FAILED), (0x20, Fate.SENT), (0x01, Fate.SENT)])
@quickly
async def test_reports_that_are_not_of_delivery(tmp_path, status, fate):
    async with Modem(tmp_path / "m").running() as modem:
        modem.network.status = status
        async with at_home(tmp_path, modem) as home:
            outcome = await home.fate(await alarm(home), fate)
            await asyncio.sleep(3600)
            assert (await home.queue.next(outcome)).fate is fate if outcome.is_final else True
            if status == 0x20:
                modem.report(1, SON)
                await home.fate(outcome, Fate.DELIVERED)


@quickly
async def test_a_report_is_waited_for_for_a_day_at_most(tmp_path, monkeypatch):
    assert sms_queue.REPORT_S == 86_400
    monkeypatch.setattr(sms_queue, "REPORT_S", 600.0)
    async with Modem(tmp_path / "m").running() as modem:
        modem.network.status = None
        async with at_home(tmp_path, modem) as home:
            outcome = await home.fate(await alarm(home), Fate.SENT)
            assert not outcome.is_final
            outcome = await home.queue.next(outcome)
            assert (outcome.fate, outcome.is_final, outcome.reason) == (
                Fate.SENT,
                True,
                "no report of its delivery came",
            )


# ---- the queue ----


@quickly
async def test_urgent_goes_first_also_between_the_parts_of_another(tmp_path):
    async with Modem(tmp_path / "m").running() as modem, opened(tmp_path, modem) as home:
        await home.queue.send(DAUGHTER, "x" * 500, key="report")
        await home.queue.send(DAUGHTER, "second", key="second")
        modem.faults.late_s = 30
        async with working(home):
            await home.until(lambda: home.texts)
            await home.fate(await alarm(home), Fate.DELIVERED)
            await home.until(lambda: len(home.texts) == 6)
    assert home.texts[1] == ALARM
    assert home.texts[-1] == "second"


@quickly
async def test_a_key_is_sent_once_over_restarts(tmp_path):
    async with Modem(tmp_path / "m").running() as modem:
        for _ in range(3):
            async with at_home(tmp_path, modem) as home:
                await home.fate(await alarm(home), Fate.DELIVERED)
                with pytest.raises(IllegalMove, match="was used for another message"):
                    await home.queue.send(DAUGHTER, ALARM, key="fall-1")
    assert len(modem.network.sent) == 1


@quickly
async def test_what_cannot_be_sent_is_refused_with_why(tmp_path):
    async with Modem(tmp_path / "m").running() as modem, opened(tmp_path, modem) as home:
        for to, text in [("13800138000", "x"), (SON, ""), (SON, "你" * 600), (SON, "\ud83d")]:
            with pytest.raises(GiveUp):
                await home.queue.send(to, text, key="k")
        for n in range(sms_queue.ORDINARY_BOUND):
            await home.queue.send(SON, "x", key=f"k{n}")
        with pytest.raises(TryLater, match="wait already"):
            await home.queue.send(SON, "x", key="one more")
        assert (await alarm(home)).fate is Fate.QUEUED
        assert home.queue.backlog == sms_queue.ORDINARY_BOUND + 1


@quickly
async def test_a_card_that_fails_stops_no_alarm(tmp_path):
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        home.store._db.execute("PRAGMA query_only = ON")  # what a card that went read-only does
        with pytest.raises(TryLater):
            await home.queue.send(SON, "not urgent", key="k")
        await home.fate(await alarm(home), Fate.DELIVERED)
        home.store._db.execute("PRAGMA query_only = OFF")
        await home.fate(await home.queue.send(SON, "not urgent", key="k"), Fate.DELIVERED)
    assert home.texts == [ALARM, "not urgent"]


@quickly
async def test_a_damaged_file_is_put_aside(tmp_path):
    (tmp_path / "sms.sqlite3").write_bytes(os.urandom(8192))
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        assert home.store.put_aside is not None
        assert home.store.put_aside.exists()
        await home.fate(await alarm(home), Fate.DELIVERED)


@quickly
async def test_old_letters_are_forgotten_and_texts_are_wiped(tmp_path, monkeypatch):
    monkeypatch.setattr(sms_queue, "_KEPT", 3)
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        for n in range(8):
            await home.fate(await home.queue.send(SON, f"secret {n}", key=f"k{n}"), Fate.DELIVERED)
        await asyncio.sleep(1)
        assert len(home.queue._letters) == 3
        assert all(not part.pdu for letter in home.queue._letters.values() for part in letter.parts)


# ---- coming in ----


@pytest.mark.parametrize(
    ("text", "order", "reply"),
    [
        (f"状态 {CODE}", Order.STATUS, "一切正常"),
        (f"{CODE}测试", Order.TEST, "一切正常"),
        (f" Away,  {CODE.upper()}! ", Order.AWAY, "all is well"),
        (f"\uff48\uff4f\uff4d\uff45 {CODE}", Order.HOME, "all is well"),
    ],
)
@quickly
async def test_a_command_with_its_code_is_obeyed_and_answered(tmp_path, text, order, reply):
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        modem.receive(SON, text)
        await home.until(lambda: home.texts)
        assert [(one.order, one.sender) for one in home.orders] == [(order, SON)]
        assert home.texts == [reply]
        await home.until(lambda: not modem.stored)


@pytest.mark.parametrize(
    ("sender", "text"),
    [
        ("+8613700137000", f"状态 {CODE}"),
        (SON, "状态"),
        (SON, "状态 wrong77"),
        (SON, CODE),
        (SON, f"状态 外出 {CODE}"),
        (SON, f"状态 now please {CODE}"),
        (SON, f"取消 {CODE}"),
        ("10086", "您的套餐即将到期"),
    ],
)
@quickly
async def test_other_texts_are_not_obeyed_not_answered_and_not_kept(tmp_path, caplog, sender, text):
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        modem.receive(sender, text)
        await home.until(lambda: "is not obeyed" in caplog.text and not modem.stored)
        await asyncio.sleep(60)
        assert home.orders == home.texts == []
    assert text not in caplog.text
    assert CODE not in caplog.text
    assert sender not in caplog.text


@quickly
async def test_guessing_the_code_ends_after_three_tries_an_hour(tmp_path):
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        for n in range(3):
            modem.receive(SON, f"状态 guess{n}x", ref=n)
            await home.until(lambda: not modem.stored)
        modem.receive(SON, f"状态 {CODE}")
        modem.receive(DAUGHTER, f"status {CODE}")
        await home.until(lambda: home.orders and not modem.stored)
        assert [order.sender for order in home.orders] == [DAUGHTER]
        await asyncio.sleep(3600)
        modem.receive(SON, f"状态  {CODE}")
        await home.until(lambda: len(home.orders) == 2)


@quickly
async def test_commands_are_limited(tmp_path):
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        for n in range(12):
            modem.receive(SON, f"状态{' ' * n} {CODE}")
            await home.until(lambda: not modem.stored)
        await asyncio.sleep(100)
        assert len(home.texts) == 6


@quickly
async def test_parts_are_joined_in_any_order_over_a_restart_and_doubled_ones_are_known(tmp_path):
    text = f"status {' ' * 300} {CODE}"
    async with Modem(tmp_path / "m").running() as modem:
        async with at_home(tmp_path, modem) as home:
            await home.until(lambda: home.heard.states)
            modem.receive(SON, text, ref=77, only=(3, 1))
            await home.until(lambda: not modem.stored)
            assert home.orders == []
        async with at_home(tmp_path, modem) as home:
            await home.until(lambda: home.heard.states)
            modem.receive(SON, text, ref=77, only=(1,))
            modem.receive(SON, text, ref=77, only=(2,))
            await home.until(lambda: home.texts)
            modem.receive(SON, text, ref=77)
            await home.until(lambda: not modem.stored)
            await asyncio.sleep(60)
            assert len(home.orders) == 1
    assert home.texts == ["all is well"]


@quickly
async def test_what_came_while_nobody_looked_is_found_and_a_rest_that_never_comes_is_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr(sms_inbox, "REST_S", 900.0)
    async with Modem(tmp_path / "m").running() as modem:
        modem.receive(DAUGHTER, f"外出 {CODE}")
        modem.receive(SON, "a" * 300, ref=5, only=(1,))
        modem.stored[9] = "FF" * 20  # no message at all
        async with at_home(tmp_path, modem) as home:
            await home.until(lambda: home.orders and not modem.stored)
            assert len(home.store.incoming()) == 1
            await asyncio.sleep(2000)
            assert home.store.incoming() == []


@quickly
async def test_a_full_card_leaves_messages_in_the_modem(tmp_path, monkeypatch):
    monkeypatch.setattr(modem_driver, "_SWEEP_S", 60.0)
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        home.store._db.execute("PRAGMA query_only = ON")
        modem.receive(SON, f"状态 {CODE}")
        await asyncio.sleep(60)
        assert len(modem.stored) == 1
        home.store._db.execute("PRAGMA query_only = OFF")
        await home.until(lambda: home.orders and not modem.stored)


# ---- calls ----


@pytest.mark.parametrize(
    ("model", "urc", "played"),
    [
        ("SIMCOM_SIM7600E", "+RXDTMF: {}", '"fall.wav",1'),
        ("SIM800 R14.18", "+DTMF: {}", '"fall.wav",0,90'),
        ("EC25", "+QTONEDET: {}", '"fall.wav",0,1,1'),
    ],
)
@quickly
async def test_a_call_is_confirmed_by_a_key(tmp_path, model, urc, played):
    async with Modem(tmp_path / "m", model=model).running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        modem.telephone.scene = Scene(keys="91", urc=urc)
        outcome = await home.booth.call(SON, prompt="fall.wav")
        assert (outcome.fate, outcome.keys, outcome.was_played) == (CallFate.CONFIRMED, "91", True)
        assert modem.telephone.played == [played]
        assert modem.telephone.dialled == [SON]
        assert not modem.telephone.is_on


@pytest.mark.parametrize(
    ("scene", "fate"),
    [
        (Scene(is_busy=True), CallFate.BUSY),
        (Scene(answers_after_s=None), CallFate.NOT_ANSWERED),
        (Scene(keys=""), CallFate.ANSWERED),
        (Scene(keys="2", hangs_up_after_s=1.0), CallFate.ANSWERED),
    ],
)
@quickly
async def test_other_ends_of_a_call(tmp_path, scene, fate):
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        modem.telephone.scene = scene
        began = asyncio.get_running_loop().time()
        assert (await home.booth.call(SON)).fate is fate
        assert asyncio.get_running_loop().time() - began < 150
        assert not modem.telephone.is_on
        await home.fate(await alarm(home), Fate.DELIVERED)


@quickly
async def test_a_modem_that_is_not_in_the_table_claims_neither_keys_nor_audio(tmp_path):
    async with Modem(tmp_path / "m", model="Fibocom X").running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        outcome = await home.booth.call(SON, prompt="fall.wav")
        assert outcome.fate is CallFate.ANSWERED
        assert not outcome.can_hear_keys
        assert not outcome.was_played
        assert modem.telephone.played == []


@quickly
async def test_one_call_at_a_time_an_alarm_by_sms_meanwhile_and_hung_up_when_the_caller_goes(tmp_path):
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        with pytest.raises(TryLater):
            await home.booth.call(SON)
        with pytest.raises(GiveUp):
            await home.booth.call("110")
        await home.until(lambda: home.heard.states)
        modem.telephone.scene = Scene(keys="", answers_after_s=30)
        call = asyncio.create_task(home.booth.call(SON))
        await home.until(lambda: modem.telephone.is_on)
        with pytest.raises(TryLater, match="another call"):
            await home.booth.call(SON)
        await home.fate(await alarm(home), Fate.DELIVERED)
        assert modem.telephone.is_on
        call.cancel()
        await home.until(lambda: not modem.telephone.is_on)


@quickly
async def test_who_wants_a_call_does_not_wait_for_a_network(tmp_path):
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        modem.telephone.scene = Scene(is_busy=True)
        await home.booth.call(SON)
        modem.register(2)
        await asyncio.sleep(2)
        async with asyncio.timeout(10):
            with pytest.raises(TryLater, match="not ready"):
                await home.booth.call(SON)
        modem.register(1)
        await asyncio.sleep(2)
        assert (await home.booth.call(SON)).fate is CallFate.BUSY


@quickly
async def test_a_call_ends_with_the_gateway_and_with_the_modem(tmp_path):
    async with Modem(tmp_path / "m").running() as modem, opened(tmp_path, modem) as home:
        async with working(home):
            await home.until(lambda: home.heard.states)
            modem.telephone.scene = Scene(keys="")
            call = asyncio.create_task(home.booth.call(SON))
            await home.until(lambda: modem.telephone.is_on)
        assert (await call).fate is CallFate.FAILED
        await home.until(lambda: not modem.telephone.is_on)
        async with working(home):
            await home.until(lambda: home.heard.states[-1] is UP)
            await asyncio.sleep(5)
            call = asyncio.create_task(home.booth.call(SON))
            await home.until(lambda: modem.telephone.is_on)
            modem.line.unplug()
            assert (await call).fate is CallFate.FAILED


# ---- unplugged, killed ----


class UnpluggedAt(list):
    """The commands that the modem hears; with the n-th its cable is pulled."""

    def __init__(self, n: int, modem: Modem) -> None:
        super().__init__()
        self._n, self._modem = n, modem

    def append(self, command: str) -> None:
        super().append(command)
        if len(self) == self._n:
            asyncio.get_running_loop().call_soon(self._modem.line.unplug)


@pytest.mark.slow
@quickly
async def test_unplugged_after_any_command_it_comes_back_and_sends_nothing_twice(tmp_path):
    fates = Counter()
    for n in range(1, 30):
        folder = tmp_path / str(n)
        folder.mkdir()
        async with Modem(folder / "m").running() as modem, at_home(folder, modem) as home:
            modem.commands = UnpluggedAt(n, modem)
            outcome = await alarm(home, LONG)
            await home.until(lambda home=home: home.heard.states and home.heard.states[-1] is DOWN)
            modem.line.plug()
            outcome = await home.fate(outcome, Fate.DELIVERED, Fate.UNCERTAIN)
            counts, fates[outcome.fate] = Counter(home.texts), fates[outcome.fate] + 1
        assert max(counts.values(), default=0) <= 1, n
        assert outcome.fate is Fate.UNCERTAIN or "".join(home.texts) == LONG, n
    assert fates[Fate.DELIVERED] > 20
    assert fates[Fate.UNCERTAIN] > 0


@quickly
async def test_no_file_stays_open(tmp_path):
    async with Modem(tmp_path / "m").running() as modem, at_home(tmp_path, modem) as home:
        await home.until(lambda: home.heard.states)
        modem.line.unplug()
        await home.until(lambda: home.heard.states[-1] is DOWN)
        before = len([*Path("/proc/self/fd").iterdir()])
        for _ in range(15):
            modem.line.plug()
            await home.until(lambda: home.heard.states[-1] is UP)
            modem.line.unplug()
            await home.until(lambda: home.heard.states[-1] is DOWN)
        assert len([*Path("/proc/self/fd").iterdir()]) == before
