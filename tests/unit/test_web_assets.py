"""What browsers load comes from this package: listed, licensed, unchanged, and from nowhere else."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from community.web import assets

STATIC = assets.folder()
VENDOR = STATIC / "vendor"
VENDORED = json.loads((VENDOR / "VENDORED.json").read_text(encoding="utf-8"))
OWN = sorted(
    path for path in (*STATIC.glob("*.*"), *(STATIC.parent / "templates").glob("*.html")) if path.suffix != ".svg"
)


@pytest.mark.parametrize("entry", VENDORED, ids=lambda entry: entry["file"])
def test_vendored_file_is_the_published_one(entry: dict[str, str]) -> None:
    assert hashlib.sha256((VENDOR / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    assert (VENDOR / entry["licence_file"]).is_file()


def test_every_vendored_file_is_listed() -> None:
    assert {path.name for path in VENDOR.iterdir()} == {entry["file"] for entry in VENDORED} | {"VENDORED.json"}


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_nothing_of_ours_points_outside(path: Path) -> None:
    assert not re.search(r"""(https?:)?//[\w-]+\.\w""", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [path for path in OWN if path.suffix == ".html"], ids=lambda path: path.name)
def test_templates_have_no_inline_script_or_style(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    for tag in re.findall(r"<script[^>]*>", source):
        assert "src=" in tag or 'type="application/json"' in tag
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on", source)


def test_address_changes_with_the_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1", encoding="utf-8")
    monkeypatch.setattr(assets, "folder", lambda: tmp_path)
    first = assets.address()
    (tmp_path / "a.js").write_text("2", encoding="utf-8")
    assert assets.address() != first
