"""What an EnOcean radio telegram means, by its profile; and what it tells of a device that nobody has described yet.

A telegram for learning is never a reading: its data is the profile, or nothing.
"""

import msgspec

from drivers.rows import Found, Plain, Reader, Row
from drivers.serial.codec import esp3
from drivers.serial.codec.eep import PROFILES
from drivers.serial.codec.eep_fields import Meaning
from drivers.serial.codec.recorded import frame_of
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

_LEARN_BIT = 0x08
"""Bit 3 of the last data byte of 1BS and 4BS: 0 in a telegram for learning (EEP 2.6.8, 3.3)."""
_HAS_PROFILE = 0x80
"""Bit 7 of it: the telegram tells its profile (4BS, variation 2 and 3)."""
_UTE_SIZE = 7
_GUESSES = {esp3.RPS: "F6-02-02", esp3.ONE_BYTE: "D5-00-01"}
"""Of a device that nobody has described: D5 has one profile alone, F6 is a rocker switch most often."""
_ACTUATOR_STATUS = (3, 4)
"""Size and command of what only switched sockets (D2-01) say, of which D2-01-01 is the plainest."""


class Learn(msgspec.Struct, frozen=True, kw_only=True):
    """A telegram for learning; `profile` where it tells it."""

    profile: str | None


def learn_in(telegram: esp3.Telegram) -> Learn | None:
    """Whether this is for learning; switches (F6) and most of D2 have none."""
    payload = telegram.payload
    if telegram.rorg == esp3.UTE:
        is_whole = len(payload) == _UTE_SIZE
        return Learn(profile=f"{payload[6]:02X}-{payload[5]:02X}-{payload[4]:02X}" if is_whole else None)
    if telegram.rorg not in (esp3.ONE_BYTE, esp3.FOUR_BYTES) or not payload or payload[-1] & _LEARN_BIT:
        return None
    if telegram.rorg == esp3.FOUR_BYTES and len(payload) == 4 and payload[-1] & _HAS_PROFILE:
        bits = int.from_bytes(payload, "big")
        return Learn(profile=f"A5-{bits >> 26 & 0x3F:02X}-{bits >> 19 & 0x7F:02X}")
    return Learn(profile=None)


def meaning_of(telegram: esp3.Telegram, name: str) -> Meaning:
    """What it says as this profile; no telegram for learning. Raises DecodeError."""
    profile = PROFILES[name]
    if telegram.rorg in esp3.SECURE:
        raise DecodeError("the device speaks encrypted, which is not supported; set it to plain telegrams")
    if telegram.rorg != profile.rorg:
        raise DecodeError(f"a telegram of RORG {telegram.rorg:02X}, which profile {name} does not have")
    return profile.meaning(telegram.payload, telegram.status)


def guess_of(telegram: esp3.Telegram) -> str | None:
    """The profile that it most likely has; None where nothing tells."""
    learn = learn_in(telegram)
    if learn is not None and learn.profile in PROFILES:
        return learn.profile
    if telegram.rorg == esp3.VARIABLE:
        size, command = _ACTUATOR_STATUS
        is_status = len(telegram.payload) == size and telegram.payload[0] & 0x0F == command
        return "D2-01-01" if is_status else None
    return _GUESSES.get(telegram.rorg)


def introduction(telegram: esp3.Telegram) -> str:
    """What to tell of a device that the home does not name, with the lines to paste."""
    heard = f"heard a new device {telegram.sender}"
    if telegram.dbm is not None:
        heard += f" ({telegram.dbm} dBm)"
    if telegram.rorg in esp3.SECURE:
        return f"{heard}; it speaks encrypted, which is not supported: set it to plain telegrams"
    name = guess_of(telegram)
    if name is None:
        kind = "A5-..-.." if telegram.rorg == esp3.FOUR_BYTES else f"{telegram.rorg:02X}-..-.."
        return f"{heard}; its profile (EEP, {kind}) stands on the device or in its manual. {_lines(telegram, kind)}"
    return f"{heard}, looks like a {PROFILES[name].looks_like}. {_lines(telegram, name)}"


def _lines(telegram: esp3.Telegram, profile: str) -> str:
    has_buttons = profile in PROFILES and PROFILES[profile].has_buttons
    press = ", press: [any]" if has_buttons else ""
    why = " (press: [any] makes each key call for help; leave it out for a light switch)" if has_buttons else ""
    return (
        "To use it, paste under sensors: - {kind: enocean_device, id: NAME, "
        f'sender: "{telegram.sender}", profile: {profile}{press}}}{why}'
    )


def strength(telegram: esp3.Telegram, frame: bytes) -> list[Said]:
    """How strongly it was heard."""
    if telegram.dbm is None:
        return []
    return [Sample(quantity=Quantity.SIGNAL_STRENGTH, value=float(telegram.dbm), frame=frame)]


def samples(meaning: Meaning, frame: bytes) -> list[Said]:
    """The values in it; a life sign where there is none."""
    found: list[Said] = [
        Sample(quantity=quantity, value=value, frame=frame) for quantity, value in meaning.values.items()
    ]
    return found or [Alive()]


def _read(row: Row) -> Found:
    """A packet; `profile` in the row says how to read its telegram, else it is read as what it most likely is."""
    frame = frame_of(row)
    packet = esp3.decode_packet(frame)
    fields: dict[str, Plain] = {
        "packet_type": esp3.TYPES[packet.packet_type],
        "data_len": len(packet.data),
        "opt_len": len(packet.optional),
    }
    if packet.packet_type == esp3.COMMON_COMMAND:
        fields["command"] = esp3.COMMANDS.get(packet.data[0], f"{packet.data[0]:02X}")
    if packet.packet_type != esp3.RADIO_ERP1:
        return fields, []
    telegram = esp3.telegram_in(packet)
    learn = learn_in(telegram)
    given = _profile_in(row)
    name = given or guess_of(telegram)
    fields |= {
        "rorg": f"{telegram.rorg:02X}",
        "payload": telegram.payload.hex(),
        "sender": ":".join(telegram.sender[at : at + 2] for at in range(0, 8, 2)),
        "status": telegram.status,
        "level": telegram.level,
        "dbm": telegram.dbm,
        "learn": learn is not None,
        "eep": name,
    }
    if name is None or (learn is not None and given is None):  # its data is no value
        return fields, []
    meaning = meaning_of(telegram, name)
    return fields | meaning.fields, samples(meaning, frame) if learn is None else []


def _profile_in(row: Row) -> str | None:
    name = row.get("profile")
    if name is None:
        return None
    if not isinstance(name, str) or name not in PROFILES:
        raise DecodeError(f"profile {name!s:.20} is not known; known are: {', '.join(PROFILES)}")
    return name


READERS: dict[str, Reader] = {"enocean-esp3": _read}
