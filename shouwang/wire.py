"""The contract between a home and the community server: envelopes, their JSON, and topics.

Topics (`gw` is the gateway's id, which is also its MQTT user name, so that one ACL pattern serves all homes):

    v1/{gw}/up/al     alerts                                        QoS 1, never expire
    v1/{gw}/up/st     birth, heartbeat, sensor status, gaps, clock  QoS 1
    v1/{gw}/up/tm     telemetry batches                             QoS 1
    v1/{gw}/lwt       retained will: "offline" / "online"           QoS 1
    v1/{gw}/down/ack  receipts, sent after COMMIT                   QoS 0 (a lost one only causes a resend)
    v1/{gw}/down/cmd  commands                                      QoS 1
    v1/{gw}/down/head retained: the head of the centre's record     QoS 1

JSON is strict: unknown kinds and wrong types raise DecodeError; unknown fields are ignored, so that a newer home can
talk to an older server. A bigger change takes a new topic version.
"""

import re
from enum import IntEnum, StrEnum
from typing import Annotated, Literal, NamedTuple, TypeVar

import msgspec

from shouwang.alert import Alert, Sentence
from shouwang.errors import DecodeError
from shouwang.reading import Moment, Reading
from shouwang.status import SensorStatus

VERSION = "v1"
MAX_PAYLOAD_BYTES = 256 * 1024
"""Larger messages are refused unread: 100 samples with frames are under 40 kB."""

_ID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
GatewayId = Annotated[str, msgspec.Meta(pattern=_ID)]
Seq = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
"""The number of a message in its lane, as far as both ends can store one."""


class Lane(IntEnum):
    """What overtakes what. A lower lane is looked at before every send and has its own window."""

    LIFE_SAFETY = 0
    STATE = 1
    TELEMETRY = 2
    BULK = 3


