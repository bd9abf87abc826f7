"""The second path of a home over a simulated modem: SMS and calls as a network would carry them, over restarts too."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from fixtures.heard import end
from fixtures.modem_home import DAUGHTER, SON, Marks, opened, working
from fixtures.quick_time import run_quickly

from config.second_path import SecondPathPart
from gateway.climb import CENTRE as CENTRE_RECEIVER
from gateway.clock import Clock
from gateway.courier import Means, Sender, key_of
from gateway.outbox import Stored
from gateway.second_path import MARK, SecondPath
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.errors import ConfigError, TryLater
from shouwang.short_alert import ShortAlert, decode, key_from
from shouwang.wire import AlertBody, Envelope, Lane, MessageId, encode
from simulators.serial.modem import Modem
from simulators.serial.modem_call import Scene

AT = datetime(2026, 11, 24, 3, 12, 58, 120_456, tzinfo=UTC)
CENTRE, NEIGHBOUR = "+8610650000000", "+8613700137000"
KEY = key_from("0123456789abcdef" * 2)
GATEWAY = "gw-1"
EPOCH = "00112233445566aa"
LIMIT_S = 1800.0


def part(**changed) -> SecondPathPart:
    written = {
        "centre_number": CENTRE,
        "key_file": "key",
        "home_phone": "+8657155500100",
        "contacts": [
            {"name": "王强", "relation": "儿子", "phone": SON},
            {"name": "王丽", "relation": "daughter", "phone": DAUGHTER},
        ],
        **changed,
    }
    return SecondPathPart.model_validate({key: value for key, value in written.items() if value is not None})


def alert(*, state=AlertState.FIRING, severity=Severity.P1, mono=0, is_test=False, key="sos:bed") -> Alert:
    return Alert(
        alert_id=alert_id_of(key, AT, state),
        key=key,
        rule_id="sos",
        rule_version=1,
        hazard="sos",
        severity=severity,
        state=state,
        resident_id="r1",
        sensor_id="bed",
        since=AT,
        at=AT,
        mono=mono,
        why=Sentence(zh="有人按下了紧急呼叫按钮（bed）", en="the SOS button was pressed (bed)"),
        is_test=is_test,
    )


def message(body: Alert, seq: int) -> Stored:
    envelope = Envelope(
        id=MessageId(gateway=GATEWAY, epoch=EPOCH, lane=Lane.LIFE_SAFETY, seq=seq),
        created_at=AT,
        boot="boot",
        mono=0,
        body=AlertBody(alert=body),
    )
    return Stored(EPOCH, Lane.LIFE_SAFETY, seq, encode(envelope))


class Box:
    """What outlives a restart of the gateway: the card's messages without a receipt, and what the elder has heard."""

    def __init__(self) -> None:
        self.waiting: list[Stored] = []
        self.said: list[str] = []
        self.is_dead = False
        self.is_card_mute = False
        self.is_card_whole = True

    async def unconfirmed(self) -> list[Stored]:
        if self.is_card_mute:
            raise TryLater("the card does not answer")
        return self.waiting


class Running:
    """The gateway, from a start to a stop."""

    def __init__(self, box, modem, home, path, clock) -> None:
        self.box, self.modem, self.home, self.path, self.clock = box, modem, home, path, clock
        self.means = path._means
        self.on: dict[str, Alert] = {}

    async def reload(self, config: SecondPathPart) -> None:
        """Another configuration: the part is stopped, exchanged and started, as app.py does it."""
        await end(self.work)
        self.path.use(Sender(gateway_id=GATEWAY, resident="王桂兰"), msgspec.structs.replace(self.means, part=config))
        self.start()

    def start(self, active=()) -> None:
        self.work = asyncio.create_task(self.path.run(self.box.unconfirmed, lambda: active or self.on.values()))

    def rings(self, one: Alert) -> None:
        """As the pipeline and the scribe tell it."""
        self.path.alerts([one])
        self.on[one.key] = one
        stored = message(one, len(self.box.waiting) + 1)
        self.box.waiting.append(stored)
        self.path.stored([stored])

    def receipt(self, place: int = 0) -> None:
        self.path.confirmed([self.box.waiting.pop(place).key])

    def texts(self, to: str) -> list[str]:
        return [submitted.text for _, submitted in self.modem.network.sent if submitted.to == to]

    @property
    def dialled(self) -> list[str]:
        return self.modem.telephone.dialled

    async def until(self, seen) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not seen():
                await asyncio.sleep(0.25)


