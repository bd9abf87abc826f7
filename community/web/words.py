"""The console's names for the values of a case. A value without a word here is shown as it came."""

from enum import StrEnum

from community.desk import CENTRE, NOT_HEARD_YET, Disposition, HomeMode, State, Timing
from shouwang.alert import AlertState, Severity
from shouwang.reading import GUEST, Quality
from shouwang.status import SensorState
from shouwang.wire import Path


def marked(msgid: str) -> str:
    """Mark a msgid for the catalogues; it is translated where it is shown."""
    return msgid


PRIORITIES = {
    Severity.P1: marked("LIFE"),
    Severity.P2: marked("URGENT"),
    Severity.P3: marked("TECH"),
    Severity.P4: marked("CARE"),
}

STATES = {
    State.OPEN: marked("Waiting"),
    State.ACKED: marked("In hand"),
    State.CLOSED: marked("Closed"),
}

HAZARDS = {
    "sos": marked("SOS button"),
    "fall": marked("Fall"),
    "vital": marked("Vital sign"),
    "sensor-silent": marked("Sensor silent"),
    "gateway-silent": marked("Gateway silent"),
    "unreadable": marked("Unreadable alarm message"),
    "away-activity": marked("Somebody in an empty home"),
    "gateway-never-heard": marked("Gateway never heard"),
    "gateways-silent": marked("Many gateways silent"),
    "path-lost": marked("A way to the centre is lost"),
    "test-missing": marked("Test alarm missing"),
    "starts": marked("The box starts again and again"),
    "mains": marked("Power cut"),
    "rule-failed": marked("A rule fails"),
}

DISPOSITIONS = {
    Disposition.HELPED: marked("Helped at home"),
    Disposition.HOSPITAL: marked("Taken to hospital"),
    Disposition.FALSE_ALARM: marked("False alarm"),
    Disposition.TEST: marked("Test"),
    Disposition.TECHNICAL_FIXED: marked("Technical fault fixed"),
    Disposition.DECEASED: marked("Deceased"),
}

MODES = {
    HomeMode.HOME: marked("At home"),
    HomeMode.AWAY: marked("Away"),
    HomeMode.HOSPITAL: marked("In hospital"),
    HomeMode.VISITOR: marked("Visitors are there"),
}

OUTCOMES = {
    "waiting": marked("waits to be sent"),
    "sent": marked("sent"),
    "expired": marked("never sent: the home was away too long"),
}
"""What became of a command."""

ALERT_STATES = {
    AlertState.PREALARM: marked("asking at home"),
    AlertState.FIRING: marked("alarm"),
    AlertState.CANCELLED: marked("cancelled at home"),
    AlertState.RESOLVED: marked("ended at home"),
}

SENSOR_STATES = {
    SensorState.UP: marked("working"),
    SensorState.SILENT: marked("silent"),
    SensorState.DOWN: marked("not connected"),
}

QUALITIES = {
    Quality.GOOD: marked("good"),
    Quality.QUESTIONABLE: marked("doubtful"),
    Quality.IMPLAUSIBLE: marked("impossible"),
    Quality.THINNED: marked("mean of a minute"),
}

TIMINGS = {
    Timing.MENDED: marked("time corrected"),
    Timing.ESTIMATED: marked("time estimated"),
    Timing.AHEAD: marked("time of arrival: the home's clock was ahead"),
}
"""How the moment of what a home told is known, where its clock was not right."""

REASONS = {NOT_HEARD_YET: marked("not heard since the gateway started")}
"""Of the centre's own; a gateway's are shown as they came."""

GAPS = {
    "over-budget": marked("more waited to be sent than the box may keep"),
    "thinned": marked("kept as minutes only: lowest, mean and highest value of each"),
    "card-full": marked("the box's storage was full"),
    "card-failed": marked("the box's storage could not be written"),
    "damaged": marked("the box's storage was damaged"),
    "flood": marked("more came at once than the box can judge"),
    "tail-damaged": marked("the box was stopped hard; the last seconds cannot be read"),
}
"""Why data are missing, by the code of the home; of other codes its own sentence is shown."""

PATHS = {
    Path.INTERNET: marked("Internet"),
    Path.SMS: marked("Text messages"),
    Path.VOICE: marked("Telephone calls"),
}
"""Ways to the centre."""

PLACES = {CENTRE: marked("Many homes at once")}
"""What stands for a home in cases that are not about one."""

MANY_STARTS = 3
"""More starts in a day than a person's hand explains: the rule `restarts` of the preset `box` begins there as well."""

UNITS = {
    "/min": marked("per minute"),
    "/d": marked("per day"),
    "1": "",
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "kg/m2": "kg/m²",
    "Ohm": "Ω",
    "dB[mW]": "dBm",
    "[ppm]": "ppm",
    "[g]": "g",
    "%{LEL}": "% LEL",
    "kW.h": "kWh",
    "ug/m3": "µg/m³",
    "{index}": "",
}
"""What people write for a unit of UCUM; the others are written alike. No word: nothing is written."""

PEOPLE = {GUEST: marked("somebody whom the home does not name")}
"""Whom a reading may name besides residents."""

ACTORS = {
    "system": marked("system"),
    "gateway": marked("home gateway"),
    "home": marked("home"),
}


class Step(StrEnum):
    """The six steps of a case, in order."""

    FOUND = "found"
    REPORTED = "reported"
    ASSIGNED = "assigned"
    HANDLED = "handled"
    FEEDBACK = "feedback"
    FOLLOW_UP = "follow-up"


STEPS = {
    Step.FOUND: marked("Found"),
    Step.REPORTED: marked("Reported"),
    Step.ASSIGNED: marked("Assigned"),
    Step.HANDLED: marked("Handled"),
    Step.FEEDBACK: marked("Feedback"),
    Step.FOLLOW_UP: marked("Follow-up call"),
}

STEP_OF = {State.OPEN: Step.REPORTED, State.ACKED: Step.ASSIGNED}
"""Where an open case stands. `Found` is done when a case exists."""

BROWSER = {
    "live": marked("Live"),
    "connecting": marked("Connecting"),
    "stale": marked("NO CONNECTION: this page may be old. Nothing has been heard from the server for"),
    "seconds": marked("s"),
    "polling": marked("Trying again every 5 seconds. Watch the telephone."),
    "signedOut": marked("Your shift has ended: nothing arrives and nothing rings. Load this page and log in again."),
    "soundOn": marked("Sound on"),
    "soundOff": marked("Start shift: sound is off"),
    "soundAsleep": marked("Sound is off: press here"),
    "fresh": marked("New:"),
    "show": marked("Show"),
    "gone": marked("Closed"),
    "waiting": marked("Waiting"),
    "notice": marked("A case is waiting"),
    "alarm": marked("alarm"),
    "doubtful": marked("doubtful"),
    "late": marked("sent later"),
    "retimed": marked("the home's clock was wrong"),
    "time": marked("Time"),
    "P1": PRIORITIES[Severity.P1],
    "P2": PRIORITIES[Severity.P2],
    "P3": PRIORITIES[Severity.P3],
    "P4": PRIORITIES[Severity.P4],
}
"""What the scripts say."""
