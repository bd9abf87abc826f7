"""From values to HTML: the templates, in both languages, with local times. The data stay UTC."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from community import qr
from community.desk import Due, QueueRow
from community.reasons import told
from community.web import fact_words, people_words, plan_words, plot, words
from community.web.choice import Choice
from community.web.kept_rows import KeptRows
from community.web.language import Language, translations
from community.web.navigation import links_of
from community.web.tally import tally_of
from shouwang.alert import Sentence, Severity
from shouwang.bilingual import chinese
from shouwang.quantities import QUANTITIES, Quantity

MAX_ROWS = 200
"""More rows at once make a browser slow, and nobody reads them."""
_SAID_AT_MOST = 10_000
"""Sentences kept translated: some times as many as the catalogues hold."""


_AGO = (("d", 86_400), ("h", 3_600), ("min", 60))
"""Units of an age with their seconds, the largest first; what is younger is told in seconds."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """`shown`: drawn; `more`: how many are chosen and not drawn; `undrawn`: all others that are open, by number."""

    shown: list[QueueRow]
    more: int
    undrawn: str


class Pages:
    """The templates. `zone` None means the server's own zone; `static` is the address under which the assets lie."""

    def __init__(self, *, clock: Callable[[], datetime], zone: tzinfo | None, name: str, static: str) -> None:
        """Compile both catalogues; `name` is the centre's, shown on every page."""
        self._clock = clock
        self._zone = zone
        self.zone = zone
        self._environments = {language: self._environment(language, name, static) for language in Language}
        for language in Language:
            self._keep_rows(language, name, static)

    def offer_provider(self, name: str) -> None:
        """The login page shows a button for the provider of identities called so."""
        for environment in self._environments.values():
            environment.globals["provider"] = name

    def offer_passkeys(self) -> None:
        """Pages show what is done with passkeys."""
        for environment in self._environments.values():
            environment.globals["passkeys"] = True

    def render(self, template: str, language: Language, values: Mapping[str, object]) -> str:
        """The page as HTML."""
        now = self._clock()
        return self._environments[language].get_template(template).render(now=now, **values)

    def _environment(self, language: Language, name: str, static: str) -> Environment:
        environment = Environment(
            loader=PackageLoader("community.web"),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            auto_reload=False,  # a server is installed whole: no look at the disk for each part of a page
            trim_blocks=True,
            lstrip_blocks=True,
        )
        catalogue = translations(language)
        environment.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]  # by the extension
        environment.globals["gettext"] = environment.globals["_"] = _said_in(catalogue.gettext)
        environment.globals |= {
            "centre": name,
            "static": static,
            "language": language,
            "words": words,
            "people_words": people_words,
            "plan_words": plan_words,
            "plot": plot,
            "links_of": links_of,
            "provider": "",
            "passkeys": False,
            "qr_picture": qr.picture,
            "browser_words": {name: catalogue.gettext(msgid) for name, msgid in words.BROWSER.items()},
            "tally_of": tally_of,
            "first_rows": _first_rows,
            "spark": _spark,
            "new_command_id": _new_command_id,
        }
        environment.filters |= self._filters(language)
        return environment

    def _keep_rows(self, language: Language, name: str, static: str) -> None:
        of_rows = self._environment(language, name, static)
        kept = KeptRows(of_rows, {"age": self._age, "left": self._left}, _new_command_id)
        self._environments[language].globals["drawn_rows"] = kept.drawn

    def _filters(self, language: Language) -> dict[str, Callable[..., object]]:
        catalogue = translations(language)
        return {
            "word": _word_in(catalogue.gettext),
            "sentence": lambda said: _sentence_in(said, language),
            "quantity": lambda quantity: _quantity_in(quantity, language),
            "unit": lambda quantity: _unit_in(quantity, catalogue.gettext),
            "reason": lambda text: _reason_in(text, language, catalogue.gettext),
            "line": lambda text: _line_in(text, language),
            "facts": lambda text: fact_words.told(text, language, catalogue.gettext),
            "hazard": lambda hazard: _hazard_in(hazard, language, catalogue.gettext),
            "moment": self._moment,
            "stamp": self._stamp,
            "instant": self._instant,
            "day": lambda at: f"{at.astimezone(self._zone):%Y-%m-%d}",
            "utc": lambda at: at.isoformat(),
            "offset": self._offset_minutes,
            "span": _span,
            "age": self._age,
            "left": self._left,
            "ago": lambda at, stale_s: self._ago(at, stale_s, catalogue.gettext),
            "bar": self._bar,
            "data": lambda value: json.dumps(value, separators=(",", ":")),
            "number": _number,
            "phone": lambda number: "".join(c for c in number if c in "+0123456789"),
            "translated": catalogue.gettext,
        }

    def _moment(self, at: datetime) -> Markup:
        """Local time with seconds; with the date where that is not today."""
        local = at.astimezone(self._zone)
        today = self._clock().astimezone(self._zone).date()
        text = f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M:%S}"
        return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), text)

    def _stamp(self, at: datetime) -> Markup:
        """Local time with seconds and always with the date: what is read on paper is read later."""
        return Markup('<time datetime="{}">{:%Y-%m-%d %H:%M:%S}</time>').format(
            at.isoformat(), at.astimezone(self._zone)
        )

    def _instant(self, at: datetime) -> Markup:
        """Local date and time with milliseconds: where what came before what is the question."""
        local = at.astimezone(self._zone)
        text = f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}"
        return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), text)

    def _age(self, since: datetime) -> Markup:
        """How long ago; the browser keeps it running."""
        seconds = (self._clock() - since).total_seconds()
        return Markup('<sw-age data-since="{}">{}</sw-age>').format(since.isoformat(), _span(seconds))

    def _ago(self, at: datetime, stale_s: int, translate: Callable[[str], str]) -> Markup:
        """How old a value is, in words; old from `stale_s` seconds on. The browser keeps it running."""
        seconds = max(0, int((self._clock() - at).total_seconds()))
        unit, size = next(((one, size) for one, size in _AGO if seconds >= size), ("s", 1))
        return Markup('<sw-ago data-at="{}" data-stale="{}"{}>{}</sw-ago>').format(
            at.isoformat(),
            stale_s,
            Markup(' class="stale"') if seconds > stale_s else "",
            translate(words.AGO[unit]).replace("{n}", str(seconds // size)),
        )

    def _left(self, until: datetime) -> Markup:
        """How long yet, with a minus once it is over; the browser keeps it running."""
        seconds = (until - self._clock()).total_seconds()
        text = f"-{_span(-seconds)}" if seconds <= -1 else _span(seconds)
        return Markup('<sw-left data-until="{}">{}</sw-left>').format(until.isoformat(), text)

    def _bar(self, due: Due) -> Markup:
        """What is left of a clock as a bar; the browser keeps it running."""
        left = max(0.0, min(due.limit_s, (due.due_at - self._clock()).total_seconds()))
        return Markup(
            '<sw-bar data-until="{}"><progress max="{}" value="{}" aria-hidden="true"></progress></sw-bar>'
        ).format(due.due_at.isoformat(), max(1, round(due.limit_s)), round(left))

    def _offset_minutes(self, at: datetime) -> int:
        offset = at.astimezone(self._zone).utcoffset()
        return int(offset.total_seconds() // 60) if offset else 0


def _said_in(gettext: Callable[[str], str]) -> Callable[..., Markup]:
    """What the templates call `_`, as Jinja has it; a long table says the same words a thousand times."""
    said: dict[str, Markup] = {}

    def translated(msgid: str, /, **values: object) -> Markup:
        if values:
            return Markup(gettext(msgid)) % values  # noqa: S704 - the catalogue is ours, the values are escaped
        found = said.get(msgid)
        if found is None:
            found = Markup(gettext(msgid)) % {}  # noqa: S704 - the catalogue is ours
            if len(said) < _SAID_AT_MOST:
                said[msgid] = found
        return found

    return translated


def _word_in(translate: Callable[[str], str]) -> Callable[[object, Mapping[object, str]], str]:
    def word(value: object, table: Mapping[object, str]) -> str:
        return translate(table[value]) if value in table else str(value)

    return word


def _sentence_in(said: Sentence, language: Language) -> str:
    return said.zh if language is Language.ZH else said.en


def _quantity_in(quantity: Quantity, language: Language) -> str:
    info = QUANTITIES[quantity]
    return info.zh if language is Language.ZH else info.en


def _unit_in(quantity: Quantity, translate: Callable[[str], str]) -> str:
    """The unit as people write it; empty where a number is said without one."""
    unit = QUANTITIES[quantity].unit
    written = words.UNITS.get(unit, unit)
    return translate(written) if written else ""  # the empty msgid is the catalogue's heading


def _number(value: float) -> str:
    """Four digits that mean something, but never an exponent."""
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def _hazard_in(hazard: str, language: Language, translate: Callable[[str], str]) -> str:
    """A rule may name its hazard after the quantity that it watches."""
    if hazard in words.HAZARDS:
        return translate(words.HAZARDS[hazard])
    return _quantity_in(Quantity(hazard), language) if hazard in set(Quantity) else hazard


def _reason_in(text: str, language: Language, translate: Callable[[str], str]) -> Markup:
    """Why something does not work; what came in English alone is marked so."""
    if text in words.REASONS:
        return escape(translate(words.REASONS[text]))
    said = told(text)
    is_foreign = said.zh == said.en and language is not Language.EN
    shown = _sentence_in(said, language)
    return Markup('<span lang="en">{}</span>').format(shown) if is_foreign else escape(shown)


def _line_in(text: str, language: Language) -> Markup:
    """A sentence that may be in both languages; what is in English alone is marked so."""
    said = text if language is Language.EN else chinese(text)
    return escape(said) if said else Markup('<span lang="en">{}</span>').format(text)


def _span(seconds: float) -> str:
    """mm:ss, or h:mm:ss from one hour on."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60:02d}:{rest % 60:02d}"


def _first_rows(rows: Sequence[QueueRow], choice: Choice) -> "_Rows":
    """What a browser draws at once of what is chosen; a life or something urgent is always among it."""
    chosen = choice.rows(rows)
    shown = [row for place, row in enumerate(chosen) if place < MAX_ROWS or row.priority.rank <= Severity.P2.rank]
    drawn = {row.incident_id for row in shown}
    undrawn = " ".join([str(row.incident_id) for row in rows if row.incident_id not in drawn])
    return _Rows(shown=shown, more=len(chosen) - len(shown), undrawn=undrawn)


def _spark(counts: Sequence[int]) -> Markup:
    """A little plot of columns, the first one left."""
    most = max((*counts, 1))
    columns = Markup("").join(
        Markup('<rect x="{}" y="{}" width="3" height="{}"/>').format(4 * place, 20 - height, height)
        for place, count in enumerate(counts)
        if (height := round(20 * count / most))
    )
    return Markup('<svg class="columns" viewBox="0 0 {} 20" aria-hidden="true" focusable="false">{}</svg>').format(
        4 * len(counts), columns
    )


def _new_command_id() -> str:
    """One per form: a double click is one order."""
    return uuid.uuid4().hex