@asynccontextmanager
async def gateway(box: Box, folder, modem, config=None, *, active=()):
    """The parts as app.py wires them; leaving it is a kill: nothing is said goodbye to."""
    loop = asyncio.get_running_loop()
    async with opened(folder, modem) as home, working(home):
        clock = Clock(boottime_ms=lambda: int(loop.time() * 1000))
        clock._base_ms, clock._origin_ms = 0, 0
        means = Means(
            part=part() if config is None else config,
            key=KEY,
            sms=home.queue,
            voice=home.booth,
            marks=Marks(home.store, home.queue._thread),
            sms_is=lambda receiver, outcome: None,
        )
        path = SecondPath(
            Sender(gateway_id=GATEWAY, resident="王桂兰"),
            means,
            clock=clock,
            say=lambda sentence, key: box.said.append(sentence.zh),
            is_dead=lambda: box.is_dead,
            is_card_whole=box.is_card_whole,
        )
        run = Running(box, modem, home, path, clock)
        run.start(active)
        try:
            yield run
        finally:
            await end(run.work)


def scene(tmp_path, story, *, config=None, model="SIMCOM_SIM7600E"):
    """Play a story with one gateway."""

    async def play():
        one = Modem(tmp_path / "m", model=model)
        async with one.running() as modem, gateway(Box(), tmp_path, modem, config) as run:
            await run.until(lambda: "AT+CMGL=4" in modem.commands)
            await story(run)
            return run

    return run_quickly(play())


def test_a_confirmed_alarm_costs_no_sms_and_the_elder_hears_that_it_arrived(tmp_path):
    async def story(run):
        run.rings(alert(mono=run.clock.mono()))
        await asyncio.sleep(1)
        run.receipt()
        await asyncio.sleep(600)

    run = scene(tmp_path, story)
    assert run.box.said == ["警报已送到中心。"]
    assert (run.modem.network.sent, run.dialled) == ([], [])


def test_without_a_receipt_the_centre_and_the_circle_are_told_and_the_son_takes_it(tmp_path):
    async def story(run):
        began = run.clock.mono()
        run.rings(alert(mono=began))
        await asyncio.sleep(19)
        assert run.modem.network.sent == []
        await run.until(lambda: run.texts(CENTRE))
        assert run.clock.mono() - began < 25_000
        await run.until(lambda: "知道您需要帮助" in "".join(run.box.said))
        await asyncio.sleep(1200)

    run = scene(tmp_path, story)
    found = decode(run.texts(CENTRE)[0], lambda gateway: KEY if gateway == GATEWAY else None)
    assert isinstance(found, ShortAlert)
    assert found.alert.alert_id == alert().alert_id
    assert run.texts(SON) == [
        "守望报警：王桂兰，有人按下了紧急呼叫按钮（bed）。家中断网，请马上打家中电话+8657155500100，危急拨120。"
    ]
    assert len(run.texts(SON)[0]) <= 70
    assert run.texts(DAUGHTER) == run.texts(SON)
    assert run.dialled == [SON]
    assert run.box.said == ["线路不通，正在给您儿子打电话。", "您儿子已接到电话，知道您需要帮助。"]


def test_a_known_dead_line_is_not_waited_for(tmp_path):
    async def story(run):
        run.box.is_dead = True
        run.path.look()
        began = run.clock.mono()
        run.rings(alert(mono=began))
        await run.until(lambda: run.texts(CENTRE))
        assert run.clock.mono() - began < 3_000

    scene(tmp_path, story)


def test_nobody_answers_the_house_goes_on_calling_and_says_so_calmly(tmp_path):
    async def story(run):
        run.modem.telephone.scene = Scene(answers_after_s=None)
        run.rings(alert(mono=run.clock.mono()))
        await run.until(lambda: len(run.dialled) == 9)

    run = scene(tmp_path, story)
    assert run.dialled[:8] == [SON, DAUGHTER] * 4
    first = run.box.said[:5]
    assert first[0] == "线路不通，正在给您儿子打电话。"
    assert first[1:4] == ["正在给您女儿打电话。", "正在给您儿子打电话。", "正在给您女儿打电话。"]
    assert first[4] == "电话暂时没有人接。请不要着急，我会一直打。情况紧急，请拨打120。"
    assert run.texts(SON) == run.texts(SON)[:1], "a person is texted once"


