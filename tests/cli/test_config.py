"""Where settings come from, which of them wins, and how mistakes in files are told."""

import os
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Stand
from vrrpwatch.cli import config
from vrrpwatch.cli.exits import Exit
from vrrpwatch.cli.watch import watch


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def user(tmp_path: Path) -> Path:
    return tmp_path / "config" / "vrrpwatch" / "config.toml"


@pytest.fixture
def system(tmp_path: Path) -> Path:
    return tmp_path / "system.toml"


def test_command_line_beats_environment_beats_user_beats_system(
    run: Run, stand: Stand, user: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(system, "[analyze]\nbudget = 1\nworkers = 2\n")
    run("analyze", "a")
    assert (stand.options.budget, stand.options.workers) == (1.0, 2)
    write(user, "[analyze]\nbudget = 3\n")
    run("analyze", "a")
    assert (stand.options.budget, stand.options.workers) == (3.0, 2)
    monkeypatch.setenv("VRRPWATCH_BUDGET", "4")
    run("analyze", "a")
    assert stand.options.budget == 4.0
    monkeypatch.setenv("VRRPWATCH_ANALYZE_BUDGET", "5")
    run("analyze", "a")
    assert stand.options.budget == 5.0
    run("analyze", "--budget", "6", "a")
    assert stand.options.budget == 6.0


def test_settings_of_all_commands_and_dashes(run: Run, stand: Stand, user: Path) -> None:
    write(user, 'segment = "wan"\nreveal = true\n[analyze]\nfail-on = "info"\n')
    result = run("analyze", "a")
    assert (stand.options.segment, stand.options.reveal) == ("wan", True)
    # The sample is damaged, which weighs more than its findings.
    assert result.exit_code == Exit.DAMAGED


@pytest.mark.usefixtures("stand")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[analyze]\nbudgte = 1\n", "[analyze] budgte: no such setting; known are"),
        (
            "[analyse]\nbudget = 1\n",
            "[analyse]: no such command; known are analyze, decode, live, watch, rules, agent, doctor, store, comp",
        ),
        ("budgte = 1\n", "budgte: no such setting"),
        ('[analyze]\nbudget = "lots"\n', "[analyze] budget: 'lots' is not a valid float range."),
        ("[analyze]\nreveal = 1\n", "[analyze] reveal: write true or false"),
        ("[analyze]\nworkers = true\n", "[analyze] workers: is no switch"),
        ("[analyze\n", "is no TOML"),
    ],
)
def test_mistakes_name_file_and_place(run: Run, user: Path, text: str, message: str) -> None:
    write(user, text)
    result = run("analyze", "a")
    assert result.exit_code == Exit.USAGE
    assert result.stderr.startswith(f"vrrpwatch: {user}: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.usefixtures("stand")
def test_a_directory_in_place_of_the_file(run: Run, user: Path) -> None:
    user.mkdir(parents=True)
    result = run("analyze", "a")
    assert result.exit_code == Exit.USAGE
    assert "cannot be read (Is a directory)" in result.stderr


@pytest.mark.usefixtures("stand")
def test_a_named_pipe_in_place_of_the_file_holds_nothing_up(run: Run, user: Path) -> None:
    user.parent.mkdir(parents=True)
    os.mkfifo(user)
    result = run("analyze", "a")
    assert result.exit_code == Exit.USAGE
    assert "cannot be read (is no regular file)" in result.stderr


def test_help_works_whatever_the_file_says(run: Run, user: Path) -> None:
    write(user, "[")
    assert run("--help").exit_code == Exit.CLEAN


@pytest.mark.parametrize("value", ["[1]", "{a = 1}", "2020-01-01"])
def test_a_value_that_no_option_takes(run: Run, user: Path, value: str) -> None:
    for key in ("budget", "segment"):
        write(user, f"[analyze]\n{key} = {value}\n")
        result = run("analyze", "a")
        assert result.exit_code == Exit.USAGE
        assert result.stderr == f"vrrpwatch: {user}: [analyze] {key}: write a text in quotes or a number\n"


@pytest.mark.parametrize(
    ("value", "heard"),
    [('"eth0"', ("eth0",)), ('["eth0", "eth1"]', ("eth0", "eth1")), ("[]", ()), ('"a b"', ("a b",))],
)
def test_what_may_be_repeated_is_a_list_or_one_thing(user: Path, value: str, heard: tuple[str, ...]) -> None:
    write(user, f'[watch]\ninterface = {value}\njoin = ["225.0.0.50"]\n')
    settings = config.load(lambda: {"watch": watch}, (user,))["watch"]
    assert settings == {"interface": heard, "join": (ip_address("225.0.0.50"),)}


@pytest.mark.parametrize("value", ["true", "[true]", '[["eth0"]]', "{a = 1}"])
def test_a_list_of_what_no_option_takes(run: Run, user: Path, value: str) -> None:
    write(user, f"[watch]\ninterface = {value}\n")
    result = run("watch")
    assert result.exit_code == Exit.USAGE
    assert result.stderr == f"vrrpwatch: {user}: [watch] interface: write a list of texts in quotes or numbers\n"


def test_a_budget_is_a_number(run: Run, stand: Stand, user: Path) -> None:
    write(user, "[analyze]\nbudget = nan\n")
    result = run("analyze", "a")
    assert (result.exit_code, stand.paths) == (Exit.USAGE, ())
    assert "--budget must be a number" in result.stderr
