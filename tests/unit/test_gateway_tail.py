"""What was taken in survives the process: order, ids, damage, a folder that fails, bounds."""

import errno
import os
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from gateway import tail as tail_module
from gateway.clock import Clock, ClockMark
from gateway.pipeline import Pipeline
from gateway.position import Position
from gateway.tail import Tail, tail_folders
from gateway.tail_file import TailFile
from gateway.tail_records import Recovered
from rules.bound import BoundRule, HomeFacts
from rules.engine import Engine
from rules.fall import Fall
from rules.inactivity import Inactivity
from rules.sos import Sos
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.driver import Measurement, Note
from shouwang.gap import GapCode
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.rule import Step
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import Command, GapBody, HeartbeatBody, Lane, ResetAlarm

AT = datetime(2026, 11, 24, tzinfo=UTC)
NOTHING = Position()
FACTS = HomeFacts(
    resident_id="r",
    emits={"bed": frozenset({Quantity.SOS, Quantity.CANCEL}), "radar": frozenset({Quantity.FALL, Quantity.PRESENCE})},
)


def rules():
    fall = Fall(kind="fall", id="fall", confirm=timedelta(0), cancel_window=timedelta(seconds=5))
    still = Inactivity(kind="inactivity", id="still", after=timedelta(minutes=10))
    return [*Sos(kind="sos", id="sos").bind(FACTS), *fall.bind(FACTS), *still.bind(FACTS)]


class Kernel:
    """Clocks that a test moves; wall and engine time are not read at the same moment."""

    def __init__(self):
        self.ms = 1_000
        self.jitter = 0

    def clock(self, last=None, boot="b"):
        return Clock(last, boot=boot, boottime_ms=lambda: self.ms, wall=self.wall)

    def wall(self):
        self.jitter += 700  # each look at the clock is a little later, as in life
        return AT + timedelta(milliseconds=self.ms, microseconds=self.jitter)


class Life:
    """One run of a gateway over a tail; `die` leaves everything as SIGKILL would."""

    def __init__(self, folder, kernel, *, saved=None, committed=NOTHING, mark=None, boot="b"):
        self.tail = Tail([folder], "gw-1", committed=committed)
        self.kernel = kernel
        self.clock = kernel.clock(self.tail.recovered.clock_mark(mark), boot)
        self.tail.start(self.clock.mark)
        self.said = []
        self.engine = Engine(rules(), saved or {})
        self.pipeline = Pipeline(self.engine, self.clock, announce=self.said.extend, beat=lambda: None, tail=self.tail)
        self.pipeline.replay(self.tail.recovered)

    def hear(self, quantity, sensor="bed", value=1.0, frame=b"\x01\x02"):
        mono = self.clock.mono()
        at = self.clock.now()
        self.pipeline.accept(Reading(sensor_id=sensor, quantity=quantity, value=value, at=at, mono=mono, frame=frame))

    def ids(self):
        return [alert.alert_id for alert in self.said]


@pytest.fixture
def kernel():
    return Kernel()


def files(folder):
    return sorted(folder.glob("gw-1.tail-*"))


def test_what_was_taken_in_and_not_judged_comes_back_in_order(tmp_path, kernel):
    first = Life(tmp_path, kernel)
    for n in range(5):
        first.hear(Quantity.PRESENCE, "radar", float(n % 2))
    status = SensorStatus(sensor_id="radar", state=SensorState.UP, since=AT, at=AT, mono=1)
    first.pipeline.accept(status)
    reading = Reading(sensor_id="cuff", quantity=Quantity.SYSTOLIC, value=120, at=AT, mono=2)
    both = Measurement(sensor_id="cuff", readings=(reading,), notes=(Note(name="seen", text="7"),))
    first.pipeline.accept(both)
    taken = [event for _, event in first.pipeline._inbox]
    second = Life(tmp_path, kernel)
    assert [item for _, item in second.tail.recovered.story] == taken
    assert second.tail.recovered.position == Position(7, 0)
    assert second.tail.recovered.notes({"cuff": {"seen": "1", "x": "y"}}) == {"cuff": {"seen": "7", "x": "y"}}
    assert [item.value for item in second.pipeline.batch.readings] == [0, 1, 0, 1, 0, 120]
    assert second.pipeline.batch.notes == {("cuff", "seen"): "7"}
    assert len(second.pipeline.batch.bodies) == 1
    assert second.pipeline.batch.is_urgent