def test_a_mailbox_that_answers_is_no_person(tmp_path):
    async def story(run):
        run.modem.telephone.scene = Scene(keys="", hangs_up_after_s=20)
        run.rings(alert(mono=run.clock.mono()))
        await run.until(lambda: len(run.dialled) == 2)
        run.modem.telephone.scene = Scene(keys="1")
        await run.until(lambda: "您儿子已接到电话，知道您需要帮助。" in run.box.said)

    run = scene(tmp_path, story)
    assert run.dialled == [SON, DAUGHTER, SON]


def test_the_receipt_ends_the_climbing_in_the_middle_of_a_call(tmp_path):
    async def story(run):
        run.modem.telephone.scene = Scene(answers_after_s=None)
        run.rings(alert(mono=run.clock.mono()))
        await run.until(lambda: run.modem.telephone.is_on)
        run.receipt()
        async with asyncio.timeout(5):
            await run.until(lambda: not run.modem.telephone.is_on)
        await asyncio.sleep(1200)
        run.path.alerts([alert(state=AlertState.RESOLVED, mono=run.clock.mono())])
        await run.until(lambda: len(run.texts(DAUGHTER)) == 2)
        await asyncio.sleep(600)

    run = scene(tmp_path, story)
    assert run.dialled == [SON]
    assert run.box.said[-1] == "线路恢复了，警报已送到中心。"
    assert run.texts(SON)[1] == "守望：王桂兰的报警已结束，有人按下了紧急呼叫按钮（bed）。"
    assert len(run.texts(CENTRE)) == 1, "the end goes up by the internet again"


def test_an_order_of_the_centre_ends_the_climbing(tmp_path):
    async def story(run):
        run.modem.telephone.scene = Scene(answers_after_s=None)
        run.rings(alert(mono=run.clock.mono()))
        await run.until(lambda: run.dialled)
        run.path.help_coming([])
        await asyncio.sleep(1200)
        assert run.dialled == [SON]

    scene(tmp_path, story)


def test_help_for_one_alarm_does_not_silence_another_that_the_centre_has_never_heard_of(tmp_path):
    """The order came through just before the line went down, and the smoke began just after."""

    async def story(run):
        run.rings(alert(mono=run.clock.mono()))
        await asyncio.sleep(1)
        run.receipt()
        run.rings(alert(mono=run.clock.mono(), key="smoke:hall"))
        run.path.help_coming(["sos:bed"])
        await run.until(lambda: run.texts(CENTRE) and run.dialled)
        assert "smoke:hall" in run.texts(CENTRE)[0]

    scene(tmp_path, story)


def test_a_number_that_cannot_be_dialled_is_not_told_as_being_called(tmp_path):
    async def story(run):
        run.modem.register(2)
        await asyncio.sleep(120)
        run.rings(alert(mono=run.clock.mono()))
        await asyncio.sleep(100)
        assert not any("打电话" in words for words in run.box.said), run.box.said
        run.modem.register(1)
        await run.until(lambda: run.dialled)
        assert run.box.said[-1] == "线路不通，正在给您儿子打电话。"

    scene(tmp_path, story)


def test_calls_that_the_network_refuses_are_not_told_as_calls_that_nobody_answered(tmp_path):
    async def story(run):
        run.modem.telephone.scene = Scene(has_line=False)
        run.rings(alert(mono=run.clock.mono()))
        await run.until(lambda: len(run.dialled) == 4)
        await run.until(lambda: any("120" in words for words in run.box.said))

    run = scene(tmp_path, story)
    (last,) = [words for words in run.box.said if "120" in words]
    assert last == "短信已经发出，还没有回音。我会继续联系。情况紧急，请拨打120。"


def test_the_end_of_an_alarm_follows_it_by_the_same_way(tmp_path):
    async def story(run):
        run.rings(alert(mono=run.clock.mono()))
        await run.until(lambda: "知道您需要帮助" in "".join(run.box.said))
        run.rings(alert(state=AlertState.RESOLVED, mono=run.clock.mono()))
        await run.until(lambda: len(run.texts(CENTRE)) == 2)
        ended = decode(run.texts(CENTRE)[1], lambda _: KEY)
        assert isinstance(ended, ShortAlert)
        assert ended.alert.alert_id == alert(state=AlertState.RESOLVED).alert_id
        await run.until(lambda: len(run.texts(SON)) == 2)

    scene(tmp_path, story)


