"""Whom a session trusts and who it is: certificate files made into a TLS context.

OpenSSL judges the dates of certificates by the system's clock. A box that starts in 1970 would trust nobody, so where
its clock is not right OpenSSL checks signatures, host and purpose, and the dates are checked here (decision 017).
"""

import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from messaging.broker import TlsFiles
from shouwang.bilingual import Bilingual, both
from shouwang.errors import ConfigError
from shouwang.system_words import system_words

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h: all is verified but the dates."""
_EXPIRED = 10
"""X509_V_ERR_CERT_HAS_EXPIRED."""
_NO_USE = (
    (
        "cannot use the certificate files of the uplink: {why}; check ca_file, cert_file, key_file, and who may read "
        "them"
    ),
    "连接消息服务器的证书文件不能用：{why}；请核对 ca_file、cert_file、key_file，以及谁可以读",
)
_BAD_CA = "{ca} holds no certificate, or a damaged one", "{ca} 里没有证书，或者证书已损坏"
_BAD_OWN = (
    "{cert} holds no certificate, or {key} no key, or one of them is damaged",
    "{cert} 里没有证书，或 {key} 里没有密钥，或其中一个已损坏",
)
_OTHER_KEY = "{key} is not the key of {cert}", "{key} 不是 {cert} 的密钥"


def tls_context(files: TlsFiles, earliest: datetime | None = None) -> ssl.SSLContext:
    """For one side of an encrypted session; raises ConfigError where the files cannot be used.

    `earliest`: the system's clock is not right, but it is not earlier than this. A certificate that had expired by then
    is refused; one that was issued later proves that it is later.
    """
    try:
        context = ssl.create_default_context(cafile=str(files.ca_file) if files.ca_file else None)
    except OSError as error:
        why = both(*_BAD_CA, ca=files.ca_file) if isinstance(error, ssl.SSLError) else _file_words(error, files.ca_file)
        raise ConfigError(both(*_NO_USE, why=why)) from error
    try:
        if files.cert_file is not None:
            context.load_cert_chain(files.cert_file, files.key_file)
    except OSError as error:
        raise ConfigError(both(*_NO_USE, why=_own_words(error, files))) from error
    context.sslsocket_class = _Socket if earliest is None else _socket_in_time(earliest)
    if earliest is not None:
        context.verify_flags |= _NO_CHECK_TIME
    return context


def _own_words(error: OSError, files: TlsFiles) -> Bilingual:
    key = files.key_file or files.cert_file
    if isinstance(error, ssl.SSLError):
        words = _OTHER_KEY if error.reason == "KEY_VALUES_MISMATCH" else _BAD_OWN
        return both(*words, cert=files.cert_file, key=key)
    return _file_words(error, *dict.fromkeys((files.cert_file, key)))


def _file_words(error: OSError, *files: Path | None) -> Bilingual:
    """OpenSSL does not say which file it is."""
    return both("{files}: {why}", "{files}：{why}", files=", ".join(map(str, files)), why=system_words(error))


def alert_of(sock: object) -> str:
    """What the other end said of our certificate when it hung up, by OpenSSL's name; empty where it said nothing.

    TLS 1.3 refuses a client's certificate only after the handshake, and paho keeps quiet about it.
    """
    if not isinstance(sock, _Socket):
        return ""
    if not sock.alert:
        with suppress(OSError, ValueError):  # writing may have failed before anybody read the last word
            sock.recv(1)
    return sock.alert


class _Socket(ssl.SSLSocket):
    """Remembers an alert; and paho leaves a socket open whose handshake failed."""

    alert = ""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except ssl.SSLError as error:
            if error.reason is not None and "ALERT" in error.reason:
                self.alert = error.reason
            raise

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's signature
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class _Certificate(Protocol):
    def get_info(self) -> dict[str, str]:
        """As `SSLSocket.getpeercert`."""
        ...


def _socket_in_time(earliest: datetime) -> type[_Socket]:
    """A socket that is closed unless the certificates of the other end are valid at `earliest` or later."""

    class InTime(_Socket):
        def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002
            super().do_handshake(block)
            try:
                # what ssl.SSLSocket offers from Python 3.13 on, there without the dates
                _refuse_expired(self._sslobj.get_verified_chain(), earliest)  # type: ignore[attr-defined]
            except OSError:
                self.close()
                raise

    return InTime


def _refuse_expired(chain: list[_Certificate], earliest: datetime) -> None:
    """Raise SSLCertVerificationError unless there is a moment, `earliest` or later, at which all of them are valid."""
    dates = [certificate.get_info() for certificate in chain]
    now = max([_moment(date["notBefore"]) for date in dates] + [earliest])
    for date in dates:
        if _moment(date["notAfter"]) < now:
            error = ssl.SSLCertVerificationError(
                f"certificate verify failed: it expired {date['notAfter']}, and it is {now:%Y-%m-%d %H:%M} or later"
            )
            error.verify_code, error.verify_message = _EXPIRED, "certificate has expired"
            raise error


def _moment(told: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(told), UTC)
