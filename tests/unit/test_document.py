"""YAML for people: every problem at once, with its line, in plain words; and nothing but ConfigError for any text."""

import re
import traceback
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

from shouwang.bilingual import Bilingual
from shouwang.complaint import duration_text, nearest
from shouwang.document import Duration, Id, parse, read, refusal
from shouwang.errors import ConfigError
from shouwang.nodes import MAX_CHARS, spelled


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Radar(Part):
    kind: Literal["fall_radar_r60"]
    id: Id
    port: str = Field(description="the serial port, e.g. /dev/ttyUSB0")
    max_silence: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = timedelta(minutes=1)


class Oximeter(Part):
    kind: Literal["pulse_oximeter_plx", "pulse_oximeter_old"]
    id: Id
    address: str
    limits: Mapping[Annotated[str, Field(max_length=8)], float] = {}
    count: Annotated[int, Field(gt=0, lt=10)] = 1
    loud: bool = False
    colour: Colour | None = None
    tags: tuple[str, ...] = ()

    @field_validator("address")
    @classmethod
    def _has_colons(cls, address: str) -> str:
        if ":" not in address:
            raise ValueError(f'"{address}" is no address; it is printed on the device, e.g. C0:FF:EE:00:00:01')
        return address


class Uplink(Part):
    url: str
    username: str | None = None
    password_file: str | None = None
    version: Literal["5", "3.1.1"] = "5"

    @model_validator(mode="after")
    def _known(self):
        if self.url == "nowhere":
            raise ValueError("leads nowhere; write mqtt://host")
        return self


class House(Part):
    sensors: list[Annotated[Radar | Oximeter, Field(discriminator="kind")]] = []
    uplink: Uplink | None = None
    from_: str | None = Field(default=None, alias="from")
    note: str | int | None = None
    ratio: str | None = Field(default=None, pattern="^[0-9]+:[0-9]+$", description="e.g. 2:1")
    names: None | tuple[str, str] = None  # noqa: RUF036 - the order is what is tested


def problems(text: str, model: type[BaseModel] = House) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, model, name="home.yaml")
    return str(caught.value).splitlines()


def radar(*lines: str) -> str:
    return "\n".join(["sensors:", "  - kind: fall_radar_r60", "    id: r", *(f"    {line}" for line in lines)])


def oximeter(*lines: str) -> str:
    given = ["sensors:", "  - kind: pulse_oximeter_plx", "    id: o", "    address: a:b"]
    return "\n".join([*given, *(f"    {line}" for line in lines)])


def test_a_sound_document_is_read():
    house = parse(radar("port: /dev/ttyUSB0", "max_silence: 90s") + "\nfrom: here\n", House, name="home.yaml")
    assert house.sensors == [
        Radar(kind="fall_radar_r60", id="r", port="/dev/ttyUSB0", max_silence=timedelta(seconds=90))
    ]
    assert house.from_ == "here"


def test_all_problems_come_at_once_in_the_order_of_the_lines():
    text = "uplink:\n  url: 5\n  pasword_file: x\nsensers: 1\n" + radar("prot: /dev/x", "max_silence: 10")
    assert problems(text) == [
        'home.yaml:2: uplink.url: needs text, not "5"; put it in quotes: "5"',
        'home.yaml:3: uplink.pasword_file: is not a key here; did you mean "password_file"?',
        'home.yaml:4: sensers: is not a key here; did you mean "sensors"?',
        'home.yaml:6: sensors[0].port: is missing; add "port: ..." (the serial port, e.g. /dev/ttyUSB0)',
        'home.yaml:8: sensors[0].prot: is not a key here; did you mean "port"?',
        'home.yaml:9: sensors[0].max_silence: 10 lacks a unit; write "10s", "10m" or "10h"',
    ]


