"""The console's names for plans of care, assessments and medicines, and what to do about a slip in their forms."""

from community.care import Assessment, Condition, Keeping, Trend
from community.care_desk import FUTURE, THERE, Kept
from community.registry import Slip
from community.store.care_list import Why
from community.web.words import marked

CONDITIONS = {
    Condition.HYPERTENSION: marked("High blood pressure"),
    Condition.DIABETES: marked("Diabetes"),
    Condition.COPD: marked("COPD"),
    Condition.HEART_FAILURE: marked("Heart failure"),
    Condition.OTHER: marked("Another illness"),
}
KINDS = {
    Assessment.LONG_TERM_CARE: marked("Long-term care need"),
    Assessment.ABILITY: marked("Ability of elders"),
    Assessment.BARTHEL: marked("Barthel index"),
    Assessment.FALLS: marked("Risk of falling"),
    Assessment.OTHER: marked("Another assessment"),
}
KEEPINGS = {
    Keeping.KEPT: marked("kept"),
    Keeping.SHORT: marked("behind the plan"),
    Keeping.UNMEASURED: marked("nothing here measures it"),
    Keeping.NEW: marked("has just begun"),
    Keeping.OVER: marked("not in force"),
}
LIGHTS = {
    Keeping.KEPT: "ok",
    Keeping.SHORT: "bad",
    Keeping.UNMEASURED: "bad",
    Keeping.NEW: "none",
    Keeping.OVER: "none",
}
TRENDS = {
    Trend.RISING: marked("rising"),
    Trend.FALLING: marked("falling"),
    Trend.STEADY: marked("no clear change"),
    Trend.TOO_FEW: marked("too few days for a trend"),
}
WHYS = {
    Why.UNKEPT: marked("Plan not kept"),
    Why.REVIEW: marked("Review overdue"),
    Why.ASSESSMENT: marked("Assessment overdue"),
}
TITLES = {
    Kept.PLANS: marked("Plan of care"),
    Kept.ASSESSMENTS: marked("Assessment"),
    Kept.MEDICINES: marked("Medicine and its times"),
}
SLIPS = {
    Slip.LEFT.value: marked("Write since when the person lives there no more."),
    Slip.TITLE.value: marked("Write the name of the illness."),
    Slip.CLINICIAN.value: marked("A target range is set by a clinician: write who set it, and on which day."),
    Slip.RANGE.value: marked(
        "The target range cannot be so: the lower end stands below the upper one, both possible values."
    ),
    Slip.RESULT.value: marked("Write the points or the level."),
    Slip.SCALE.value: marked("Write which scale it was, as its form calls itself."),
    Slip.BARTHEL.value: marked("The Barthel index has 0 to 100 points."),
    Slip.NEXT.value: marked("The next one is due after this one."),
    Slip.ENDS.value: marked("It cannot end before it begins."),
    FUTURE: marked("This day is not over yet. Write when it was done."),
    THERE: marked("There is such an entry already. Open it in the list and change it there."),
}
FIELDS = {
    "condition": marked("Illness"),
    "title": marked("Name of the illness"),
    "quantity": marked("What is measured"),
    "times": marked("How often"),
    "days": marked("within so many days"),
    "low": marked("Lower end"),
    "high": marked("Upper end"),
    "set_by": marked("Set by (clinician)"),
    "set_on": marked("Set on"),
    "since": marked("In force from"),
    "until": marked("In force until"),
    "review_on": marked("Next review on"),
    "kind": marked("Kind"),
    "day": marked("Assessed on"),
    "scale": marked("Scale and version"),
    "score": marked("Points"),
    "level": marked("Level"),
    "assessor": marked("Assessed by"),
    "next_on": marked("Next one due on"),
    "name": marked("Medicine"),
    "dose": marked("Dose, in words"),
    "at": marked("Times of day"),
    "prescribed_by": marked("Prescribed by"),
}
