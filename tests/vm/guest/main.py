"""The guest's main program: pytest, whose reports go to the host over a serial port, and the air beside it."""

import json
import os
import subprocess
import sys
import tty
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from vm.guest.client import SOCKET

_HERE = Path(__file__).parent
_PLUGINS = ("-p", "pytest_asyncio.plugin", "-p", "vm.guest.fixtures")
"""No others: each takes seconds to import here."""


class Reports:
    """A plugin that tells the host each report as it is made."""

    def __init__(self, port: BinaryIO) -> None:
        """`port` takes JSON lines."""
        self._port = port

    def tell(self, message: dict[str, Any]) -> None:
        """One message."""
        self._port.write(json.dumps(message, default=str).encode() + b"\n")

    @pytest.hookimpl
    def pytest_configure(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self.tell({"report": data})

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.tell({"broken": str(report.longrepr)})


def main(job: str, port_name: str) -> int:
    """Run pytest with the arguments in the file `job`."""
    with Path(port_name).open("wb", buffering=0) as port, Path("/run/air.log").open("wb") as log:
        tty.setraw(port.fileno())
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        reports = Reports(port)
        air = subprocess.Popen([sys.executable, "-m", "vm.guest.air", SOCKET], stdout=log, stderr=log)
        try:
            chosen = Path(job).read_text(encoding="utf-8").split("\n")
            status = pytest.main(
                ["-c", str(_HERE / "pytest.ini"), "--rootdir=.", "--noconftest", *_PLUGINS, *chosen],
                plugins=[reports],
            )
            reports.tell({"ended": int(status)})
        finally:
            air.kill()
    return int(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
