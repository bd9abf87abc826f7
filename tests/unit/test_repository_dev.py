"""`./dev` and `.ci/run` as a person and CI meet them: plain words, no half-made environment taken for a whole one."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What ./dev uses of a Debian system without Python.
TOOLS = """
    sh dirname id cat sed tail head awk df mkdir rm sha256sum cut tr ls env flock uname printf
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As much of a fresh clone as set-up reads."""
    here = tmp_path / "clone"
    (here / "locks").mkdir(parents=True)
    for name in (
        "dev",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        *(f"locks/{p.name}" for p in ROOT.glob("locks/*.txt")),
    ):
        shutil.copy(ROOT / name, here / name)
    return here


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder of programs, for PATH: a system without Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS.split():
        found = shutil.which(tool)
        if found is not None:
            (folder / tool).symlink_to(found)
    return folder


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def run(clone: Path, *arguments: str, path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(clone / "dev"), *arguments],
        env={"PATH": str(path), "HOME": str(clone), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_help_needs_nothing_and_changes_nothing(clone: Path, bare: Path) -> None:
    before = sorted(clone.rglob("*"))
    done = run(clone, "help", path=bare)
    assert done.returncode == 0
    for command in ("setup", "demo", "test", "check", "bench", "help"):
        assert f"./dev {command}" in done.stdout
    assert sorted(clone.rglob("*")) == before


def test_unknown_command_is_refused(clone: Path, bare: Path) -> None:
    done = run(clone, "frobnicate", path=bare)
    assert done.returncode == 1
    assert "there is no command 'frobnicate'" in done.stderr


def test_missing_python_is_said_in_plain_words(clone: Path, bare: Path) -> None:
    done = run(clone, "setup", path=bare)
    assert done.returncode == 1
    assert "there is no python3" in done.stderr
    assert "apt-get install python3" in done.stderr


def test_old_python_is_said_in_plain_words(clone: Path, bare: Path) -> None:
    program(bare, "python3", 'case "$1" in -V) echo Python 3.9.2 ;; *) exit 1 ;; esac')
    done = run(clone, "setup", path=bare)
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "Python 3.9.2" in done.stderr


def test_missing_venv_names_the_package_and_the_command(clone: Path, bare: Path) -> None:
    """Debian's python3 without python3-venv, and a user who may not become root."""
    program(
        bare,
        "python3",
        'case "$2" in *ensurepip*) exit 1 ;; *_base_executable*) echo python3 ;; *calcsize*) echo 8 ;;'
        " *sys.version.split*) echo 3.11.2 ;; esac",
    )
    program(bare, "apt-get", "exit 0")
    program(bare, "id", "echo 1000")
    done = run(clone, "setup", path=bare)
    assert done.returncode == 1
    assert "sudo apt-get install --no-install-recommends python3-venv" in done.stderr
    assert not (clone / ".venv").exists()


def test_too_little_disk_is_said_in_plain_words(clone: Path, bare: Path) -> None:
    program(bare, "python3", 'case "$2" in *_base_executable*) echo python3 ;; *calcsize*) echo 8 ;; esac')
    program(bare, "df", "echo Filesystem; echo /dev/x 100 50 51200 50% /")
    done = run(clone, "demo", path=bare)
    assert done.returncode == 1
    assert "too little disk space: 50 MB free" in done.stderr