def test_an_alert_that_was_raised_and_not_committed_is_raised_again_the_same(tmp_path, kernel):
    first = Life(tmp_path, kernel)
    first.hear(Quantity.SOS)
    first.hear(Quantity.FALL, "radar")
    first.pipeline._judge()
    kernel.ms += 6_000
    first.pipeline._judge()  # the window to cancel is over: by the clock, not by an event
    kernel.ms += 11 * 60_000
    first.pipeline._judge()
    assert [alert.state for alert in first.said] == [
        AlertState.FIRING,
        AlertState.PREALARM,
        AlertState.FIRING,
        AlertState.PREALARM,
    ]
    kernel.ms += 4_321
    second = Life(tmp_path, kernel)
    assert second.said == first.said
    assert second.pipeline.batch.alerts == first.said


def test_a_countdown_goes_on_over_the_kill_and_ends_once(tmp_path, kernel):
    first = Life(tmp_path, kernel)
    first.hear(Quantity.FALL, "radar")
    first.pipeline._judge()
    kernel.ms += 2_000
    second = Life(tmp_path, kernel)
    second.pipeline._judge()
    assert [alert.state for alert in second.said] == [AlertState.PREALARM]
    kernel.ms += 3_000
    second.pipeline._judge()
    assert [alert.state for alert in second.said] == [AlertState.PREALARM, AlertState.FIRING]
    assert second.said[1].mono == first.said[0].mono + 5_000


def test_a_kill_at_any_place_of_a_story_tells_the_same_alerts(tmp_path, kernel):
    """Commits at random places, kills at each step: ids and their order are those of a life without a kill."""
    steps = [
        ("hear", Quantity.FALL, "radar"),
        ("wait", 3_000),
        ("hear", Quantity.CANCEL, "bed"),
        ("commit",),
        ("hear", Quantity.SOS, "bed"),
        ("hear", Quantity.FALL, "radar"),
        ("wait", 5_500),
        ("commit",),
        ("hear", Quantity.PRESENCE, "radar"),
        ("wait", 100_000),
        ("hear", Quantity.FALL, "radar", 0.0),
        ("wait", 100_000),
        ("hear", Quantity.FALL, "radar"),
        ("wait", 5_500),
        ("wait", 700_000),
        ("hear", Quantity.PRESENCE, "radar"),
        ("wait", 100),
    ]

    def play(folder, kill_before):
        folder.mkdir()
        kernel = Kernel()
        card = {"saved": {}, "committed": Position(), "mark": None}
        life = Life(folder, kernel, **card)
        written = []
        for n, (what, *rest) in enumerate(steps):
            if n == kill_before:
                life = Life(folder, kernel, **card)
            if what == "hear":
                life.hear(*rest)
            elif what == "wait":
                kernel.ms += rest[0]
            life.pipeline._judge()
            if what == "commit":
                batch = life.pipeline.take_batch()
                written += batch.alerts
                saved = {**card["saved"], **batch.states}
                card = {"saved": saved, "committed": batch.position, "mark": life.clock.mark()}
                life.pipeline.written(batch)
        return [alert.alert_id for alert in [*written, *life.pipeline.batch.alerts]]

    whole = play(tmp_path / "whole", None)
    assert len(whole) >= 6
    states = [alert_id.rsplit("/", 1)[1] for alert_id in whole]
    for n in range(len(steps)):
        again = play(tmp_path / str(n), n)
        assert [alert_id.rsplit("/", 1)[1] for alert_id in again] == states
        assert len(set(again)) == len(again)