class MessageId(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """The identity of a message for ever: a resend carries the same one, the server stores it once.

    `epoch` is 16 hex digits drawn when the outbox file is made, so that a wiped card never reuses numbers.
    """

    gateway: GatewayId
    epoch: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
    lane: Lane
    seq: Seq

    def __str__(self) -> str:
        return f"{self.gateway}/{self.epoch}/{int(self.lane)}/{self.seq}"


class AlertBody(msgspec.Struct, frozen=True, kw_only=True, tag="alert", tag_field="kind"):
    """One step of an alarm."""

    alert: Alert


class TelemetryBody(msgspec.Struct, frozen=True, kw_only=True, tag="telemetry", tag_field="kind"):
    """Readings in the order in which they were taken in, without their frames."""

    readings: tuple[Reading, ...]


class StatusBody(msgspec.Struct, frozen=True, kw_only=True, tag="status", tag_field="kind"):
    """A sensor was found, fell silent or was lost."""

    status: SensorStatus


class BoxFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a box is by its own account; what it does not know is left out.

    `battery`, `disk_used` in percent, `temperature` in Cel. `link`: `wired`, `wifi` or `cellular`, how its way to the
    internet begins; `link_dbm`: how strong that is. `certificate_ends`: of its own certificate for the centre's broker.
    """

    is_on_mains: bool | None = None
    battery: float | None = None
    disk_used: float | None = None
    temperature: float | None = None
    link: str = ""
    link_dbm: float | None = None
    certificate_ends: Moment | None = None


class SensorFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The side of a sensor that no rule judges: `battery` in percent, and `quiet_s` since it was last heard."""

    battery: float | None = None
    signal_dbm: float | None = None
    quiet_s: int | None = None


class BirthBody(msgspec.Struct, frozen=True, kw_only=True, tag="birth", tag_field="kind"):
    """The gateway started: its version, sensors (id to kind) and the alarms that are still on (keys).

    `starts`: how often it has started in the last 24 h, this start included; 0 where it does not count. `heartbeat_s`:
    how often it will say that it lives. `test_due_at`: when its next test alarm is due; None where it sends none.
    """

    version: str
    sensors: dict[str, str]
    active: tuple[str, ...] = ()
    starts: int = 0
    heartbeat_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 60
    test_due_at: Moment | None = None


class HeartbeatBody(msgspec.Struct, frozen=True, kw_only=True, tag="heartbeat", tag_field="kind", omit_defaults=True):
    """The gateway lives. `backlog` counts messages without a receipt, `rejected` what drivers could not read.

    `box`, `sensors`: how they are, where that has changed since it was told, and all of it once an hour; None and empty
    in the other beats, and from gateways that do not tell it.
    """

    backlog: int
    uptime_s: int
    rejected: int = 0
    box: BoxFacts | None = None
    sensors: dict[str, SensorFacts] = {}


class GapBody(msgspec.Struct, frozen=True, kw_only=True, tag="gap", tag_field="kind"):
    """Data that will never come: how many readings (or messages), from when to when, and why, in words.

    `code` names the reason for translation; empty from gateways that did not tell it. `first_seq` to `last_seq`: where
    messages were dropped that had their numbers already, those of `lane` that will never come (unless they have come).
    """

    reason: str
    count: int
    first_at: Moment | None = None
    last_at: Moment | None = None
    code: str = ""
    lane: Lane | None = None
    first_seq: Seq | None = None
    last_seq: Seq | None = None


class ClockBody(msgspec.Struct, frozen=True, kw_only=True, tag="clock", tag_field="kind"):
    """A clock anchor: engine millisecond `mono` of this envelope's boot was `wall`, give or take `error_ms`.

    With it the server mends the times of what this boot measured before its clock was right. `stepped_ms`: how far the
    clock was moved since the last anchor; 0 where it was not. `source`: who said so, the kernel's NTP or the centre's
    receipts.
    """

    mono: int
    wall: Moment
    error_ms: int
    source: Literal["ntp", "centre"]
    stepped_ms: int = 0


class Path(StrEnum):
    """A way from the home to the centre."""

    INTERNET = "internet"
    SMS = "sms"
    VOICE = "voice"


class PathBody(msgspec.Struct, frozen=True, kw_only=True, tag="path", tag_field="kind"):
    """A way to the centre was lost, restored, or tested; sent on change and once for each test (EN 50136 supervision).

    `since`: from when on it is so. `tested_at`: when it last carried something that was answered. `reason`: a sentence
    for the operator; `reason_zh`: the same in Chinese (empty from older gateways).
    """

    path: Path
    is_up: bool
    since: Moment
    at: Moment
    mono: int
    reason: str = ""
    tested_at: Moment | None = None
    reason_zh: str = ""


Body = AlertBody | TelemetryBody | StatusBody | BirthBody | HeartbeatBody | GapBody | ClockBody | PathBody


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What outbox and wire carry; its bytes never change on a resend.

    `boot` is the kernel's boot id and `mono` the engine millisecond at creation: with a later clock anchor the server
    can mend the times of a box that started with a wrong clock. `is_clock_unsure`: nobody had set the clock of this
    boot yet when it was made.
    """

    id: MessageId
    created_at: Moment
    boot: str
    mono: int
    body: Body
    is_clock_unsure: bool = False


class Sent(NamedTuple):
    """When a message was sent, which its bytes cannot tell: engine millisecond `mono` of the boot that sent it.

    It goes along as the MQTT 5 user property `sent`, so that the age of a message is known whatever its clocks said.
    """

    boot: str
    mono: int

    def __str__(self) -> str:
        return f"{self.mono} {self.boot}"


def read_sent(told: str) -> Sent | None:
    """The user property as a value; None where there is none, or one that means nothing."""
    mono, _, boot = told.partition(" ")
    if not boot or len(told) > _SENT_CHARS or not _SENT_MONO.fullmatch(mono):
        return None
    return Sent(boot=boot, mono=int(mono))


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The server has committed these messages (lane and sequence numbers of one gateway and epoch).

    `server_at` gives a coarse clock to a home without NTP.
    """

    epoch: str
    lane: Lane
    seqs: tuple[Seq, ...]
    server_at: Moment


class HelpComing(msgspec.Struct, frozen=True, kw_only=True, tag="help-coming", tag_field="kind"):
    """A person at the centre has taken the case of these alarms (keys): the home tells the elder so.

    From a centre that names none it is about all alarms of the home.
    """

    say: Sentence
    keys: tuple[str, ...] = ()


class ResetAlarm(msgspec.Struct, frozen=True, kw_only=True, tag="reset-alarm", tag_field="kind"):
    """The case is closed: these alarms (keys) stop sounding and may fire anew."""

    keys: tuple[str, ...]
    by: str


class SetMode(msgspec.Struct, frozen=True, kw_only=True, tag="set-mode", tag_field="kind"):
    """Whether the residents are at home, as the centre knows it.

    `until`: when the home counts as `home` again by itself, by the centre's clock; None: after the longest time that
    the home allows for this mode. Smoke, gas, water, falls and SOS are watched in every mode.
    """

    mode: Literal["home", "away", "hospital", "visitor"]
    by: str
    until: Moment | None = None


class RequestTest(msgspec.Struct, frozen=True, kw_only=True, tag="request-test", tag_field="kind"):
    """Send a test alarm now, the whole way that an alarm takes. Nothing sounds at home, nobody is sent."""

    by: str


Action = HelpComing | ResetAlarm | SetMode | RequestTest


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """An order from the centre. A repeated `command_id` is carried out once; one past `expires_at` not at all.

    `incident_id` is empty where it belongs to no case.
    """

    command_id: str
    issued_at: Moment
    expires_at: Moment
    incident_id: str
    action: Action


class ChainHead(msgspec.Struct, frozen=True, kw_only=True):
    """The last hash of the centre's audit record after so many entries: each home is a witness of it.

    `changes`, `changes_hash`: the same of its chain of changes; 0 and zeros from a server that has none.
    """

    entries: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    at: Moment
    changes: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    changes_hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] = "0" * 64


