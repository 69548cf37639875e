"""What keepalived may track, as its blocks declare it, and configurations that several files make together."""

from pathlib import Path

import pytest

from tests.declared.configurations import read, told
from vrrpwatch.declared.keepalived import read_keepalived
from vrrpwatch.declared.notes import DeclaredError


def test_scripts_files_and_processes(tmp_path: Path) -> None:
    declared = read(
        tmp_path,
        """
        vrrp_script check {
            script "/bin/check 'a b' \\x41" web www
            interval 2.5
            timeout 3
            weight -20 reverse
            rise 2
            fall 3
            user web www
            init_fail
        }
        track_file load {
            file "/run/load factor"
            weight 5
            init_file 0 overwrite
        }
        vrrp_track_process proxy {
            process haproxy -D
            param_match initial
            quorum 2
            weight 10 reverse
            delay 1.5
        }
        """,
    )
    assert told(declared) == []
    (script,) = declared.scripts
    assert script.script is not None
    assert (script.script.command, script.script.user) == (("/bin/check", "a b", "A"), "web")
    assert (script.interval, script.timeout, script.rise, script.fall) == (2.5, 3.0, 2, 3)
    assert (script.weight, script.reverse, script.user, script.init_fail) == (-20, True, ("web", "www"), True)
    (file,) = declared.track_files
    assert (file.name, file.path, file.weight, file.reverse) == ("load", "/run/load factor", 5, False)
    assert file.init == ("0", "overwrite")
    (process,) = declared.track_processes
    assert (process.process, process.quorum, process.weight, process.reverse) == (("haproxy", "-D"), 2, 10, True)
    assert (process.fork_delay, process.terminate_delay) == (1.5, 1.5)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("weight", "'weight' takes -253 to 253, not ''"),
        ("weight 300", "'weight' takes -253 to 253, not '300'"),
        ("weight 3 backwards", "'weight' does not take 'backwards'"),
    ],
)
def test_weights_that_are_none(tmp_path: Path, line: str, why: str) -> None:
    declared = read(tmp_path, f"track_file load {{\nfile /run/load\n{line}\n}}\n")
    assert told(declared) == [f"3: {why}"]


def test_several_files_are_one_configuration(tmp_path: Path) -> None:
    first, second = tmp_path / "a.conf", tmp_path / "b.conf"
    first.write_text("$ID=51\nvrrp_instance A {\ninterface eth0\nvirtual_router_id 50\n}\n")
    second.write_text("vrrp_instance B {\ninterface eth0\nvirtual_router_id $ID\n}\nvrrp_instance A { }\n")
    declared = read_keepalived(first, second)
    assert [(one.name, one.virtual_router_id) for one in declared.instances] == [("A", 50), ("B", 51)]
    assert declared.files == (str(first), str(second))
    assert [str(note) for note in declared.notes] == [f"{second}:5: 'A' is there already, see {first}:2: left out"]


def test_each_of_several_files_must_be_readable(tmp_path: Path) -> None:
    first = tmp_path / "a.conf"
    first.write_text("")
    with pytest.raises(DeclaredError, match=r"b\.conf: No such file"):
        read_keepalived(first, tmp_path / "b.conf")


def test_auth_hmac_supersedes_the_password_wherever_it_stands(tmp_path: Path) -> None:
    blocks = ["auth_hmac {\nkey 1 hex:00\nactive_key 1\n}\n", "authentication {\nauth_type PASS\nauth_pass x\n}\n"]
    for order in (blocks, blocks[::-1]):
        declared = read(tmp_path, "vrrp_instance V {\n" + "".join(order) + "}\n")
        assert [one.authentication.kind for one in declared.instances if one.authentication] == ["HMAC"]
