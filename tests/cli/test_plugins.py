"""Commands of other packages: loaded when asked for, explained when their libraries are missing."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
import typer
from lnx.cli import plugins
from typer.testing import CliRunner

ENTRIES = (
    EntryPoint("license", "lnx_licensing.cli:license_app", plugins.GROUP),
    EntryPoint("receiver", "no_such_package.cli:app", plugins.GROUP),
)


@pytest.fixture(autouse=True)
def two_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "entry_points", lambda group: ENTRIES)
    monkeypatch.setenv("LNX_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")


def app(*arguments: str) -> typer.Typer:
    made = typer.Typer()
    made.command("run")(lambda: print("ran"))
    plugins.add_commands(made, arguments)
    return made


def test_a_command_of_our_own_loads_no_other_package() -> None:
    assert app("run", "x.lnx").registered_groups == []


def test_the_help_lists_a_package_that_lacks_its_libraries_and_what_brings_them() -> None:
    told = CliRunner().invoke(app("--help"), ["--help"]).stdout
    assert "license" in told and "pip install 'lnx-edge[agent]'" in told


def test_a_command_that_is_not_installed_says_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app("receiver", "run", "--port", "4318")
    assert ended.value.code == 2 and "pip install 'lnx-edge[agent]'" in capsys.readouterr().err


def test_the_command_that_is_asked_for_is_the_only_one_loaded() -> None:
    assert [group.name for group in app("--verbose", "license", "show").registered_groups] == ["license"]
