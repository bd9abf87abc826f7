"""One step of an alarm, or a test of the way, as a short signed text for ways that carry little: an SMS.

    SW1.A.gw-0001.sos:sos-bed...1F.1.HZN3Q0R4W0.0.r-wang.MFRGG2LTMFRGG2LTMFRG

It names the step exactly as the message on the wire does (key, since, state), so the centre knows the two for one
whichever comes first. The signature (HMAC-SHA256, 100 of its bits) stands under a key that only this home and the
centre have: the sender's number of an SMS proves nothing. What is said needs no secrecy: ids, never a name.

Only letters, digits and `. : - *` are used: the same in GSM-7, ASCII and Unicode, so that no network or provider
changes one. Other characters are written as `*` and two hex digits for each octet of their UTF-8.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError, DecodeError
from shouwang.reading import Moment

VERSION = "SW1"
MAX_CHARS = 1224
"""Eight parts of an SMS; nothing longer was sent by a home."""
KEY_CHARS = 32
"""The least that the key's file must hold: 128 bits as hex digits."""
SIGNATURE_CHARS = 20
"""In base 32: 100 bits, more than the 96 at which a forger who sends a text a second needs longer than the sun has."""


class ShortAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an alarm, without what led to it: no evidence, and `mono` 0.

    `is_clock_unsure`: nobody had set the home's clock when it was sent, so its times may be wrong by years.
    """

    gateway_id: str
    alert: Alert
    is_clock_unsure: bool = False


class ShortTest(msgspec.Struct, frozen=True, kw_only=True):
    """The way works: sent once a day by a home that is well, at `at` by its own clock."""

    gateway_id: str
    at: Moment


KeyOf = Callable[[str], bytes | None]
"""The key of a gateway; None where the centre has none."""


def key_from(words: str) -> bytes:
    """The key in a file's words. Raises ConfigError where it is too short to prove anything."""
    if len(words) < KEY_CHARS:
        raise ConfigError(
            Bilingual(
                f"has {len(words)} characters, and needs {KEY_CHARS} at least; make one: openssl rand -hex 32",
                zh=f"有 {len(words)} 个字符，至少要 {KEY_CHARS} 个；请做一个：openssl rand -hex 32",
            )
        )
    return words.encode()


