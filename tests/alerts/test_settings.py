"""The settings file: what it may say, that every fault in it is named with its place, and that secrets stay secret."""

import re
from pathlib import Path

import pytest

from vrrpwatch.alerts.settings import Fifo, Hook, Webhook, load
from vrrpwatch.core.model import Severity
from vrrpwatch.settings import SettingsError

GOOD = """
version = 1

[quiet]
split-brain = 60

[[sink]]
name = "ops"
type = "webhook"
url_file = "url"
token_file = "token"
severity = "critical"
include = { segments = ["eth0*"] }
rate = { messages = 4, seconds = 30 }

[[sink]]
name = "pager"
type = "hook"
command = ["/usr/local/bin/page", "--high"]
user = "nobody"

[[sink]]
name = "scripts"
type = "fifo"
path = "/run/vrrp.fifo"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "alerts.toml"
    path.write_text(text)
    return path


def faults(folder: Path, text: str) -> list[str]:
    path = write(folder, text)
    with pytest.raises(SettingsError) as caught:
        load(path)
    assert all(line.startswith(f"{path}:") for line in caught.value.lines)
    # The line, where it is known, is the business of tests of its own.
    return [re.sub(r"^:(\d+:)? ", "", line.removeprefix(str(path))) for line in caught.value.lines]


def test_a_good_file_says_who_is_told_what(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://alerts.example/T0K3N\n")
    (tmp_path / "token").write_text("s3cret\r\n")
    settings = load(write(tmp_path, GOOD))
    ops, pager, scripts = settings.sink
    assert isinstance(ops, Webhook)
    assert (ops.address, ops.token_file, ops.severity) == ("https://alerts.example/T0K3N", "s3cret", Severity.CRITICAL)
    assert (ops.include.segments, ops.rate.messages, ops.rate.seconds) == (("eth0*",), 4, 30.0)
    assert isinstance(pager, Hook)
    assert (pager.command, pager.severity, pager.rate.messages) == (
        ("/usr/local/bin/page", "--high"),
        Severity.WARNING,
        10,
    )
    assert isinstance(scripts, Fifo)
    assert (scripts.events, scripts.rate.messages) == (("master-appeared", "master-changed", "master-lost"), 0)
    assert settings.quiet == {"split-brain": 60.0}
    assert "s3cret" not in repr(settings)
    assert "T0K3N" not in repr(settings)


def test_every_fault_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("two\nlines")
    text = """
version = 1
quiet = { split-brains = 3 }
[[sink]]
name = "a"
type = "webhook"
url = "https://user:pw@host/"
token_file = "token"
severity = "bad"
[[sink]]
name = "a"
type = "hook"
command = ["page"]
include = { rules = [] }
exclude = { rules = ["split brain"] }
events = ["lost"]
shell = true
[[sink]]
name = "b"
type = "alertmanager"
[[sink]]
name = "c"
type = "alertmanager"
url = "ftp://host"
url_file = "missing"
[[sink]]
name = "d"
type = "pigeon"
"""
    lines = faults(tmp_path, text)
    assert [line.split(": ")[0] for line in lines] == [
        "quiet",
        "sink[1].webhook.severity",
        "sink[1].webhook.url",
        "sink[1].webhook.token_file",
        "sink[2].hook.include.rules",
        "sink[2].hook.exclude.rules",
        "sink[2].hook.events",
        "sink[2].hook.command",
        "sink[2].hook.shell",
        "sink[3].alertmanager.url_file",
        "sink[4].alertmanager.url",
        "sink[4].alertmanager.url_file",
        "sink[5]",
        "sink[2]",
    ]
    assert (
        lines[2]
        == "sink[1].webhook.url: holds a user or password: secrets belong into a file, see token_file and url_file"
    )
    assert lines[9] == "sink[3].alertmanager.url_file: give exactly one of url and url_file"
    assert lines[11].startswith(f"sink[4].alertmanager.url_file: cannot read {tmp_path}/missing (No such file")
    assert lines[13] == "sink[2]: has the same name as number 1: keep one of them"
    assert "user:pw" not in "".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version = 2", "version: Input should be 1"),
        ("", "version: is missing: add it"),
        ("version = ", "is no TOML: "),
        ("a = " + "[" * 3000, "is no TOML: "),
        ("version = 1\nsinks = 3", "sinks: no such setting: check the spelling, or remove it"),
    ],
)
def test_what_is_no_settings_file_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    (line,) = faults(tmp_path, text)
    assert line.startswith(said)
