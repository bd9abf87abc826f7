"""Documents say what is so: links lead somewhere, examples decode, kinds have rows, decisions their form."""

import ast
import importlib
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import TypeAdapter

from rules import AnyRule
from shouwang import wire

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def tracked() -> list[Path]:
    """The repository's files as they stand: what git has, and what it would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=False, timeout=60
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def pages() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def anchors(page: Path) -> set[str]:
    """The names under which headings of a page can be linked."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def examples() -> Iterator[str]:
    text = (ROOT / "docs/wire.md").read_text(encoding="utf-8")
    return iter(re.findall(r"^```json\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL))


def test_examples_of_the_wire_are_messages() -> None:
    envelope, receipt, command = (text.encode() for text in examples())
    assert str(wire.decode_envelope(envelope, gateway="gw-demo-0001").id) == "gw-demo-0001/6f1c09b2d4e8a573/0/17"
    assert wire.decode_receipt(receipt).seqs == (17, 18)
    assert isinstance(wire.decode_command(command).action, wire.HelpComing)


def test_every_kind_of_message_is_documented() -> None:
    text = (ROOT / "docs/wire.md").read_text(encoding="utf-8")
    kinds = [body.__struct_config__.tag for body in (*get_args(wire.Body), wire.HelpComing, wire.ResetAlarm)]
    assert [kind for kind in kinds if f"| `{kind}` |" not in text] == []
    topics = [wire.up_topic("{gw}", lane) for lane in wire.Lane]
    topics += [wire.will_topic("{gw}"), wire.receipt_topic("{gw}"), wire.command_topic("{gw}")]
    assert [topic for topic in topics if f"`{topic}`" not in text] == []


def kinds_of(union: Any) -> list[str]:
    """The `kind` of every configuration model in a discriminated union."""
    models = get_args(get_args(union)[0]) or (get_args(union)[0],)
    return [get_args(model.model_fields["kind"].annotation)[0] for model in models]


@pytest.mark.parametrize(
    ("room", "union", "page"), [("drivers", "AnyDriver", "drivers"), ("rules", "AnyRule", "rules")]
)
def test_every_kind_has_a_row(room: str, union: str, page: str) -> None:
    text = (ROOT / f"docs/{page}.md").read_text(encoding="utf-8")
    kinds = kinds_of(getattr(importlib.import_module(room), union))
    assert kinds
    assert [kind for kind in kinds if f"`{kind}`" not in text] == []


def test_example_of_the_rules_is_a_rule() -> None:
    text = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
    for example in re.findall(r"^```yaml\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        rules = TypeAdapter(list[AnyRule]).validate_python(yaml.safe_load(example)["rules"])
        assert [rule.id for rule in rules] == ["spo2-low"]


def test_decisions_are_numbered_and_decide() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [page.name[:3] for page in decisions] == [f"{number:03d}" for number in range(1, len(decisions) + 1)]
    for page in decisions:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.name[:3]} "), page.name
        assert "**Decided.**" in text, page.name


def test_every_room_is_in_the_architecture() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = [path.parent.name for path in ROOT.glob("*/__init__.py")]
    assert [room for room in rooms if f"| `{room}/` |" not in text] == []


@pytest.mark.parametrize(
    ("heading", "room", "folders"),
    [("The home, from inside", "gateway", ("",)), ("The centre, from inside", "community", ("", "store/", "web/"))],
)
def test_every_module_is_in_the_architecture(heading: str, room: str, folders: tuple[str, ...]) -> None:
    """By its name or by a star, in a row of its section; and no row names a module that is gone."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[-2] for line in section.splitlines() if line.startswith("| ")]
    names = {name for row in rows for name in re.findall(r"`((?:store/|web/)?[a-z0-9_*]+)`", row)}
    modules = {f"{folder}{path.stem}" for folder in folders for path in (ROOT / room / folder).glob("[!_]*.py")}
    found = {name: {one for one in modules if _is_named(one, name)} for name in names}
    assert modules - set().union(*found.values()) == set(), f"add them to a row of {heading} in docs/architecture.md"
    assert {name for name, those in found.items() if not those} == set(), "nothing is called so any more"


def _is_named(module: str, name: str) -> bool:
    return module.count("/") == name.count("/") and fnmatchcase(module, name)


def test_commands_of_the_documents_exist() -> None:
    """`./dev x` in any document is a command that `./dev help` tells."""
    told = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True, timeout=60).stdout
    named = {word for page in pages() for word in re.findall(r"\./dev ([a-z]+)", page.read_text(encoding="utf-8"))}
    assert {word for word in named if f"./dev {word}" not in told} == set()


def test_nothing_names_a_machine() -> None:
    """Paths of a developer's machine work nowhere else."""
    foreign = re.compile(r"(?<![\w.])/(work|root|home/\w+)/")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".txt", ".service", ".rules", ".conf", ".html", ""}
        and path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if foreign.search(line)
    ]
    assert found == []


def test_modules_are_short() -> None:
    """At most 400 lines: a longer module has two nouns."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix == ".py"
        and "tests" not in path.parts
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}


def test_functions_are_short() -> None:
    """At most 40 lines, head and words included."""
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": lines
        for path in tracked()
        if path.suffix == ".py" and "tests" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > 40
    }
    assert long == {}


def test_every_fault_of_the_table_names_a_test_that_is_there() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    table = text.partition("## When things fail")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) >= 20
    written = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    files = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    for row in rows:
        shown = re.findall(r"`([^`]+)`", row[-1])
        assert shown, f"nothing shows {row[0].strip()}"
        for name in shown:
            is_there = name in files or f"def {name}(" in written or name.startswith("./dev bench ")
            assert is_there, f"{row[0].strip()}: there is no {name}"
