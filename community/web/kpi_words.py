"""The console's names for figures, steps and items of improvement."""

from community.dispatch import UnitKind
from community.improvement import Phase, Verdict
from community.kpi import Kpi
from community.scores import Group
from community.users import Role
from community.web.words import marked

KPIS = {
    Kpi.ANSWERED_SOON: marked("Answered within 60 s"),
    Kpi.ANSWERED_AT_LAST: marked("Answered within 180 s"),
    Kpi.ON_SITE_SOON: marked("On site within 45 min"),
    Kpi.ON_SITE_AT_LAST: marked("On site within 60 min"),
    Kpi.FALSE_ALARMS: marked("False alarms among life alarms that ended"),
    Kpi.FALSE_BY_RULE: marked("False alarms by rule"),
    Kpi.FALSE_BY_DEVICE: marked("False alarms by device"),
    Kpi.EXCUSED: marked("Excused cards"),
    Kpi.REVISITED: marked("Called back before the end"),
    Kpi.REVISIT_SCORE: marked("Score of the call-backs (1 to 5)"),
    Kpi.REPEAT_CALLERS: marked("Homes with three life alarms or more"),
}
PHASES = {
    "found": marked("found"),
    "reported": marked("reported"),
    "assigned": marked("assigned"),
    "handled": marked("handled"),
    "fed_back": marked("fed back"),
    "revisited": marked("called back"),
}
GROUPS = {
    Group.CENTRE: marked("The whole centre"),
    Group.STEP: marked("By step"),
    Group.PERSON: marked("By person"),
    Group.TEAM: marked("By team"),
    Group.ORGANISATION: marked("By organisation"),
}
TURNS = {
    Phase.PLAN: marked("waits for a plan"),
    Phase.DO: marked("waits for its measure"),
    Phase.CHECK: marked("is being measured"),
    Phase.ACT: marked("waits for a decision"),
    Phase.DONE: marked("done"),
}
VERDICTS = {
    Verdict.KEEP: marked("the measure stays"),
    Verdict.ROLL_BACK: marked("the measure is taken back"),
}
SOURCES = {
    "card": marked("Red card"),
    "revisit": marked("Poor call-back"),
    "kpi": marked("Target missed"),
}
"""What opened an item, by the beginning of its source."""
TEAMS = {
    "": marked("not said"),
    Role.OPERATOR.value: marked("Operators"),
    Role.SUPERVISOR.value: marked("Supervisors"),
    Role.FAMILY.value: marked("Families"),
    UnitKind.RESPONDERS.value: marked("Responders"),
    UnitKind.GRID.value: marked("Grid workers"),
    UnitKind.PROPERTY.value: marked("Property management"),
    UnitKind.COMMITTEE.value: marked("Residents' committee"),
    UnitKind.CLINIC.value: marked("Clinic"),
    UnitKind.COMMAND.value: marked("Command centre"),
}
"""Teams: roles of logins and kinds of units; another one is shown by its own name."""