def test_what_a_transaction_holds_is_not_told_again(tmp_path, kernel):
    first = Life(tmp_path, kernel)
    first.hear(Quantity.SOS)
    first.pipeline._judge()
    batch = first.pipeline.take_batch()
    first.hear(Quantity.PRESENCE, "radar", 1.0)  # while the batch is being written
    first.pipeline._judge()
    second = Life(tmp_path, kernel, saved=batch.states, committed=batch.position)
    assert second.said == []
    assert [item.quantity for item in second.pipeline.batch.readings] == [Quantity.PRESENCE]


def test_two_files_in_turn_and_none_grows_while_commits_go_on(tmp_path, kernel):
    life = Life(tmp_path, kernel)
    sizes = []
    for _ in range(20):
        for _ in range(50):
            life.hear(Quantity.PRESENCE, "radar")
        life.pipeline._judge()
        batch = life.pipeline.take_batch()
        life.hear(Quantity.PRESENCE, "radar")
        sizes.append(sum(file.stat().st_size for file in files(tmp_path)))
        life.pipeline.written(batch)
    assert max(sizes) < 2 * sizes[0]
    life.pipeline._judge()
    life.pipeline.written(life.pipeline.take_batch())
    assert [file.stat().st_size for file in files(tmp_path)] == [0, 0]


def test_numbers_go_on_where_they_stood(tmp_path, kernel):
    life = Life(tmp_path, kernel, committed=Position(70, 3))
    life.hear(Quantity.PRESENCE, "radar")
    life.pipeline._judge()
    assert life.pipeline.batch.position.events == 71
    again = Life(tmp_path, kernel, committed=Position(70, 3))
    assert again.tail.recovered.gap is None
    assert len(again.tail.recovered.story) == 1


def test_a_torn_last_record_is_no_loss_and_what_is_appended_after_it_is_found(tmp_path, kernel):
    life = Life(tmp_path, kernel)
    for _ in range(3):
        life.hear(Quantity.PRESENCE, "radar")
    (file,) = [file for file in files(tmp_path) if file.stat().st_size]
    whole = file.stat().st_size
    life.hear(Quantity.PRESENCE, "radar")
    raw = file.read_bytes()
    for cut in range(whole + 1, len(raw)):
        file.write_bytes(raw[:cut])
        found = Tail([tmp_path], "gw-1", committed=NOTHING).recovered
        assert (len(found.story), found.gap) == (3, None)
        Life(tmp_path, kernel).hear(Quantity.PRESENCE, "radar")
        found = Tail([tmp_path], "gw-1", committed=NOTHING).recovered
        assert ([at.events for at, _ in found.story], found.gap) == ([1, 2, 3, 4], None)


def test_a_damaged_record_loses_itself_alone_and_is_told(tmp_path, kernel):
    life = Life(tmp_path, kernel)
    for n in range(20):
        life.hear(Quantity.PRESENCE, "radar", float(n % 2))
    (file,) = [file for file in files(tmp_path) if file.stat().st_size]
    raw = file.read_bytes()
    starts = [at for at in range(len(raw)) if raw.startswith(b"\xc3\xa7", at)]
    for start in starts[2:-1]:
        for at in (start, start + 7, start + 12, start + 40):  # its mark, its length, its number, its content
            broken = bytearray(raw)
            broken[at] ^= 0x41
            file.write_bytes(broken)
            found = Tail([tmp_path], "gw-1", committed=Position()).recovered
            assert len(found.story) == 19, (start, at)
            assert found.gap is not None
            assert (found.gap.count, found.gap.code) == (1, GapCode.TAIL_DAMAGED)
    file.write_bytes(raw[:-1] + b"\x00")
    last = Tail([tmp_path], "gw-1", committed=Position()).recovered
    assert (len(last.story), last.gap and last.gap.count) == (19, 1)


