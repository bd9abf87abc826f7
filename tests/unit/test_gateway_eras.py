"""What goes to the centre is stamped with the boot and the clock that it belongs to, in each message of one alone."""

from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest
from fixtures.box_clocks import EPOCH, NOON, BoxClocks

from gateway.batch import READINGS_PER_MESSAGE, Batch
from gateway.outbox import Outbox
from gateway.outbox_budget import Budget
from gateway.slips import Slips
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import ClockBody, Envelope, GapBody, HeartbeatBody, Lane, StatusBody, decode_envelope

GW = "gw-1"


def reading(clock):
    return Reading(sensor_id="s", quantity=Quantity.SPO2, value=95, at=clock.now(), mono=clock.mono())


def alert(clock):
    at = clock.now()
    return Alert(
        alert_id=alert_id_of("sos:s", at, AlertState.FIRING), key="sos:s", rule_id="sos", rule_version=1, hazard="sos",
        severity=Severity.P1, state=AlertState.FIRING, resident_id="r", sensor_id="s", since=at, at=at,
        mono=clock.mono(), why=Sentence(zh="是", en="yes"),
    )  # fmt: skip


@pytest.fixture
def outbox(tmp_path):
    opened = Outbox(tmp_path / "o.db", GW)
    yield opened
    opened.close()


def envelopes(stored) -> list[Envelope]:
    return [decode_envelope(one.payload, gateway=GW) for one in stored]


def eras(found):
    return [(one.id.lane, one.boot, one.is_clock_unsure) for one in found]


def test_what_was_measured_before_the_clock_was_set_is_told_to_be_unsure_although_it_is_sent_after(outbox):
    box = BoxClocks(wall=EPOCH)
    clock = box.clock()
    batch = Batch(alerts=[alert(clock)], readings=[reading(clock)])
    box.pass_s(3)
    box.ntp()
    clock.wall.look()
    batch.readings.append(reading(clock))
    batch.bodies += [
        (Lane.STATE, HeartbeatBody(backlog=0, uptime_s=1)),
        (Lane.STATE, ClockBody(mono=clock.mono(), wall=clock.now(), error_ms=1, source="ntp")),
    ]
    found = envelopes(outbox.commit(batch, clock.mark()))
    assert eras(found) == [
        (Lane.LIFE_SAFETY, "a", True),
        (Lane.STATE, "a", False),
        (Lane.STATE, "a", False),
        (Lane.TELEMETRY, "a", True),
        (Lane.TELEMETRY, "a", False),
    ]
    assert {(one.mono, one.created_at) for one in found} == {(3_000, NOON + timedelta(seconds=3))}


def test_what_a_killed_gateway_had_taken_in_before_a_reboot_is_of_the_boot_before(outbox):
    box = BoxClocks(is_synced=True)
    before = box.clock()
    old = [reading(before), SensorStatus(sensor_id="s", state=SensorState.UP, since=NOON, at=NOON, mono=before.mono())]
    box.pass_s(5)
    mark = before.mark()
    box.boottime, box.is_synced = 30_000, False  # half a minute until the gateway starts
    box.pass_s(60)
    now = box.clock(mark, boot="b")
    batch = Batch(readings=[old[0], reading(now)], bodies=[(Lane.STATE, StatusBody(status=old[1]))])
    found = envelopes(outbox.commit(batch, now.mark()))
    assert eras(found) == [(Lane.STATE, "a", True), (Lane.TELEMETRY, "a", True), (Lane.TELEMETRY, "b", True)]


def test_a_restart_within_one_boot_is_no_other_era(outbox):
    box = BoxClocks(is_synced=True)
    before = box.clock()
    box.pass_s(5)
    old, mark = reading(before), before.mark()
    box.pass_s(2)
    now = box.clock(mark)
    batch = Batch(readings=[old, *(reading(now) for _ in range(READINGS_PER_MESSAGE))])
    found = envelopes(outbox.commit(batch, now.mark()))
    assert {one.boot for one in found} == {"a"}
    assert [len(one.body.readings) for one in found] == [1, READINGS_PER_MESSAGE]


def test_an_alert_from_memory_is_stamped_alike():
    box = BoxClocks(wall=EPOCH)
    clock = box.clock()
    raised = alert(clock)
    box.pass_s(1)
    box.ntp()
    clock.wall.look()
    (slip,) = Slips(GW).of([raised], clock.mark())
    assert eras(envelopes([slip])) == [(Lane.LIFE_SAFETY, "a", True)]


def test_a_recording_that_is_played_faster_is_never_in_doubt(outbox):
    box = BoxClocks(wall=EPOCH)
    clock = box.clock()
    fast = type(clock)(scale=60, boot="a", boottime_ms=lambda: box.boottime, wall=lambda: box.wall, kernel=box.kernel)
    found = envelopes(outbox.commit(Batch(readings=[reading(fast)]), fast.mark()))
    assert eras(found) == [(Lane.TELEMETRY, "a", False)]
    assert (fast.now(), fast.is_real) == (EPOCH, False)


def test_a_mark_of_an_older_version_is_read_as_one_of_an_unset_clock():
    mark = BoxClocks(is_synced=True).clock().mark()
    old = {name: getattr(mark, name) for name in ("boot", "boottime_ms", "engine_ms", "wall")}
    again = msgspec.convert(msgspec.to_builtins(old), type(mark))
    assert again.era_of(0) == (mark.boot, True)


def test_messages_that_are_dropped_are_told_by_their_numbers(tmp_path):
    outbox = Outbox(tmp_path / "o.db", GW, budget=Budget(bytes=60_000))
    clock = BoxClocks(is_synced=True).clock()
    gaps = []
    for _ in range(200):
        batch = Batch(readings=[reading(clock) for _ in range(10)])
        gaps += [one.body for one in envelopes(outbox.commit(batch, clock.mark())) if isinstance(one.body, GapBody)]
    kept = {one.seq for one in outbox.pending(Lane.TELEMETRY, 0, 1_000)}
    outbox.close()
    dropped = {number for gap in gaps for number in range(gap.first_seq, gap.last_seq + 1)}
    assert {gap.lane for gap in gaps} == {Lane.TELEMETRY}
    assert dropped == set(range(1, 201)) - kept
    assert all(one.last_seq < other.first_seq for one, other in pairwise(gaps))
