"""Whatever the OpenAPI document allows, and much that it does not: no answer is a failure of the server."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import schemathesis
from fixtures.browser import BEGIN, Centre, Time, cheap_hasher, console_of
from hypothesis import HealthCheck, Phase, given, settings

from community import programs
from community.accounts import Accounts
from community.bells import Bells
from community.counter import Counter
from community.limits import Rate
from community.programs import Programs
from community.staff import Staff
from community.store.database import open_store
from community.tokens import Agreement, Field, Scope, Token
from community.users import EVERYWHERE, Role
from community.web import api_caller
from community.web.api import MOUNTED_AT, create_api, document
from shouwang.alert import Severity

EXAMPLES = 12
"""Of each operation and kind of input: under a minute for all."""
_DOCUMENT = document(create_api(Programs.__new__(Programs), name="centre"))
_SCHEMA = schemathesis.openapi.from_dict({part: said for part, said in _DOCUMENT.items() if part != "security"})
OPERATIONS = {one.ok().label: one.ok() for one in _SCHEMA.get_all_operations()}
MODES = {mode.value: mode for mode in schemathesis.GenerationMode}
_TOKEN = Token(
    token_id="t1",
    name="fuzz",
    role=Role.SUPERVISOR,
    scopes=frozenset(Scope),
    areas=EVERYWHERE,
    organisations=EVERYWHERE,
    person="",
    agreement="a1",
    a_minute=10**6,
    created_by="root",
    created_at=BEGIN,
    expires_at=BEGIN + timedelta(days=1),
)
_AGREEMENT = Agreement(
    agreement_id="a1",
    organisation="o",
    purpose="p",
    fields=frozenset(Field),
    areas=EVERYWHERE,
    starts_at=BEGIN,
    ends_at=BEGIN + timedelta(days=1),
)


async def _serve(file: Path, started: "list[tuple[str, str]]", is_up: threading.Event, stop: asyncio.Event) -> None:
    store = await open_store(f"sqlite:///{file}")
    clock, bells = Time(BEGIN), Bells(store)
    desk = Counter(store, bells, clock=clock, for_homes=lambda: None)
    centre = Centre(store=store, desk=desk, bells=bells, accounts=Accounts(store, hasher=cheap_hasher()), clock=clock)
    gateway = await centre.home(1, "3号楼2-501", "王桂兰", 1944)
    await centre.alarm(gateway, "sos", Severity.P1)
    staff = Staff(store=store, by="root", clock=clock)
    await staff.agree(_AGREEMENT)
    word = await staff.add_token(replace(_TOKEN))
    async with console_of(centre) as url:
        started.append((f"{url}{MOUNTED_AT}", word))
        is_up.set()
        await stop.wait()
    await store.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A centre in a thread of its own: address and token."""
    started: list[tuple[str, str]] = []
    is_up = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    file = tmp_path_factory.mktemp("api") / "community.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "MAX_WAITING", 0)  # nobody waits for news here
        patch.setattr(api_caller, "PER_ADDRESS", Rate(a_minute=10**6, at_once=10**6))
        thread = threading.Thread(target=loop.run_until_complete, args=(_serve(file, started, is_up, stop),))
        thread.start()
        assert is_up.wait(30)
        yield started[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
    loop.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("label", OPERATIONS)
def test_no_input_breaks_the_server(served: tuple[str, str], label: str, mode: str) -> None:
    url, word = served
    operation = OPERATIONS[label]

    @given(case=operation.as_strategy(generation_mode=MODES[mode]))
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case) -> None:
        answer = case.call(base_url=url, headers={"authorization": f"Bearer {word}"}, timeout=20)
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)
        assert answer.status_code not in {401, 429}
        if answer.status_code >= 400:
            assert answer.headers["content-type"][0] == "application/problem+json"

    ask()


def test_every_operation_is_tried() -> None:
    count = sum(len(methods) for methods in _DOCUMENT["paths"].values())
    assert len(OPERATIONS) == count == 13