def encode_alert(gateway_id: str, alert: Alert, key: bytes, *, is_clock_unsure: bool = False) -> str:
    """The signed text. Its `why` and evidence stay at home: they come when the internet is back."""
    rule_id, _, rest = alert.key.partition(":")
    sensor_id = rest.partition(":")[0]
    flags = (("t", alert.is_test), ("l", alert.latching), ("u", is_clock_unsure))
    return _signed(
        [
            "A",
            _escaped(gateway_id),
            _escaped(alert.key),
            "" if alert.rule_id == rule_id else _escaped(alert.rule_id),
            "" if alert.sensor_id == sensor_id else _escaped(alert.sensor_id),
            "" if alert.hazard == alert.rule_id else _escaped(alert.hazard),
            f"{alert.severity.rank}{_LETTERS[alert.state]}{''.join(letter for letter, is_so in flags if is_so)}",
            _base36(alert.rule_version),
            _base36((alert.since - _EPOCH) // _MICROSECOND),
            _base36((alert.at - alert.since) // _MILLISECOND),
            _escaped(alert.resident_id),
        ],
        key,
    )


def encode_test(gateway_id: str, at: datetime, key: bytes) -> str:
    """The signed text of a test."""
    return _signed(["T", _escaped(gateway_id), _base36((at - _EPOCH) // _MICROSECOND)], key)


def decode(text: str, key_of: KeyOf) -> ShortAlert | ShortTest:
    """What a home has sent. Raises DecodeError: it is foreign, cut off, changed or forged, or of another version."""
    fields = text.strip().split(".")
    gateway_id = _sender(text, fields)
    if not text.isascii():  # also half a character, which nobody could sign
        raise DecodeError(f"says it is of gateway {gateway_id}, and holds characters that no home writes: changed")
    key = key_of(gateway_id)
    if key is None:
        raise DecodeError(f"gateway {gateway_id[:64]} has no key here; give its home an sms_key_file")
    if len(fields[-1]) != SIGNATURE_CHARS:
        raise DecodeError(f"says it is of gateway {gateway_id}, and is cut off: its signature is not whole")
    if not hmac.compare_digest(fields[-1].encode(), _signature(fields[:-1], key).encode()):
        raise DecodeError(f"says it is of gateway {gateway_id}, and its signature does not fit: changed, or forged")
    kind, said = fields[1], fields[3:-1]
    if kind == "T" and len(said) == 1:
        return ShortTest(gateway_id=gateway_id, at=_moment(said[0]))
    if kind == "A" and len(said) == _SAID:
        return _alert(gateway_id, said)
    raise DecodeError(f"gateway {gateway_id} signs something that this version does not know: {kind[:8]}")


def claimed_gateway(text: str) -> str | None:
    """The gateway that a text says it is of, proven or not; None where it is no text of a home."""
    try:
        return _sender(text, text.strip().split("."))
    except DecodeError:
        return None


def _sender(text: str, fields: list[str]) -> str:
    if len(text) > MAX_CHARS:
        raise DecodeError(f"{len(text)} characters, more than the {MAX_CHARS} that a home sends")
    if fields[0] != VERSION:
        is_ours = re.fullmatch(r"SW[0-9]{1,3}", fields[0]) is not None
        raise DecodeError(f"is of version {fields[0]}, not {VERSION}" if is_ours else "is no message of a home")
    if len(fields) < _LEAST:
        raise DecodeError("is cut off: it names no gateway and no signature")
    return _plain(fields[2])


def _alert(gateway_id: str, said: list[str]) -> ShortAlert:
    key, rule_id, sensor_id, hazard, *numbers, resident_id = said
    what, version, since, later = numbers
    alarm = _plain(key)
    found = re.fullmatch(r"([1-4])([PFCR])([a-z]*)", what)
    if found is None:
        raise DecodeError(f"is no step of an alarm: {what[:16]}")
    state, flags = _STATES[found[2]], found[3]
    began = _moment(since)
    rule = _plain(rule_id) or alarm.partition(":")[0]
    sensor = _plain(sensor_id) or alarm.partition(":")[2].partition(":")[0]
    hazard = _plain(hazard) or rule
    alert = Alert(
        alert_id=alert_id_of(alarm, began, state),
        key=alarm,
        rule_id=rule,
        rule_version=_number(version),
        hazard=hazard,
        severity=Severity(f"P{found[1]}"),
        state=state,
        resident_id=_plain(resident_id),
        sensor_id=sensor,
        since=began,
        at=_after(began, _number(later), _MILLISECOND),
        mono=0,
        why=Sentence(
            zh=f"{hazard}，传感器 {sensor}；家中网络中断，详情待恢复后送到",
            en=f"{hazard}, sensor {sensor}; the home's internet is down, details come when it is back",
        ),
        latching="l" in flags,
        is_test="t" in flags,
    )
    return ShortAlert(gateway_id=gateway_id, alert=alert, is_clock_unsure="u" in flags)


def _signed(fields: list[str], key: bytes) -> str:
    said = [VERSION, *fields]
    return ".".join([*said, _signature(said, key)])


def _signature(said: list[str], key: bytes) -> str:
    digest = hmac.new(key, ".".join(said).encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:SIGNATURE_CHARS]


def _escaped(value: str) -> str:
    return re.sub(r"[^A-Za-z0-9:-]", lambda found: "".join(f"*{octet:02X}" for octet in found[0].encode()), value)


def _plain(written: str) -> str:
    if not re.fullmatch(r"(?:[A-Za-z0-9:-]|\*[0-9A-F]{2})*", written):
        raise DecodeError("holds characters that no home writes: changed on its way")
    octets = re.sub(r"\*(..)", lambda found: chr(int(found[1], 16)), written).encode("latin-1")
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("holds characters that no home writes: changed on its way") from error


def _base36(number: int) -> str:
    digits = ""
    rest = abs(number)
    while rest:
        rest, digit = divmod(rest, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return ("-" if number < 0 else "") + (digits or "0")


def _number(written: str) -> int:
    if not re.fullmatch(r"-?[0-9A-Z]{1,12}", written):
        raise DecodeError(f"holds no number where one must be: {written[:16]}")
    return int(written, len(_DIGITS))


def _moment(written: str) -> datetime:
    return _after(_EPOCH, _number(written), _MICROSECOND)


def _after(start: datetime, count: int, unit: timedelta) -> datetime:
    try:
        return start + count * unit
    except OverflowError as error:
        raise DecodeError("tells a time that no clock can mean") from error


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
"""As fine as the home's own: two steps of one alarm must name the same beginning, by whichever way each comes."""
_MILLISECOND = timedelta(milliseconds=1)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTERS = {
    AlertState.PREALARM: "P",
    AlertState.FIRING: "F",
    AlertState.CANCELLED: "C",
    AlertState.RESOLVED: "R",
}
_STATES = {letter: state for state, letter in _LETTERS.items()}
_SAID = 9
_LEAST = 4
