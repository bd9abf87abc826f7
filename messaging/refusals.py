"""Why a broker does not want us, or we do not trust it, in words that name what a person has to look at.

DeviceError
    Refused      trying again does not help until a person has mended something
"""

import ssl
from collections.abc import Mapping

from messaging.broker import BrokerSettings
from shouwang.errors import DeviceError

_COME_LATER = frozenset({0x80, 0x88, 0x89, 0x97, 0x9F})
"""Reason codes of a CONNACK (MQTT 5, 3.2.2.2) that pass by themselves."""
_MOVED = frozenset({0x9C, 0x9D})
_TAKEN_OVER = 0x8E
_NOT_YET_VALID, _EXPIRED, _REVOKED = 9, 10, 23
_WRONG_HOST = frozenset({62, 64})
_NOBODY_VOUCHES = frozenset({2, 18, 19, 20, 21})
"""X509_V_ERR_... of OpenSSL's x509_vfy.h."""


class Refused(DeviceError):
    """The way is barred until a person has mended something: a certificate, a password, an ACL, a second box."""


def untrusted(settings: BrokerSettings, error: ssl.SSLError) -> DeviceError:
    """The handshake has failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refused(f"no trusted connection to {_where(settings)}: {_distrust(settings, error)}")
    if error.reason is not None and "ALERT" in error.reason:
        return turned_away(settings, error.reason)
    if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"):
        return Refused(
            f"no trusted connection to {_where(settings)}: no TLS is spoken there; check the port, or write mqtt:// "
            "if the link is not to be encrypted"
        )
    return DeviceError(f"no trusted connection to {_where(settings)}: {error.reason or error}")


def turned_away(settings: BrokerSettings, alert: str) -> DeviceError:
    """The broker hung up before it said a word of MQTT; `alert`: OpenSSL's name of what TLS said, empty for nothing."""
    for sign, words in _ALERTS.items():
        if alert.endswith(sign):
            return Refused(f"the broker at {_where(settings)} {words.format(cert=_cert(settings))}")
    if alert:
        return Refused(
            f"the broker at {_where(settings)} refuses the certificate of this box ({_cert(settings)}): {alert}"
        )
    return DeviceError(
        f"the broker at {_where(settings)} hung up at the door; if it goes on so, look at its log, and check that it "
        f"speaks {'TLS' if settings.tls else 'unencrypted MQTT'} on this port and takes the certificate of this box"
    )


def not_let_in(settings: BrokerSettings, code: int, reason: str, reference: str = "") -> DeviceError:
    """The broker answered CONNECT with a refusal; `reference`: where it sends us instead."""
    said = f"the broker at {_where(settings)} refuses us: {reason} (0x{code:02X})"
    if code in _COME_LATER:
        return DeviceError(said)
    advice = _moved(reference) if code in _MOVED else _DOOR.get(code, "ask the centre why")
    return Refused(f"{said}; {advice.format(user=settings.username, id=settings.client_id, cert=_cert(settings))}")


def sent_away(settings: BrokerSettings, code: int, reason: str, reference: str = "") -> DeviceError:
    """The broker ended a standing connection with a DISCONNECT."""
    said = f"the broker ended the connection: {reason} (0x{code:02X})"
    if code == _TAKEN_OVER:
        return Refused(
            f"{said}; another box or program has connected with the id {settings.client_id}: each needs an id of its "
            "own (a copied card or home.yaml?)"
        )
    if code in _MOVED:
        return Refused(f"{said}; {_moved(reference)}")
    return DeviceError(said)


def _distrust(settings: BrokerSettings, error: ssl.SSLCertVerificationError) -> str:
    authority = str(settings.tls.ca_file) if settings.tls and settings.tls.ca_file else "this system's authorities"
    code = error.verify_code
    if code == _NOT_YET_VALID:
        return "the broker's certificate is not valid yet; check the clock of this box"
    if code == _EXPIRED:
        return "the broker's certificate has expired; the centre must renew it (or the clock of this box is ahead)"
    if code == _REVOKED:
        return "the broker's certificate was revoked; ask the centre"
    if code in _WRONG_HOST:
        return f"the broker's certificate is for another host ({error.verify_message}); check the host in the url"
    if code in _NOBODY_VOUCHES:
        return f"nobody in {authority} vouches for the broker ({error.verify_message}); check ca_file"
    return f"{error.verify_message}; check ca_file ({authority}) and the clock of this box"


def _moved(reference: str) -> str:
    return f"change the url to {reference}" if reference else "ask the centre for the new address, and change the url"


def _where(settings: BrokerSettings) -> str:
    return f"{settings.host}:{settings.port}"


def _cert(settings: BrokerSettings) -> str:
    return str(settings.tls.cert_file) if settings.tls and settings.tls.cert_file else "none is set"


_WHO = (
    "check password_file, and that the broker knows the user {user}; where it goes by certificates, the common name of "
    "cert_file ({cert}) must be {user}"
)
_DOOR: Mapping[int, str] = {
    0x84: 'it does not speak this version of MQTT: write version: "3.1.1"',
    0x85: "it does not take the client id {id}",
    0x86: _WHO,
    0x87: _WHO,
    0x8A: "it has banned {user}: ask the centre",
    0x8C: _WHO,
}
_ALERTS: Mapping[str, str] = {
    "CERTIFICATE_EXPIRED": "says that the certificate of this box has expired: renew {cert}",
    "CERTIFICATE_REVOKED": "says that the certificate of this box was revoked: ask the centre for a new {cert}",
    "UNKNOWN_CA": "does not know who vouches for the certificate of this box: the authority that signed {cert} must "
    "be in the broker's cafile",
    "CERTIFICATE_REQUIRED": "asks for a certificate of this box: set cert_file and key_file (now: {cert})",
    "HANDSHAKE_FAILURE": "takes no connection without a certificate that it likes: check cert_file and key_file "
    "(now: {cert})",
}
