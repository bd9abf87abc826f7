"""Two thousand homes on file, what they send, and the community server as they and a browser find it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx
import yaml

from community.accounts import Accounts
from community.settings import HomeEntry, ResidentEntry
from community.store.database import Connection, Store, open_store
from community.store.directory import bring_in
from community.store.people_schema import home_register
from community.users import Role
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.wire import AlertBody, Envelope, Lane, MessageId
from simulators.broker import Broker, free_port
from simulators.child import start_child

_EPOCH = "00112233445566aa"
_START_S = 60.0


class Town:
    """The homes; those of `caller` call for help."""

    def __init__(self, homes: int) -> None:
        """Each has a gateway and an address of its own."""
        self._homes = homes
        self._seqs = count(1)
        self.entries = tuple(
            HomeEntry(
                id=f"home-{number}",
                gateway=self.gateway(number),
                address=self.address(number),
                resident=ResidentEntry(id=f"resident-{number}", name="Li"),
            )
            for number in range(homes)
        )

    def bring_in(self, connection: Connection) -> None:
        """Put them into the register: a community.yaml of so many homes would be too long."""
        bring_in(connection, self.entries)
        connection.execute(home_register.update().values(is_registered=True))

    def caller(self, number: int) -> int:
        """A home in the middle of the town."""
        return self._homes // 2 + 17 * number

    def gateway(self, home: int) -> str:
        """Its gateway."""
        return f"gw-{home:05d}"

    def address(self, home: int) -> str:
        """Its address, which no other holds."""
        return f"House {home:05d}"

    def envelope(self, home: int, hazard: str, severity: Severity) -> Envelope:
        """An alarm of this home, raised now."""
        now = datetime.now(UTC)
        key = f"{hazard}:{home}"
        alert = Alert(
            alert_id=alert_id_of(key, now, AlertState.FIRING),
            key=key,
            rule_id=hazard,
            rule_version=1,
            hazard=hazard,
            severity=severity,
            state=AlertState.FIRING,
            resident_id=f"resident-{home}",
            sensor_id="meter",
            since=now,
            at=now,
            mono=1000,
            why=Sentence(zh="停电已经超过10分钟", en="the mains has been lost for 10 minutes"),
        )
        return Envelope(
            id=MessageId(gateway=self.gateway(home), epoch=_EPOCH, lane=Lane.LIFE_SAFETY, seq=next(self._seqs)),
            created_at=now,
            boot="boot-1",
            mono=1000,
            body=AlertBody(alert=alert),
        )


async def link_for(store: Store, login: str, role: Role = Role.OPERATOR) -> str:
    """Somebody new, and the token of a link that lets him in once within a quarter of an hour."""
    accounts, now = Accounts(store), datetime.now(UTC)
    await accounts.add_user(login=login, name=login.title(), role=role, language="zh", password=None, now=now)
    return await accounts.make_link(login, now=now)


@asynccontextmanager
async def browser(base: str, token: str) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of whom this link lets in."""
    headers = {"Origin": base}
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=30, headers=headers) as client:
        response = await client.post(f"/login/once/{token}")
        assert response.is_redirect, response.text
        yield client


@asynccontextmanager
async def served(broker: Broker, folder: Path, town: Town) -> AsyncIterator[httpx.AsyncClient]:
    """The server as a process of its own, and the browser of an operator who is signed in."""
    store = await open_store(f"sqlite:///{folder}/community.db")
    await store.write(town.bring_in)
    token = await link_for(store, "li")
    await store.close()
    async with running(broker, folder) as base, browser(base, token) as client:
        yield client


@asynccontextmanager
async def running(broker: Broker, folder: Path, *, tiles: Path | None = None) -> AsyncIterator[str]:
    """The server as a process of its own, on what lies in the folder; its address. `tiles`: of its street map."""
    port = free_port()
    settings = {
        "name": "bench",
        "store": {"url": "sqlite:///community.db"},
        "broker": {"url": broker.url, "version": broker.version},
        "web": {"host": "127.0.0.1", "port": port} | ({} if tiles is None else {"map": {"tiles": str(tiles)}}),
        "access": {"authenticator_for": []},
    }
    config, log = folder / "community.yaml", folder / "community.log"
    config.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    command = [sys.executable, "-m", "shouwang", "community", "serve", "-c", str(config)]
    child = await start_child(command, log=log)
    base = f"http://127.0.0.1:{port}"
    try:
        await child.wait_until(_answers(base), timeout_s=_START_S, log=log)
        yield base
    finally:
        await child.stop()


async def _answers(base: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                await client.get(f"{base}/login")
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
            else:
                return