def test_damage_goes_to_the_centre_as_a_gap(tmp_path, kernel, caplog):
    life = Life(tmp_path, kernel)
    for _ in range(5):
        life.hear(Quantity.PRESENCE, "radar")
    (file,) = [file for file in files(tmp_path) if file.stat().st_size]
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    file.write_bytes(raw)
    again = Life(tmp_path, kernel)
    ((lane, gap),) = again.pipeline.batch.bodies
    assert lane == Lane.STATE
    assert isinstance(gap, GapBody)
    assert gap.count == 1
    assert "1 missing" in caplog.text


def test_garbage_in_the_file_is_passed_over(tmp_path, kernel):
    life = Life(tmp_path, kernel)
    for _ in range(5):
        life.hear(Quantity.PRESENCE, "radar")
    (file,) = [file for file in files(tmp_path) if file.stat().st_size]
    file.write_bytes(os.urandom(5_000) + file.read_bytes() + os.urandom(5_000))
    found = Tail([tmp_path], "gw-1", committed=Position()).recovered
    assert len(found.story) == 5


@pytest.mark.parametrize("raw", [b"", b"\x00" * 10_000, b"\xc3\xa7" * 5_000, b"\xff" * 7])
def test_a_file_of_nothing_is_an_empty_tail(tmp_path, raw):
    tmp_path.joinpath("gw-1.tail-1").write_bytes(raw)
    found = Tail([tmp_path], "gw-1", committed=Position(4, 4)).recovered
    assert (found.story, found.position) == ((), Position(4, 4))


def test_a_folder_that_is_full_is_said_once_and_the_next_one_is_taken(tmp_path, kernel, monkeypatch, caplog):
    good, full = tmp_path / "good", tmp_path / "full"
    tail = Tail([full, good], "gw-1", committed=Position())
    tail.start(kernel.clock().mark)
    append = TailFile.append
    is_full = True

    def short(self, record):
        if is_full and self.path.parent == full:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, record)

    monkeypatch.setattr(TailFile, "append", short)
    reading = Reading(sensor_id="radar", quantity=Quantity.PRESENCE, value=1.0, at=AT, mono=5)
    assert [tail.take_in(reading) for _ in range(3)] == [1, 2, 3]
    assert tail.is_kept
    is_full = False
    tail.turn()
    assert tail.take_in(reading) == 4
    assert len(Tail([full, good], "gw-1", committed=Position()).recovered.story) == 4
    assert [file.stat().st_size > 0 for file in files(full)].count(True) == 1
    assert sum("No space left" in record.message for record in caplog.records) == 1


def test_where_no_folder_can_be_used_rules_go_on(tmp_path, kernel, caplog):
    (tmp_path / "file").write_text("")
    life = Life(tmp_path / "file", kernel)
    assert not life.tail.is_kept
    life.hear(Quantity.SOS)
    life.pipeline._judge()
    assert [alert.state for alert in life.said] == [AlertState.FIRING]
    assert life.pipeline.batch.position == Position()