def encode(message: Envelope | Receipt | Command | ChainHead) -> bytes:
    """The message as JSON; equal messages give equal bytes."""
    return _encoder.encode(message)


def decode_envelope(payload: bytes, *, gateway: str) -> Envelope:
    """The envelope that `gateway` sent.

    Raises DecodeError for oversize, malformed or naive-time payloads, and where the envelope names another gateway than
    the topic does.
    """
    envelope = _decode(_envelope, payload)
    if envelope.id.gateway != gateway:
        raise DecodeError(f"sent on the topic of gateway {gateway}, but names gateway {envelope.id.gateway}")
    return envelope


def decode_receipt(payload: bytes) -> Receipt:
    """Raises DecodeError."""
    return _decode(_receipt, payload)


def decode_command(payload: bytes) -> Command:
    """Raises DecodeError."""
    return _decode(_command, payload)


def decode_head(payload: bytes) -> ChainHead:
    """Raises DecodeError."""
    return _decode(_head, payload)


def up_topic(gateway: str, lane: Lane) -> str:
    """Where a message of this lane goes up."""
    return f"{VERSION}/{gateway}/up/{_LEAVES[lane]}"


def will_topic(gateway: str) -> str:
    """Where the broker says for the gateway that it is gone (retained)."""
    return f"{VERSION}/{gateway}/lwt"


def receipt_topic(gateway: str) -> str:
    """Where receipts come down."""
    return f"{VERSION}/{gateway}/down/ack"


def command_topic(gateway: str) -> str:
    """Where commands come down."""
    return f"{VERSION}/{gateway}/down/cmd"


def head_topic(gateway: str) -> str:
    """Where the head of the centre's record comes down (retained)."""
    return f"{VERSION}/{gateway}/down/head"


def ingest_topics() -> tuple[str, ...]:
    """What the community server subscribes to, the alerts first."""
    return (f"{VERSION}/+/up/al", f"{VERSION}/+/up/st", f"{VERSION}/+/up/tm", f"{VERSION}/+/lwt")


def gateway_of(topic: str) -> str:
    """The gateway that an up or will topic belongs to; raises DecodeError for any other topic."""
    parts = topic.split("/")
    is_up = len(parts) == 4 and parts[2] == "up"
    if parts[0] != VERSION or not (is_up or parts[2:] == ["lwt"]):
        raise DecodeError(f"not a topic of a gateway: {topic}")
    return parts[1]


_SENT_CHARS = 128
_SENT_MONO = re.compile(r"[0-9]{1,17}")
_LEAVES = {Lane.LIFE_SAFETY: "al", Lane.STATE: "st", Lane.TELEMETRY: "tm", Lane.BULK: "tm"}
_encoder = msgspec.json.Encoder()
_envelope = msgspec.json.Decoder(Envelope)
_receipt = msgspec.json.Decoder(Receipt)
_command = msgspec.json.Decoder(Command)
_head = msgspec.json.Decoder(ChainHead)
_M = TypeVar("_M")


def _decode(decoder: msgspec.json.Decoder[_M], payload: bytes) -> _M:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise DecodeError(f"{len(payload)} bytes, more than the {MAX_PAYLOAD_BYTES} that a message may have")
    try:
        return decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise DecodeError(f"wrong schema: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}") from error
