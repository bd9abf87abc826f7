"""The contract between home and centre: round trips, refusals that say what is wrong, topics."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang import wire
from shouwang.alert import TEST_HAZARD, Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality, Reading
from shouwang.status import SensorState, SensorStatus

AT = datetime(2026, 11, 24, 3, 12, 58, 120_999, tzinfo=UTC)
moments = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True)
words = st.builds(Sentence, zh=st.text(max_size=30), en=st.text(max_size=30))
readings = st.builds(
    Reading,
    sensor_id=ids,
    quantity=st.sampled_from(Quantity),
    value=st.floats(allow_nan=False, allow_infinity=False),
    at=moments,
    mono=st.integers(0, 2**53),
    quality=st.sampled_from(Quality),
    frame=st.binary(max_size=40),
    is_late=st.booleans(),
    resident_id=st.one_of(st.just(""), ids),
)
statuses = st.builds(
    SensorStatus,
    sensor_id=ids,
    state=st.sampled_from(SensorState),
    since=moments,
    at=moments,
    mono=st.integers(0, 9**9),
)
alerts = st.builds(
    Alert,
    alert_id=st.text(max_size=40),
    key=st.text(max_size=40),
    rule_id=ids,
    rule_version=st.integers(1, 99),
    hazard=st.text(max_size=20),
    severity=st.sampled_from(Severity),
    state=st.sampled_from(AlertState),
    resident_id=ids,
    sensor_id=ids,
    since=moments,
    at=moments,
    mono=st.integers(0, 9**9),
    why=words,
    evidence=st.lists(readings, max_size=3).map(tuple),
    latching=st.booleans(),
)
bodies = st.one_of(
    st.builds(wire.AlertBody, alert=alerts),
    st.builds(wire.TelemetryBody, readings=st.lists(readings, max_size=5).map(tuple)),
    st.builds(wire.StatusBody, status=statuses),
    st.builds(
        wire.BirthBody,
        version=st.text(max_size=9),
        sensors=st.dictionaries(ids, ids, max_size=3),
        starts=st.integers(0, 9),
        test_due_at=st.none() | moments,
    ),
    st.builds(
        wire.HeartbeatBody,
        backlog=st.integers(0, 9**9),
        uptime_s=st.integers(0, 9**9),
        box=st.none()
        | st.builds(
            wire.BoxFacts,
            is_on_mains=st.none() | st.booleans(),
            battery=st.none() | st.floats(0, 100),
            link=st.text(max_size=9),
            certificate_ends=st.none() | moments,
        ),
        sensors=st.dictionaries(
            ids,
            st.builds(
                wire.SensorFacts, battery=st.none() | st.floats(0, 100), quiet_s=st.none() | st.integers(0, 9**9)
            ),
            max_size=3,
        ),
    ),
    st.builds(wire.GapBody, reason=st.text(max_size=20), count=st.integers(0, 9**9)),
)
envelopes = st.builds(
    wire.Envelope,
    id=st.builds(
        wire.MessageId,
        gateway=ids,
        epoch=st.from_regex("[0-9a-f]{16}", fullmatch=True),
        lane=st.sampled_from(wire.Lane),
        seq=st.integers(1, 2**53),
    ),
    created_at=moments,
    boot=st.text(max_size=36),
    mono=st.integers(0, 2**53),
    body=bodies,
)


def envelope(**changes):
    built = wire.Envelope(
        id=wire.MessageId(gateway="gw-1", epoch="0" * 16, lane=wire.Lane.STATE, seq=1),
        created_at=AT,
        boot="b",
        mono=1,
        body=wire.HeartbeatBody(backlog=0, uptime_s=1),
    )
    return msgspec.structs.replace(built, **changes)


@given(envelopes)
def test_what_is_encoded_is_decoded_the_same(sent):
    assert wire.decode_envelope(wire.encode(sent), gateway=sent.id.gateway) == sent


@given(st.binary(max_size=200))
def test_nothing_but_a_decode_error_ever_comes_out(payload):
    for decode in (lambda: wire.decode_envelope(payload, gateway="g"), lambda: wire.decode_receipt(payload)):
        with pytest.raises(DecodeError):
            decode()


OLD_BEAT = (
    b'{"id":{"gateway":"gw-1","epoch":"0000000000000000","lane":1,"seq":1},'
    b'"created_at":"2026-11-24T03:12:58.120999Z","boot":"b","mono":1,'
    b'"body":{"kind":"heartbeat","backlog":3,"uptime_s":60,"rejected":0},"is_clock_unsure":false}'
)
"""As a gateway of the version before sends it."""


def test_beat_of_an_older_gateway_is_read_and_one_without_news_is_no_longer_than_it():
    read = wire.decode_envelope(OLD_BEAT, gateway="gw-1")
    assert read.body == wire.HeartbeatBody(backlog=3, uptime_s=60)
    assert len(wire.encode(read)) <= len(OLD_BEAT)


def test_older_server_reads_the_beat_of_a_newer_gateway():
    class HeartbeatBody(msgspec.Struct, tag="heartbeat", tag_field="kind"):  # of the version before
        backlog: int
        uptime_s: int
        rejected: int = 0

    class Envelope(msgspec.Struct):
        body: HeartbeatBody

    facts = wire.BoxFacts(is_on_mains=False, battery=63, certificate_ends=AT)
    body = wire.HeartbeatBody(backlog=3, uptime_s=60, box=facts, sensors={"sos": wire.SensorFacts(battery=8)})
    sent = wire.encode(envelope(body=body))
    assert msgspec.json.decode(sent, type=Envelope).body == HeartbeatBody(backlog=3, uptime_s=60)


def test_all_of_a_box_and_eight_sensors_fits_into_a_kilobyte():
    facts = wire.BoxFacts(is_on_mains=True, battery=100, disk_used=41, temperature=48, link="wifi", link_dbm=-61)
    facts = msgspec.structs.replace(facts, certificate_ends=AT)
    side = wire.SensorFacts(battery=87, signal_dbm=-71, quiet_s=1234)
    sensors = {f"door-bedroom-{number}": side for number in range(8)}
    plain = wire.encode(envelope(body=wire.HeartbeatBody(backlog=0, uptime_s=1)))
    whole = wire.encode(envelope(body=wire.HeartbeatBody(backlog=0, uptime_s=1, box=facts, sensors=sensors)))
    assert len(whole) - len(plain) <= 750  # once an hour, beside 60 beats of some 200 bytes


def test_receipts_and_commands_round_trip():
    receipt = wire.Receipt(epoch="0" * 16, lane=wire.Lane.LIFE_SAFETY, seqs=(1, 2), server_at=AT)
    assert wire.decode_receipt(wire.encode(receipt)) == receipt
    actions = (wire.HelpComing(say=Sentence(zh="来了", en="coming")), wire.ResetAlarm(keys=("a:b",), by="zhanglin"))
    actions += (wire.RequestTest(by="zhanglin"),)
    for action in actions:
        command = wire.Command(command_id="c", issued_at=AT, expires_at=AT, incident_id="7", action=action)
        assert wire.decode_command(wire.encode(command)) == command


def test_the_head_of_the_record_is_read_as_it_was_written():
    head = wire.ChainHead(entries=7, hash="0a" * 32, at=AT)
    assert wire.decode_head(wire.encode(head)) == head
    assert wire.head_topic("gw-1") == "v1/gw-1/down/head"
    with pytest.raises(DecodeError):
        wire.decode_head(wire.encode(msgspec.structs.replace(head, hash="shorter")))


def test_only_a_test_alarm_of_the_lowest_severity_is_believed_to_be_a_test():
    test = Alert(
        alert_id="a",
        key="test:gw-1",
        rule_id="test",
        rule_version=1,
        hazard=TEST_HAZARD,
        severity=Severity.P4,
        state=AlertState.FIRING,
        resident_id="resident-1",
        sensor_id="",
        since=AT,
        at=AT,
        mono=0,
        why=Sentence(zh="测试", en="a test"),
        is_test=True,
    )
    assert test.is_only_a_test
    for change in ({"is_test": False}, {"hazard": "sos"}, {"severity": Severity.P1}):
        assert not msgspec.structs.replace(test, **change).is_only_a_test


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.pop("body"), "missing required field `body`"),
        (lambda d: d.update(mono="x"), "wrong schema"),
        (lambda d: d["body"].update(kind="new-kind"), "Invalid value 'new-kind'"),
        (lambda d: d["id"].update(gateway="gw-2"), "on the topic of gateway gw-1, but names gateway gw-2"),
        (lambda d: d["id"].update(gateway="../etc"), "matching regex"),
        (lambda d: d["id"].update(seq=0), ">= 1"),
        (lambda d: d["id"].update(epoch="zz"), "matching regex"),
        (lambda d: d["id"].update(lane=9), "Invalid enum value 9"),
        (lambda d: d.update(created_at="2026-11-24T03:12:58"), "timezone"),
    ],
)
def test_a_wrong_message_is_refused_with_what_is_wrong(change, words):
    fields = json.loads(wire.encode(envelope()))
    change(fields)
    with pytest.raises(DecodeError, match=words.replace("`", ".")):
        wire.decode_envelope(json.dumps(fields).encode(), gateway="gw-1")


def test_a_field_that_we_do_not_know_is_ignored():
    fields = json.loads(wire.encode(envelope()))
    fields["newer"] = {"x": 1}
    assert wire.decode_envelope(json.dumps(fields).encode(), gateway="gw-1") == envelope()


def test_a_reading_of_an_older_gateway_is_the_residents_and_in_time():
    old = b'{"sensor_id":"s","quantity":"spo2","value":88.0,"at":"2026-11-24T03:12:58Z","mono":1}'
    reading = msgspec.json.decode(old, type=Reading)
    assert (reading.resident_id, reading.is_late) == ("", False)
    assert msgspec.json.encode(reading) == old  # what is not said costs nothing


def test_too_large_deep_and_infinite_payloads_are_refused():
    with pytest.raises(DecodeError, match="1000000 bytes, more than"):
        wire.decode_envelope(b"x" * 1_000_000, gateway="g")
    with pytest.raises(DecodeError):
        wire.decode_envelope(b'{"id":' + b"[" * 100_000, gateway="g")
    body = wire.TelemetryBody(
        readings=(Reading(sensor_id="s", quantity=Quantity.SPO2, value=88.0, at=AT, mono=1),),
    )
    payload = wire.encode(envelope(body=body)).replace(b"88.0", b"1e999")
    with pytest.raises(DecodeError):
        wire.decode_envelope(payload, gateway="gw-1")


def test_topics_name_their_gateway():
    assert wire.up_topic("gw-1", wire.Lane.LIFE_SAFETY) == "v1/gw-1/up/al"
    assert wire.up_topic("gw-1", wire.Lane.STATE) == "v1/gw-1/up/st"
    assert wire.up_topic("gw-1", wire.Lane.TELEMETRY) == wire.up_topic("gw-1", wire.Lane.BULK) == "v1/gw-1/up/tm"
    assert wire.receipt_topic("gw-1") == "v1/gw-1/down/ack"
    assert wire.command_topic("gw-1") == "v1/gw-1/down/cmd"
    for topic in (wire.up_topic("gw-1", wire.Lane.STATE), wire.will_topic("gw-1")):
        assert wire.gateway_of(topic) == "gw-1"
    assert wire.ingest_topics()[0] == "v1/+/up/al"


@pytest.mark.parametrize("topic", ["", "v1", "v2/gw-1/up/al", "v1/gw-1/down/cmd", "v1/gw-1/up", "v1/gw-1/up/al/x"])
def test_a_foreign_topic_has_no_gateway(topic):
    with pytest.raises(DecodeError, match="not a topic of a gateway"):
        wire.gateway_of(topic)


def test_message_ids_order_and_read_well():
    first, second = (wire.MessageId(gateway="g", epoch="0" * 16, lane=wire.Lane.STATE, seq=n) for n in (1, 2))
    assert first < second
    assert str(second) == "g/0000000000000000/1/2"


def test_an_alerts_id_is_made_of_its_episode_and_step():
    assert alert_id_of("sos:bed", AT, AlertState.FIRING) == "sos:bed/20261124T031258.120Z/firing"
    assert [severity.rank for severity in Severity] == [1, 2, 3, 4]


def test_every_quantity_has_a_unit_a_range_and_words():
    assert set(QUANTITIES) == set(Quantity)
    for info in QUANTITIES.values():
        assert info.unit
        assert info.zh
        assert info.en
        assert info.is_plausible(info.low)
        assert info.is_plausible(info.high)
        assert not info.is_plausible(info.high + 1)
        assert not info.is_plausible(float("nan"))


def test_when_a_message_was_sent_is_read_as_it_was_written():
    sent = wire.Sent(boot="0a4c5e7e-7a2f-4a55-9d7b-2f8c1d0e4b11", mono=86_400_513)
    assert wire.read_sent(str(sent)) == sent


@pytest.mark.parametrize(
    "told", ["", " ", "5", "5 ", " b", "-5 b", "5.0 b", "٥ b", "x b", "9" * 18 + " b", "5 " + "b" * 200]
)
def test_a_stamp_that_means_nothing_is_none(told):
    assert wire.read_sent(told) is None
