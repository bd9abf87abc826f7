"""What the doctor looks at: one home's configuration, the box that it is on, and the gateway that may run there."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.home import Home
from gateway.status import Status

TOOL_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Patient:
    """`status`: what the running gateway says of itself; None where none runs, or `is_silent`: it cannot be asked.

    `root`: where the files of the system begin, which a test makes by itself.
    """

    path: Path
    home: Home
    status: Status | None = None
    is_silent: bool = False
    root: Path = Path("/")


def told_by(*command: str) -> str | None:
    """What a tool of the system prints; None where it is not there, fails, or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TOOL_S, check=True)  # noqa: S603 - ours
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()


def properties(command: Sequence[str]) -> dict[str, str]:
    """The `key=value` lines that a tool prints; none where it cannot be asked."""
    lines = (told_by(*command) or "").splitlines()
    return dict(line.partition("=")[::2] for line in lines if "=" in line)
