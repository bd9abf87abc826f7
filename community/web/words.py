"""The console's names for the values of a case. A value without a word here is shown as it came."""

from enum import StrEnum

from community.casefile import Colour, Disposition
from community.desk import CENTRE, NOT_HEARD_YET, HomeMode, Timing
from community.supervision import OWN_CHANNELS, OWN_DESKS
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
    "channel-down": marked("A way to reach people does not work"),
    "desks-silent": marked("A life alarm rang at no desk"),
    "test-missing": marked("Test alarm missing"),
    "starts": marked("The box starts again and again"),
    "mains": marked("Power cut"),
    "rule-failed": marked("A rule fails"),
    "gas": marked("Gas"),
    "heat": marked("Heat"),
    "inactivity": marked("No movement for long"),
    "wandering": marked("Out at night"),
    "bed-exit": marked("Out of bed"),
    "door-open": marked("Door left open"),
    "stove": marked("Stove left on"),
    "visit-missed": marked("Nobody came to visit"),
    "medication-missed": marked("Medicine missed"),
    "daily-ok-missed": marked("No sign of life today"),
    "restless-night": marked("Restless night"),
    "news2": marked("Vital signs together"),
    "storm": marked("Many homes at once"),
}

DISPOSITIONS = {
    Disposition.HELPED: marked("Helped at home"),
    Disposition.HOSPITAL: marked("Taken to hospital"),
    Disposition.FALSE_ALARM: marked("False alarm"),
    Disposition.TEST: marked("Test"),
    Disposition.TECHNICAL_FIXED: marked("Technical fault fixed"),
    Disposition.DECEASED: marked("Deceased"),
    Disposition.UNREACHABLE: marked("Not reached: handed to the police"),
}
"""What a person may say of the end."""

ENDINGS = DISPOSITIONS | {
    Disposition.AUTO_CLEARED: marked("Ended by itself"),
    Disposition.MERGED: marked("Merged"),
    Disposition.SUPERSEDED: marked("Went on as a new case"),
}

CLOCKS = {
    "hold": marked("held back"),
    "ack": marked("to be taken"),
    "triage": marked("decision"),
    "total": marked("first action"),
    "accept": marked("acceptance"),
    "arrive": marked("arrival"),
    "handle": marked("work on scene"),
    "ping": marked("sign of life"),
    "silent": marked("no sign of life"),
    "verify": marked("verification"),
    "revisit": marked("call-back"),
    "close": marked("whole case"),
}
"""What a clock waits for."""

CARDS = {Colour.YELLOW: marked("yellow card"), Colour.RED: marked("red card")}

COMMANDS = {
    "ack": marked("Acknowledge: I take this case"),
    "call_120": marked("Record: 120 was called"),
    "dispatch": marked("Send somebody"),
    "accept": marked("Somebody has accepted"),
    "decline": marked("Somebody has declined"),
    "arrive": marked("Somebody is at the door"),
    "ping": marked("All is well on the scene"),
    "resolve_remote": marked("Settled from here"),
    "report": marked("Report of what was found"),
    "verify_ok": marked("Verified with the elder: it is so"),
    "verify_bad": marked("Not so: back to work"),
    "revisit_ok": marked("Called back: content, close the case"),
    "revisit_bad": marked("Called back: not content"),
    "revisit_missed": marked("Called back: not reached"),
    "revisit_unreached": marked("Not reached by several calls: close the case"),
    "mark_false": marked("False alarm"),
    "mark_test": marked("It was a test: close the case"),
    "call_119": marked("Record: 119 was called"),
    "call_110": marked("Record: 110 was called"),
    "note": marked("Note for the timeline"),
    "hand_over": marked("Take it over, as agreed"),
    "take_over": marked("Take it over as supervisor"),
    "release": marked("Give it back to the queue"),
    "merge": marked("Merge into another case"),
    "let_go": marked("Let it go on"),
    "correct": marked("Correct the record"),
}
"""Orders in the order in which they stand on the page; each is a form there."""

ON_SENDING_PAGE = frozenset({"call_unit", "unit_accept", "unit_decline"})
"""Orders whose forms stand on the page of whom to send."""

FIELDS = {
    "call_120": ("reference",),
    "call_119": ("reference",),
    "call_110": ("reference",),
    "dispatch": ("targets",),
    "accept": ("targets", "eta_min"),
    "decline": ("targets", "reason"),
    "resolve_remote": ("disposition", "note", "spoke", "second"),
    "report": ("disposition", "note"),
    "verify_bad": ("reason",),
    "revisit_ok": ("score", "note"),
    "revisit_bad": ("score", "reason"),
    "mark_false": ("note", "spoke"),
    "note": ("note",),
    "take_over": ("reason",),
    "release": ("reason",),
    "merge": ("into",),
    "correct": ("note",),
}
"""What an order asks for, besides who gives it."""