EXAMPLES = {
    "no near key: all are named, of that kind only": (
        radar("port: x", "radar: y"),
        "5: sensors[0].radar: is not a key here; possible here: kind, id, port, max_silence",
    ),
    "unknown kind": (
        "sensors:\n  - id: a\n    kind: fall_radar",
        '3: sensors[0].kind: "fall_radar" is not known; did you mean "fall_radar_r60"?',
    ),
    "unknown kind, none near": (
        "sensors:\n  - kind: x",
        '2: sensors[0].kind: "x" is not known; possible here: fall_radar_r60, pulse_oximeter_plx, pulse_oximeter_old',
    ),
    "kind missing": (
        "sensors:\n  - id: x",
        "2: sensors[0].kind: is missing; write one of: fall_radar_r60, pulse_oximeter_plx, pulse_oximeter_old",
    ),
    "kind is a list": (
        "sensors:\n  - kind: [a]",
        (
            "2: sensors[0].kind: a list is not known; possible here: "
            "fall_radar_r60, pulse_oximeter_plx, pulse_oximeter_old"
        ),
    ),
    "entry is a word": (
        "sensors:\n  - radar",
        '2: sensors[0]: needs keys of its own, not "radar"; write "key: value" lines under it, indented',
    ),
    "entry is empty": (
        "sensors:\n  -",
        '2: sensors[0]: needs keys of its own, not nothing; write "key: value" lines under it, indented',
    ),
    "no space after the colon": (
        "sensors:\n  - kind:x",
        '2: sensors[0]: needs keys of its own, not "kind:x"; put a space after the colon',
    ),
    "no list": ("sensors: {}", '1: sensors: needs a list, not keys; begin each entry on a line of its own with "- "'),
    "nothing where text is needed": (
        "uplink:\n  url:",
        "2: uplink.url: needs text, not nothing; write it on this line",
    ),
    "a list where text is needed": (
        "uplink:\n  url: [a]",
        "2: uplink.url: needs text, not a list; write it on this line",
    ),
    "no number": (
        oximeter("count: many"),
        '5: sensors[0].count: needs a whole number, not "many"; write it bare, without quotes or unit, e.g. 90',
    ),
    "half a number": (
        oximeter("count: 1.5"),
        '5: sensors[0].count: needs a whole number, not "1.5"; write it bare, without quotes or unit, e.g. 90',
    ),
    "too small": (oximeter("count: 0"), '5: sensors[0].count: "0" is out of range; it must be more than 0'),
    "too big": (oximeter("count: 10"), '5: sensors[0].count: "10" is out of range; it must be less than 10'),
    "too short": (
        radar("port: x", "max_silence: 0s"),
        '5: sensors[0].max_silence: "0s" is out of range; it must be at least 1s',
    ),
    "too long": (
        radar("port: x", "max_silence: 2h"),
        '5: sensors[0].max_silence: "2h" is out of range; it must be at most 1h',
    ),
    "no truth": (
        oximeter("loud: maybe"),
        '5: sensors[0].loud: needs true or false, not "maybe"; write one of the two, without quotes',
    ),
    "no choice": (oximeter("colour: redd"), '5: sensors[0].colour: "redd" is not possible here; did you mean "red"?'),
    "inside a map": (
        oximeter("limits:", "  low: x"),
        '6: sensors[0].limits.low: needs a number, not "x"; write it bare, without quotes or unit, e.g. 90',
    ),
    "the name of a key in a map": (
        oximeter("limits: {muchtoolong: 1.5}"),
        '5: sensors[0].limits.muchtoolong: string should have at most 8 characters; change "1.5"',
    ),
    "inside a list": (
        oximeter("tags:", "  - a", "  - 5"),
        '7: sensors[0].tags[1]: needs text, not "5"; put it in quotes: "5"',
    ),
    "a validator of one key": (
        oximeter().replace("a:b", "ab"),
        '4: sensors[0].address: "ab" is no address; it is printed on the device, e.g. C0:FF:EE:00:00:01',
    ),
    "a validator of the whole": ("uplink:\n  url: nowhere", "1: uplink: leads nowhere; write mqtt://host"),
    "no name": (
        oximeter().replace("id: o", "id: my bed"),
        '3: sensors[0].id: "my bed" cannot be a name; use up to 64 letters, digits, "-", "_" or ".", no spaces',
    ),
    "a secret": (
        "uplink:\n  url: x\n  password: hunter2",
        (
            "3: uplink.password: a secret must not stand in this file; "
            'write it into a file that only the gateway may read, and name that with "password_file: ..."'
        ),
    ),
    "another secret": (
        "uplink:\n  url: x\n  token: hunter2",
        (
            "3: uplink.token: a secret must not stand in this file; "
            'write it into a file that only the gateway may read, and name that with "password_file: ..."'
        ),
    ),
    "a secret where none belongs": (
        radar("port: x", "secret: y"),
        "5: sensors[0].secret: a secret must not stand in this file; take it out",
    ),
    "a pattern": ("ratio: two", "1: ratio: string should match pattern '^[0-9]+:[0-9]+$'; change \"two\" (e.g. 2:1)"),
    "several types": ("note: [a]", "1: note: needs text, not a list; write it on this line"),
    "a pair of one": ("names: [a]", '1: names[1]: is missing; add "1: ..."'),
    "the same key twice": (
        radar("port: x", "port: y"),
        "5: sensors[0].port: stands here twice, first in line 4; keep one of the two",
    ),
    "a key that is a list": ("? [a]\n: b", "1: a key must be one plain word"),
    "a key that is a number": (
        "1: x",
        "1: 1: is not a key here; possible here: sensors, uplink, from, note, ratio, names",
    ),
    "wide indent": (
        "uplink:\n\u3000\u3000url: x\n  version: y",
        "2: this is not YAML; the indent holds a wide or no-break space; write ordinary spaces",
    ),
    "tabs": ("uplink:\n\turl: x", "2: this is not YAML; there is a tab; indent with spaces only"),
    "a Chinese colon": (
        "uplink：\n  url：x",
        '1: there are no keys here; there is a Chinese colon "："; write ":" and a space',
    ),
    "a Chinese colon between keys": (
        "from: x\nuplink：\n  url: x",
        '2: this is not YAML; there is a Chinese colon "："; write ":" and a space',
    ),
    "only a list": ("- a", '1: there are no keys here; write keys with values, e.g. "language: zh"'),
    "open quote": ("from: 'x\nnote: y", "1: this is not YAML; a quote is left open"),
    "open bracket": (
        "from: [x\nnote: y",
        "1: this is not YAML; a bracket is left open, or a comma is missing between brackets",
    ),
    "two colons": (
        "from: x: y",
        "1: this is not YAML; two colons in one line, or a wrong indent; put values that hold a colon in quotes",
    ),
    "no colon": (
        "from: x\nnote\nratio: y",
        "2: this is not YAML; this line lacks a colon after its key",
    ),
    "wrong indent": (
        "uplink:\n    url: x\n  version: y",
        "3: this is not YAML; the indent fits no line above; keys of one group begin in the same column",
    ),
    "star": ("code: *100#", '1: this is not YAML; put a value that begins with * or & in quotes: "*100#"'),
    "odd character at the start": ("from: %x", "1: this is not YAML; put a value that begins with @, % or ` in quotes"),
    "odd block": ("from: |x", "1: this is not YAML; look at this line and the one above"),
    "two documents": (
        "from: x\n---\nfrom: y",
        "2: this is not YAML; a line of three dashes begins a second document; one file is one home",
    ),
    "anchor": (
        "from: &a x",
        "1: anchors (&) and aliases (*) are not used here; write the value out, or put it in quotes",
    ),
    "alias": (
        "note: x\nfrom: *a",
        "2: anchors (&) and aliases (*) are not used here; write the value out, or put it in quotes",
    ),
    "tag": (
        "from: !!python/object:os.system x",
        "1: tags are not used here; drop tag:yaml.org,2002:python/object:os.system, or put the value in quotes",
    ),
    "deep": ("from: " + "[" * 5000, "1: more than 16 levels deep; nothing here needs that"),
    "control character": ("from: x\nnote: \x07", "2: a character that cannot be shown; delete it and write it anew"),
    "huge": ("# " + "x" * MAX_CHARS, f"1: longer than {MAX_CHARS} characters; this cannot be the right file"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_said(name):
    text, wanted = EXAMPLES[name]
    assert problems(text)[0] == f"home.yaml:{wanted}"


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "   \n\n", "null"])
def test_an_empty_file_names_the_keys_to_begin_with(text):
    assert problems(text, Radar)[0].endswith(
        ("nothing is written here; start with these keys: kind, id, port", 'language: zh"')
    )