def test_tests_and_lesser_alarms_do_not_go_this_way(tmp_path):
    async def story(run):
        run.rings(alert(is_test=True, mono=run.clock.mono()))
        run.rings(alert(severity=Severity.P2, mono=run.clock.mono(), key="bed:bed"))
        await asyncio.sleep(1200)
        run.receipt()

    run = scene(tmp_path, story)
    assert (run.modem.network.sent, run.box.said) == ([], [])


def test_p2_goes_this_way_where_the_home_says_so(tmp_path):
    async def story(run):
        run.rings(alert(severity=Severity.P2, mono=run.clock.mono()))
        await run.until(lambda: run.texts(CENTRE))

    scene(tmp_path, story, config=part(severities=["P1", "P2"]))


def test_a_home_that_only_texts_says_so(tmp_path):
    async def story(run):
        run.rings(alert(mono=run.clock.mono()))
        await run.until(lambda: len(run.box.said) == 2)

    run = scene(tmp_path, story, config=part(call=False))
    assert run.dialled == []
    assert run.box.said[0] == "线路不通，正在用短信求助。"
    assert run.box.said[1] == "短信已经发出，还没有回音。我会继续联系。情况紧急，请拨打120。"


def test_a_modem_without_network_is_tried_for_ever_and_the_elder_is_told_the_truth(tmp_path):
    async def story(run):
        run.modem.register(2)
        await asyncio.sleep(120)
        run.rings(alert(mono=run.clock.mono()))
        await run.until(lambda: len(run.box.said) >= 3)
        assert run.modem.network.sent == []
        run.modem.register(1)
        await run.until(lambda: run.texts(CENTRE) and run.dialled)

    run = scene(tmp_path, story)
    no_way = "线路不通，警报还没有送到。我会一直重试。情况紧急，请拨打120，或请身边的人帮忙。"
    assert no_way in run.box.said
    assert run.box.said.count(no_way) <= 3, "not at each try"


def test_an_sms_of_unknown_fate_goes_to_the_centre_again_and_to_nobody_else(tmp_path):
    async def story(run):
        run.modem.network.status = None
        run.modem.faults.lost_sent = 3
        run.rings(alert(mono=run.clock.mono()))
        await run.until(lambda: len(run.texts(CENTRE)) == 2)
        assert run.texts(CENTRE)[0] == run.texts(CENTRE)[1]
        await asyncio.sleep(600)

    run = scene(tmp_path, story)
    assert (len(run.texts(SON)), len(run.texts(DAUGHTER))) == (1, 1)
    assert SON in run.dialled, "a call instead"


@pytest.mark.parametrize("moment", ["early", "texted", "calling", "resting", "taken"])
def test_a_kill_anywhere_neither_forgets_nor_begins_again(tmp_path, moment):
    """The alarm without a receipt is on the card; the ladder goes on where it was."""

    async def play():
        box = Box()
        seen = {
            "early": lambda run: run.clock.mono() > 15_000,
            "texted": lambda run: run.texts(CENTRE),
            "calling": lambda run: run.modem.telephone.is_on,
            "resting": lambda run: any("没有人接" in words for words in box.said),
            "taken": lambda run: any("知道您需要" in words for words in box.said),
        }[moment]
        async with Modem(tmp_path / "m").running() as modem:
            modem.telephone.scene = Scene() if moment == "taken" else Scene(answers_after_s=None)
            async with gateway(box, tmp_path, modem) as run:
                run.rings(alert(mono=0))
                await run.until(lambda: seen(run))
            assert len(box.said) <= 6
            modem.telephone.hang_up()
            calls, before = len(modem.telephone.dialled), asyncio.get_running_loop().time()
            async with gateway(box, tmp_path, modem, active=[alert()]) as run:
                if moment == "taken":
                    await asyncio.sleep(900)
                    assert len(modem.telephone.dialled) == calls
                else:
                    await run.until(lambda: len(modem.telephone.dialled) > calls)
                    later = asyncio.get_running_loop().time() - before
                    assert later < (90 if moment == "resting" else 40), "it began again from the foot"
                    expected = [SON, DAUGHTER][calls % 2]
                    assert modem.telephone.dialled[calls] == expected
                    await asyncio.sleep(900)
                assert [len(run.texts(to)) for to in (CENTRE, SON, DAUGHTER)] == [1, 1, 1]

    run_quickly(play())