NEEDED = frozenset({"disposition", "reason", "targets", "into", "score"})
"""Fields without which the order is refused; a note, where one says how it ended or notes something."""

RECORDS = frozenset({"call_120", "call_119", "call_110"})
"""Orders that write down what was done by telephone; they call nobody."""

HOT = {"release": "r", "hand_over": "h", "take_over": "h"}
"""Keys that unfold an order."""

PROMINENT = frozenset(
    {"ack", "dispatch", "resolve_remote", "report", "verify_ok", "verify_bad", "revisit_ok", "revisit_bad", "note"}
)
"""Orders that lie open on the page; the others are unfolded."""

WAITS = {
    "DISPATCHED": marked("Waiting for an answer of who was asked"),
    "EN_ROUTE": marked("Help is on the way: stay on the line"),
    "ON_SCENE": marked("Help is there: wait for the report"),
    "FEEDBACK": marked("A colleague verifies it with the elder"),
    "REVISIT": marked("A colleague who did not handle it calls back"),
}
"""What a case waits for where the next step is not whose page this is, by its state; of others nothing is said."""

LABELS = {
    "reference": marked("Reference number, if they gave one"),
    "targets": marked("Who?"),
    "eta_min": marked("Minutes until arrival"),
    "reason": marked("Why? (must be filled in)"),
    "note": marked("What was done? (must be filled in)"),
    "spoke": marked("I have spoken with the person"),
    "second": marked("Or: this colleague confirms it"),
    "score": marked("How content, 1 to 5"),
    "into": marked("Into which case?"),
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

PLACES = {
    CENTRE: marked("Many homes at once"),
    OWN_CHANNELS: marked("The centre's own channels"),
    OWN_DESKS: marked("The centre's own desks"),
}
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
    "{steps}": "",
}
"""What people write for a unit of UCUM; the others are written alike. No word: nothing is written."""

PEOPLE = {GUEST: marked("somebody whom the home does not name")}
"""Whom a reading may name besides residents."""

ACTORS = {
    "system": marked("the centre"),
    "gateway": marked("home gateway"),
    "home": marked("home"),
    "import": marked("a file that was brought in"),
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

STEP_OF = {
    "found": Step.FOUND,
    "reported": Step.REPORTED,
    "assigned": Step.ASSIGNED,
    "handled": Step.HANDLED,
    "fed_back": Step.FEEDBACK,
    "revisited": Step.FOLLOW_UP,
}
"""Where an open case stands, by the phase of its state."""

AGO = {
    "s": marked("{n} s ago"),
    "min": marked("{n} min ago"),
    "h": marked("{n} h ago"),
    "d": marked("{n} d ago"),
}
"""How old a value is, in the largest unit that fits."""

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
    "soundElsewhere": marked("Another tab rings"),
    "mute": marked("NO SOUND: no alarm can be heard at this computer. Press here."),
    "notNow": marked("The case does not allow this now."),
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
    "agoSeconds": AGO["s"],
    "agoMinutes": AGO["min"],
    "agoHours": AGO["h"],
    "agoDays": AGO["d"],
    "saving": marked("Saving"),
    "saved": marked("Saved"),
    "notSaved": marked("Not saved: press the button"),
    "hidesIn": marked("It is hidden again in {n} s."),
    "P1": PRIORITIES[Severity.P1],
    "P2": PRIORITIES[Severity.P2],
    "P3": PRIORITIES[Severity.P3],
    "P4": PRIORITIES[Severity.P4],
}
"""What the scripts say."""

STANDINGS = {
    "done": marked("Thank you. You have reported; the case is with the centre now."),
    "taken": marked("Somebody else was faster and is going. Thank you."),
    "declined": marked("You said that you cannot go. Somebody else is asked."),
    "expired": marked("The centre waits for you no longer; somebody else is asked."),
    "over": marked("This case is over for you."),
}
"""What a responder's phone says once there is nothing more to do."""

DECLINES = {
    "far": marked("Too far away"),
    "busy": marked("I am with somebody else"),
    "ill": marked("I am ill"),
    "off": marked("I am off duty"),
    "danger": marked("Too dangerous for me alone"),
    "other": marked("Another reason"),
}
"""Why somebody does not go."""

ANSWERS = {
    "asked": marked("has not answered yet"),
    "accepted": marked("accepted"),
    "declined": marked("declined"),
    "expired": marked("did not answer or arrive in time"),
    "taken": marked("was slower than somebody else"),
}
"""What became of an offer."""

POSTS = {
    "operator": marked("Operator"),
    "supervisor": marked("Supervisor"),
    "duty_leader": marked("Duty leader"),
    "responder": marked("Responder"),
}
"""What somebody is on duty as."""

LACKS = {"main": marked("no operator"), "backup": marked("no back-up")}
"""What an hour lacks."""
