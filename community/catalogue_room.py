"""Behind the page of catalogues: which devices there are, without saying whose."""

from community.catalogue import DeviceKind
from community.store import catalogue
from community.store.database import Store


class CatalogueRoom:
    """Reads only."""

    def __init__(self, store: Store) -> None:
        """`store`: of the homes and their boxes."""
        self._store = store

    async def devices(self) -> tuple[DeviceKind, ...]:
        """Kinds and models with how many there are."""
        return await self._store.read(catalogue.device_kinds)