def test_an_alarm_that_was_confirmed_while_the_gateway_was_down_is_not_climbed_for(tmp_path):
    async def play():
        box = Box()
        async with Modem(tmp_path / "m").running() as modem:
            modem.telephone.scene = Scene(answers_after_s=None)
            async with gateway(box, tmp_path, modem) as run:
                run.rings(alert(mono=0))
                await run.until(lambda: modem.telephone.is_on)
            modem.telephone.hang_up()
            box.waiting.clear()  # its receipt was written before the kill
            async with gateway(box, tmp_path, modem, active=[alert()]) as run:
                await asyncio.sleep(1200)
                assert len(modem.telephone.dialled) == 1
                run.rings(alert(state=AlertState.RESOLVED, mono=run.clock.mono()))
                await run.until(lambda: len(run.texts(SON)) == 2)

    run_quickly(play())


def test_an_alarm_of_which_the_card_lost_the_message_is_climbed_for_all_the_same(tmp_path):
    """The outbox was damaged, put aside and begun anew: no message waits there, which proves no receipt."""

    async def play():
        box = Box()
        async with Modem(tmp_path / "m").running() as modem:
            modem.telephone.scene = Scene(answers_after_s=None)
            async with gateway(box, tmp_path, modem) as run:
                run.rings(alert(mono=0))
                await run.until(lambda: modem.telephone.is_on)
            modem.telephone.hang_up()
            modem.telephone.scene = Scene()
            box.waiting, box.is_card_whole = [], False
            async with gateway(box, tmp_path, modem, active=[]) as run:
                await run.until(lambda: any("知道您需要帮助" in words for words in box.said))
                assert [len(run.texts(to)) for to in (CENTRE, SON, DAUGHTER)] == [1, 1, 1]

    run_quickly(play())


def test_after_a_restart_the_uplink_may_get_its_receipt_before_anybody_is_called(tmp_path):
    """The receipt had come, and the power went before the card knew."""

    async def play():
        box = Box()
        box.waiting = [message(alert(), 1)]
        await asyncio.sleep(60)
        async with Modem(tmp_path / "m").running() as modem, gateway(box, tmp_path, modem, active=[alert()]) as run:
            await asyncio.sleep(5)
            run.receipt()
            await asyncio.sleep(600)
            assert (modem.network.sent, run.dialled) == ([], [])

    run_quickly(play())


def test_a_receipt_that_comes_while_the_card_is_read_counts(tmp_path):
    """After a long outage there is much to read, and the uplink does not wait for it."""

    async def play():
        box = Box()
        box.waiting = [message(alert(), 1)]
        async with Modem(tmp_path / "m").running() as modem:
            is_read, is_told = asyncio.Event(), asyncio.Event()

            async def slowly():
                found = list(box.waiting)
                is_read.set()
                await is_told.wait()
                return found

            box.unconfirmed = slowly
            async with gateway(box, tmp_path, modem, active=[alert()]) as run:
                await is_read.wait()
                run.path.confirmed([box.waiting[0].key])
                is_told.set()
                await asyncio.sleep(600)
                assert (modem.network.sent, run.dialled) == ([], [])

    run_quickly(play())


def test_the_receipt_of_an_old_alarm_that_rings_is_known_after_a_thousand_others(tmp_path):
    async def story(run):
        run.modem.telephone.scene = Scene(answers_after_s=None)
        run.rings(alert(mono=run.clock.mono()))
        await run.until(lambda: run.dialled)
        for n in range(1500):  # a button that flaps for a day
            run.path.stored([message(alert(key=f"sos:door{n}"), n + 2)])
        run.receipt()
        await asyncio.sleep(600)

    run = scene(tmp_path, story)
    assert run.dialled == [SON]
    assert run.box.said[-1] == "线路恢复了，警报已送到中心。"


def test_an_alarm_that_ended_while_nobody_looked_is_not_climbed_for(tmp_path):
    async def play():
        box = Box()
        box.waiting = [message(alert(), 1)]
        async with Modem(tmp_path / "m").running() as modem, gateway(box, tmp_path, modem, active=[]):
            await asyncio.sleep(600)
            assert modem.network.sent == []

    run_quickly(play())


def test_a_card_that_does_not_answer_keeps_no_alarm_waiting(tmp_path, caplog):
    async def play():
        box = Box()
        box.is_card_mute = True
        async with Modem(tmp_path / "m").running() as modem, gateway(box, tmp_path, modem) as run:

            def fails(name, text=""):
                raise TryLater("the card is read-only")

            run.home.store.set_mark = fails
            run.path.alerts([alert(mono=0)])
            await run.until(lambda: run.texts(CENTRE) and run.dialled)
            await run.until(lambda: "知道您需要帮助" in "".join(box.said))

    run_quickly(play())
    assert caplog.text.count("the second path goes on from memory") == 1


