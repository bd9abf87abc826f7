"""`./dev bench gateway --quick`: the job runs from end to end, and nothing is lost or doubled. No time is judged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.child import find_program

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.e2e
@pytest.mark.slow
def test_the_job_runs_and_loses_nothing(tmp_path):
    if find_program("mosquitto") is None:
        pytest.skip("needs mosquitto (Debian package mosquitto)")
    found = tmp_path / "figures.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "gateway.py"), "--quick", "--json", str(found)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = {figure["name"]: figure["value"] for figure in json.loads(found.read_text())["figures"]}
    counts = {name: value for name, value in figures.items() if name.endswith((": lost", ": doubled"))}
    assert len(counts) == 8
    assert set(counts.values()) == {0}
    assert "measured elsewhere" in done.stdout.lower()
