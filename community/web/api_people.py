"""Boxes, residents and requests for programs."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Response

from community.desk import QueueRow
from community.kpi_months import month_named
from community.rights import Ground, Refused
from community.store.api_reads import ResidentTold
from community.tokens import MEDICAL, Caller, Field, Scope
from community.web.api_caller import Asks, ThePrograms
from community.web.api_cases import CommandId, Limit, covered
from community.web.api_models import (
    FigureOut,
    FiguresOut,
    GatewayOut,
    GatewaysOut,
    LeftOut,
    RatingIn,
    RequestIn,
    RequestOut,
    ResidentOut,
    ResidentsOut,
)

router = APIRouter()

Id = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
AfterId = Annotated[str, Query(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$", description="the last id that you have")]
Fields = Annotated[list[Field] | None, Query(max_length=len(Field), description="none: all that the agreement covers")]
_TRACKING = "R-"
Tracking = Annotated[str, Path(pattern=r"^R-[1-9][0-9]{0,14}$", max_length=17)]

_READ = Depends(Asks(Scope.RESIDENTS_READ))
_FILE = Depends(Asks(Scope.REQUESTS_FILE))


@router.get("/gateways", tags=["homes"])
async def gateways(
    programs: ThePrograms,
    caller: Annotated[Caller, Depends(Asks(Scope.HOMES_READ))],
    after: AfterId = "",
    limit: Limit = 100,
) -> GatewaysOut:
    """The homes' boxes, by id."""
    rows = await programs.gateways(caller, after=after, limit=limit)
    return GatewaysOut(gateways=[GatewayOut.of(row, covered(caller)) for row in rows])


@router.get("/kpis", tags=["figures"])
async def kpis(
    programs: ThePrograms,
    caller: Annotated[Caller, Depends(Asks(Scope.KPIS_READ))],
    month: Annotated[
        str | None, Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="2026-11; none: this one")
    ] = None,
) -> FiguresOut:
    """The figures of a month."""
    page = await programs.figures(caller, None if month is None else month_named(month))
    if page is None:
        raise HTTPException(404)
    return FiguresOut(
        month=str(page.month), as_of=page.as_of, figures=[FigureOut.of_figure(one) for one in page.figures]
    )


@router.get("/residents", tags=["residents"], response_model_exclude_unset=True)
async def residents(
    programs: ThePrograms,
    caller: Annotated[Caller, _READ],
    after: AfterId = "",
    limit: Limit = 50,
    fields: Fields = None,
) -> ResidentsOut:
    """Residents by id, without medical data, and without who lives there no more. Each read is written down."""
    wanted = caller.fields(None if fields is None else frozenset(fields))
    if fields is not None and wanted & MEDICAL:
        raise Refused(Ground.FIELDS)
    rows = await programs.residents(caller, after=after, limit=limit, fields=wanted - MEDICAL)
    return ResidentsOut(residents=[_resident(one, told, home_id=told.home_id) for one, told in rows])


@router.get("/residents/{resident_id}", tags=["residents"], response_model_exclude_unset=True)
async def resident(
    programs: ThePrograms, caller: Annotated[Caller, _READ], resident_id: Id, fields: Fields = None
) -> ResidentOut:
    """One resident, also who lives there no more: `left` says so. The read is written down."""
    wanted = caller.fields(None if fields is None else frozenset(fields))
    told = await programs.resident(caller, resident_id, wanted)
    if told is None:
        raise HTTPException(404)
    gone = {} if told.left is None else {"left": LeftOut(why=told.left, since=told.left_on)}
    return _resident(resident_id, told, **gone)


@router.post("/requests", tags=["requests"], status_code=201)
async def file(
    programs: ThePrograms, caller: Annotated[Caller, _FILE], asked: RequestIn, key: CommandId, response: Response
) -> RequestOut:
    """File a request of a home; the same Idempotency-Key gives the first one."""
    number = await programs.file(
        caller,
        home_id=asked.home_id,
        words=f"[{asked.category}] {asked.text}",
        key=key,
        is_urgent=asked.is_urgent,
    )
    row = await programs.request(caller, number)
    if row is None:
        raise HTTPException(404)
    response.headers["location"] = f"requests/{_TRACKING}{number}"
    return _request(row)


@router.get("/requests/{tracking}", tags=["requests"])
async def request(
    programs: ThePrograms,
    caller: Annotated[Caller, _FILE],
    tracking: Tracking,
) -> RequestOut:
    """How a request stands."""
    row = await programs.request(caller, int(tracking.removeprefix(_TRACKING)))
    if row is None:
        raise HTTPException(404)
    return _request(row)


@router.post("/requests/{tracking}/rating", tags=["requests"])
async def rate(
    programs: ThePrograms, caller: Annotated[Caller, _FILE], tracking: Tracking, said: RatingIn, key: CommandId
) -> RequestOut:
    """Whoever asked rates the result, 1 to 5: a rating of 1 or 2 opens the request again, else it is closed."""
    number = int(tracking.removeprefix(_TRACKING))
    row = await programs.rate(caller, number, score=said.score, words=said.text, key=key)
    if row is None:
        raise HTTPException(404)
    return _request(row)


def _resident(resident_id: str, told: ResidentTold, **more: object) -> ResidentOut:
    said = {field.value: value for field, value in told.said.items()}
    return ResidentOut.model_validate({"resident_id": resident_id} | more | said)


def _request(row: QueueRow) -> RequestOut:
    return RequestOut(
        tracking=f"{_TRACKING}{row.incident_id}",
        state=row.state,
        phase=row.phase,
        filed_at=row.opened_at,
        changed_at=row.changed_at,
        outcome=row.disposition,
    )
