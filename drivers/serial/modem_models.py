"""What voice calls a modem can do, by its model. What no source says is not claimed: then there is no audio, no keys.

Sources. SIM800: SIM800 Series AT Command Manual 1.09 (AT+DDET, AT+CREC; recalled) and owners' programs that play
`C:\\User\\1.amr` into a call and read `+DTMF: 1`. SIM7600 and SIM7500: Waveshare's telephone example (AT+CCMXPLAYWAV
with 1 for the far end, `+RXDTMF: 1`) and ModemManager's tests (`+RXDTMF` with 0 to 9, *, #, A to D). EC2x, EG9x:
Quectel EC2x&EG9x&EG2x-G&EM05 AT commands manual in Chinese, 12.18 (AT+QPSND=1,"A.wav",0,1,1 plays to the far end), and
AT+QTONEDET=1 with the key's ASCII code. None of them was seen on real hardware by this project.
"""

import msgspec


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """Commands of one family; empty where it cannot. `play` has a place for the file's name in the modem."""

    family: str
    keys_on: str = ""
    play: str = ""
    stop: str = ""
    is_2g_only: bool = False


PLAIN = Abilities(family="unknown")
FAMILIES: dict[str, Abilities] = {
    "SIM800": Abilities(
        family="SIM800", keys_on="AT+DDET=1", play='AT+CREC=4,"{}",0,90', stop="AT+CREC=5", is_2g_only=True
    ),
    "SIM868": Abilities(
        family="SIM800", keys_on="AT+DDET=1", play='AT+CREC=4,"{}",0,90', stop="AT+CREC=5", is_2g_only=True
    ),
    "SIM900": Abilities(family="SIM900", keys_on="AT+DDET=1", is_2g_only=True),
    "SIM7500": Abilities(family="SIM7600", keys_on="AT+DDET=1", play='AT+CCMXPLAYWAV="{}",1', stop="AT+CCMXSTOPWAV"),
    "SIM7600": Abilities(family="SIM7600", keys_on="AT+DDET=1", play='AT+CCMXPLAYWAV="{}",1', stop="AT+CCMXSTOPWAV"),
    "EC20": Abilities(family="EC25", keys_on="AT+QTONEDET=1", play='AT+QPSND=1,"{}",0,1,1', stop="AT+QPSND=0"),
    "EC21": Abilities(family="EC25", keys_on="AT+QTONEDET=1", play='AT+QPSND=1,"{}",0,1,1', stop="AT+QPSND=0"),
    "EC25": Abilities(family="EC25", keys_on="AT+QTONEDET=1", play='AT+QPSND=1,"{}",0,1,1', stop="AT+QPSND=0"),
    "EG91": Abilities(family="EC25", keys_on="AT+QTONEDET=1", play='AT+QPSND=1,"{}",0,1,1', stop="AT+QPSND=0"),
    "EG95": Abilities(family="EC25", keys_on="AT+QTONEDET=1", play='AT+QPSND=1,"{}",0,1,1', stop="AT+QPSND=0"),
}
"""By what AT+CGMM says, or what that holds."""


def abilities_of(model: str) -> Abilities:
    """What a model can do; PLAIN for one that is not in the table."""
    said = model.upper().replace(" ", "").replace("_", "")
    return next((abilities for name, abilities in FAMILIES.items() if name in said), PLAIN)
