"""Tests that run in virtual machines: this pytest boots them, names the tests, and shows the reports that they send."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from vm.machine import Guest, missing, running

MARKER = "bluez_vm"
GUESTS = 3
"""At once: most of the time a guest waits for something."""
_CONSOLE_LINES = 80


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bluez-vm", action="store_true", help="run the tests against bluetoothd in a virtual machine")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARKER}: runs in a virtual machine, with --bluez-vm")


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.config.getoption("bluez_vm", default=False):
        session.config.stash[_WHY_NOT] = "is asked for with --bluez-vm"
    elif lacking := missing():
        session.config.stash[_WHY_NOT] = f"needs {lacking}"
    else:
        session.config.stash[_RUN] = Run(session)


class Run:
    """The guests of one session, which are booted when the first test is asked for."""

    def __init__(self, session: pytest.Session) -> None:
        """Nothing is booted yet."""
        self._config = session.config
        self._items = [item for item in session.items if item.get_closest_marker(MARKER)]
        self._guests: dict[str, Guest] = {}
        self._reports: dict[str, list[pytest.TestReport]] = {}
        self._told: set[Guest] = set()
        self._leave = ExitStack()

    def reports(self, item: pytest.Item) -> Iterator[pytest.TestReport]:
        """The guest's reports of one test: waits for them; a failure where the guest has died."""
        if not self._guests:
            self._boot()
        guest = self._guests[item.nodeid]
        found = self._reports.setdefault(item.nodeid, [])
        while not any(report.when == "teardown" for report in found):
            message = guest.next_message()
            if "report" not in message:
                yield from found
                yield self._failure(item, message.get("broken") or self._last_words(guest))
                return
            report = self._config.hook.pytest_report_from_serializable(config=self._config, data=message["report"])
            self._reports.setdefault(report.nodeid, []).append(report)
        yield from found

    def close(self) -> None:
        """End the guests."""
        self._leave.close()

    def _boot(self) -> None:
        for number in range(min(GUESTS, len(self._items))):
            mine = [item.nodeid for item in self._items[number::GUESTS]]
            self._guests |= dict.fromkeys(mine, self._leave.enter_context(running(mine)))

    def _last_words(self, guest: Guest) -> str:
        if guest in self._told:
            return "the guest had ended before"
        self._told.add(guest)
        words = "\n".join(guest.console().splitlines()[-_CONSOLE_LINES:])
        return f"the guest ended before this test did; its console:\n{words}"

    @staticmethod
    def _failure(item: pytest.Item, why: str) -> pytest.TestReport:
        return pytest.TestReport(item.nodeid, item.location, {}, "failed", why, "call")


_WHY_NOT = pytest.StashKey[str]()
_RUN = pytest.StashKey[Run]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker(MARKER) is not None:
        pytest.skip(item.config.stash[_WHY_NOT])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    run = item.config.stash.get(_RUN, None)
    if run is None or item.get_closest_marker(MARKER) is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in run.reports(item):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    run = session.config.stash.get(_RUN, None)
    if run is not None:
        run.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was measured on the way: each test's `record_property`."""
    if config.stash.get(_RUN, None) is None:
        return
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    terminalreporter.section("seen of bluetoothd")
    for report in reports:
        for name, value in report.user_properties if report.when == "call" else ():
            terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {name}: {value}")
