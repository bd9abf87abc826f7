"""Rows of the queue as HTML, kept from one page to the next: twenty consoles draw the same two hundred again and again.

What differs from page to page stays open in what is kept: ages, the form's token, the number of the order. Whatever
else of the viewer or of the time a row would show is not there when it is drawn, so that it fails instead of lying.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import NoReturn

from jinja2 import Environment
from markupsafe import Markup, escape

from community.accounts import Shift
from community.desk import QueueRow

MOST = 4096
"""Rows that are kept: those that are drawn, for both languages and whoever may act or owns them, many times over."""
_TIMED = ("moment", "ago", "bar")
"""Filters that would show the time, or the day, at which the row was drawn."""

_Piece = str | tuple[str, datetime | None]


@dataclass(frozen=True, slots=True)
class Drawn:
    """`changed`: rows that the page lacks; `mark`: what it may say next time; `order`: all, if some are left out."""

    changed: list[Markup]
    mark: str
    order: str


@dataclass(frozen=True, slots=True)
class _Kept:
    """`number`: how many were drawn before it, so what a page was given later than this one is new to that page."""

    row: QueueRow
    pieces: tuple[_Piece, ...]
    number: int


class KeptRows:
    """Of one language. `environment` is changed: it is for rows alone."""

    def __init__(
        self,
        environment: Environment,
        ages: Mapping[str, Callable[[datetime], Markup]],
        new_command_id: Callable[[], str],
    ) -> None:
        """`ages`: the filters that show running times, by name; they are asked for each page anew."""
        self._ages = ages
        self._new_command_id = new_command_id
        self._mark = secrets.token_hex(16)  # nobody can write it into a name
        self._open: list[tuple[str, datetime | None]] = []
        self._kept: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()
        self._begun = secrets.token_hex(6)  # another server, or this one after a restart, counts anew
        self._number = 0
        environment.filters |= {name: self._age_of(name) for name in ages} | dict.fromkeys(_TIMED, _never)
        environment.globals["new_command_id"] = lambda: self._hole("command")
        self._template = environment.get_template("_row.html")

    def drawn(self, rows: Sequence[QueueRow], shift: Shift, names: Mapping[str, str], since: str = "") -> Drawn:
        """These rows for this user; without those that a page of this mark has. Of a mark that is not ours: all."""
        begun, _, number = since.partition("-")
        has = int(number) if begun == self._begun and number.isdecimal() else 0
        kept = [self._of(row, shift, names) for row in rows]
        return Drawn(
            changed=[self._filled(one, shift) for one in kept if one.number > has],
            mark=f"{self._begun}-{self._number}",
            order=" ".join([f"{row.incident_id}:{row.version}" for row in rows]) if has else "",
        )

    def _of(self, row: QueueRow, shift: Shift, names: Mapping[str, str]) -> _Kept:
        user, owner = shift.user, row.owner or ""
        is_his = owner == user.login
        called = {owner: names[owner]} if owner in names else {}
        key = (row.incident_id, user.login if is_his else None, user.role.may_act, called.get(owner))
        kept = self._kept.get(key)
        if kept is None or (kept.row is not row and kept.row != row):
            role = SimpleNamespace(may_act=user.role.may_act)
            viewer = SimpleNamespace(login=user.login if is_his else "", role=role)
            kept = self._draw(row, SimpleNamespace(user=viewer), called)
            self._kept[key] = kept
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return kept

    def _draw(self, row: QueueRow, shift: SimpleNamespace, names: Mapping[str, str]) -> _Kept:
        self._open = []
        shift.csrf = self._hole("csrf")
        text = self._template.render(row=row, shift=shift, names=names)
        first, *others = text.split(self._mark)
        pieces: list[_Piece] = [first]
        for other in others:
            number, _, rest = other.partition(";")
            pieces += [self._open[int(number)], rest]
        self._number += 1
        return _Kept(row=row, pieces=tuple(pieces), number=self._number)

    def _hole(self, name: str, at: datetime | None = None) -> Markup:
        self._open.append((name, at))
        return Markup(f"{self._mark}{len(self._open) - 1};")  # noqa: S704 - our own mark

    def _age_of(self, name: str) -> Callable[[datetime], Markup]:
        return lambda at: self._hole(name, at)

    def _filled(self, kept: _Kept, shift: Shift) -> Markup:
        csrf = escape(shift.csrf)
        return Markup("".join([self._said(piece, csrf) for piece in kept.pieces]))  # noqa: S704 - drawn by a template

    def _said(self, piece: _Piece, csrf: Markup) -> str:
        if isinstance(piece, str):
            return piece
        name, at = piece
        if at is not None:
            return self._ages[name](at)
        return csrf if name == "csrf" else self._new_command_id()


def _never(*_: object) -> NoReturn:
    raise TypeError("a row of the queue is kept: it may show ages and what is left, no other times")
