"""The records of one centre, as its community.yaml says where they lie."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import tzinfo

from community.fhir.export import Sources
from community.fhir.names import Names
from community.measurements.place import measured_file
from community.settings import CommunitySettings
from community.store import fhir
from community.store.database import Store


class Records:
    """Opens what an export reads, each time anew: it is asked for now and then."""

    def __init__(self, settings: CommunitySettings, store: Store, *, zone: tzinfo | None = None) -> None:
        """`zone`: in which the residents live; None: where this computer is."""
        self._settings = settings
        self._store = store
        self._zone = zone

    @asynccontextmanager
    async def sources(self) -> AsyncIterator[Sources]:
        """Where to read."""
        path = measured_file(self._settings.measurements, self._settings.store.url)
        if path is None or not path.is_file():
            yield self._of(self._store)
            return
        samples = fhir.only_to_read(path)
        try:
            yield self._of(samples)
        finally:
            await samples.close()

    def _of(self, samples: Store) -> Sources:
        settings = self._settings
        # without a public address the name stands for the centre: no other has both its name and its residents' ids
        url = settings.web.public_url or f"urn:shouwang:centre:{settings.name}"
        return Sources(
            store=self._store,
            samples=samples,
            names=Names(centre=settings.name, url=url),
            zone=self._zone,
            day_offset=settings.measurements.to_keep().day_offset,
        )
