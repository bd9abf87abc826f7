"""The plan's names for how a home is."""

from community.plan import NOT_PLACED, State
from community.web.words import marked

STATES = {
    State.LIFE: marked("Open case: LIFE"),
    State.URGENT: marked("Open case: URGENT"),
    State.CUT: marked("Power cut or storm"),
    State.SILENT: marked("Box silent"),
    State.BATTERY: marked("On battery"),
    State.TECH: marked("Open case: TECH"),
    State.CARE: marked("Open case: CARE"),
    State.NEVER: marked("Box never heard"),
    State.NO_BOX: marked("No box"),
    State.AWAY: marked("Nobody at home"),
    State.TEST_DUE: marked("Test is due"),
    State.WELL: marked("All well"),
}
"""In the order of the legend: the worst first."""

__all__ = ["NOT_PLACED", "STATES"]
