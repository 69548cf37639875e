"""``vrrpwatch agent import``: files in, settings and secret files out, and a line for all that is not as it was."""

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from vrrpwatch.cli.exits import Exit

TEXT = """vrrp_instance web {
    interface eth0
    virtual_router_id 51
    authentication {
        auth_type PASS
        auth_pass s3cret
    }
    virtual_ipaddress {
        192.0.2.100/24
    }
    smtp_alert
}
"""
MAIL = "no mail is sent: have alerts raised (agent.alerts), or a hook send it"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "keepalived.conf"
    path.parent.mkdir()
    path.write_text(TEXT)
    return path


def test_settings_and_secrets_are_written_and_checked(run: Run, config: Path, tmp_path: Path) -> None:
    target = tmp_path / "agent.toml"
    done = run("agent", "import", str(config), "-o", str(target))
    assert (done.exit_code, done.stdout) == (Exit.CLEAN, "")
    assert done.stderr == f"vrrpwatch: {config}:11: 'smtp_alert': {MAIL}\n"
    secret = tmp_path / "web.secret"
    assert secret.read_bytes() == b"s3cret\n"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert 'secret_file = "web.secret"' in target.read_text()
    checked = run("agent", "check", str(target))
    assert (checked.exit_code, checked.stderr) == (Exit.CLEAN, "")
    assert checked.stdout.startswith("web: VRRPv2 51 on eth0, priority 100; as master it holds 192.0.2.100/24;")


def test_without_a_folder_it_is_said_what_to_put_where(run: Run, config: Path, tmp_path: Path) -> None:
    done = run("agent", "import", str(config))
    assert done.exit_code == Exit.CLEAN
    assert 'secret_file = "web.secret"' in done.stdout
    assert done.stderr.splitlines()[1] == (
        f"vrrpwatch: {config}:4: auth_pass: put it into a file web.secret beside the settings, mode 0600, or name a "
        "folder with --secrets"
    )
    assert "s3cret" not in done.output
    assert [path.name for path in tmp_path.rglob("*.secret")] == []


def test_secrets_may_be_kept_elsewhere(run: Run, config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    done = run("agent", "import", str(config), "--secrets", str(folder))
    assert done.exit_code == Exit.CLEAN
    assert f'secret_file = "{folder}/web.secret"' in done.stdout
    assert (folder / "web.secret").read_bytes() == b"s3cret\n"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_no_secret_is_overwritten(run: Run, config: Path, tmp_path: Path) -> None:
    target = tmp_path / "agent.toml"
    arguments = ("agent", "import", str(config), "-o", str(target))
    assert run(*arguments).exit_code == Exit.CLEAN
    # The same once more is no harm.
    assert run(*arguments).exit_code == Exit.CLEAN
    secret = tmp_path / "web.secret"
    secret.write_bytes(b"another\n")
    target.unlink()
    done = run(*arguments)
    assert done.exit_code == Exit.USAGE
    assert done.stderr.splitlines()[-1] == (
        f"vrrpwatch: {secret}: is there, and is not overwritten: move it, or name another folder"
    )
    assert secret.read_bytes() == b"another\n"
    assert not target.exists()


def test_a_link_in_place_of_a_secret_leads_nowhere(run: Run, config: Path, tmp_path: Path) -> None:
    (tmp_path / "web.secret").symlink_to(tmp_path / "victim")
    done = run("agent", "import", str(config), "-o", str(tmp_path / "agent.toml"))
    assert done.exit_code == Exit.SINK
    assert not (tmp_path / "victim").exists()


def test_the_configuration_itself_is_not_overwritten(run: Run, config: Path) -> None:
    done = run("agent", "import", str(config), "-o", str(config))
    assert done.exit_code == Exit.USAGE
    assert config.read_text() == TEXT


def test_several_files_and_patterns_are_one_configuration(run: Run, config: Path) -> None:
    more = config.parent / "more.conf"
    more.write_text("vrrp_sync_group edge {\ngroup {\nweb\n}\n}\n")
    pattern = str(config.parent / "*.conf")
    for files in ((str(config), str(more)), (pattern,)):
        done = run("agent", "import", *files)
        assert done.exit_code == Exit.CLEAN
        assert 'name = "edge"\nrouters = ["web"]' in done.stdout


def test_lines_for_one_host_are_chosen(run: Run, config: Path) -> None:
    config.write_text(TEXT.replace("smtp_alert", "@high priority 170\n@low priority 85"))
    done = run("agent", "import", str(config), "--config-id", "low")
    assert "priority = 85" in done.stdout


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", Exit.UNREADABLE, "no vrrp_instance is declared there that the agent could run"),
        ("vrrp_instance V {\n}\n", Exit.UNREADABLE, "no vrrp_instance is declared there that the agent could run"),
        ("~SEQ(A, 999999999) x", Exit.UNREADABLE, "keepalived.conf:1: more than 200000 lines in all"),
    ],
)
def test_what_no_agent_could_run(run: Run, config: Path, text: str, code: Exit, said: str) -> None:
    config.write_text(text)
    done = run("agent", "import", str(config))
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("files", "code"),
    [((), Exit.USAGE), (("absent.conf",), Exit.UNREADABLE), (("absent*.conf",), Exit.UNREADABLE), (("/dev/null",), 3)],
)
def test_what_cannot_be_read(run: Run, files: tuple[str, ...], code: int) -> None:
    done = run("agent", "import", *files)
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr


def test_a_folder_that_is_none(run: Run, config: Path) -> None:
    done = run("agent", "import", str(config), "-o", str(config.parent / "agent.toml"), "--secrets", str(config / "x"))
    assert done.exit_code == Exit.SINK
    assert not (config.parent / "agent.toml").exists()


def test_it_is_listed(run: Run) -> None:
    assert "import" in run("agent", "--help").stdout
    assert "--secrets DIR" in run("agent", "import", "--help").stdout
