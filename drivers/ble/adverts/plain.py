"""A format whose adverts stand alone: its parser remembers nothing."""

from collections.abc import Callable

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.told import Told, unproven
from shouwang.driver import Said


class Plain:
    """The parser of a format that one function reads. Such adverts are signed by nobody."""

    def __init__(self, reader: Callable[[Advert], Told]) -> None:
        """`reader` raises DecodeError for what is not of its format."""
        self._reader = reader

    def read(self, advert: Advert) -> Told:
        """All fields, and the samples in them."""
        told = self._reader(advert)
        return Told(told.fields, unproven(told.said))

    def parse(self, advert: Advert) -> list[Said]:
        """What counts in an advert."""
        return list(self.read(advert).said)
