"""Siren and lamp: as urgent as what nobody has answered, bounded, off at the end, and no spark while there is gas."""

import asyncio

from fixtures.quick_time import run_quickly

from gateway.annunciators.beacon import LampPlayer, SirenPlayer, SwitchedBeacon
from gateway.annunciators.signal import Signal, Standing
from gateway.annunciators.sounding_flag import SoundingFlag, flag_path
from shouwang.alert import Severity
from shouwang.errors import DeviceError


class Output:
    """A switch that remembers when it was switched; fails while told to."""

    reported = None

    def __init__(self, name="out"):
        self.name = name
        self.set_at = []
        self.trouble = ""

    async def set(self, on):
        if self.trouble:
            raise DeviceError(self.trouble)
        self.set_at.append((round(asyncio.get_running_loop().time(), 3), on))

    @property
    def is_on(self):
        return bool(self.set_at) and self.set_at[-1][1]

    def on_between(self, begin, end):
        return [at for at, on in self.set_at if on and begin <= at < end]


def signal(standing=Standing.ALARM, severity=Severity.P1, key="sos:bed", **more):
    return Signal(key=key, severity=severity, standing=standing, **more)


class Stage:
    """A beacon that runs, and the time."""

    def __init__(self, beacon):
        self.beacon = beacon
        self.task = asyncio.get_running_loop().create_task(beacon.run())

    async def at(self, second):
        await asyncio.sleep(second - asyncio.get_running_loop().time())

    async def end(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def siren(*, is_slow=False, loud_s=180.0, ex_safe=True):
    out = Output()
    return out, SwitchedBeacon("siren", SirenPlayer(out, loud_s=loud_s, is_slow=is_slow), ex_safe=ex_safe)


def lamp(*, yellow=True, is_slow=False):
    red, second = Output("red"), Output("yellow") if yellow else None
    return red, second, SwitchedBeacon("lamp", LampPlayer(red, second, is_slow=is_slow), ex_safe=True)


def shown(beacon_of, script):
    """Run `script` on a beacon in virtual time; what it returns."""

    async def main():
        *outputs, beacon = beacon_of
        stage = Stage(beacon)
        try:
            return await script(stage, *outputs)
        finally:
            await stage.end()

    return run_quickly(main())


def test_a_p1_gives_ten_pulses_and_a_pause_within_2_5_to_15_s():
    async def script(stage, out):
        await stage.at(1)
        stage.beacon.show([signal()])
        await stage.at(30)
        ons = out.on_between(1, 30)
        assert ons[0] == 1  # at once
        assert len([at for at in ons if at < 6]) == 10
        gap = ons[10] - ons[9]
        assert 2.5 <= gap <= 15

    shown(siren(), script)


def test_a_p2_gives_three_pulses_and_a_question_two():
    async def script(stage, out):
        stage.beacon.show([signal(severity=Severity.P2)])
        await stage.at(9)
        assert len(out.on_between(0, 9)) == 3
        stage.beacon.show([signal(Standing.QUESTION, Severity.P2)])
        await stage.at(20)
        assert len(out.on_between(9, 20)) == 2

    shown(siren(), script)


def test_a_siren_is_loud_for_three_minutes_then_a_p1_sounds_once_a_minute_for_ever_and_a_p2_not_at_all():
    async def first(stage, out):
        stage.beacon.show([signal()])
        await stage.at(3600)
        bursts = [at for at in out.on_between(200, 3600) if at - max(out.on_between(0, at), default=0) > 2]
        assert len(out.on_between(0, 180)) > 150
        assert 50 <= len(bursts) <= 60
        assert out.on_between(3500, 3600) != []

    async def second(stage, out):
        stage.beacon.show([signal(severity=Severity.P2)])
        await stage.at(3600)
        assert out.on_between(0, 180) != []
        assert out.on_between(195, 3600) == []

    shown(siren(), first)
    shown(siren(), second)


def test_a_new_alarm_makes_an_old_siren_loud_again_and_an_answer_ends_it():
    async def script(stage, out):
        stage.beacon.show([signal()])
        await stage.at(1000)
        stage.beacon.show([signal(), signal(key="smoke:hall")])
        await stage.at(1010)
        assert len(out.on_between(1000, 1010)) >= 10
        stage.beacon.show([signal(is_answered=True), signal(key="smoke:hall", is_answered=True)])
        await stage.at(5000)
        assert out.on_between(1010.001, 5000) == []
        assert not out.is_on

    shown(siren(), script)


def test_what_is_said_again_does_not_begin_the_burst_anew():
    async def script(stage, out):
        stage.beacon.show([signal()])
        for tenth in range(1, 60):
            await stage.at(tenth / 10)
            stage.beacon.show([signal()])
        await stage.at(7)
        assert len(out.on_between(0, 7)) == 10

    shown(siren(), script)


def test_a_paused_alarm_is_silent_and_comes_back():
    async def script(stage, out):
        stage.beacon.show([signal()])
        await stage.at(1)
        stage.beacon.show([signal(is_paused=True)])
        await stage.at(60)
        assert out.on_between(1.001, 60) == []
        stage.beacon.show([signal()])
        await stage.at(62)
        assert out.on_between(60, 62) != []

    shown(siren(), script)


def test_a_relay_gets_one_long_tone_instead_of_pulses():
    async def script(stage, out):
        stage.beacon.show([signal()])
        await stage.at(60)
        assert len(out.set_at) <= 10

    shown(siren(is_slow=True), script)


def test_lamps_flash_red_at_2_hz_and_yellow_at_half_a_hz_and_shine_when_answered():
    async def script(stage, red, yellow):
        stage.beacon.show([signal(severity=Severity.P2)])
        await stage.at(20)
        assert 0.4 <= len(yellow.on_between(0, 20)) / 20 <= 0.8
        stage.beacon.show([signal(severity=Severity.P2), signal(key="fall")])
        await stage.at(40)
        assert 1.4 <= len(red.on_between(20, 40)) / 20 <= 2.8
        assert yellow.on_between(20.01, 40) == []
        assert not yellow.is_on
        stage.beacon.show([signal(is_answered=True)])
        await stage.at(41)
        before = len(red.set_at)
        await stage.at(60)
        assert red.is_on
        assert len(red.set_at) - before <= 1
        stage.beacon.show([])
        await stage.at(61)
        assert not red.is_on

    shown(lamp(), script)


def test_one_lamp_shows_all_and_a_technical_fault_shines_without_flashing():
    async def script(stage, red, _):
        stage.beacon.show([signal(Standing.NOTICE, Severity.P3)])
        await stage.at(30)
        assert red.is_on
        assert len(red.set_at) <= 2

    shown(lamp(yellow=False), script)


def test_gas_freezes_what_could_make_a_spark_and_nothing_else():
    async def held(stage, out):
        await stage.at(1)
        before = list(out.set_at)
        stage.beacon.show([signal()], is_gas=True)
        await stage.at(100)
        assert out.set_at == before
        stage.beacon.show([signal()])
        await stage.at(101)
        assert out.on_between(100, 101) != []

    async def free(stage, out):
        stage.beacon.show([signal()], is_gas=True)
        await stage.at(2)
        assert out.on_between(0, 2) != []

    shown(siren(ex_safe=False), held)
    shown(siren(ex_safe=True), free)


def test_gas_leaves_a_siren_that_sounds_as_it_is():
    async def script(stage, out):
        stage.beacon.show([signal()])
        await stage.at(1)
        stage.beacon.show([signal(), signal(key="gas")], is_gas=True)
        await stage.at(500)
        stage.beacon.show([], is_gas=True)  # the centre has reset all; a sensor still reports it
        await stage.at(1000)
        assert out.is_on
        assert out.set_at[-1][0] <= 1
        stage.beacon.show([])
        await stage.at(1001)
        assert not out.is_on

    shown(siren(ex_safe=False, is_slow=True), script)


def test_it_is_off_at_the_end():
    async def main():
        out, beacon = siren(is_slow=True)
        stage = Stage(beacon)
        beacon.show([signal()])
        await stage.at(1)
        assert out.is_on
        await stage.end()
        assert not out.is_on

    run_quickly(main())


def test_a_switch_that_fails_is_told_once_tried_again_and_told_when_it_works(caplog):
    async def script(stage, out):
        out.trouble = "unplugged"
        stage.beacon.show([signal()])
        await stage.at(100)
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert stage.beacon.is_failing
        out.trouble = ""
        await stage.at(130)
        assert out.set_at != []
        assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]

    shown(siren(is_slow=True), script)


