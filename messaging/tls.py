"""Whom a session trusts and who it is: certificate files made into a TLS context."""

import ssl

from messaging.broker import TlsFiles
from shouwang.errors import ConfigError


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """For one side of an encrypted session; raises ConfigError where the files cannot be used."""
    try:
        context = ssl.create_default_context(cafile=str(files.ca_file) if files.ca_file else None)
        if files.cert_file is not None:
            context.load_cert_chain(files.cert_file, files.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"cannot use the certificate files of the uplink: {error}") from error
    context.sslsocket_class = _Socket
    return context


class _Socket(ssl.SSLSocket):
    """paho leaves a socket open whose handshake failed."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's signature
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise
