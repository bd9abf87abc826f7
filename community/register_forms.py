"""What somebody at a console writes about an entry of the register, checked by the models of the import. Pure."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from community.people import Callee, Circle
from community.registry import ContactRow, Row
from community.registry_fields import Line
from shouwang.errors import ShouwangError

MOST_CONTACTS = 30
"""Of one person: nobody calls more of them in an alarm, and a slip of a program ends here. Set by this project."""
_LAST_ORDER = 99
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
    order = last if last <= _LAST_ORDER else next(free for free in range(_LAST_ORDER) if free not in taken)
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
    """The list without him; the others keep their places, by which calls under way know them."""
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


def digits(phone: str) -> str:
    """A number without what people write between its digits."""
    return re.sub(r"[^0-9+]", "", phone)


def same_elsewhere(rows: Iterable[ContactRow], before: ContactRow) -> tuple[ContactRow, ...]:
    """Who on another list of the home is the same person: the same first number."""
    number = digits(before.phones[0])
    return tuple(one for one in rows if digits(one.phones[0]) == number)


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
