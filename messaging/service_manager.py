"""What a daemon tells systemd: ready, alive, stopping. Nothing where it was not started by systemd."""

import os
import socket
import time
from contextlib import suppress


class ServiceManager:
    """The sd_notify protocol: datagrams to the socket named in NOTIFY_SOCKET."""

    def __init__(self, environ: dict[str, str] | None = None) -> None:
        """Read NOTIFY_SOCKET and WATCHDOG_USEC once."""
        environ = dict(os.environ) if environ is None else environ
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self.watchdog_s: float | None = _seconds(environ.get("WATCHDOG_USEC"))
        """How long systemd waits for a life sign; None where it does not watch."""

    def starting(self, seconds: float) -> None:
        """Start-up may take so long from now, whatever the unit's TimeoutStartSec says."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def ready(self, status: str) -> None:
        """Start-up is over."""
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """The configuration is being read again; `ready` tells the end of it. The stamp is for Type=notify-reload."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def alive(self) -> None:
        """Feed the watchdog."""
        if self.watchdog_s is not None:
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """An orderly stop has begun."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # a service manager that does not listen must not end the service
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(0)
            sock.sendto(text.encode(), self._address)


def _seconds(usec: str | None) -> float | None:
    return int(usec) / 1_000_000 if usec and usec.isdigit() and int(usec) > 0 else None
