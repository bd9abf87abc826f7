"""The call script of a case: what was ticked becomes a note of it. Works as a plain form, without scripts."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community.call_scripts import entry, script_of
from community.desk import Wish
from community.web.console import Wired, Worker, check_form
from community.web.incident import IncidentId

router = APIRouter()
STEP = "step-"
"""What the name of a step's field begins with."""
_MAX_STEPS = 12


class Ticked(BaseModel):
    """The form of a script; its steps are fields of their own (`step-NAME`)."""

    model_config = ConfigDict(extra="allow", frozen=True)

    csrf: Annotated[str, Field(max_length=128)]
    command_id: Annotated[str, Field(min_length=8, max_length=64)]

    @property
    def answers(self) -> dict[str, str]:
        """By step."""
        return {name.removeprefix(STEP): str(value) for name, value in (self.model_extra or {}).items()}


@router.post("/incidents/{incident_id}/script")
async def tick(console: Wired, shift: Worker, incident_id: IncidentId, form: Annotated[Ticked, Form()]) -> Response:
    """Keep what was ticked anew; raises IllegalMove where the case takes no note any more."""
    check_form(shift, form.csrf)
    desk = console.desk_of(shift)
    page = await desk.incident(incident_id)
    if page is None:
        raise HTTPException(404)
    script = script_of(page.row.hazard, page.row.workflow)
    if len(form.answers) > _MAX_STEPS or not script.allows(form.answers):
        raise HTTPException(422)
    fresh = {step: value for step, value in form.answers.items() if page.answers.get(step) != value}
    if fresh:
        wish = Wish(
            incident_id=incident_id,
            command="note",
            by=shift.user.login,
            role=shift.user.role.value,
            command_id=form.command_id,
            text=entry(script, fresh),
        )
        await desk.order(wish)
    return RedirectResponse(f"/incidents/{incident_id}", status_code=303)
