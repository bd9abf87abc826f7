"""Each word that an operator sees is in both catalogues, and no other word is."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract

from community import step_words
from community.casefile import Disposition
from community.web import words
from community.web.language import Language, catalogue, language_named, preferred, translations
from community.web.pages import Pages
from community.workflow import workflow
from shouwang.alert import AlertState, Severity
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality
from shouwang.status import SensorState

WEB = Path(words.__file__).parent
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
MARKS = {"marked": None, "Refused": None}
_LETTER = re.compile(r"[A-Za-z\u3400-\u9fff]")
_SPOKEN = {"aria-label", "title", "placeholder", "alt", "hx-confirm", "data-label"}


def used() -> Iterator[str | tuple[str, ...]]:
    for template in TEMPLATES:
        with template.open("rb") as source:
            for _, message, _, _ in extract("jinja2.ext:babel_extract", source):
                yield message
    for module in sorted(WEB.glob("*.py")):
        with module.open("rb") as source:
            for _, message, _, _ in extract("python", source, keywords=MARKS):
                yield message


def in_template(pages: Pages, name: str, language: Language, value: object) -> str:
    """What this filter makes of the value in a template."""
    return pages._environments[language].from_string("{{ value|" + name + " }}").render(value=value)


def messages(language: Language) -> list[Message]:
    return [message for message in catalogue(language) if message.id]


@pytest.mark.parametrize("language", Language)
def test_no_word_is_missing_and_none_is_left_over(language: Language) -> None:
    assert {message.id for message in messages(language)} == set(used())


@pytest.mark.parametrize("language", Language)
def test_no_translation_is_empty_or_fuzzy(language: Language) -> None:
    for message in messages(language):
        assert not message.fuzzy, message.id
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(said), message.id


@pytest.mark.parametrize("language", Language)
def test_translations_keep_the_places_of_values(language: Language) -> None:
    whole = catalogue(language)
    for message in messages(language):
        assert not list(message.check(whole)), message.id
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        places = set(re.findall(r"%\(\w+\)s", " ".join(ids)))
        assert all(set(re.findall(r"%\(\w+\)s", sentence)) == places for sentence in said), message.id


def test_chinese_is_chinese() -> None:
    for message in messages(Language.ZH):
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        is_name = message.id in {"Change language", "from %(low)s to %(high)s", ", ", ": ", ". ", "%(who)s (%(name)s)"}
        assert is_name or all(re.search(r"[\u4e00-\u9fff]", sentence) for sentence in said), message.id


class Text(HTMLParser):
    """What a template says by itself, without its values."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.said += [value for name, value in attrs if name in _SPOKEN and value and _LETTER.search(value)]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in {"kbd", "code"} and _LETTER.search(data):
            self.said.append(data.strip())


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_words_of_their_own(template: Path) -> None:
    source = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", template.read_text(encoding="utf-8"), flags=re.S)
    text = Text()
    text.feed(source)
    assert text.said == []


@pytest.mark.parametrize("script", sorted((WEB / "static").glob("*.js")), ids=lambda path: path.name)
def test_scripts_take_their_words_from_the_catalogues(script: Path) -> None:
    source = script.read_text(encoding="utf-8")
    assert not re.search(r"[\u3400-\u9fff]", source)
    assert set(re.findall(r"(?<![/\w])words\.(\w+)", source)) <= set(words.BROWSER)


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (words.PRIORITIES, Severity),
        (words.ENDINGS, Disposition),
        (words.ALERT_STATES, AlertState),
        (words.SENSOR_STATES, SensorState),
        (words.QUALITIES, Quality),
        (words.STEPS, words.Step),
    ],
)
def test_every_value_has_a_word(table: dict[object, str], values: type) -> None:
    assert set(table) == set(values)


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages(clock=lambda: datetime(2026, 11, 24, tzinfo=UTC), zone=UTC, name="", static="/static")


@pytest.mark.parametrize("quantity", Quantity)
def test_units_are_written_as_people_write_them(pages: Pages, quantity: Quantity) -> None:
    zh, en = (in_template(pages, "unit", language, quantity) for language in (Language.ZH, Language.EN))
    for written in (zh, en):
        assert not re.search(r"[\[\]{}]|^/|^1$|Cel|Ohm|^ug|m[23]", written), written
        assert "\n" not in written
    assert zh == en or QUANTITIES[quantity].unit in ("/min", "/d", "s")  # these are words in Chinese


@pytest.mark.parametrize(
    ("quantity", "zh", "en"),
    [
        (Quantity.SYSTOLIC, "mmHg", "mmHg"),
        (Quantity.BODY_TEMPERATURE, "°C", "°C"),
        (Quantity.CO2, "ppm", "ppm"),
        (Quantity.PM2_5, "µg/m³", "µg/m³"),
        (Quantity.VOC_INDEX, "", ""),
        (Quantity.SOS, "", ""),
        (Quantity.SIGNAL_STRENGTH, "dBm", "dBm"),
        (Quantity.HEART_RATE, "次/分", "per minute"),
        (Quantity.GLUCOSE, "mmol/L", "mmol/L"),
    ],
)
def test_unit_in_both_languages(pages: Pages, quantity: Quantity, zh: str, en: str) -> None:
    assert in_template(pages, "unit", Language.ZH, quantity) == zh
    assert in_template(pages, "unit", Language.EN, quantity) == en


@pytest.mark.parametrize(
    ("value", "said"),
    [(84.0, "84"), (36.65, "36.65"), (-0.05, "-0.05"), (1013.25, "1013"), (40_000.0, "40000"), (123_456.0, "123456")],
)
def test_numbers_have_no_exponent(pages: Pages, value: float, said: str) -> None:
    assert in_template(pages, "number", Language.EN, value) == said


@pytest.mark.parametrize(
    ("header", "language"),
    [("en-GB,en;q=0.9", "en"), ("zh-CN", "zh"), ("fr,en;q=0.5", "en"), ("fr", "zh"), ("", "zh"), (",;,", "zh")],
)
def test_browsers_language_is_understood(header: str, language: str) -> None:
    assert preferred(header) == language


def test_unknown_language_is_none() -> None:
    assert language_named("de") is None
    assert language_named(None) is None


@pytest.mark.parametrize(
    ("timeline", "console"),
    [
        (step_words._DISPOSITIONS, words.ENDINGS),
        (step_words._ALARM_STEPS, words.ALERT_STATES),
    ],
)
def test_timeline_and_console_call_a_thing_by_one_name(
    timeline: dict[object, tuple[str, str]], console: dict[object, str]
) -> None:
    zh, en = (translations(language).gettext for language in (Language.ZH, Language.EN))
    for value, said in timeline.items():
        shown = (zh(console[value]), en(console[value]))
        assert said in {shown, (shown[0], shown[1].lower())}


def test_every_order_of_every_table_has_a_form_and_words() -> None:
    tables = [workflow(name) for name in ("emergency", "technical", "care", "request")]
    ordered = {row.command for table in tables for row in table.transitions if row.who != ("system",)}
    assert ordered <= set(words.COMMANDS) | words.ON_SENDING_PAGE
    assert set(words.FIELDS) <= set(words.COMMANDS)
    assert {field for fields in words.FIELDS.values() for field in fields} == set(words.LABELS) | {"disposition"}
    assert {name for table in tables for name in table.timers} <= set(words.CLOCKS)
