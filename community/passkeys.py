"""What a device that holds a key is asked to sign, and whether what it answers is good (WebAuthn).

The only module that knows the library. It keeps nothing and looks nothing up.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from community.users import User
from shouwang.errors import ShouwangError

CHALLENGE_BYTES = 32
"""WebAuthn level 2, 13.4.3: at least 16."""
_PERSON_HAS_MS = 60_000
"""How long a browser waits for a finger or a code."""
_ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]


class NotThisKey(ShouwangError):
    """What came is no answer of this key to what was asked here and now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """For whom keys are made: browsers give an answer to nobody else. `rp_id`: the name of the host."""

    rp_id: str
    origin: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """Whose answer it says it is."""

    credential_id: bytes
    user_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """The public half of a new key."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


def site_of(address: str, name: str) -> Site | None:
    """The console at this address; None where browsers make no keys: without TLS (but on localhost), or by number."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    with suppress(ValueError):
        ip_address(host)
        return None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host == "localhost")
    if not host or not is_safe:
        return None
    usual = {"https": 443, "http": 80}[parts.scheme]
    port = "" if parts.port in {None, usual} else f":{parts.port}"
    return Site(rp_id=host, origin=f"{parts.scheme}://{host}{port}", name=name)


def to_make(site: Site, user: User, challenge: bytes, known: Iterable[bytes]) -> str:
    """What the browser needs to make a key, as JSON; not in a device that has one of the `known` already."""
    options = generate_registration_options(
        rp_id=site.rp_id,
        rp_name=site.name,
        user_name=user.login,
        user_id=user.user_id.encode(),
        user_display_name=user.name,
        challenge=challenge,
        timeout=_PERSON_HAS_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json(options)


def to_sign(site: Site, challenge: bytes, known: Iterable[bytes] = ()) -> str:
    """What the browser needs to sign, as JSON; with one of the `known` keys, none named: whichever the person picks."""
    options = generate_authentication_options(
        rp_id=site.rp_id,
        challenge=challenge,
        timeout=_PERSON_HAS_MS,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def made(site: Site, challenge: bytes, answer: str) -> Made:
    """The key that was made for this challenge, by a device that knows its person. Raises NotThisKey."""
    try:
        found = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
    except _BROKEN as error:
        raise NotThisKey(f"no passkey was made: {error}") from error
    return Made(credential_id=found.credential_id, public_key=found.credential_public_key, sign_count=found.sign_count)


def claimed(answer: str) -> Claim:
    """Whose answer this says it is; nothing is proved by that. Raises NotThisKey."""
    try:
        found = parse_authentication_credential_json(answer)
        handle = found.response.user_handle or b""
        return Claim(credential_id=found.raw_id, user_id=handle.decode())
    except _BROKEN as error:
        raise NotThisKey(f"this is no answer of a passkey: {error}") from error


def signed(site: Site, challenge: bytes, public_key: bytes, answer: str) -> int:
    """How often the device has signed, where this key has signed this challenge here. Raises NotThisKey.

    Whether its counter has gone up is for whoever knows how it stood.
    """
    try:
        found = verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except _BROKEN as error:
        raise NotThisKey(f"a passkey was not accepted: {error}") from error
    return found.new_sign_count


_BROKEN = (WebAuthnException, ValueError, TypeError, KeyError, json.JSONDecodeError)
"""What the library raises for answers that are none: its own errors, and Python's where something is no Base64."""
