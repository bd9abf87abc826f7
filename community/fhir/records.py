"""The records of one centre, as its community.yaml says where they lie."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import tzinfo

from community.fhir.export import Sources
from community.fhir.names import Names
from community.measurements.place import samples_of
from community.settings import CommunitySettings
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
        settings = self._settings
        async with samples_of(settings.measurements, settings.store.url, self._store) as samples:
            yield self._of(samples)

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
