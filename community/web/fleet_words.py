"""The console's words for boxes and sensors, and what to do about their troubles."""

from community.fleet import Show, Sort, Want
from community.web.words import marked

SHOWN = {
    Show.ALL: marked("all boxes"),
    Show.ONLINE: marked("online"),
    Show.SILENT: marked("silent"),
    Show.NEVER: marked("never heard"),
    Show.BATTERY: marked("on battery"),
    Show.PATH: marked("second path lost"),
    Show.SENSORS: marked("sensors missing"),
    Show.LOW: marked("sensor battery low"),
    Show.BACKLOG: marked("backlog"),
    Show.CLOCK: marked("clock off"),
    Show.CERTIFICATE: marked("certificate ends < 30 d"),
    Show.UNTESTED: marked("no test for 35 d"),
    Show.COLLECT: marked("to be collected"),
}
"""The numbers of the summary line."""

STATES = (Show.ALL, Show.ONLINE, Show.SILENT, Show.NEVER)
TROUBLES = tuple(show for show in Show if show not in STATES)

TO_DO = {
    Show.SILENT: marked(
        "Nothing arrives from this box. Call the home: does the box have power, do its lights burn, does the internet "
        "work? If nobody answers, it wants a visit."
    ),
    Show.NEVER: marked(
        "This box is on file and has never spoken. Was it put up? Check its id and its certificate with the technician."
    ),
    Show.BATTERY: marked(
        "The box runs on its battery: call the home and ask about a power cut or a plug that was pulled."
    ),
    Show.PATH: marked("The second path is lost: check the SIM card, its credit and the reception of the modem."),
    Show.SENSORS: marked("Some sensors are not heard: what to do stands beside each of them below."),
    Show.LOW: marked("Change the batteries that are named below with the next visit."),
    Show.BACKLOG: marked("Messages wait in the box: its line is slow or was cut. If the number grows, check the line."),
    Show.CLOCK: marked(
        "The clock of the box is wrong. Times are corrected here, but check that it reaches a time server."
    ),
    Show.CERTIFICATE: marked("Its certificate ends soon: renew it before that day, or the box is locked out."),
    Show.UNTESTED: marked(
        "No test alarm for 35 days: ask for one here; if none arrives, press the button at the home."
    ),
    Show.COLLECT: marked(
        "Everybody on file of this home has left it: collect the box, or tell the register who lives there now. As "
        "long as it stands there its alarms ring as before."
    ),
}

SORTS = {
    Sort.WORST: marked("State"),
    Sort.GATEWAY: marked("Gateway"),
    Sort.HOME: marked("Home"),
    Sort.SEEN: marked("Last heard"),
    Sort.BATTERY: marked("Power"),
    Sort.BACKLOG: marked("Backlog"),
    Sort.CLOCK: marked("Clock"),
    Sort.VERSION: marked("Version"),
    Sort.CERTIFICATE: marked("Certificate until"),
    Sort.SENSORS: marked("Sensors"),
    Sort.TEST: marked("Last test"),
}

LINKS = {"wired": marked("cable"), "wifi": marked("Wi-Fi"), "cellular": marked("mobile network")}
"""How the way to the internet begins."""

WANTS = {
    Want.ALL: marked("all that want a visit"),
    Want.LOST: marked("not heard"),
    Want.LOW: marked("battery low"),
}

_KINDS = (
    ("sos", marked("SOS button")),
    ("button", marked("button")),
    ("door", marked("door contact")),
    ("fall_radar", marked("fall radar")),
    ("bed_radar", marked("bed radar")),
    ("presence_radar", marked("presence radar")),
    ("tracking_radar", marked("presence radar")),
    ("radar", marked("presence radar")),
    ("pulse_oximeter", marked("oximeter")),
    ("oximeter", marked("oximeter")),
    ("blood_pressure", marked("blood pressure monitor")),
    ("glucose", marked("glucose meter")),
    ("heart_rate", marked("heart rate monitor")),
    ("thermometer", marked("thermometer")),
    ("weight_scale", marked("scale")),
    ("air_particles", marked("air sensor")),
    ("co2", marked("air sensor")),
    ("bluetooth_adapter", marked("Bluetooth radio")),
    ("modem", marked("modem")),
    ("cut_off", marked("valve or switch")),
)


def kind_of(kind: str) -> str:
    """A sensor's kind in people's words (a msgid); empty for one that says nothing to them."""
    return next((word for begin, word in _KINDS if kind.startswith(begin)), "")


FULL = 95.0
"""A battery at the mains with less is being charged, and worth a word."""
WEAK_DBM = -90.0
"""Weaker, and frames are lost on the way (practice of Bluetooth and Zigbee). Set by this project."""