def test_a_new_alarm_is_tried_at_once_on_a_switch_that_fails():
    async def script(stage, out):
        out.trouble = "unplugged"
        stage.beacon.show([signal(severity=Severity.P2)])
        await stage.at(200)
        out.trouble = ""
        stage.beacon.show([signal()])
        await stage.at(200.2)
        assert out.is_on

    shown(siren(is_slow=True), script)


def test_a_flag_tells_systemd_that_something_may_be_on(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    path = flag_path()
    flag = SoundingFlag(path)
    flag.show([signal()])
    assert path.exists()
    flag.show([])
    flag.show([])
    assert not path.exists()
    SoundingFlag(tmp_path / "nowhere" / "flag").show([signal()])  # costs the hush, not the alarm
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    assert flag_path() is None


def test_an_alarm_that_becomes_more_urgent_is_loud_again():
    async def script(stage, out):
        stage.beacon.show([signal(severity=Severity.P2)])
        await stage.at(600)
        stage.beacon.show([signal(severity=Severity.P1)])
        await stage.at(640)
        assert len(out.on_between(600, 640)) >= 30

    shown(siren(), script)


def test_the_stop_is_said_again_for_a_radio_may_have_lost_it():
    async def script(stage, out):
        stage.beacon.show([signal()])
        await stage.at(20)
        stage.beacon.show([])
        await stage.at(100)
        assert len([at for at, on in out.set_at if not on and at >= 20]) >= 3
        assert not out.is_on

    shown(siren(is_slow=True), script)


def test_a_siren_that_was_just_being_switched_on_is_off_at_the_end():
    class Slow(Output):
        async def set(self, on):
            await super().set(on)  # it has gone out
            await asyncio.sleep(5 if on else 0)  # and nobody has confirmed it yet

    out = Slow()
    beacon = SwitchedBeacon("siren", SirenPlayer(out, loud_s=180, is_slow=True), ex_safe=True)

    async def script(stage, out):
        stage.beacon.show([signal()])
        await stage.at(1)
        assert out.is_on

    shown((out, beacon), script)
    assert not out.is_on


def test_the_flag_tells_whether_there_is_gas(tmp_path):
    flag = SoundingFlag(tmp_path / "sounding")
    assert not flag.tells_gas
    flag.show([signal()])
    assert not flag.tells_gas
    flag.show([signal(), signal(key="gas:kitchen")], is_gas=True)
    assert flag.tells_gas
    flag.show([], is_gas=True)
    assert flag.tells_gas
    flag.show([])
    assert not (tmp_path / "sounding").exists()


def test_the_end_of_the_gateway_makes_no_spark_in_gas():
    sounding = siren(is_slow=True, ex_safe=False)

    async def script(stage, out):
        stage.beacon.show([signal()])
        await stage.at(1)
        stage.beacon.show([signal(), signal(key="gas:kitchen")], is_gas=True)
        await stage.at(30)
        assert out.is_on

    shown(sounding, script)
    assert sounding[0].is_on