@pytest.mark.slow
def test_set_up_without_network_says_so_and_leaves_a_mark(clone: Path) -> None:
    """The next run must not take the half-made environment for a whole one."""
    nowhere = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "PIP_TIMEOUT": "5",
    }
    path = Path("/usr/bin:/bin")
    done = run(clone, "setup", path=path, **nowhere, SHOUWANG_PYTHON=sys.executable)
    assert done.returncode == 1
    assert "package index cannot be reached" in done.stderr
    assert str(clone / ".cache/setup.log") in done.stderr
    assert (clone / ".venv/.shouwang-busy").exists()
    assert not (clone / ".venv/.shouwang-dev").exists()
    again = run(clone, "setup", path=path, **nowhere, SHOUWANG_PYTHON=sys.executable)
    assert "making it anew" in again.stderr


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_script_is_plain_shell(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    subprocess.run([shell, "-n", str(ROOT / "dev")], check=True, timeout=60)


def test_every_folder_of_tests_is_run_by_some_command() -> None:
    script = (ROOT / "dev").read_text(encoding="utf-8")
    named = set(re.findall(r"\btests_of (.+)", script)) | set(re.findall(r"pytest tests/(\w+)", script))
    run_by_dev = {word for words in named for word in words.split(" -")[0].split()}
    assert run_by_dev == {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}


LUCK = "import pathlib\nseen = pathlib.Path(__file__ + '.seen')\n"
STEADY = "def test_it(): pass\n"
UNLUCKY = f"{LUCK}def test_it():\n    if not seen.exists():\n        seen.touch()\n        assert False\n"
BROKEN = "def test_it(): assert False\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bodies", "status", "unsteady"),
    [
        ([UNLUCKY, UNLUCKY, UNLUCKY, STEADY], 0, 3),
        ([UNLUCKY] * 4, 1, 0),
        ([BROKEN, UNLUCKY], 1, 0),
        (["import nothing_of_that_name\n", UNLUCKY], 1, 0),
    ],
)
def test_only_luck_gets_one_more_try(clone: Path, bodies: list[str], status: int, unsteady: int) -> None:
    """The part of `dev` that runs the tests of the whole, on tests made for it."""
    for folder in ("e2e", "browser", "integration"):
        (clone / "tests" / folder).mkdir(parents=True)
    for number, body in enumerate(bodies):
        (clone / f"tests/integration/test_number_{number}.py").write_text(body, encoding="utf-8")
    (clone / "pyproject.toml").unlink()
    (clone / ".venv/bin").mkdir(parents=True)
    program(clone / ".venv/bin", "python", f'exec "{sys.executable}" "$@"')
    script = (clone / "dev").read_text(encoding="utf-8")
    functions = script[: script.index("\ncommand=${1:-help}")]
    done = subprocess.run(
        ["sh", "-c", f'{functions}\ncd "$ROOT"\npart whole tests_of_the_whole\nverdict passed', str(clone / "dev")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert (
        len(re.findall(r"^ {5}tests/integration/test_number_\d\.py::test_it$", done.stderr, re.MULTILINE)) == unsteady
    )
    assert ("UNSTEADY" in done.stderr) == bool(unsteady)


@pytest.mark.parametrize("status", [0, 1, 7])
def test_ci_allows_no_gap_and_ends_as_the_tests_do(tmp_path: Path, status: int) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    program(tmp_path, "dev", f'echo "$* $SHOUWANG_REQUIRE_ALL"; cat; exit {status}')
    done = subprocess.run(
        ["bash", ".ci/run"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60, input="not for us"
    )
    assert done.returncode == status
    assert done.stdout == "test 1\n"


@pytest.mark.slow
@pytest.mark.parametrize(("required", "gaps"), [("1", 4), ("", 0)])
def test_skip_for_a_missing_tool_fails_where_nothing_may_be_missing(tmp_path: Path, required: str, gaps: int) -> None:
    """In whichever way it is skipped; a skip for ../shared or for another reason is never a gap."""
    shutil.copy(ROOT / "tests/conftest.py", tmp_path / "conftest.py")
    reasons = ["needs frobnicator", "needs ../shared (recorded data)", "has no meaning here"]
    for number, reason in enumerate(reasons):
        skip = f"pytest.skip({reason!r}"
        ways = {
            "test": f"def test_it():\n    {skip})\n",
            "fixture": f"@pytest.fixture\ndef tool():\n    {skip})\n\ndef test_it(tool):\n    pass\n",
            "mark": f"@pytest.mark.skipif(True, reason={reason!r})\ndef test_it():\n    pass\n",
            "module": f"{skip}, allow_module_level=True)\n",
        }
        for way, body in ways.items():
            (tmp_path / f"test_{way}_{number}.py").write_text(f"import pytest\n\n{body}", encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--continue-on-collection-errors",
            str(tmp_path),
        ],
        cwd=tmp_path,
        env={**os.environ, "SHOUWANG_REQUIRE_ALL": required},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = re.findall(r"^(?:FAILED|ERROR) ", done.stdout, flags=re.MULTILINE)
    assert len(said) == gaps, done.stdout
    assert f"{12 - gaps} skipped" in done.stdout
    assert (done.returncode != 0) == bool(gaps)
