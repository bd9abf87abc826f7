"""What somebody at a console writes about an entry of the register, checked by the models of the import. Pure."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from community.consent import Consent
from community.people import Callee, Circle, digits
from community.registry import ConsentRow, ContactRow, Row
from community.registry_fields import LAST_ORDER, MOST_PHONES, Line
from shouwang.errors import ShouwangError

MOST_CONTACTS = 30
"""Of one person: nobody calls more of them in an alarm, and a slip of a program ends here. Set by this project."""
_TICKED = frozenset({"languages", "may_see", "flags", "eligibility"})
"""Fields that are boxes to tick: a browser sends them in the order of the form."""
_NOBODY: Mapping[str, object] = {"has_key": False, "may_see": ()}
_LINE = TypeAdapter(Line)
R = TypeVar("R", bound=Row)


class Why(StrEnum):
    """Why an entry is changed, to choose from; `OTHER` needs words."""

    PERSON = "person"
    RELATIVE = "relative"
    TRIED = "tried"
    VISIT = "visit"
    PAPER = "paper"
    SLIP = "slip"
    OTHER = "other"


class Fault(StrEnum):
    """What is wrong with a field beyond what its model says."""

    WRONG = "wrong"
    """Its model refuses it; which advice helps depends on the field."""
    TWIN = "twin"
    TOO_MANY = "too many"
    UNKNOWN_HOME = "unknown home"
    SAME_HOME = "same home"
    OPEN_CASE = "open case"
    ID_TAKEN = "id taken"
    ID_ERASED = "id erased"
    NO_WORDS = "no words"
    FUTURE = "future"
    OUTDONE = "outdone"
    """A newer word says otherwise, and holds."""
    OTHER_PERSON = "other person"
    GONE = "gone"
    SAME = "same"
    NOTHING = "nothing"
    """Nothing new was written."""
    RETOLD = "retold"
    """What was proposed was made over something older."""
    OVER = "over"


class Unfit(ShouwangError):
    """What was written cannot stand in the register; `fields`: what is wrong with which."""

    def __init__(self, fields: Mapping[str, Fault], said: str = "") -> None:
        """`said`: what the model said, in English, for logs."""
        super().__init__(said or ", ".join(f"{name}: {fault}" for name, fault in fields.items()))
        self.fields = dict(fields)


def row_of(model: type[R], written: Mapping[str, object]) -> R:
    """A row as the import would take it. Raises Unfit with all the fields that are wrong."""
    try:
        return model.model_validate(written)
    except ValidationError as error:
        told = error.errors(include_url=False)
        raise Unfit(
            {str(one["loc"][0]): Fault.WRONG for one in told if one["loc"]},
            "; ".join(f"{one['loc']}: {one['msg']}" for one in told),
        ) from None


def line_of(field: str, written: str) -> str:
    """A line that stands in no row, under the same rule. Raises Unfit."""
    try:
        return _LINE.validate_python(written)
    except ValidationError as error:
        raise Unfit({field: Fault.WRONG}, str(error.errors(include_url=False)[0]["msg"])) from None


def lines_of(written: str) -> tuple[str, ...]:
    """One thing on each line; empty lines say nothing."""
    return tuple(line.strip() for line in written.splitlines() if line.strip())


def words_of(written: str) -> tuple[str, ...]:
    """Words with commas between, of either width."""
    return tuple(word.strip() for word in re.split(r"[,，、;；]", written) if word.strip())


def stands(parts: Iterable[Row | str]) -> str:
    """How something stands on file: another word as soon as any of it is another."""
    whole = "\n".join(one if isinstance(one, str) else one.model_dump_json() for one in parts)
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


def word_of(row: ConsentRow, at: datetime) -> Consent:
    """A word of consent that was said at this moment."""
    return Consent(
        purpose=row.purpose,
        is_given=row.given,
        given_by=row.by,
        relation=row.relation,
        at=at,
        text_version=row.text_version,
        how=row.how,
    )


# ---- what a form was drawn with ----


def drawn_with(values: Mapping[str, object]) -> str:
    """A mark of each value that a form shows: which fields it has, and later which of them were changed in it."""
    return ",".join(f"{name}:{_mark(name, value)}" for name, value in values.items())


def drawn_fields(drawn: str) -> frozenset[str]:
    """The fields that such a form has."""
    return frozenset(_marks(drawn))


def changed_over(stored: Mapping[str, object], written: Mapping[str, object], drawn: str) -> dict[str, object]:
    """What is on file, with the fields over it that were changed in a form drawn with something older."""
    marks = _marks(drawn)
    return {
        **stored,
        **{name: written[name] for name in marks if name in written and _mark(name, written[name]) != marks[name]},
    }


def _marks(drawn: str) -> dict[str, str]:
    return dict(part.split(":", 1) for part in drawn.split(",") if ":" in part)


def _mark(name: str, value: object) -> str:
    """The same for whatever a browser sends back the same."""
    if isinstance(value, tuple):
        value = "\n".join(sorted(value) if name in _TICKED else value)
    said = "" if value is None else str(value).replace("\r", "").strip()
    return hashlib.sha256(said.encode()).hexdigest()[:12]


# ---- the list of contacts ----


def in_order(rows: Iterable[ContactRow]) -> tuple[ContactRow, ...]:
    """As an alarm walks them: circle by circle."""
    return tuple(sorted(rows, key=lambda row: (list(Circle).index(row.circle), row.order)))


def with_new(rows: Sequence[ContactRow], row: ContactRow) -> tuple[ContactRow, ...]:
    """The list with somebody more, called last of his circle. Raises Unfit."""
    _no_twin(rows, row)
    taken = {one.order for one in rows}
    if len(rows) >= MOST_CONTACTS:
        raise Unfit({"name": Fault.TOO_MANY})
    last = max(taken, default=-1) + 1
    order = last if last <= LAST_ORDER else next(free for free in range(LAST_ORDER) if free not in taken)
    ids, his_id, number = {one.id for one in rows}, row.id, 2
    while his_id in ids:
        his_id, number = f"{row.id}-{number}", number + 1
    return (*rows, row.model_copy(update={"order": order, "id": his_id}))


def with_changed(rows: Sequence[ContactRow], row: ContactRow) -> tuple[ContactRow, ...]:
    """The list with this one as he is now; he keeps his place. Raises Unfit."""
    _no_twin([one for one in rows if one.id != row.id], row)
    return put_back(rows, row)


def put_back(rows: Iterable[ContactRow], row: ContactRow) -> tuple[ContactRow, ...]:
    """The list with this one in the place of who has his id."""
    return tuple(row if one.id == row.id else one for one in rows)


def without(rows: Iterable[ContactRow], contact_id: str) -> tuple[ContactRow, ...]:
    """The list without him; the others keep their places."""
    return tuple(one for one in rows if one.id != contact_id)


def moved(rows: Sequence[ContactRow], contact_id: str, *, up: bool) -> tuple[ContactRow, ...]:
    """The list with him called one earlier, or later, within his circle; as it is where he is the first, or last."""
    him = next((one for one in rows if one.id == contact_id), None)
    if him is None:
        return tuple(rows)
    near = [one for one in in_order(rows) if one.circle is him.circle]
    at = near.index(him) + (-1 if up else 1)
    if not 0 <= at < len(near):
        return tuple(rows)
    other = near[at]
    orders = {him.id: other.order, other.id: him.order}
    return tuple(one.model_copy(update={"order": orders.get(one.id, one.order)}) for one in rows)


def is_retold(before: ContactRow, after: ContactRow) -> bool:
    """Whether his first number is another one now, however it is written."""
    return digits(before.phones[0]) != digits(after.phones[0])


def same_elsewhere(rows: Iterable[ContactRow], before: ContactRow) -> tuple[ContactRow, ...]:
    """Who on another list of the home is the same person: the same name and the same first number."""
    return tuple(one for one in rows if one.name == before.name and not is_retold(one, before))


def told_elsewhere(rows: Iterable[ContactRow], before: ContactRow, after: ContactRow) -> tuple[ContactRow, ...]:
    """Another list of the home, with what changed of his numbers where he stands on it too; its other numbers stay."""
    rows = tuple(rows)
    if not is_retold(before, after):
        return rows
    for one in same_elsewhere(rows, before):
        rows = put_back(
            rows,
            one.model_copy(update={"phones": _renumbered(one.phones, before, after), "tested_on": after.tested_on}),
        )
    return rows


def _renumbered(phones: Iterable[str], before: ContactRow, after: ContactRow) -> tuple[str, ...]:
    pairs = zip(before.phones, after.phones, strict=False)
    new = {digits(old): now for old, now in pairs if digits(old) != digits(now)}
    still = {digits(one) for one in after.phones}
    phones = tuple(phones)
    moved_on = (one for one in phones if digits(one) in new and digits(one) in still)
    found: dict[str, str] = {}
    for one in (*(new.get(digits(one), one) for one in phones), *moved_on):
        found.setdefault(digits(one), one)
    return tuple(found.values())[:MOST_PHONES]


def kept_by(before: ContactRow | None, written: Mapping[str, object], *, is_whole: bool) -> dict[str, object]:
    """What somebody wrote of a contact, as far as it is his to write: what is not written stays.

    Who keeps only numbers (not `is_whole`) opens neither door nor card to anybody.
    """
    old = _NOBODY if before is None else before.model_dump(exclude={"resident", "order", "id"})
    found = {**old, **written}
    if not is_whole:
        found |= {"may_see": old["may_see"], "has_key": bool(old["has_key"]) and found["has_key"]}
    return found


def checked_against(before: ContactRow, row: ContactRow) -> ContactRow:
    """The same contact as he is now; a number that was never tried has no day of a test.

    Raises Unfit where he is another person: whoever logs in as this contact would go on seeing the elder.
    """
    if not is_retold(before, row):
        return row
    if row.name != before.name:
        raise Unfit({"name": Fault.OTHER_PERSON})
    return row if row.tested_on != before.tested_on else row.model_copy(update={"tested_on": ""})


def silent_now(phones: Iterable[str], tested_on: str, marks: Mapping[str, date]) -> frozenset[str]:
    """Numbers of a contact that were tried in vain and not tested since."""
    return frozenset(one for one in phones if one in marks and tested_on <= marks[one].isoformat())


def with_marks(callee: Callee, marks: Mapping[str, date]) -> Callee:
    """The same, with which of his numbers did not answer."""
    tested = callee.tested_on.isoformat() if callee.tested_on else ""
    return replace(callee, silent=silent_now(callee.phones, tested, marks))


def _no_twin(rows: Iterable[ContactRow], row: ContactRow) -> None:
    number = digits(row.phones[0])
    if any(one.name == row.name and digits(one.phones[0]) == number for one in rows):
        raise Unfit({"name": Fault.TWIN})
