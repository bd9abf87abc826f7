"""Why data of a home are missing: stable words for machines, to be put into people's languages where they are shown."""

from enum import StrEnum


class GapCode(StrEnum):
    """`code` of a GapBody. Words are added, never changed; one that is not known here is shown by its `reason`."""

    OVER_BUDGET = "over-budget"
    """More waited for the centre than the card may hold, or for longer than it may: the oldest went."""
    THINNED = "thinned"
    """The same, but of each minute the lowest, the mean and the highest value stayed."""
    CARD_FULL = "card-full"
    """The card had no room left."""
    CARD_FAILED = "card-failed"
    """The card could not be written for longer than the memory lasts."""
    DAMAGED = "damaged"
    """The outbox file could not be read any more, or was gone; a new one began."""
    FLOOD = "flood"
    """More came at once than the gateway can judge."""
    TAIL_DAMAGED = "tail-damaged"
    """What a killed gateway had taken in last could not be read back in full."""