def test_a_short_write_leaves_no_torn_record(tmp_path, kernel, monkeypatch):
    life = Life(tmp_path, kernel)
    life.hear(Quantity.PRESENCE, "radar")
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: write(fd, data[: len(data) // 2]))
        life.hear(Quantity.PRESENCE, "radar")
    life.hear(Quantity.PRESENCE, "radar")
    found = Tail([tmp_path], "gw-1", committed=Position()).recovered
    assert (len(found.story), found.gap) == (2, None)


def test_a_tail_that_no_commit_shortens_is_bounded_and_keeps_the_newest(tmp_path, kernel, monkeypatch):
    monkeypatch.setattr(tail_module, "FILE_BYTES", 10_000)
    life = Life(tmp_path, kernel)
    for _ in range(1_000):
        life.hear(Quantity.PRESENCE, "radar")
        life.pipeline._judge()
        assert sum(file.stat().st_size for file in files(tmp_path)) <= 20_000
    found = Tail([tmp_path], "gw-1", committed=Position()).recovered
    assert found.story[-1][0].events == 1_000
    assert len(found.story) > 50
    lost = Tail([tmp_path], "gw-1", committed=Position(1, 0)).recovered.gap
    assert lost is not None
    assert lost.count + len(found.story) == 999


class Felt(msgspec.Struct, frozen=True):
    """How many hard blows, and the alarm about the third."""

    blows: int = 0


class Blows:
    """A small rule over a stream: the third blow is an alarm, and again each third."""

    key = "blows:band"

    def start(self):
        return Felt()

    def step(self, state, event):
        if not isinstance(event, Reading) or event.value < 5:
            return Step(state=state)
        blows = state.blows + 1
        alarm = alert("blows:band", event.at, event.mono)
        return Step(state=Felt(blows), alerts=(alarm,) if blows % 3 == 0 else ())


def alert(key, at, mono):
    return Alert(
        alert_id=alert_id_of(key, at, AlertState.FIRING),
        key=key,
        rule_id=key,
        rule_version=1,
        hazard="fall",
        severity=Severity.P1,
        state=AlertState.FIRING,
        resident_id="r",
        sensor_id="band",
        since=at,
        at=at,
        mono=mono,
        why=Sentence(zh="", en=""),
    )


def test_a_stream_is_not_kept_but_the_alarm_that_it_led_to_is_with_the_state_after_it(tmp_path, kernel):
    def blow():
        at = AT + timedelta(milliseconds=kernel.ms)
        return Reading(sensor_id="band", quantity=Quantity.ACCELERATION, value=9, at=at, mono=kernel.ms, axes=(0, 0, 9))

    def life():
        tail = Tail([tmp_path], "gw-1", committed=NOTHING)
        clock = kernel.clock(tail.recovered.clock_mark(None))
        tail.start(clock.mark)
        said = []
        band = BoundRule(rule=Blows(), readings=frozenset({("band", Quantity.ACCELERATION)}))
        pipeline = Pipeline(Engine([band], {}), clock, announce=said.extend, beat=lambda: None, tail=tail)
        pipeline.replay(tail.recovered)
        return pipeline, said

    pipeline, said = life()
    for _ in range(4):
        kernel.ms += 100
        pipeline.accept(blow())
    pipeline._judge()
    assert len(said) == 1
    pipeline, again = life()
    assert again == said
    assert pipeline.batch.states["blows:band"].state == b'{"blows":3}'  # the fourth was of a stream, and is forgotten
    for _ in range(3):
        kernel.ms += 100
        pipeline.accept(blow())
    pipeline._judge()
    assert len(again) == 2
    assert pipeline.batch.position.events == 0


def test_a_command_is_carried_out_once_over_a_kill_and_a_reset_stands_where_it_stood(tmp_path, kernel):
    first = Life(tmp_path, kernel)
    first.hear(Quantity.SOS)
    first.pipeline._judge()
    key = first.said[0].key
    order = Command(
        command_id="c1", issued_at=AT, expires_at=AT, incident_id="", action=ResetAlarm(keys=(key,), by="zhang")
    )
    first.pipeline.obey(order, lambda: None)
    kernel.ms += 3_000
    first.hear(Quantity.SOS)
    first.pipeline._judge()
    assert len({alert.alert_id for alert in first.said}) == 3
    second = Life(tmp_path, kernel)
    assert second.said == first.said
    assert second.tail.recovered.commands() == {"c1"}
    assert second.pipeline.batch.commands == ["c1"]


def test_own_messages_come_back_but_for_life_signs(tmp_path, kernel):
    first = Life(tmp_path, kernel)
    gap = GapBody(reason="x", count=1)
    first.pipeline.send(Lane.STATE, gap)
    first.pipeline.send(Lane.STATE, HeartbeatBody(backlog=0, uptime_s=1))
    first.pipeline.note("gateway", "n", "t")
    second = Life(tmp_path, kernel)
    assert second.pipeline.batch.bodies == [(Lane.STATE, gap)]
    assert second.pipeline.batch.notes == {("gateway", "n"): "t"}
    assert second.tail.recovered.notes({}) == {"gateway": {"n": "t"}}


def test_engine_time_goes_on_after_what_was_taken_in_last_also_in_a_new_boot(tmp_path, kernel):
    first = Life(tmp_path, kernel)
    kernel.ms += 90_000
    first.hear(Quantity.FALL, "radar")
    mono = first.clock.mono()
    kernel.ms = 40  # the box starts anew, and its clock believes that no time passed
    second = Life(tmp_path, kernel, boot="another")
    assert mono <= second.clock.mono() < mono + 100
    third = kernel.clock(Tail([tmp_path], "gw-1", committed=Position()).recovered.clock_mark(None))
    assert third.mono() >= mono


def test_without_a_mark_there_is_no_clock_to_go_on_from():
    assert Recovered().clock_mark(None) is None
    mark = ClockMark(boot="b", boottime_ms=1, engine_ms=2, wall=AT)
    assert Recovered().clock_mark(mark) == mark


def test_it_lies_where_systemd_says_else_in_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert tail_folders(tmp_path) == [tmp_path]
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}/run:{tmp_path}/other")
    assert tail_folders(tmp_path) == [tmp_path / "run", tmp_path]


def test_what_kills_a_run_does_not_kill_the_next_one_and_is_told(tmp_path, kernel, monkeypatch, caplog):
    """A rule that breaks at one event broke each start after it too: a home without any alarm."""
    judge = Engine.feed
    monkeypatch.setattr(Engine, "feed", lambda engine, event: judge(engine, event) if 1 / (event.value - 13) else None)
    first = Life(tmp_path, kernel)
    first.hear(Quantity.SOS)
    first.hear(Quantity.PRESENCE, "radar", 13.0)
    first.hear(Quantity.FALL, "radar")
    with pytest.raises(ZeroDivisionError):
        first.pipeline._judge()
    second = Life(tmp_path, kernel)
    assert [alert.hazard for alert in second.said] == ["sos", "fall"]
    assert second.said[0] == first.said[0]
    assert "cannot be taken up again" in caplog.text
    ((lane, gap),) = second.pipeline.batch.bodies
    assert (lane, gap.count, gap.code) == (Lane.STATE, 1, GapCode.TAIL_DAMAGED)
    assert gap.first_at is not None
    batch = second.pipeline.take_batch()
    third = Life(tmp_path, kernel, saved=batch.states, committed=batch.position)
    assert (third.said, third.pipeline.batch.bodies) == ([], [])


def test_what_is_noted_at_the_start_stands_after_what_comes_back(tmp_path, kernel):
    """The start is counted before the last run's story is taken up: killed in between, the newest note must win."""
    first = Life(tmp_path, kernel)
    first.hear(Quantity.PRESENCE, "radar")
    first.pipeline._judge()
    first.pipeline.note("gateway", "starts", "1")
    tail = Tail([tmp_path], "gw-1", committed=NOTHING)
    clock = kernel.clock(tail.recovered.clock_mark(None))
    tail.start(clock.mark)
    pipeline = Pipeline(Engine(rules(), {}), clock, announce=lambda _: None, beat=lambda: None, tail=tail)
    pipeline.note("gateway", "starts", "2")
    pipeline.replay(tail.recovered)
    assert pipeline.batch.position == Position(1, 2)
    tail.close()
    again = Tail([tmp_path], "gw-1", committed=NOTHING).recovered
    assert again.notes({})["gateway"]["starts"] == "2"
    assert Tail([tmp_path], "gw-1", committed=pipeline.batch.position).recovered.story == ()
