"""What waits on the card: a week of a busy home fits; what goes first, and that it is told; space is given back."""

from datetime import timedelta

import msgspec
import pytest
from fixtures.presses import AT, alert

from gateway.batch import Batch
from gateway.clock import ClockMark
from gateway.outbox import Outbox
from gateway.outbox_budget import MEGABYTE, Budget
from gateway.thinning import thinned
from shouwang.gap import GapCode
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.wire import GapBody, HeartbeatBody, Lane, TelemetryBody, decode_envelope

HOUR_MS = 3_600_000


def mark(ms):
    return ClockMark(boot="b", boottime_ms=ms, engine_ms=ms, wall=AT + timedelta(milliseconds=ms))


def reading(ms, value=72.0, quantity=Quantity.HEART_RATE, sensor="oximeter"):
    return Reading(sensor_id=sensor, quantity=quantity, value=value, at=AT + timedelta(milliseconds=ms), mono=ms)


def bodies(box, lane):
    return [decode_envelope(item.payload, gateway="gw-1").body for item in box.pending(lane, 0, 10**6)]


def fill(box, hours, *, start=0, per_minute=60, lane=Lane.TELEMETRY):
    """So many hours of one sensor, a message a minute."""
    for minute in range(start, start + hours * 60):
        ms = minute * 60_000
        values = [reading(ms + n * 60_000 // per_minute, 60.0 + n % 40) for n in range(per_minute)]
        box.commit(Batch(bodies=[(lane, TelemetryBody(readings=tuple(values)))]), mark(ms))
    return (start + hours * 60) * 60_000


@pytest.fixture
def box(tmp_path):
    box = Outbox(tmp_path / "data" / "outbox.sqlite3", "gw-1", budget=Budget(bytes=MEGABYTE))
    yield box
    box.close()


@pytest.mark.slow
def test_seven_days_of_a_busy_home_fit_without_a_centre(tmp_path):
    """2 samples/s of 10 sensors, a group commit each 5 s, 7 days: nothing is dropped, far below 500 bytes a sample."""
    path = tmp_path / "data" / "outbox.sqlite3"
    box = Outbox(path, "gw-1")
    days, per_group, at_once = 7, 10, 120
    groups = days * 86_400 // 5
    for first in range(0, groups, at_once):
        told = []
        for group in range(first, first + at_once):
            ms = group * 5_000
            values = [reading(ms + n * 500, 60.0 + (group + n) % 40, sensor=f"oximeter-{n}") for n in range(per_group)]
            told.append((Lane.TELEMETRY, TelemetryBody(readings=tuple(values))))
        box.commit(Batch(bodies=told, alerts=[alert(first)]), mark(ms))
    assert box.backlogs[Lane.TELEMETRY] == groups
    assert bodies(box, Lane.STATE) == []
    box.close()
    size = sum(file.stat().st_size for file in path.parent.iterdir() if not file.name.endswith(".reserve"))
    per_sample = size / (groups * per_group)
    print(f"{per_sample:.0f} bytes per sample, {size / MEGABYTE:.0f} MB for 7 days")
    assert per_sample < 250
    assert size < 256 * MEGABYTE


def test_over_budget_old_telemetry_is_thinned_first_and_told(box):
    box.commit(Batch(alerts=[alert(1)]), mark(0))
    end = fill(box, 10, per_minute=60)
    gaps = bodies(box, Lane.STATE)
    assert gaps
    assert {gap.code for gap in gaps} == {GapCode.THINNED}
    kept = [r for body in bodies(box, Lane.TELEMETRY) for r in body.readings]
    assert sum(gap.count for gap in gaps) + len(kept) == 10 * 60 * 60
    assert gaps[0].first_at == AT
    thin = [r for r in kept if r.quality is Quality.THINNED]
    assert thin
    minute = [r for r in kept if int(r.at.timestamp()) // 60 == int(thin[0].at.timestamp()) // 60]
    assert sorted(r.value for r in minute) == [60.0, sum(60.0 + n % 40 for n in range(60)) / 60, 99.0]
    last_hour = [r for r in kept if r.mono >= end - HOUR_MS]
    assert len(last_hour) == 3600
    assert not [r for r in last_hour if r.quality is Quality.THINNED]
    assert len(bodies(box, Lane.LIFE_SAFETY)) == 1


def test_where_thinning_is_not_enough_the_oldest_goes_and_alerts_never(tmp_path):
    box = Outbox(tmp_path / "o", "gw-1", budget=Budget(bytes=400_000))
    for n in range(50):
        box.commit(Batch(alerts=[alert(n)]), mark(0))
    end = fill(box, 12, per_minute=30)
    gaps = bodies(box, Lane.STATE)
    assert {gap.code for gap in gaps} == {GapCode.THINNED, GapCode.OVER_BUDGET}
    kept = [r for body in bodies(box, Lane.TELEMETRY) for r in body.readings]
    assert sum(gap.count for gap in gaps) + len(kept) == 12 * 60 * 30
    assert max(r.mono for r in kept) >= end - 60_000
    assert len(bodies(box, Lane.LIFE_SAFETY)) == 50
    assert sum(len(item.payload) for item in box.pending(Lane.TELEMETRY, 0, 10**6)) <= 400_000
    box.close()


def test_diagnostics_go_before_telemetry_and_state_last(tmp_path):
    box = Outbox(tmp_path / "o", "gw-1", budget=Budget(bytes=100_000))
    beat = (Lane.STATE, HeartbeatBody(backlog=0, uptime_s=0))
    box.commit(Batch(bodies=[beat] * 100), mark(0))
    fill(box, 1, per_minute=10, lane=Lane.BULK)
    assert box.backlogs[Lane.STATE] >= 100
    before = box.backlogs[Lane.BULK]
    fill(box, 1, start=60, per_minute=2)
    assert box.backlogs[Lane.TELEMETRY] == 60
    assert box.backlogs[Lane.BULK] <= before
    for n in range(40):
        box.commit(Batch(bodies=[beat] * 100), mark(2 * HOUR_MS + n))
    assert (box.backlogs[Lane.BULK], box.backlogs[Lane.TELEMETRY]) == (0, 0)
    gaps = [body for body in bodies(box, Lane.STATE) if isinstance(body, GapBody)]
    beats = [body for body in bodies(box, Lane.STATE) if isinstance(body, HeartbeatBody)]
    assert sum(gap.count for gap in gaps) + len(beats) == 4_100 + 600 + 120
    box.close()


def test_what_is_older_than_may_be_kept_goes_by_engine_time(tmp_path):
    box = Outbox(tmp_path / "o", "gw-1", budget=Budget(kept=timedelta(hours=5)))
    end = fill(box, 10, per_minute=1)
    kept = [r for body in bodies(box, Lane.TELEMETRY) for r in body.readings]
    assert end - 5 * HOUR_MS - 120_000 <= min(r.mono for r in kept) <= end - 4 * HOUR_MS
    gaps = bodies(box, Lane.STATE)
    assert sum(gap.count for gap in gaps) + len(kept) == 600
    assert {gap.code for gap in gaps} == {GapCode.OVER_BUDGET}
    box.close()


def test_the_last_tenth_of_a_card_is_for_others_but_for_a_day_of_the_home():
    budget = Budget()
    assert budget.allowed(100 * MEGABYTE, 50 * MEGABYTE, 1_000 * MEGABYTE) == 50 * MEGABYTE
    assert budget.allowed(10 * MEGABYTE, 50 * MEGABYTE, 8_000 * MEGABYTE) == 16 * MEGABYTE
    assert budget.allowed(10 * MEGABYTE, MEGABYTE, 8_000 * MEGABYTE) == 9 * MEGABYTE


def test_space_is_given_back_when_the_centre_has_it_all(tmp_path):
    path = tmp_path / "data" / "outbox.sqlite3"
    box = Outbox(path, "gw-1")
    fill(box, 20, per_minute=100)
    box._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    full = path.stat().st_size
    keys = [item.key for lane in Lane for item in box.pending(lane, 0, 10**6)]
    for start in range(0, len(keys), 100):
        box.commit(Batch(confirmed=keys[start : start + 100]), mark(start))
    for n in range(10):
        box.commit(Batch(bodies=[(Lane.STATE, HeartbeatBody(backlog=0, uptime_s=n))]), mark(n))
    box._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert full > 10 * MEGABYTE
    assert path.stat().st_size < 5 * MEGABYTE
    box.close()


def test_thinning_leaves_events_levels_and_what_concerns_life(tmp_path):
    falls = [reading(n * 100, 1.0, Quantity.FALL, "radar") for n in range(50)]
    presses = [reading(n * 100, 3.0, Quantity.BUTTON, "knob") for n in range(50)]
    door = [reading(n * 100, float(n // 10 % 2), Quantity.DOOR, "door") for n in range(50)]
    few = [reading(n * 20_000, 20.0, Quantity.TEMPERATURE, "room") for n in range(3)]
    same = [reading(n * 100, 50.0, Quantity.HUMIDITY, "room") for n in range(50)]
    kept = thinned([*falls, *presses, *door, *few, *same])
    assert [r for r in kept if r.quantity is Quantity.FALL] == falls
    assert [r for r in kept if r.quantity is Quantity.BUTTON] == presses
    assert [r.value for r in kept if r.quantity is Quantity.DOOR] == [0, 1, 0, 1, 0]
    assert [r for r in kept if r.quantity is Quantity.TEMPERATURE] == few
    (one,) = [r for r in kept if r.quantity is Quantity.HUMIDITY]
    assert (one.value, one.quality) == (50.0, Quality.THINNED)
    assert [r.at for r in kept] == sorted(r.at for r in kept)
    assert thinned(kept) == kept


def test_people_and_doubtful_values_are_not_mixed():
    his = [msgspec.structs.replace(reading(n * 100, 60.0 + n), resident_id="he") for n in range(20)]
    bad = [msgspec.structs.replace(reading(n * 100, 200.0 + n), quality=Quality.QUESTIONABLE) for n in range(20)]
    kept = thinned([*his, *bad])
    assert {r.value for r in kept if r.resident_id == "he"} == {60.0, 69.5, 79.0}
    assert {r.value for r in kept if not r.resident_id} == {200.0, 209.5, 219.0}
