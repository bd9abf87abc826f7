"""Policies: the numbers of each workflow, proposals with their trial, and the second person's word."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field, ValidationError

from community.lanes import WORKFLOWS
from community.policy import ON_LADDER, faults, limit_bounds, numbers_of, rung_bound, span
from community.policy_room import TRIAL_CASES, PolicyRoom
from community.step_words import name_of_audience, name_of_clock
from community.web.admin_parts import AdminForm, PolicySetter, Proposer, SettingsReader, Visit
from community.web.policy_form import Written, read, written
from community.web.refusals import in_words
from community.web.rooms import room_of
from shouwang.alert import Sentence
from shouwang.errors import ConfigError, IllegalMove

router = APIRouter()
Room = Annotated[PolicyRoom, Depends(room_of(PolicyRoom))]
Name = StrEnum("Name", {name.upper(): name for name in WORKFLOWS})  # type: ignore[misc]  # the names of the tables
PolicyId = Annotated[int, Path(ge=1, le=2**62)]


class Proposal(AdminForm):
    """What a proposal says beside its numbers."""

    seen: Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
    reason: Annotated[str, Field(min_length=4, max_length=400)]


@router.get("/admin/policies")
async def listed(visit: SettingsReader, room: Room) -> HTMLResponse:
    """All workflows, and what was proposed."""
    return await visit.page("admin_policies.html", standings=await room.standings(), history=await room.history())


@router.get("/admin/policies/{name}")
async def table(
    visit: SettingsReader, room: Room, name: Name, like: Annotated[int, Query(ge=0, le=2**53)] = 0
) -> HTMLResponse:
    """The numbers of a workflow; `like`: filled in as this version had them."""
    former = await room.policy(like) if like else None
    is_of_it = former is not None and former.workflow == name.value
    return await _table(visit, room, name, fields=written(former.numbers) if former and is_of_it else None)


@router.post("/admin/policies/{name}")
async def propose(request: Request, visit: Proposer, room: Room, name: Name) -> Response:
    """Propose other numbers."""
    sent = await request.form()
    fields: Written = {key: tuple(map(str, sent.getlist(key))) for key in sent}
    try:
        form = Proposal.model_validate({key: fields[key][0] for key in Proposal.model_fields if key in fields})
    except ValidationError:
        raise HTTPException(422) from None
    standing = await room.standing(name.value)
    numbers, unread = read(fields, numbers_of(standing.shipped))
    problems = unread or tuple(faults(standing.shipped, numbers))
    try:
        await visit.check(form)
        if problems:
            return await _table(visit, room, name, fields=fields, problem=_joined(problems), reason=form.reason)
        policy_id = await room.propose(visit.user, name.value, numbers, seen=int(form.seen), reason=form.reason)
    except (IllegalMove, ConfigError) as error:
        return await _table(visit, room, name, fields=fields, problem=in_words(error), reason=form.reason)
    return RedirectResponse(f"/admin/policies/proposals/{policy_id}", status_code=303)


@router.get("/admin/policies/proposals/{policy_id}")
async def proposal(visit: SettingsReader, room: Room, policy_id: PolicyId) -> HTMLResponse:
    """What it changes, and what it would have meant."""
    return await _proposal(visit, room, policy_id)


@router.post("/admin/policies/proposals/{policy_id}/approve")
async def approve(visit: PolicySetter, room: Room, policy_id: PolicyId, form: Annotated[AdminForm, Form()]) -> Response:
    """The second person puts it in force."""
    try:
        await visit.check(form)
        await room.approve(visit.user, policy_id)
    except (IllegalMove, ConfigError) as error:
        return await _proposal(visit, room, policy_id, problem=in_words(error))
    return RedirectResponse(f"/admin/policies/proposals/{policy_id}", status_code=303)


@router.post("/admin/policies/proposals/{policy_id}/refuse")
async def refuse(visit: Proposer, room: Room, policy_id: PolicyId, form: Annotated[AdminForm, Form()]) -> Response:
    """It does not come; or whoever proposed it takes it back."""
    try:
        await visit.check(form)
        await room.refuse(visit.user, policy_id)
    except (IllegalMove, ConfigError) as error:
        return await _proposal(visit, room, policy_id, problem=in_words(error))
    return RedirectResponse("/admin/policies", status_code=303)


async def _table(
    visit: Visit,
    room: PolicyRoom,
    name: Name,
    *,
    fields: Written | None = None,
    problem: Sentence | None = None,
    reason: str = "",
) -> HTMLResponse:
    standing = await room.standing(name.value)
    return await visit.page(
        "admin_policy.html",
        problem=problem,
        standing=standing,
        shipped=numbers_of(standing.shipped),
        now_in_force=written(standing.numbers),
        fields=fields or written(standing.numbers),
        history=await room.history(name.value),
        reason=reason,
        audiences=ON_LADDER,
        who=name_of_audience,
        clock=name_of_clock,
        limit_bounds=limit_bounds,
        rung_bound=rung_bound,
        span=span,
    )


async def _proposal(visit: Visit, room: PolicyRoom, policy_id: int, *, problem: Sentence | None = None) -> HTMLResponse:
    weighed = await room.weighed(policy_id)
    if weighed is None:
        raise HTTPException(404)
    return await visit.page(
        "admin_proposal.html",
        problem=problem,
        weighed=weighed,
        one=weighed.policy,
        standing=await room.standing(weighed.policy.workflow),
        clock=name_of_clock,
        most_cases=TRIAL_CASES,
    )


def _joined(problems: Iterable[Sentence]) -> Sentence:
    found = tuple(dict.fromkeys(problems))
    return Sentence(zh="；".join(one.zh for one in found), en="; ".join(one.en for one in found))
