"""Settings and secret files: what is no regular file, too long or no TOML is refused in a line, and nothing waits."""

import os
from pathlib import Path

import pytest

from vrrpwatch import settings
from vrrpwatch.alerts.settings import AlertSettings
from vrrpwatch.core.keys import Keys
from vrrpwatch.core.policy import Policy
from vrrpwatch.settings import MAX_FILE, MAX_SECRET, SettingsError, read_regular

MODELS = (AlertSettings, Keys, Policy)


@pytest.mark.parametrize("model", MODELS)
def test_files_that_cannot_be_settings_are_refused_in_a_line(
    model: type[AlertSettings | Keys | Policy], tmp_path: Path
) -> None:
    path = tmp_path / "settings.toml"

    def refused(place: Path = path) -> str:
        with pytest.raises(SettingsError) as caught:
            settings.load(place, model)
        (line,) = caught.value.lines
        return line.removeprefix(f"{place}: ")

    assert refused() == "cannot be read (No such file or directory): check the path"
    os.mkfifo(path)
    assert refused() == "cannot be read (is no regular file): check the path"
    assert refused(Path("/dev/zero")) == "cannot be read (is no regular file): check the path"
    assert refused(tmp_path) == "cannot be read (Is a directory): check the path"
    assert refused(Path("a\0b")) == "cannot be read (no file can have this name): check the path"
    path.unlink()
    path.write_bytes(b" " * (MAX_FILE + 1))
    assert refused() == "cannot be read (longer than 4194304 bytes): check the path"
    path.write_bytes(b"version = 1\n\xff")
    assert refused() == "byte 13 is not UTF-8: save it as UTF-8 text"
    path.write_bytes(b"a = {b" + b".b" * 400_000 + b" = 1}")
    assert refused() == "is no TOML: nested too deeply"
    path.write_bytes(b"a = " + b"[" * 100_000)
    assert refused().startswith("is no TOML: ")
    path.write_bytes(b"version = ")
    assert refused().startswith("is no TOML: Invalid value")


def test_a_secret_is_a_short_regular_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text('version = 1\n[[key]]\nprotocol = "carp"\nsecret_file = "secret"\n')
    secret = tmp_path / "secret"

    def refused() -> str:
        with pytest.raises(SettingsError) as caught:
            settings.load(path, Keys)
        (line,) = caught.value.lines
        return line.removeprefix(f"{path}:4: key[1].secret_file: ")

    os.mkfifo(secret)
    assert refused() == f"cannot read {secret} (is no regular file): correct the path"
    secret.unlink()
    secret.write_bytes(b"x" * (MAX_SECRET + 1))
    assert refused() == f"cannot read {secret} (longer than 4098 bytes): correct the path"
    secret.write_bytes(b"love\n")
    assert settings.load(path, Keys).key


def test_a_file_of_just_the_size_that_is_allowed_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    assert read_regular(path, 10) == b"x" * 10
    with pytest.raises(OSError, match="longer than 9 bytes"):
        read_regular(path, 9)
