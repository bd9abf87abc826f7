"""The console's names for what the register holds of a person, and for how somebody was called."""

from community.people import CareLevel, Circle, Eligibility, Flag, Hearing, Left, Sex, Situation
from community.web.words import marked

FLAGS = {
    Flag.FALLS: marked("risk of falling"),
    Flag.WANDERING: marked("may wander off"),
    Flag.OXYGEN: marked("on oxygen"),
    Flag.VENTILATOR: marked("on a ventilator"),
    Flag.ELECTRIC_BED: marked("electric bed"),
    Flag.HOME_DIALYSIS: marked("dialysis at home"),
    Flag.DIABETES: marked("diabetes"),
    Flag.HEART: marked("heart disease"),
    Flag.LUNGS: marked("lung disease"),
    Flag.STROKE: marked("had a stroke"),
    Flag.EPILEPSY: marked("epilepsy"),
    Flag.DEMENTIA: marked("dementia"),
    Flag.BEDRIDDEN: marked("bedridden"),
    Flag.BLOOD_THINNER: marked("takes blood thinners"),
    Flag.SPEECHLESS: marked("cannot speak"),
}

HEARINGS = {Hearing.NORMAL: marked("hears well"), Hearing.HARD: marked("hard of hearing"), Hearing.DEAF: marked("deaf")}

CARE_LEVELS = {
    CareLevel.ABLE: marked("able"),
    CareLevel.MILD: marked("needs a little care"),
    CareLevel.MODERATE: marked("needs care"),
    CareLevel.SEVERE: marked("needs much care"),
    CareLevel.TOTAL: marked("needs care in everything"),
}

ELIGIBILITIES = {
    Eligibility.AGED: marked("advanced age"),
    Eligibility.BEREFT: marked("without family"),
    Eligibility.EMPTY_NEST: marked("children live elsewhere"),
    Eligibility.LOW_INCOME: marked("low income"),
    Eligibility.SPECIAL_HARDSHIP: marked("special hardship"),
}

SITUATIONS = {
    Situation.ALONE: marked("lives alone"),
    Situation.WITH_SPOUSE: marked("lives with spouse"),
    Situation.WITH_FAMILY: marked("lives with family"),
    Situation.WITH_CARER: marked("lives with a carer"),
}

SEXES = {Sex.FEMALE: marked("woman"), Sex.MALE: marked("man")}

LANGUAGES = {"zh": marked("Chinese"), "en": marked("English")}
"""Others are written as they came."""

CIRCLES = {
    Circle.FAMILY: marked("Family"),
    Circle.NEIGHBOURS: marked("Neighbours"),
    Circle.PROFESSIONAL: marked("Professionals"),
}

WAYS = {
    "console": marked("on the console"),
    "voice": marked("by telephone"),
    "sms": marked("by text message"),
    "push": marked("by app"),
    "mail": marked("by e-mail"),
    "webhook": marked("by another system"),
}

TRIES = {
    "queued": marked("waits to be sent"),
    "sent": marked("sent"),
    "delivered": marked("arrived"),
    "answered": marked("answered"),
    "failed": marked("failed"),
}
"""What became of a try."""

NOTICES = {
    "waiting": marked("about to be called"),
    "sending": marked("being called"),
    "done": marked("reached"),
    "failed": marked("not reached"),
    "missed": marked("nobody there to be reached"),
    "stale": marked("too old to be told one by one"),
    "dropped": marked("no longer needed"),
}
"""What became of a call of the ladder."""

UNDER_WAY = frozenset({"waiting", "sending"})
REACHED = frozenset({"delivered", "answered", "done"})
LOST = frozenset({"failed", "missed"})

LEFTS = {
    Left.DIED: marked("has died"),
    Left.MOVED: marked("has moved away"),
    Left.CARE_HOME: marked("has moved into a care home"),
    Left.ENDED: marked("is no longer served, the contract has ended"),
    Left.OTHER: marked("lives here no more"),
}
"""After a name, or by itself in a list."""
