"""A Bundle of the type `collection`, written while its resources come: it is never whole in memory."""

from collections.abc import AsyncIterator
from datetime import datetime

import msgspec

from community.fhir.elements import Element
from community.fhir.moments import moment
from community.fhir.names import full_url
from community.fhir.resources import AnyResource

_PIECE_BYTES = 64 * 1024


class _Entry(Element, frozen=True, kw_only=True):
    full_url: str
    resource: AnyResource


class _Head(Element, frozen=True, kw_only=True, tag="Bundle", tag_field="resourceType"):
    id: str
    type: str
    timestamp: str


async def written(bundle_id: str, at: datetime, told: AsyncIterator[AnyResource]) -> AsyncIterator[bytes]:
    """The Bundle as JSON, piece by piece. A bundle without any resource has no `entry`: empty arrays are no FHIR."""
    head = _encoder.encode(_Head(id=bundle_id, type="collection", timestamp=moment(at, at.tzinfo)))
    piece, opening = bytearray(head[:-1]), b',"entry":['
    async for resource in told:
        piece += opening
        piece += _encoder.encode(_Entry(full_url=full_url(resource.id), resource=resource))
        opening = b","
        if len(piece) >= _PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    piece += b"}" if opening != b"," else b"]}"
    yield bytes(piece)


_encoder = msgspec.json.Encoder()
