"""The process in which amqtt serves: `python -m simulators.amqtt_child SETTINGS.json`; SIGTERM ends it."""

import asyncio
import hmac
import json
import logging
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amqtt.broker import Broker  # type: ignore[import-untyped] # amqtt ships no types
from amqtt.contexts import Action, BrokerConfig  # type: ignore[import-untyped] # amqtt ships no types
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin  # type: ignore[import-untyped] # amqtt ships no types
from amqtt.session import Session  # type: ignore[import-untyped] # amqtt ships no types


class Accounts(BaseAuthPlugin):  # type: ignore[misc] # amqtt ships no types
    """Lets in who knows a password; everybody where no passwords are given."""

    async def authenticate(self, *, session: Session) -> bool:
        """Whether this session may connect."""
        passwords: dict[str, str] = self.config.passwords
        if not passwords:
            return True
        known = passwords.get(session.username or "")
        return known is not None and hmac.compare_digest(known.encode(), (session.password or "").encode())

    @dataclass
    class Config:
        """The accounts."""

        passwords: dict[str, str] = field(default_factory=dict)


class Homes(BaseTopicPlugin):  # type: ignore[misc] # amqtt ships no types
    """Keeps homes apart: each writes and reads below its own user name; the server may do everything."""

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """Whether this session may do this with this topic."""
        server: str = self.config.server
        user = (session.username if session is not None else None) or ""
        if not server or user == server:
            return True
        wanted = topic or ""
        if action == Action.PUBLISH:
            return wanted == f"v1/{user}/lwt" or wanted.startswith(f"v1/{user}/up/")
        return wanted.startswith(f"v1/{user}/down/")

    @dataclass
    class Config:
        """The server's user name; empty: no rules."""

        server: str = ""


async def serve(settings: dict[str, Any]) -> None:
    """Serve until SIGTERM."""
    me = "simulators.amqtt_child"
    plugins = {
        f"{me}.Accounts": {"passwords": settings.get("passwords", {})},
        f"{me}.Homes": {"server": settings.get("server", "")},
    }
    listeners = {"default": {"type": "tcp", "bind": settings["bind"], "max_connections": 0}}
    broker = Broker(BrokerConfig.from_dict({"listeners": listeners, "plugins": plugins}))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await broker.start()
    await ended.wait()
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text())))
