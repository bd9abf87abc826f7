"""What a family reads: how things stand with the elder, in one plain sentence. `who` is the elder, as he is called."""

from community.desk import HomeMode
from community.family import Kin, Status
from community.people import Item, Left
from community.register_forms import Fault
from community.web import register_words
from community.web.words import marked

WHO = {Kin.MOTHER: marked("Your mother"), Kin.FATHER: marked("Your father")}

STATUSES = {
    Status.WAITING: marked("%(who)s: an alarm has come in. The centre is taking it now."),
    Status.TAKEN: marked("%(who)s: an alarm is being handled. The centre is speaking with the home."),
    Status.ASKED: marked("%(who)s: an alarm is being handled. Somebody is being sent."),
    Status.COMING: marked("%(who)s: an alarm is being handled. Somebody is on the way."),
    Status.THERE: marked("%(who)s: an alarm is being handled. Somebody is there."),
    Status.CHECKED: marked("%(who)s: help has been given. The centre is checking how it ended."),
    Status.SILENT: marked("%(who)s: the box in the home is not heard. The centre cannot see how things are."),
    Status.HOSPITAL: marked("%(who)s is said to be in hospital."),
    Status.AWAY: marked("%(who)s is said to be away from home."),
    Status.VISITOR: marked("%(who)s has visitors. All is well."),
    Status.UNKNOWN: marked("%(who)s: the box in the home has not said a word yet."),
    Status.HOME: marked("%(who)s is at home. All is well."),
}

LEFT = {
    Left.DIED: marked("%(who)s has died. We are sorry for your loss."),
    Left.MOVED: marked("%(who)s has moved and is no longer looked after by this centre."),
    Left.CARE_HOME: marked("%(who)s lives in a care home now, which looks after everything."),
    Left.ENDED: marked("%(who)s is no longer looked after by this centre."),
    Left.OTHER: marked("%(who)s no longer lives in the home that this centre looks after."),
}

HINTS = {
    Status.SILENT: marked("The technician has been told. Ring your family member if you are worried."),
    Status.AWAY: marked("SOS, falls, smoke, gas and water are watched all the same."),
    Status.HOSPITAL: marked("SOS, falls, smoke, gas and water are watched all the same."),
}

MODES = {
    HomeMode.HOME: marked("at home again"),
    HomeMode.AWAY: marked("away from home"),
    HomeMode.HOSPITAL: marked("in hospital"),
    HomeMode.VISITOR: marked("visitors are there"),
}

ITEMS = {
    Item.STATUS: marked("how things are"),
    Item.LOCATION: marked("the last movement, and in which room"),
    Item.VITALS: marked("measured vital signs"),
    Item.CARD: marked("photograph and medical card"),
    Item.HISTORY: marked("what happened before"),
}

SCORES = {
    5: marked("very content"),
    4: marked("content"),
    3: marked("so so"),
    2: marked("not content"),
    1: marked("not content at all"),
}

STEPS = {
    "ack": marked("taken by the centre"),
    "accept": marked("somebody set out"),
    "arrive": marked("somebody was there"),
    "report": marked("help was given"),
    "resolve_remote": marked("settled by telephone"),
    "mark_false": marked("it was a false alarm"),
}

NUMBER_FAULTS = {
    Fault.WRONG: marked("Write one number in digits, e.g. 138 0000 0001 or +86 21 5555 0001."),
    Fault.SAME: marked("The centre has this number already."),
    Fault.RETOLD: marked("Your numbers were changed meanwhile. Look at them, then write it once more."),
}


def number_fault(field: str, fault: Fault) -> str:
    """What to do about a field of his own number that is refused."""
    is_own = field == "phone" and fault in NUMBER_FAULTS
    return NUMBER_FAULTS[fault] if is_own else register_words.advice(field, fault)
