"""SMS in PDU form and the lines of a modem: recorded rows, tables of the standards, round trips, and noise."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.decode import answer
from drivers.serial.codec import at_lines
from drivers.serial.codec.at_errors import Remedy, refusal
from drivers.serial.codec.gsm7 import can_write, from_septets, pack, to_septets, unpack
from drivers.serial.codec.modem_rows import READERS
from drivers.serial.codec.sms_fields import Concat, Cursor, is_e164, moment, take_moment
from drivers.serial.codec.sms_pdu import (
    Alphabet,
    Deliver,
    Discharge,
    StatusReport,
    Submit,
    alphabet_of,
    concat_of,
    decode_pdu,
    joined,
    relative_validity,
)
from drivers.serial.codec.sms_submit import Envelope, count_parts, encode_submit, validity_octet
from shouwang.errors import DecodeError
from simulators.serial import pdu as network

TO = "+8613800138000"
SUBMIT_ROWS = {"sms-d015", "sms-d019", "sms-d022", "sms-d023", "sms-d024"}
"""Rows that a telephone would send; the others of sms-pdu-encode were written by a program as messages that came in."""
WRONG_IN_ROW = {
    # Year 99 of GSM is 1999: gammu adds 1990 to years from 90 on, which is how 2089 came into the row.
    ("sms-d013", "timestamp"): "1999-03-29T15:16:59+02:00",
}


def rows(shared: Path) -> list[dict]:
    folder = shared / "vectors" / "serial"
    return [row for name in ("sms", "at") for row in json.loads((folder / f"{name}.json").read_text())["vectors"]]


def same(found: object, wanted: object, name: str) -> bool:
    """Moments are compared as such: rows write +02 and +02:00."""
    if name == "timestamp" and isinstance(found, str) and isinstance(wanted, str):
        return datetime.fromisoformat(found) == datetime.fromisoformat(wanted)
    return found == wanted


def test_every_recorded_row_is_read(shared):
    wrong, count = [], 0
    for row in rows(shared):
        found = answer(row)
        count += 1
        assert found.valid, (row["id"], found.reason)
        if row["expect"]["valid"] is None:  # +CREG with an empty area: no area and no cell are taken from it
            assert (found.fields["stat"], found.fields["lac"], found.fields["cell_id"]) == (1, None, None)
            continue
        for name, wanted in row["expect"].items():
            if name in ("valid", "text_before_encoding"):  # the latter is what a program was asked to write
                continue
            right = WRONG_IN_ROW.get((row["id"], name), wanted)
            if not same(found.fields.get(name, "missing"), right, name):
                wrong.append((row["id"], name, found.fields.get(name, "missing"), right))
    assert wrong == []
    assert count == 25 + 33


def test_messages_to_be_sent_are_written_as_others_write_them(shared):
    seen = set()
    for row in rows(shared):
        if row["id"] not in SUBMIT_ROWS:
            continue
        seen.add(row["id"])
        message = decode_pdu(bytes.fromhex(row["hex"]))
        assert isinstance(message, Submit)
        envelope = Envelope(to=message.to, centre=message.centre, validity=message.validity)
        (written,) = encode_submit(row["expect"]["text"], envelope)
        if row["id"] == "sms-d023":  # digits in UCS2, which 7 bits would carry as well
            assert written.octets.endswith(b"\x06" + pack(to_septets("123456")))
            continue
        assert written.octets.hex() == row["hex"]
        assert written.tpdu_size == len(written.octets) - 1 - written.octets[0]
    assert seen == SUBMIT_ROWS


# ---- alphabet ----


def test_the_alphabet_has_128_places_and_ten_more():
    whole = from_septets([*range(0x1B), *range(0x1C, 0x80)])
    assert len(whole) == 127
    assert whole.startswith("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !")
    assert from_septets([0x1B, 0x65, 0x1B, 0x3C, 0x1B, 0x0A]) == "€[\f"
    assert from_septets([0x1B, 0x41, 0x1B, 0x1B, 0x41, 0x1B]) == "A A", "no entry: the basic table; escape: a space"
    assert not can_write("你")
    with pytest.raises(DecodeError, match="'你'"):
        to_septets("你")


@given(st.text(st.sampled_from(from_septets([*range(0x1B), *range(0x1C, 0x80)]) + "€^{}[]~|\\\f"), max_size=200))
def test_seven_bits_go_there_and_back(text):
    septets = to_septets(text)
    for fill_bits in (0, 1, 6):
        assert unpack(pack(septets, fill_bits=fill_bits), len(septets), fill_bits=fill_bits) == septets
    assert from_septets(septets) == text


# ---- parts ----


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 153 * 2, 2),
        ("a" * (153 * 2 + 1), 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("你" * 70, 1),
        ("你" * 71, 2),
        ("你" * 134, 2),
        ("你" * 135, 3),
        ("👵" * 35, 1),
        ("👵" * 36, 2),
        ("👵" * 66, 2),
        ("👵" * 67, 3),  # 67 units hold 33 pairs and a half
    ],
)
def test_a_text_takes_as_many_parts_as_it_must(text, parts):
    assert count_parts(text) == parts == len(encode_submit(text, Envelope(to=TO)))


@pytest.mark.parametrize("before", range(148, 154))
def test_no_part_ends_between_an_escape_and_its_character(before):
    text = "a" * before + "€€€€" + "b" * 20
    read = [decode_pdu(pdu.octets) for pdu in encode_submit(text, Envelope(to=TO))]
    assert "".join(one.data.text for one in read) == text


TEXTS = st.one_of(
    st.text(st.sampled_from("abc @€[]{}\n你好👵é"), max_size=400),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=300),
)


@given(text=TEXTS, wide=st.booleans(), ref=st.integers(0, 0xFF), report=st.booleans(), order=st.randoms())
@settings(max_examples=300)
def test_any_text_goes_there_and_back_in_parts(text, wide, ref, report, order):
    pdus = encode_submit(
        text, Envelope(to=TO, concat_ref=ref << 8 if wide else ref, is_16_bit=wide, wants_report=report)
    )
    read = [decode_pdu(pdu.octets) for pdu in pdus]
    order.shuffle(read)
    assert all(isinstance(one, Submit) and one.to == TO and one.wants_report is report for one in read)
    assert all(one.data.text is not None and "\ufffd" not in one.data.text.replace("\ufffd", "") for one in read)
    read.sort(key=lambda one: 0 if (concat := concat_of(one)) is None else concat.seq)
    assert "".join(one.data.text for one in read) == text, "no part begins or ends within a character"
    concats = [concat_of(one) for one in read]
    if len(read) > 1:
        assert {(one.ref, one.total, one.is_16_bit) for one in concats} == {
            (ref << 8 if wide else ref, len(read), wide)
        }
    else:
        assert concats == [None]
    assert all(len(pdu.octets) - 1 == pdu.tpdu_size <= 12 + 2 + 140 for pdu in pdus)


@given(text=st.text(st.sampled_from("ab€你👵"), min_size=1, max_size=300), ref=st.integers(0, 255))
def test_parts_of_a_network_are_joined(text, ref):
    parts = [decode_pdu(pdu) for pdu in network.deliver(TO, text, ref=ref)]
    assert joined(parts) == text


@example("\f")  # the page break of the extension table
@given(text=TEXTS.filter(bool))
def test_the_simulated_network_reads_what_we_write(text):
    """Two codecs, written apart from the same document, agree."""
    assert "".join(network.read_submit(one.octets).text for one in encode_submit(text, Envelope(to=TO))) == text


def test_a_pair_that_a_sender_split_is_joined():
    whole = "👵".encode("utf-16-be")
    parts = []
    for seq, half in enumerate((whole[:2], whole[2:]), 1):
        header = bytes((5, 0, 3, 9, 2, seq))
        octets = bytes.fromhex("0044 0d91 683108108300f0 0008 62115280000000".replace(" ", ""))
        parts.append(decode_pdu(octets + bytes((len(header) + 2,)) + header + half))
    assert joined(parts) == "👵"
    assert parts[0].data.text == "\ufffd"


# ---- fields ----


@pytest.mark.parametrize("hours", [-12, -5, -0.75, 0, 0.25, 1, 5.75, 8, 14])
def test_time_stamps_carry_their_zone(hours):
    at = datetime(2026, 11, 25, 7, 8, 9, tzinfo=timezone(timedelta(hours=hours)))
    assert take_moment(Cursor(moment(at)), "time") == at


@pytest.mark.parametrize("written", ["00000000000000", "00000000000023"])
def test_no_time_is_none(written):
    assert take_moment(Cursor(bytes.fromhex(written)), "time") is None


@pytest.mark.parametrize("written", ["62312508000000", "62115280000f99", "6a115280000000", "621152800000"])
def test_what_is_no_moment_is_refused(written):
    with pytest.raises(DecodeError):
        take_moment(Cursor(bytes.fromhex(written)), "time")


@pytest.mark.parametrize(
    ("octet", "validity"),
    [
        (0, timedelta(minutes=5)),
        (143, timedelta(hours=12)),
        (144, timedelta(hours=12, minutes=30)),
        (167, timedelta(hours=24)),
        (168, timedelta(days=2)),
        (196, timedelta(days=30)),
        (197, timedelta(weeks=5)),
        (255, timedelta(weeks=63)),
    ],
)
def test_validity_periods_of_the_standard(octet, validity):
    assert relative_validity(octet) == validity
    assert validity_octet(validity) == octet


@given(st.timedeltas(timedelta(0), timedelta(days=500)))
def test_a_validity_is_never_made_longer(validity):
    written = relative_validity(validity_octet(validity))
    assert written <= max(validity, timedelta(minutes=5))


@pytest.mark.parametrize(
    ("coding", "alphabet"),
    [
        (0x00, Alphabet.GSM7),
        (0x04, Alphabet.OCTETS),
        (0x08, Alphabet.UCS2),
        (0x18, Alphabet.UCS2),
        (0x0C, Alphabet.GSM7),
        (0xC8, Alphabet.GSM7),
        (0xE0, Alphabet.UCS2),
        (0xF1, Alphabet.GSM7),
        (0xF5, Alphabet.OCTETS),
        (0x90, Alphabet.GSM7),
    ],
)
def test_coding_schemes_of_the_standard(coding, alphabet):
    assert alphabet_of(coding) is alphabet


def test_compressed_text_is_told():
    with pytest.raises(DecodeError, match="compressed"):
        alphabet_of(0x20)


@pytest.mark.parametrize(
    ("status", "discharge"),
    [
        (0x00, Discharge.DELIVERED),
        (0x01, Discharge.FORWARDED),
        (0x20, Discharge.PENDING),
        (0x30, Discharge.PENDING),
        (0x40, Discharge.FAILED),
        (0x46, Discharge.FAILED),
        (0x65, Discharge.FAILED),
    ],
)
def test_status_reports(status, discharge):
    found = decode_pdu(network.status_report(200, TO, status))
    assert isinstance(found, StatusReport)
    assert (found.ref, found.to, found.discharge) == (200, TO, discharge)
    assert found.at == datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


def test_a_national_alphabet_is_told_and_the_rest_is_read():
    # Turkish single shift: header 03 24 01 01, one fill bit, "a".
    pdu = bytes.fromhex("0044 0d91 683108108300f0 0000 62115280000000 06 03240101 c200".replace(" ", ""))
    found = decode_pdu(pdu)
    assert isinstance(found, Deliver)
    assert (found.sender, found.data.text) == (TO, None)
    assert found.data.trouble == "the national language table 1 is not supported"


@pytest.mark.parametrize(
    ("written", "sender"),
    [
        ("0b91 6831081083f0", "+86138001380"),
        ("0481 8100", "1800"),
        ("05a1 0180f6", "10086"),
        ("0ed0" + pack(to_septets("Shouwang")).hex(), "Shouwang"),  # a name of 8 letters fills 14 half octets
        ("0cd0" + pack(to_septets("elders")).hex(), "elders"),
    ],
)
def test_addresses_of_all_kinds(written, sender):
    found = decode_pdu(bytes.fromhex(f"0004 {written} 0000 62115280000000 00"))
    assert isinstance(found, Deliver)
    assert found.sender == sender


@pytest.mark.parametrize("number", ["+8613800138000", "+15551234567", "+4915112345678"])
def test_numbers_of_the_world(number):
    assert is_e164(number)


@pytest.mark.parametrize(
    "number", ["13800138000", "+0123456789", "+86 138 0013", "+123456", "+1234567890123456", "", "١"]
)
def test_what_is_no_number_of_the_world(number):
    assert not is_e164(number)


# ---- noise ----


@given(st.binary(max_size=200))
@settings(max_examples=3000)
def test_random_octets_are_read_or_refused(octets):
    with suppress(DecodeError):
        decode_pdu(octets)


@given(row=st.sampled_from([0, 1, 2]), cut=st.integers(0, 200), flip=st.integers(0, 2000))
def test_damaged_messages_are_read_or_refused(row, cut, flip):
    whole = [
        network.deliver(TO, "hello" * 40)[0],
        network.deliver(TO, "你好" * 60, ref=4)[1],
        network.status_report(7, TO, 0),
    ][row]
    bits = bytearray(whole[: len(whole) - cut % len(whole)] if cut % 2 else whole)
    if bits:
        bits[flip // 8 % len(bits)] ^= 1 << flip % 8
    with suppress(DecodeError):
        decode_pdu(bytes(bits))


LINES = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{}: {}".format,
        st.sampled_from(["+CREG", "+CEREG", "+CUSD", "+CSCA", "+CSQ", "+CMTI", "+CMGS", "+CLCC", "+CMGL", "+DTMF"]),
        st.text(st.sampled_from('0123456789ABCDEF", +x你²\x00'), max_size=40),
    ),
)


@pytest.mark.no_cover  # no coverage is judged of drivers, and tracing makes this four times slower
@given(LINES)
@settings(max_examples=2000)
def test_random_lines_are_read_or_refused(line):
    readers = (at_lines.registration, at_lines.ussd, at_lines.centre, at_lines.signal_dbm, at_lines.message_place)
    for read in (*readers, at_lines.sent_ref, at_lines.call, at_lines.listed_index, at_lines.tone, at_lines.caller):
        with suppress(DecodeError):
            read(line)
    refusal(line)
    for protocol in READERS:
        assert answer({"protocol": protocol, "text": line, "hex": line}) is not None


def test_a_row_without_what_it_needs_is_refused_with_what_to_write():
    for protocol in READERS:
        found = answer({"protocol": protocol})
        assert not found.valid
        assert "missing" in str(found.reason)


# ---- lines ----


@pytest.mark.parametrize(
    ("line", "dbm"),
    [("+CSQ: 0,0", -113), ("+CSQ: 20,99", -73), ("+CSQ: 31,99", -51), ("+CSQ: 99,99", None), ("+CSQ: 191,99", -25)],
)
def test_signal_strength(line, dbm):
    assert at_lines.signal_dbm(line) == dbm


@pytest.mark.parametrize("line", ["+CSQ: 40,99", "+CSQ:", "+CSQ: x", "OK"])
def test_what_is_no_signal_strength(line):
    with pytest.raises(DecodeError):
        at_lines.signal_dbm(line)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("+DTMF: 1", "1"),
        ("+RXDTMF: #", "#"),
        ("+RXDTMF: A", "A"),
        ("+QTONEDET: 49", "1"),
        ("+QTONEDET: 42", "*"),
        ("+QTONEDET: 7", None),
        ("+DTMF: 11", None),
        ("RING", None),
    ],
)
def test_keys_that_are_pressed(line, key):
    assert at_lines.tone(line) == key


def test_other_lines():
    assert at_lines.message_place('+CMTI: "SM",3') == ("SM", 3)
    assert at_lines.message_place('+CDSI: "SR",12') == ("SR", 12)
    assert at_lines.sent_ref("+CMGS: 255") == 255
    assert at_lines.caller('+CLIP: "+8613800138000",145') == TO
    assert at_lines.call('+CLCC: 1,0,3,0,0,"+8613800138000",145') == at_lines.Call(
        is_outgoing=True, state=3, is_voice=True
    )
    assert at_lines.ussd('+CUSD: 0,"D7327BFC6E9741F437885E0E83C86532D94D07",15').text.startswith("Wel")


@pytest.mark.parametrize(
    ("line", "code", "remedy"),
    [
        ("+CMS ERROR: 38", 38, Remedy.LATER),
        ("+CMS ERROR: 1", 1, Remedy.NEVER),
        ("+CMS ERROR: 500", 500, Remedy.VAGUE),
        ("+CMS ERROR: 515", 515, Remedy.VAGUE),
        ("+CMS ERROR: 332", 332, Remedy.UNKNOWN_FATE),
        ("+CME ERROR: 14", 14, Remedy.LATER),
        ("+CME ERROR: SIM busy", None, Remedy.VAGUE),
        ("ERROR", None, Remedy.VAGUE),
    ],
)
def test_refusals_have_words_and_a_remedy(line, code, remedy):
    found = refusal(line)
    assert found is not None
    assert (found.code, found.remedy) == (code, remedy)
    assert len(str(found)) > 6


def test_other_lines_are_no_refusals():
    assert refusal("OK") is None
    assert refusal("+CMTI: 1") is None
    assert Concat(ref=1, total=2, seq=1).is_16_bit is False