def test_a_secret_is_never_repeated():
    secret = "".join(["hunter", "2"])  # so that the lines of this test, which a traceback shows, do not hold it
    with pytest.raises(ConfigError) as caught:
        parse(f"uplink:\n  url: 5\n  password: {secret}", House, name="home.yaml")
    assert secret not in "".join(traceback.format_exception(caught.value))


class Plain(Part):
    value: object


YAML_1_2 = {
    "11:22:33:44:55:10": "11:22:33:44:55:10",
    "no": "no",
    "on": "on",
    "2026-11-24": "2026-11-24",
    "0123": "0123",
    "12345678901234567890": "12345678901234567890",
    "1e3": "1e3",
    ".5": ".5",
    "0x1F": "0x1F",
    "90": 90,
    "-5": -5,
    "+3": 3,
    "0": 0,
    "92.50": 92.5,
    "-0.5": -0.5,
    "true": True,
    "FALSE": False,
    "~": None,
    "null": None,
    "": None,
    '"90"': "90",
    "'true'": "true",
    "王桂兰": "王桂兰",
    "/dev/ttyUSB0": "/dev/ttyUSB0",
    "<<": "<<",
}


@pytest.mark.parametrize("written", YAML_1_2)
def test_values_mean_what_they_look_like(written):
    value = parse(f"value: {written}", Plain, name="x").value
    assert (type(value), value) == (type(YAML_1_2[written]), YAML_1_2[written])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("10s", timedelta(seconds=10)),
        ("2m", timedelta(minutes=2)),
        ("24h", timedelta(hours=24)),
        ("0s", timedelta(0)),
    ],
)
def test_duration(written, meant):
    adapter = TypeAdapter(Duration)
    assert adapter.validate_python(written) == meant == adapter.validate_python(meant)
    assert adapter.dump_python(meant) == written


