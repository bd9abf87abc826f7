"""Paths, the plugins in tests/fixtures, and the rule that CI leaves no gap."""

import os
import sys
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest
from hypothesis import settings

# A slow computer is no failure: no example has a time limit, and no answer must come within the 5 s of httpx's own.
settings.register_profile("shouwang", deadline=None)
settings.load_profile("shouwang")
_ANSWER_S = 60.0
for _defaults in (httpx.Client.__init__.__kwdefaults__, httpx.AsyncClient.__init__.__kwdefaults__):
    _defaults["timeout"] = _ANSWER_S

TESTS = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS))

pytest_plugins = [f"fixtures.{path.stem}" for path in sorted((TESTS / "fixtures").glob("*.py"))]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded frames and data beside the repository; tests that read it skip where it is not."""
    folder = TESTS.parent.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared (recorded frames and data, not part of the repository)")
    return folder


@pytest.fixture
def free_port() -> int:
    """A TCP port on loopback that nothing listens on now."""
    from fixtures.addresses import unused_port

    return unused_port()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "engines: other browsers, another's provider of identities; with -m engines")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What CI has not installed runs where it is asked for, and is no gap elsewhere."""
    if "engines" in config.option.markexpr:
        return
    others = [item for item in items if item.get_closest_marker("engines") is not None]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def is_gap(reason: str, *, required: bool) -> bool:
    """Whether a skip with this reason must fail the run: a tool is missing where nothing may be."""
    said = reason.removeprefix("Skipped: ")
    return required and said.startswith("needs ") and not said.startswith("needs ../shared")


def close_gap(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip for a missing tool into a failure where SHOUWANG_REQUIRE_ALL=1."""
    if report.outcome != "skipped" or not isinstance(report.longrepr, tuple) or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr[2])
    if is_gap(reason, required=os.environ.get("SHOUWANG_REQUIRE_ALL") == "1"):
        report.outcome = "failed"
        report.longrepr = f"{reason}: SHOUWANG_REQUIRE_ALL=1 allows no skip for a missing tool"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    close_gap(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    close_gap(report)
    return report
