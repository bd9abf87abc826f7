"""A resident's record as a FHIR Bundle, for whoever may give it to a clinic. Each time is written down."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from community.fhir.export import UnknownResident, Wish, export, permit_of
from community.fhir.reading import Every
from community.fhir.record import Reader
from community.fhir.records import Records
from community.measurements.port import Span
from community.rights import Refused as NotAllowed
from community.web.console import Refused, SignedIn, Wired
from community.web.sending import NOT_YOURS

router = APIRouter()
LONGEST = timedelta(days=92)
"""A quarter of a year is told within the time that a page may take; more than that is the command's work."""
_DEFAULT = timedelta(days=30)

ResidentId = Annotated[str, Path(max_length=64)]
Reason = Annotated[str, Query(min_length=2, max_length=200, description="what it is for; kept in the log of reads")]


@router.get("/residents/{resident_id}/fhir")
async def record(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request,
    console: Wired,
    shift: SignedIn,
    resident_id: ResidentId,
    reason: Reason,
    since: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to")] = None,
    every: Literal["hour", "day"] = "hour",
) -> StreamingResponse:
    """The Bundle. 404 for an unknown resident, 403 for who may not, 422 for a span that is none or too long."""
    records = request.app.state.records
    if not isinstance(records, Records):
        raise HTTPException(404)
    now = console.clock()
    span = _span(since, until, now)
    reader = Reader(who=shift.user.login, why=reason.strip(), at=now)
    wish = Wish(resident_id=resident_id, span=span, reader=reader, every=Every(every))
    async with AsyncExitStack() as stack:
        sources = await stack.enter_async_context(records.sources())
        pieces = await stack.enter_async_context(aclosing(export(sources, wish, permit_of(shift.user, wish))))
        first = await _first(pieces)  # before the answer begins: what is refused is refused with its number
        rest = _rest(first, pieces, stack.pop_all())
    name = 'attachment; filename="record.fhir.json"'
    headers = {"content-disposition": name, "cache-control": "no-store"}
    return StreamingResponse(rest, media_type="application/fhir+json", headers=headers)


def _span(since: datetime | None, until: datetime | None, now: datetime) -> Span:
    end = until or now
    start = since or end - _DEFAULT
    if not timedelta(0) < end - start <= LONGEST:
        raise HTTPException(422)
    return Span(start, end)


async def _first(pieces: AsyncGenerator[bytes]) -> bytes:
    try:
        return await anext(pieces)
    except UnknownResident as error:
        raise HTTPException(404) from error
    except NotAllowed as error:
        raise Refused(NOT_YOURS) from error


async def _rest(first: bytes, pieces: AsyncIterator[bytes], stack: AsyncExitStack) -> AsyncIterator[bytes]:
    async with stack:
        yield first
        async for piece in pieces:
            yield piece
