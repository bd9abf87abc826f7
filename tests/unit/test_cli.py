"""The `shouwang` command: rooms on demand, plain words when something is missing or wrong."""

import runpy
import sys
import types

import pytest

from shouwang import cli
from shouwang.errors import ConfigError, DeviceError


@pytest.fixture
def room(monkeypatch):
    """A `gateway` room whose one command does what a test says."""
    here = types.ModuleType("gateway.commands")
    here.does = lambda options: 0

    def register(parser):
        parser.add_argument("--flag", action="store_true")
        parser.set_defaults(func=lambda options: here.does(options))  # noqa: PLW0108 - set by the test

    here.register = register
    monkeypatch.setitem(sys.modules, "gateway.commands", here)
    return here


def fails(error):
    def does(_options):
        raise error

    return does


def test_a_commands_status_is_the_programs(room):
    room.does = lambda options: 3 if options.flag else 0
    assert cli.main(["gateway"]) == 0
    assert cli.main(["gateway", "--flag"]) == 3


def test_what_went_wrong_is_said_without_a_trace(room, capsys):
    room.does = fails(ConfigError("home.yaml:8: sensors[1].prot: unknown key"))
    assert cli.main(["gateway"]) == 1
    assert capsys.readouterr().err == "home.yaml:8: sensors[1].prot: unknown key\n"


def test_what_ended_a_group_of_tasks_is_said_line_by_line(room, capsys):
    inner = ExceptionGroup("inner", [DeviceError("second")])
    room.does = fails(ExceptionGroup("outer", [ConfigError("first"), inner]))
    assert cli.main(["gateway"]) == 1
    assert capsys.readouterr().err == "first\nsecond\n"


@pytest.mark.parametrize("errors", [[ValueError("bug")], [ConfigError("known"), ValueError("bug")]])
def test_a_bug_keeps_its_trace(room, errors):
    room.does = fails(ExceptionGroup("group", errors))
    with pytest.raises(ExceptionGroup):
        cli.main(["gateway"])


def test_ctrl_c_is_no_error_of_ours(room):
    room.does = fails(KeyboardInterrupt())
    assert cli.main(["gateway"]) == 130


def test_a_missing_library_names_the_extra_that_brings_it(monkeypatch, capsys):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name="sqlalchemy")

    monkeypatch.setattr(cli.importlib, "import_module", missing)
    assert cli.main(["community", "serve"]) == 1
    assert "pip install 'shouwang[community]'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--nonsense"], ["kitchen"]])
def test_misuse_is_answered_with_the_rooms(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "ROOM" in capsys.readouterr().err


def test_help_names_all_rooms(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--help"])
    assert caught.value.code == 0
    assert all(name in capsys.readouterr().out for name in ("gateway",))


def test_python_m_shouwang_is_the_same_command(room, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["shouwang", "gateway"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("shouwang", run_name="__main__")
    assert caught.value.code == 0
