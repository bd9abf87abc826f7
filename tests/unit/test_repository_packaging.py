"""What is built, installed and locked: whole wheel, own names, declared imports, locks that fit and name no place."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from importlib.metadata import distributions, packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
LOCKS = sorted((ROOT / "locks").glob("*.txt"))
# Which extras a room may count on; everything in `dependencies` is there anyway.
EXTRAS = {"drivers": {"gateway"}, "gateway": {"gateway"}, "community": {"community"}, "simulators": {"sim", "gateway"}}

# Lower halves of a declared library, which its own documents tell to import.
PARTS = {"pydantic-core": "pydantic", "starlette": "fastapi", "markupsafe": "jinja2"}


def requirements(*sources: list[Any]) -> list[Requirement]:
    return [Requirement(line) for source in sources for line in source if isinstance(line, str)]


def wanted_by(lock: str) -> list[Requirement]:
    """The direct requirements that a lock file must satisfy."""
    base, extras = PROJECT["project"]["dependencies"], PROJECT["project"]["optional-dependencies"]
    groups = PROJECT["dependency-groups"]
    return {
        "gateway": requirements(base, extras["gateway"]),
        "community": requirements(base, extras["community"]),
        "demo": requirements(base, *extras.values(), groups["build"]),
        "dev": requirements(base, *extras.values(), groups["build"], groups["dev"]),
    }[lock]


@cache
def pins(lock: Path) -> dict[str, set[Version]]:
    """Distribution to the versions pinned (more than one where markers choose)."""
    found: dict[str, set[Version]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(Version(version))
    return found


def test_locks_are_the_four_that_the_decision_names() -> None:
    assert [lock.stem for lock in LOCKS] == ["community", "demo", "dev", "gateway"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_lock_satisfies_the_project(lock: Path) -> None:
    pinned = pins(lock)
    for wanted in wanted_by(lock.stem):
        versions = pinned.get(canonicalize_name(wanted.name))
        assert versions, f"{wanted} is not in {lock.name}: ./dev lock"
        assert all(version in wanted.specifier for version in versions), f"{wanted} against {versions}: ./dev lock"


LEFT_OUT = {"pyric"}
"""Required by a package that nothing here imports, and under the GPL (decision 005)."""


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_nothing_under_the_gpl_is_locked(lock: Path) -> None:
    assert LEFT_OUT.isdisjoint(pins(lock))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_lock_is_complete_for_this_machine(lock: Path) -> None:
    """What a locked distribution needs here is locked too, at a version that it takes."""
    pinned = pins(lock)
    for distribution in distributions():
        if canonicalize_name(distribution.metadata["Name"]) not in pinned:
            continue
        for need in map(Requirement, distribution.requires or []):
            if need.marker is not None and not need.marker.evaluate({"extra": ""}):
                continue
            if canonicalize_name(need.name) in LEFT_OUT:
                continue
            versions = pinned.get(canonicalize_name(need.name))
            assert versions, f"{distribution.metadata['Name']} needs {need}, not in {lock.name}"
            assert any(need.specifier.contains(version, prereleases=True) for version in versions), str(need)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_pin_has_hashes_and_no_place(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^-", text, flags=re.MULTILINE), "options (index, links) name a place"
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries if not entry.startswith("#"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_what_is_shipped_is_what_is_tested(lock: Path) -> None:
    tested = pins(ROOT / "locks/dev.txt")
    assert {name: versions for name, versions in pins(lock).items() if not versions <= tested[name]} == {}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as it would be installed in a home."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_wheel_holds_every_file_of_the_rooms(wheel: zipfile.ZipFile) -> None:
    """Code and what lies beside it: templates, YAML, static files, catalogues."""
    here = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    assert here - set(wheel.namelist()) == set()


def test_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(ROOMS)
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_every_room_is_packaged() -> None:
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(ROOMS)
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == set(ROOMS)
    assert set(PROJECT["tool"]["mypy"]["packages"]) == set(ROOMS)


def test_no_other_distribution_claims_our_names() -> None:
    """Our top-level names are plain words: a package of the same name would shadow them or be shadowed."""
    owners = packages_distributions()
    others = {room: set(owners.get(room, [])) - {"shouwang"} for room in ROOMS}
    assert {room: names for room, names in others.items() if names} == {}


def imports_of(room: str) -> set[str]:
    """The top-level names that a room's modules import."""
    found: set[str] = set()
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.split(".")[0])
    return found


def test_every_module_of_the_vocabulary_is_held_pure() -> None:
    """All of `shouwang` but what asks the system: a new module must be named in the contract."""
    of_the_system = {f"shouwang.{name}" for name in ("__init__", "__main__", "cli", "spoken", "system_words")}
    contract = next(c for c in PROJECT["tool"]["importlinter"]["contracts"] if "pure" in c["name"])
    modules = {f"shouwang.{path.stem}" for path in (ROOT / "shouwang").glob("*.py")}
    assert modules - of_the_system == set(contract["source_modules"]) - {"rules"}


@pytest.mark.parametrize("room", ROOMS)
def test_room_imports_only_what_its_extra_installs(room: str) -> None:
    """So that a home box needs no web stack and the server no Bluetooth, and nothing works by accident."""
    extras = PROJECT["project"]["optional-dependencies"]
    declared = requirements(PROJECT["project"]["dependencies"], *(extras[extra] for extra in EXTRAS.get(room, ())))
    allowed = {canonicalize_name(requirement.name) for requirement in declared}
    allowed |= {canonicalize_name(part) for part, whole in PARTS.items() if whole in allowed}
    owners = packages_distributions()
    undeclared = {
        name: owners.get(name, [])
        for name in imports_of(room) - set(ROOMS) - sys.stdlib_module_names
        if not allowed & {canonicalize_name(owner) for owner in owners.get(name, [])}
    }
    assert undeclared == {}


def test_every_dependency_has_its_line_in_the_decision() -> None:
    text = (ROOT / "docs/decisions/005-dependencies.md").read_text(encoding="utf-8").lower()
    extras = PROJECT["project"]["optional-dependencies"]
    names = {
        requirement.name.lower() for requirement in requirements(PROJECT["project"]["dependencies"], *extras.values())
    }
    assert {name for name in names if name not in text} == set()
