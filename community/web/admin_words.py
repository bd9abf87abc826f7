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
