"""The signed text of an alarm: it names the same step as the message on the wire, and nobody else can write it."""

import hashlib
import hmac
from base64 import b32encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.serial.codec.sms_submit import count_parts
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.errors import ConfigError, DecodeError
from shouwang.short_alert import (
    MAX_CHARS,
    ShortAlert,
    ShortTest,
    claimed_gateway,
    decode,
    encode_alert,
    encode_test,
    key_from,
)

GATEWAY = "gw-demo-0001"
KEY = key_from("0123456789abcdef0123456789abcdef")
SINCE = datetime(2026, 11, 24, 3, 12, 58, 120_456, tzinfo=UTC)
ID = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True)
MOMENT = st.datetimes(datetime(1970, 1, 1), datetime(2800, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC))  # noqa: DTZ001


def alert(*, key: str = "sos:sos-bed", **changed) -> Alert:
    rule_id, sensor_id, *_ = key.split(":")
    values = {
        "state": AlertState.FIRING,
        "since": SINCE,
        "rule_id": rule_id,
        "sensor_id": sensor_id,
        "hazard": rule_id,
        "at": changed.get("since", SINCE),
        **changed,
    }
    return Alert(
        alert_id=alert_id_of(key, values["since"], values["state"]),
        key=key,
        rule_version=values.pop("rule_version", 1),
        severity=values.pop("severity", Severity.P1),
        resident_id=values.pop("resident_id", "r-wang-guilan"),
        mono=5000,
        why=Sentence(zh="床头紧急按钮被按下", en="the SOS button at the bed was pressed"),
        **values,
    )


def keys(gateway: str) -> bytes | None:
    return KEY if gateway == GATEWAY else None


def signed(said: str) -> str:
    """What a home with the key could write, in any words."""
    return f"{said}.{b32encode(hmac.digest(KEY, said.encode(), hashlib.sha256)).decode()[:20]}"


def refused(text: str) -> str:
    with pytest.raises(DecodeError) as caught:
        decode(text, keys)
    return str(caught.value)


def test_an_alarm_of_ordinary_names_is_one_sms():
    text = encode_alert(GATEWAY, alert(), KEY)
    assert len(text) <= 100
    assert count_parts(text) == 1
    long = alert(key="carbon-monoxide-alarm:detector-kitchen-1", resident_id="resident-shanghai-0012345", hazard="co")
    assert count_parts(encode_alert("gw-shanghai-pudong-000123", long, KEY)) == 1
    longest = alert(key=f"{'r' * 64}:{'s' * 64}", resident_id="x" * 64)
    assert count_parts(encode_alert("g" * 64, longest, KEY)) == 3


def test_the_centre_finds_the_very_step_that_the_wire_names():
    sent = alert(at=SINCE + timedelta(seconds=60), latching=True)
    found = decode(f"  {encode_alert(GATEWAY, sent, KEY)}\r\n", keys)
    assert isinstance(found, ShortAlert)
    assert (found.gateway_id, found.is_clock_unsure) == (GATEWAY, False)
    same = ("alert_id", "key", "since", "at", "state", "severity", "hazard", "rule_id", "rule_version", "sensor_id")
    assert {name: getattr(found.alert, name) for name in same} == {name: getattr(sent, name) for name in same}
    assert (found.alert.resident_id, found.alert.latching, found.alert.is_test) == ("r-wang-guilan", True, False)
    assert (found.alert.mono, found.alert.evidence) == (0, ())


@st.composite
def alerts(draw) -> Alert:
    rule, sensor, since = draw(ID), draw(ID), draw(MOMENT)
    person = draw(st.just("") | ID)
    return alert(
        key=f"{rule}:{sensor}:{person}" if person else f"{rule}:{sensor}",
        hazard=draw(st.just("sos") | ID),
        resident_id=draw(st.text(max_size=20)),
        severity=draw(st.sampled_from(Severity)),
        state=draw(st.sampled_from(AlertState)),
        since=since,
        at=since + timedelta(milliseconds=draw(st.integers(-86_400_000, 10 * 86_400_000))),
        rule_version=draw(st.integers(0, 10_000)),
        latching=draw(st.booleans()),
        is_test=draw(st.booleans()),
    )


