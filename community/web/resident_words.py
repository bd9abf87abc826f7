"""The console's names for the parts of a resident's page, for what he agrees to and for looks at his entry."""

from community.consent import How, Purpose
from community.resident_room import Tab
from community.store.people_access import Act
from community.web.words import marked

TABS = {
    Tab.VITALS: marked("Vital signs and rooms"),
    Tab.HEALTH: marked("Health record"),
    Tab.CARE: marked("Chronic plan"),
    Tab.ASSESSMENTS: marked("Assessments"),
    Tab.MEDICINES: marked("Medicine plan"),
    Tab.SERVICES: marked("Services and support"),
    Tab.DEVICES: marked("Devices and tests"),
    Tab.CASES: marked("Cases and call-backs"),
    Tab.STAYS: marked("Home and away"),
    Tab.LOOKED: marked("Who looked"),
}

PURPOSES = {
    Purpose.EMERGENCY: marked("Health shown to helpers in an emergency"),
    Purpose.HEALTH_MONITORING: marked("Measured values looked at day by day"),
    Purpose.FAMILY_VIEW: marked("Family may look"),
    Purpose.SHARING_WITH_CLINICS: marked("Given to clinics"),
    Purpose.STATISTICS: marked("Counted in statistics"),
}

HOWS = {How.PAPER: marked("on paper"), How.SPOKEN: marked("spoken"), How.ONLINE: marked("online")}

ACTS = {
    Act.CARD: marked("medical card"),
    Act.PHOTO: marked("photograph"),
    Act.VITALS: marked("measured values"),
    Act.CONTACTS: marked("name and contacts"),
    Act.KEY_SAFE: marked("key-safe code"),
    Act.KEY_SAFE_SET: marked("key-safe code was set"),
    Act.DOSSIER: marked("whole file, for the person"),
    Act.EXPORT: marked("export"),
    Act.CORRECTION: marked("entry was corrected"),
    Act.CONSENT: marked("word of consent was written down"),
    Act.ERASURE: marked("erasure"),
    Act.BREAK_GLASS: marked("opened with a reason"),
}

MISSING = {
    "contact": marked("nobody to call"),
    "way_in": marked("no way in: no key-safe, nobody with a key"),
    "gateway": marked("no box"),
    "place": marked("no place in the tree"),
    "second_contact": marked("no second contact"),
    "consent": marked("no word of consent"),
    "health": marked("nothing about health"),
    "tested_contact": marked("no number tested for half a year"),
    "reviewed": marked("not reviewed for a year"),
    "born": marked("year of birth"),
    "phone": marked("own telephone"),
    "situation": marked("with whom the person lives"),
    "care_level": marked("care level"),
    "hearing": marked("hearing"),
    "language": marked("language"),
}
"""What completeness names (community.people)."""
