"""Ids and references. The same thing of the same centre has the same id in every export, and in no other centre's."""

from uuid import UUID, uuid5

from community.fhir.elements import Identifier, Reference, words

_NAMESPACE = UUID("5d2f6a0e-7c0b-4d8e-9a53-3e1f3c8d2b47")


class Names:
    """Of one centre: `url` is its public address, or what else nobody shares with it."""

    def __init__(self, *, centre: str, url: str) -> None:
        """`centre`: how it is called."""
        self.centre = words(centre) or url
        self._own = uuid5(_NAMESPACE, url)

    def id_of(self, kind: str, *parts: object) -> str:
        """The id of a resource."""
        return str(uuid5(self._own, "\x1f".join((kind, *map(str, parts)))))

    def ref(self, kind: str, *parts: object) -> Reference:
        """To a resource of the bundle."""
        return Reference(reference=full_url(self.id_of(kind, *parts)), type=kind)

    def identifier(self, what: str, value: object) -> Identifier:
        """As this centre numbers it: a resident, a device, a case, a user."""
        return Identifier(
            system=f"urn:uuid:{uuid5(self._own, f'identifiers of {what}')}", value=words(str(value)) or "-"
        )

    def somebody(self, what: str, value: str) -> Reference:
        """Somebody, or a program, of whom the bundle holds no resource: he is named, and no more is told of him."""
        return Reference(identifier=self.identifier(what, value), display=words(value))

    def itself(self) -> Reference:
        """The centre."""
        return Reference(type="Organization", identifier=self.identifier("centre", self.centre), display=self.centre)


def full_url(id_: str) -> str:
    """Under which the resource with this id stands in a bundle."""
    return f"urn:uuid:{id_}"