@given(gateway=ID, sent=alerts(), is_clock_unsure=st.booleans())
def test_what_is_sent_is_what_is_read(gateway, sent, is_clock_unsure):
    text = encode_alert(gateway, sent, KEY, is_clock_unsure=is_clock_unsure)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:-*")
    found = decode(text, lambda claimed: KEY if claimed == gateway else None)
    assert isinstance(found, ShortAlert)
    kept = [name for name in sent.__struct_fields__ if name not in ("mono", "why", "evidence")]
    assert {name: getattr(found.alert, name) for name in kept} == {name: getattr(sent, name) for name in kept}
    assert (found.gateway_id, found.is_clock_unsure) == (gateway, is_clock_unsure)
    assert claimed_gateway(text) == gateway


def test_names_that_the_key_does_not_tell_are_sent_along():
    sent = alert(rule_id="night", sensor_id="home", hazard="wandering")
    found = decode(encode_alert(GATEWAY, sent, KEY), keys)
    assert isinstance(found, ShortAlert)
    assert (found.alert.rule_id, found.alert.sensor_id, found.alert.hazard) == ("night", "home", "wandering")
    assert found.alert.key == "sos:sos-bed"


@given(at=MOMENT)
def test_a_test_says_when_it_was_sent(at):
    text = encode_test(GATEWAY, at, KEY)
    assert decode(text, keys) == ShortTest(gateway_id=GATEWAY, at=at)
    assert count_parts(text) == 1


@given(st.data())
def test_no_edited_text_is_believed(data):
    text = encode_alert(GATEWAY, alert(), KEY)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters().filter(lambda one: one != text[place]))
    edited = text[:place] + letter + text[place + 1 :]
    if edited.strip() != text:
        refused(edited)


@given(st.integers(0, 85))
def test_no_text_that_was_cut_off_is_believed(length):
    text = encode_alert(GATEWAY, alert(), KEY)
    assert length < len(text)
    refused(text[:length])


@given(st.text(max_size=200) | st.text("SW1.AT*0F:-", max_size=60).map(lambda rest: f"SW1.A.{GATEWAY}.{rest}"))
def test_garbage_is_refused_in_words(text):
    assert refused(text)


def test_a_refusal_says_what_is_wrong():
    text = encode_alert(GATEWAY, alert(), KEY)
    assert refused("您的验证码是 1234") == "is no message of a home"
    assert refused(text.replace("SW1", "SW2")) == "is of version SW2, not SW1"
    assert "cut off: it names no gateway" in refused("SW1.A.gw")
    assert f"more than the {MAX_CHARS}" in refused(text + "x" * MAX_CHARS)
    assert "has no key here" in refused(text.replace(GATEWAY, "gw-other"))
    assert "is cut off: its signature is not whole" in refused(text[:-3])
    assert "its signature does not fit" in refused(text.replace("1F", "3F"))
    assert "its signature does not fit" in refused(encode_alert(GATEWAY, alert(), b"another key of 32 characters ...."))
    assert "characters that no home writes" in refused(text.replace(GATEWAY, "gw demo"))
    assert "characters that no home writes" in refused(text.replace(GATEWAY, "gw*FF"))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("B.{gw}.1", "does not know: B"),
        ("T.{gw}.1.2", "does not know: T"),
        ("A.{gw}.1", "does not know: A"),
        ("A.{gw}.sos:bed....9F.1.A.0.r", "is no step of an alarm: 9F"),
        ("A.{gw}.sos:bed....1X.1.A.0.r", "is no step of an alarm: 1X"),
        ("A.{gw}.sos:bed....1F.x.A.0.r", "holds no number where one must be: x"),
        ("A.{gw}.sos:bed....1F.1..0.r", "holds no number where one must be: "),
        ("A.{gw}.sos:bed....1F.1.ZZZZZZZZZZZZ.0.r", "a time that no clock can mean"),
        ("A.{gw}.sos:bed....1F.1.A.ZZZZZZZZZZZZ.r", "a time that no clock can mean"),
        ("A.{gw}.s*C3:bed....1F.1.A.0.r", "characters that no home writes"),
    ],
)
def test_what_is_signed_and_makes_no_sense_is_refused_too(said, words):
    """A newer home, or a faulty one: it has the key."""
    assert words in refused(signed(f"SW1.{said}".format(gw=GATEWAY)))


def test_whose_text_it_says_it_is_may_be_asked_without_a_key():
    assert claimed_gateway(encode_test(GATEWAY, SINCE, KEY)[:-6]) == GATEWAY
    assert claimed_gateway("hello") is None


def test_a_short_key_is_refused_with_the_cure():
    with pytest.raises(ConfigError, match="has 6 characters, and needs 32 at least; make one: openssl rand -hex 32"):
        key_from("secret")
