"""The words of the pages for administrators."""

from community.web.words import marked

ROLES = {
    "operator": marked("Operator"),
    "supervisor": marked("Supervisor"),
    "responder": marked("Responder"),
    "family": marked("Family"),
    "auditor": marked("Auditor"),
    "admin": marked("Administrator"),
    "regulator": marked("Regulator"),
}

CHANGES = {
    "added": marked("added"),
    "disabled": marked("disabled"),
    "enabled": marked("let in again"),
    "role": marked("role changed"),
    "scope": marked("areas changed"),
    "rights": marked("rights changed"),
    "logged out": marked("logged out everywhere"),
    "link made": marked("login link made"),
    "app given": marked("authenticator app put into use"),
    "app taken": marked("authenticator app taken away"),
    "password changed": marked("password changed"),
    "other sessions ended": marked("logged out everywhere else"),
    "passkey made": marked("passkey made"),
    "passkey removed": marked("passkey removed"),
    "passkey counter back": marked("PASSKEY REFUSED: its counter went back, there may be a copy"),
    "screen made": marked("wall screen made"),
    "screen code made": marked("pairing code made"),
    "screen paired": marked("wall screen paired"),
    "screen ended": marked("wall screen ended"),
    "identity linked": marked("login of the provider linked"),
    "identity taken": marked("login of the provider taken away"),
    "token added": marked("token made"),
    "token revoked": marked("token ended"),
    "agreement made": marked("agreement made"),
    "agreement ended": marked("agreement ended"),
    "policy proposed": marked("policy proposed"),
    "policy approved": marked("policy put in force"),
    "policy refused": marked("proposal refused"),
    "channel tested": marked("channel tested"),
    "backup made": marked("backup made"),
    "backup tried": marked("backup restored on trial"),
    "record verified": marked("record verified"),
    "retention by hand": marked("what was kept long enough ended by hand"),
    "file taken in": marked("file taken in"),
    "absence told": marked("absence entered"),
    "absence ended": marked("absence ended"),
    "place renamed": marked("place renamed"),
    "place moved": marked("place moved"),
}
"""What is written down of changes, by the word in the record of rights."""

LEVELS = {
    "district": marked("District"),
    "community": marked("Community"),
    "grid": marked("Grid"),
    "building": marked("Building"),
    "unit": marked("Staircase"),
    "floor": marked("Floor"),
    "door": marked("Door"),
}
"""Of the tree of places."""

WORKFLOWS = {
    "emergency": marked("Emergencies"),
    "technical": marked("Technical faults"),
    "care": marked("Care tasks"),
    "request": marked("Requests"),
}

POLICY_STATES = {
    "proposed": marked("waits for a second person"),
    "refused": marked("refused"),
    "in_force": marked("in force"),
    "past": marked("no longer in force"),
}

WAYS = {
    "voice": marked("telephone"),
    "sms": marked("SMS"),
    "push": marked("push"),
    "mail": marked("mail"),
    "webhook": marked("interface"),
}

OUTCOMES = {
    "queued": marked("waits"),
    "sent": marked("sent"),
    "delivered": marked("delivered"),
    "answered": marked("answered"),
    "failed": marked("failed"),
}

KEPT = (
    ("cases", "case_days", marked("Words, names and evidence of closed cases")),
    ("alarms without a case", "case_days", marked("Alarms that belong to no case")),
    ("reasons of looks", "case_days", marked("Reasons in the log of reads")),
    ("details of changes", "case_days", marked("Details of changes of rights and settings")),
    ("photos", "photo_days", marked("Photos of responders")),
    ("calls", "call_days", marked("Whom of a resident's people was called, links of phones")),
    ("hand-overs", "hand_over_days", marked("Words at hand-overs of shifts")),
    ("old entries of the register", "register_days", marked("What the register said before a change")),
    ("people", "person_days", marked("Residents whose service has ended")),
    ("absences", "duty_days", marked("Absences and their reasons")),
    ("who did not come", "duty_days", marked("Who did not come to a shift")),
    ("unreadable messages", "letter_days", marked("Messages that could not be read")),
    ("answers to orders", "command_days", marked("Answers to orders that may come twice")),
    ("sessions", "", marked("Sessions that have ended")),
    ("log-in links", "", marked("Log-in links that have run out")),
    ("nonces", "", marked("Log-ins by the provider that were used")),
    ("failed log-ins", "", marked("Log-ins that failed")),
)
"""What ends: its name (community.store.retention), its setting, and what people read."""

KEPT_NAMES = {name: label for name, _, label in KEPT} | {
    "measurements": marked("Measurements of erased residents"),
}
"""Of what could not be done in a round."""