@pytest.mark.parametrize(
    "written", ["10", 10, "10 s", "1.5s", "-1s", "10sec", "s", "", None, "1m30s", "9999999999h", [1]]
)
def test_what_is_no_duration_is_told_how_to_write_one(written):
    with pytest.raises(ValueError, match="write"):
        TypeAdapter(Duration).validate_python(written)


@given(st.integers(0, 10**12))
def test_durations_are_written_as_they_are_read(ms):
    duration = timedelta(milliseconds=ms)
    text = duration_text(duration)
    assert len(text) > 10 or TypeAdapter(Duration).validate_python(text) == duration


@pytest.mark.parametrize(
    ("right", "english", "chinese"),
    [
        (["residents", "homes"], 'did you mean "residents"?', "是不是想写“residents”？"),
        (["homes", "places"], "possible here: homes, places", "这里可以写：homes, places"),
        ([], "nothing is possible here; take it out", "这里什么都不能写，请删去"),
    ],
)
def test_a_wrong_word_is_told_with_what_is_right(right, english, chinese):
    said = nearest("resident", right)
    assert said == english
    assert isinstance(said, Bilingual)
    assert said.zh == chinese


def test_the_schema_tells_editors_what_a_duration_and_a_name_look_like():
    schema = Radar.model_json_schema()["properties"]
    assert schema["max_silence"]["type"] == schema["id"]["type"] == "string"
    assert re.match(schema["max_silence"]["pattern"], "90s")


def test_later_checks_can_point_at_a_line():
    document = read(radar("port: x") + "\nuplink:\n  url: y", House, name="home.yaml")
    found = [
        document.problem(("uplink", "url"), "no; do"),
        document.problem(("sensors", 0, "port"), "no; do"),
        document.problem(("sensors", 0, "max_silence"), "no; do"),
        document.problem(("sensors", 7), "no; do"),
        document.problem((), "no; do"),
        document.problem(("uplink", "url", "host"), "no; do"),
    ]
    assert str(refusal("home.yaml", found)).splitlines() == [
        "home.yaml:1: sensors[7]: no; do",
        "home.yaml:1: no; do",
        "home.yaml:2: sensors[0].max_silence: no; do",
        "home.yaml:4: sensors[0].port: no; do",
        "home.yaml:6: uplink.url: no; do",
        "home.yaml:6: uplink.url.host: no; do",
    ]
    assert spelled(("a", 0, "b", 1, 2)) == "a[0].b[1][2]"


SOUND = oximeter("loud: true", "limits: {low: 1.5}", "tags: [a, 'b']") + '\nuplink:\n  url: mqtt://x\n  version: "5"\n'
bits = st.sampled_from(
    [*"\n :[]{},'\"#!|>%@?\tx5~：\0\ud800\ufeff\u2028", "  ", ": ", "- ", "&a", "*a", "---", "...", "<<", "kind"]
)


@given(st.one_of(st.text(max_size=60), st.lists(bits, max_size=25).map("".join)))
@example("? ")
@example("\ufeff")
@settings(deadline=None)
def test_any_text_is_read_or_refused_with_a_line(text):
    _read_or_refused(text)


@given(st.integers(0, len(SOUND)), st.integers(0, 8), bits)
@settings(deadline=None, max_examples=200)
def test_any_slip_of_the_pen_is_read_or_refused_with_a_line(place, cut, bit):
    _read_or_refused(SOUND[:place] + bit + SOUND[place + cut :])


def _read_or_refused(text):
    try:
        house = parse(text, House, name="home.yaml")
    except ConfigError as error:
        for line in str(error).split("\nhome.yaml:"):
            number = int(line.removeprefix("home.yaml:").split(":")[0])
            assert (
                1
                <= number
                <= text.count("\n")
                + text.count("\r")
                + text.count("\u2028")
                + text.count("\x85")
                + text.count("\u2029")
                + 1
            )
    else:
        assert isinstance(house, House)
