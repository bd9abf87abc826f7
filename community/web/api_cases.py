"""Cases for programs: list, one whole, its record, its calls, orders, and news of changes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Response

from community.casefile import StaleVersion
from community.desk import Wish
from community.tokens import Caller, Field, Scope
from community.web.api_caller import Asks, ThePrograms
from community.web.api_models import (
    MAX_PAGE,
    MAX_SEQ,
    CaseOut,
    CasesOut,
    CaseWhole,
    ChangeOut,
    ChangesOut,
    EntryOut,
    NoticeOut,
    NoticesOut,
    OrderIn,
    TimelineOut,
)
from community.web.api_problem import Stale

router = APIRouter(tags=["cases"])

CaseId = Annotated[int, Path(ge=1, le=MAX_SEQ)]
After = Annotated[int, Query(ge=0, le=MAX_SEQ, description="the sequence that you have; 0 from the beginning")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
CommandId = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=64,
        pattern=r"^[\x21-\x7e]+$",
        description="made anew for each order; a repeat gives the first answer",
    ),
]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=24, pattern=r'^"?[0-9]{1,9}"?$', description="the version that you saw"),
]
MAX_WAIT_S = 10
"""The server gives an answer within 15 s, whatever it is."""

_READ = Depends(Asks(Scope.CASES_READ))


@router.get("/cases")
async def cases(
    programs: ThePrograms,
    caller: Annotated[Caller, _READ],
    after: After = 0,
    limit: Limit = 50,
    *,
    only_open: Annotated[bool, Query()] = False,
) -> CasesOut:
    """Cases in the order of their last changes, each as it stands now; one that changes comes again."""
    page = await programs.cases(caller, after=after, limit=limit, only_open=only_open)
    return CasesOut(
        cases=[CaseOut.of(row, covered(caller)) for row in page.rows], next_after=page.next_after, is_last=page.is_last
    )


@router.get("/cases/{case_id}")
async def case(
    programs: ThePrograms, caller: Annotated[Caller, _READ], case_id: CaseId, response: Response
) -> CaseWhole:
    """One case. Its version is the ETag too."""
    page = await programs.case(caller, case_id)
    if page is None:
        raise HTTPException(404)
    response.headers["etag"] = f'"{page.row.version}"'
    return CaseWhole.of(page, covered(caller))


@router.get("/cases/{case_id}/timeline")
async def timeline(
    programs: ThePrograms, caller: Annotated[Caller, _READ], case_id: CaseId, after: After = 0, limit: Limit = 100
) -> TimelineOut:
    """The sealed record of a case, oldest first."""
    rows = await programs.timeline(caller, case_id, after=after, limit=limit)
    if rows is None:
        raise HTTPException(404)
    return TimelineOut(entries=[EntryOut.of(row) for row in rows], next_after=rows[-1].seq if rows else after)


@router.get("/cases/{case_id}/notices")
async def notices(
    programs: ThePrograms,
    caller: Annotated[Caller, Depends(Asks(Scope.NOTICES_READ))],
    case_id: CaseId,
    after: After = 0,
    limit: Limit = 100,
) -> NoticesOut:
    """Who was to be reached, and what was tried."""
    rows = await programs.notices(caller, case_id, after=after, limit=limit)
    if rows is None:
        raise HTTPException(404)
    return NoticesOut(notices=[NoticeOut.of(row) for row in rows], next_after=rows[-1].notice_id if rows else after)


@router.post("/cases/{case_id}/orders")
async def order(
    programs: ThePrograms,
    caller: Annotated[Caller, Depends(Asks(Scope.CASES_WORK))],
    case_id: CaseId,
    wish: OrderIn,
    *,
    command_id: CommandId,
    if_match: IfMatch = None,
) -> CaseOut:
    """Order something of a case, once. 409 with the present state where somebody was faster."""
    asked = Wish(
        incident_id=case_id,
        command=wish.command,
        by=caller.user.person or caller.user.login,
        role=caller.user.role.value,
        command_id=f"{caller.token.token_id}:{command_id}",
        version=None if if_match is None else int(if_match.strip('"')),
        text=wish.text,
        reason=wish.reason,
        targets=tuple(wish.targets),
        eta_min=wish.eta_min,
        disposition=wish.disposition,
        spoke=wish.spoke,
        score=wish.score,
        reference=wish.reference,
        into=wish.into,
    )
    try:
        row = await programs.order(caller, asked)
    except StaleVersion as error:
        page = await programs.case(caller, case_id)
        present = None if page is None else CaseOut.of(page.row, covered(caller)).model_dump(mode="json")
        raise Stale(str(error), present) from error
    if row is None:
        raise HTTPException(404)
    return CaseOut.of(row, covered(caller))


@router.get("/changes")
async def changes(
    programs: ThePrograms,
    caller: Annotated[Caller, Depends(Asks(Scope.CHANGES_READ))],
    after: After = 0,
    limit: Limit = 100,
    wait_s: Annotated[int, Query(ge=0, le=MAX_WAIT_S, description="how long to wait for the first one")] = 0,
) -> ChangesOut:
    """What happened; where nothing did, the answer waits (long poll)."""
    page = await programs.changes(caller, after=after, limit=limit, wait_s=wait_s)
    return ChangesOut(
        changes=[
            ChangeOut.model_validate(
                {
                    "seq": bell.seq,
                    "kind": bell.kind,
                    "case": bell.incident_id,
                    "priority": bell.priority.value,
                    "state": bell.state,
                }
            )
            for bell in page.bells
        ],
        next_after=page.next_after,
        is_last=page.is_last,
    )


def covered(caller: Caller) -> frozenset[Field]:
    """What may be told of a person beside his case."""
    return caller.agreement.fields if caller.agreement is not None else frozenset()