def test_what_is_kept_names_no_more_than_it_must_and_goes_when_all_is_over(tmp_path):
    async def story(run):
        run.rings(alert(mono=run.clock.mono()))
        await run.until(lambda: run.dialled)
        assert "sos:bed" in run.home.store.mark(MARK)
        await run.until(lambda: "知道您需要帮助" in "".join(run.box.said))
        run.rings(alert(state=AlertState.RESOLVED, mono=run.clock.mono()))
        await run.until(lambda: len(run.texts(SON)) == 2 and len(run.texts(CENTRE)) == 2)
        await asyncio.sleep(timedelta(hours=2).total_seconds())
        run.path.look()
        await asyncio.sleep(1)
        assert run.home.store.mark(MARK) == ""

    scene(tmp_path, story)


def test_another_circle_is_called_from_the_reload_on_and_what_rings_goes_on(tmp_path):
    async def story(run):
        run.modem.telephone.scene = Scene(answers_after_s=None)
        run.rings(alert(mono=run.clock.mono()))
        await run.until(lambda: run.modem.telephone.is_on)
        await run.reload(part(contacts=[{"name": "刘敏", "relation": "邻居", "phone": NEIGHBOUR}]))
        await run.until(lambda: run.texts(NEIGHBOUR) and run.modem.telephone.dialled[-1] == NEIGHBOUR)
        assert len(run.texts(CENTRE)) == 1
        run.path.confirmed([run.box.waiting[0].key])  # and the card has not let go of the message yet
        calls = len(run.dialled)
        await asyncio.sleep(600)
        assert len(run.dialled) == calls
        await run.reload(part())
        await asyncio.sleep(600)
        assert len(run.dialled) == calls, "the receipt counts, whatever the card still says"

    scene(tmp_path, story)


def test_a_receipt_that_the_card_does_not_know_yet_is_not_forgotten_by_a_reload(tmp_path):
    async def story(run):
        run.rings(alert(mono=run.clock.mono()))
        await asyncio.sleep(1)
        run.path.confirmed([run.box.waiting[0].key])  # receipts are written by the hundred, or after seconds
        await asyncio.sleep(60)
        await run.reload(part())
        await asyncio.sleep(600)

    run = scene(tmp_path, story)
    assert (run.modem.network.sent, run.dialled) == ([], [])


def test_an_sms_is_on_the_ladder_of_the_card_before_the_queue_hears_of_it(tmp_path):
    async def story(run):
        noted = []
        send = run.home.queue.send

        async def watched(to, text, *, key, urgent=False):
            noted.append(f'"{CENTRE_RECEIVER if to == CENTRE else to}":{{"n":1' in run.home.store.mark(MARK))
            return await send(to, text, key=key, urgent=urgent)

        run.home.queue.send = watched
        run.rings(alert(mono=run.clock.mono()))
        await run.until(lambda: len(noted) == 3)
        assert noted == [True, True, True]

    scene(tmp_path, story)


def test_a_key_that_cannot_be_used_is_told_with_its_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("short")
    with pytest.raises(ConfigError, match="key: has 5 characters"):
        key_of(part(key_file=file))
    assert key_of(part(key_file=None, centre_number=None)) == b""


def test_a_home_without_a_modem_still_says_what_is_so():
    async def play():
        said = []
        loop = asyncio.get_running_loop()
        clock = Clock(boottime_ms=lambda: int(loop.time() * 1000))
        box = Box()
        path = SecondPath(
            Sender(gateway_id=GATEWAY, resident="王桂兰"),
            None,
            clock=clock,
            say=lambda sentence, key: said.append((round(loop.time()), sentence.en, key)),
            is_dead=lambda: False,
        )
        work = asyncio.create_task(path.run(box.unconfirmed, list))
        await asyncio.sleep(1)
        path.alerts([alert(mono=clock.mono())])
        path.stored([message(alert(), 1)])
        await asyncio.sleep(100)
        path.confirmed([(EPOCH, Lane.LIFE_SAFETY, 1)])
        await end(work)
        return said

    said = run_quickly(play())
    assert [at for at, _, _ in said] == [21, 81, 101]
    assert said[0][1].startswith("The line is down, and the alarm has not arrived yet. I keep trying.")
    assert said[2] == (101, "The line is back. The centre has your alarm.", "sos:bed")
