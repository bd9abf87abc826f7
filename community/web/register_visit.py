"""What all forms of the register share: who asks, why, how it stood; and what comes back where it cannot be."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from community.accounts import Shift
from community.casefile import StaleVersion
from community.register_forms import (
    Fault,
    Unfit,
    Why,
    changed_over,
    drawn_fields,
    drawn_with,
)
from community.register_room import RegisterRoom, Sheet, Stranger, Wish
from community.rights import Right
from community.web import register_words
from community.web.console import Console, Wired, check_form, holding, language_of
from community.web.fields import none_if_empty
from community.web.language import translations
from community.web.rooms import room_of
from community.wording import MOVED_ON

ResidentId = Annotated[str, Path(max_length=64)]
Text = Annotated[str, Field(max_length=4000)]
"""A bound against abuse; what a field may hold the model of the import says, so that the form can be mended."""
_MOST_WORDS = 300
KNOWN_LANGUAGES = ("zh", "en")


CaseNumber = Annotated[int | None, Field(ge=1, le=2**62), BeforeValidator(none_if_empty)]


class KeptForm(BaseModel):
    """What each form of the register carries: how the entry stood, and why it is changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    csrf: Annotated[str, Field(max_length=128)]
    seen: Annotated[str, Field(max_length=64)] = ""
    case: CaseNumber = None
    why: Annotated[str, Field(max_length=20)] = ""
    words: Text = ""
    drawn: Annotated[str, Field(max_length=1000)] = ""
    """With which values it was drawn, as marks (community.register_forms.drawn_with)."""

    def field_names(self) -> frozenset[str]:
        """What the form asked for. Raises StaleVersion where it does not say: then it is none of ours."""
        found = drawn_fields(self.drawn)
        if not found:
            raise StaleVersion(MOVED_ON)
        return found


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who may keep the register asks for something."""

    request: Request
    console: Console
    shift: Shift
    room: RegisterRoom

    def wish(self, resident_id: str, form: KeptForm, said: str = "") -> Wish:
        """Who wants it and why. Raises Refused for a form that is not ours, Unfit without a reason.

        `said`: a msgid that is reason enough, where a button says it all.
        """
        check_form(self.shift, form.csrf)
        reason = self.words(said) if said else self.reason(form)
        return Wish(user=self.shift.user, resident_id=resident_id, reason=reason, seen=form.seen, case=form.case)

    def reason(self, form: KeptForm) -> str:
        """Why it is changed, in the words of who does it. Raises Unfit."""
        words = " ".join(form.words.split())
        if form.why not in set(Why):
            raise Unfit({"why": Fault.WRONG})
        if len(words) > _MOST_WORDS or (form.why == Why.OTHER and not words):
            raise Unfit({"words": Fault.NO_WORDS})
        label = "" if form.why == Why.OTHER else self.words(register_words.WHYS[Why(form.why)])
        return ": ".join(part for part in (label, words) if part)

    def words(self, msgid: str) -> str:
        """In the language of who asks: it stands in the history as if he had written it."""
        return translations(language_of(self.request, self.shift)).gettext(msgid)

    async def page(
        self,
        template: str,
        sheet: Sheet | None,
        /,
        *,
        tab: str,
        faults: "Faults | None" = None,
        sent: KeptForm | None = None,
        **values: object,
    ) -> HTMLResponse:
        """A page of the register; `faults`: why what was written in `sent` was not taken.

        What was seen stays what he saw, until he is told that somebody was faster.
        """
        is_same = sent is not None and faults is not None and not faults.is_stale
        shown: dict[str, object] = {
            "sheet": sheet,
            "entry": None if sheet is None else sheet.entry,
            "tab": tab,
            "faults": {} if faults is None else faults.told(),
            "is_stale": faults is not None and faults.is_stale,
            "is_refused": faults is not None,
            "register_words": register_words,
            "is_proved": self.shift.is_proved(self.console.clock()),
            "saved": "saved" in self.request.query_params,
            "case": None,
            "asked": {},
            "seen_before": sent.seen if sent is not None and is_same else "",
        }
        status = 200 if faults is None else faults.status
        return await self.console.page(self.request, template, self.shift, status=status, **(shown | values))


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """Why a change was not made: fields that cannot stand, or somebody was faster."""

    fields: Mapping[str, Fault]
    is_stale: bool = False

    @property
    def status(self) -> int:
        """Of the answer."""
        return 409 if self.is_stale else 422

    def told(self) -> dict[str, str]:
        """What to do about each field, as msgids."""
        return {field: register_words.advice(field, fault) for field, fault in self.fields.items()}


def _holding(right: Right) -> Callable[..., Awaitable[Visit]]:
    async def visit(
        request: Request,
        console: Wired,
        shift: Annotated[Shift, Depends(holding(right))],
        room: Annotated[RegisterRoom, Depends(room_of(RegisterRoom))],
    ) -> Visit:
        return Visit(request, console, shift, room)

    return visit


Keeper = Annotated[Visit, Depends(_holding(Right.KEEP_REACH))]
Registrar = Annotated[Visit, Depends(_holding(Right.KEEP_REGISTER))]


class Again(Protocol):
    """The page with the form, once more."""

    def __call__(self, *, faults: Faults) -> Awaitable[HTMLResponse]:
        """Why what was written was not taken."""


async def carried_out(deed: Awaitable[object], again: Again, to: str) -> Response:
    """Change it, then go on; where that was not possible, the form again with what was written."""
    try:
        await deed
    except Unfit as error:
        return await again(faults=Faults(fields=error.fields))
    except StaleVersion:
        return await again(faults=Faults(fields={}, is_stale=True))
    except Stranger:
        raise HTTPException(404) from None
    return RedirectResponse(to, status_code=303)


async def sheet_of(visit: Visit, resident_id: str, right: Right = Right.KEEP_REACH) -> Sheet:
    """The entry. Raises HTTPException (404), Refused."""
    try:
        return await visit.room.sheet(visit.shift.user, resident_id, right)
    except Stranger:
        raise HTTPException(404) from None


def filled(
    stored: Mapping[str, object],
    names: Iterable[str],
    *,
    form: KeptForm | None,
    written: Mapping[str, object],
    faults: Faults | None,
) -> dict[str, object]:
    """What a form with these fields says, what is on file, and with what it is drawn; `form`: it was sent already.

    Where somebody was faster, his words stand in every field but those that were changed in the form.
    """
    drawn = drawn_with({name: stored[name] for name in sorted(names)})
    if form is None:
        return {"stored": stored, "values": stored, "drawn": drawn}
    if faults is not None and faults.is_stale:
        return {"stored": stored, "values": changed_over(stored, written, form.drawn), "drawn": drawn}
    shown = {name: written[name] for name in drawn_fields(form.drawn) & written.keys()}
    return {"stored": stored, "values": {**stored, **shown}, "drawn": form.drawn}


def asked_of(form: KeptForm) -> dict[str, str]:
    """What was said of the reason, for the form that comes again."""
    return {"why": form.why, "words": form.words}


def back_to(resident_id: str, part: str, case: int | None = None) -> str:
    """Where one goes after a change: to the case in which it was learnt, else to the entry."""
    return f"/incidents/{case}" if case is not None else f"/residents/{resident_id}/keep{part}?saved=1"
