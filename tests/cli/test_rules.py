"""The rules commands from end to end: a policy is learned, imported, compared and made into rules that are proved."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.firewall.kernel import need
from tests.lab.watching import COMMAND

ROOT = Path(__file__).parents[2]
CRASH = ROOT / "captures" / "keepalived-crash.pcap"
POLICY = ROOT / "rules" / "keepalived-crash" / "policy.toml"


def rules(*arguments: object, code: int = 0) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "XDG_STATE_HOME": "/nonexistent"}
    command = (COMMAND, "rules", *map(str, arguments))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == code, done.stderr
    return done


def test_from_a_capture_to_proved_rules(tmp_path: Path) -> None:
    need("nft")
    policy, made = tmp_path / "policy.toml", tmp_path / "rules.nft"
    rules("learn", CRASH, "--device", "eth0", "--unlisted", "drop", "-o", policy)
    assert rules("generate", "--policy", policy, "-o", made).stderr == ""
    proved = rules("prove", made, CRASH, "--policy", policy).stdout
    assert proved.startswith("✔ proved: ")
    assert "192.0.2.11 > 224.0.0.18 112 id 51: vrrp 51 on keepalived-crash, 5 packets" in proved
    assert "not judged by the policy: 18 packets of ARP, 4 packets of IGMP" in proved


def test_rules_that_drop_what_belongs_fail_with_the_packets_that_show_it(tmp_path: Path) -> None:
    need("nft")
    made = tmp_path / "rules.nft"
    rules("generate", "--policy", POLICY, "-o", made)
    made.write_text(made.read_text().replace("02:00:00:00:00:12", "02:00:00:00:00:13"))
    text = rules("prove", made, CRASH, "--policy", POLICY, code=1).stdout
    assert text.startswith("✖ not proved: 1 fault; ")
    assert "192.0.2.12 > 224.0.0.18 112 id 51" in text.splitlines()[1]
    assert "belongs there and was dropped: 4 packets (27, 33, 34, 35)" in text.splitlines()[1]
    found: dict[str, Any] = json.loads(
        rules("prove", made, CRASH, "--policy", POLICY, "--output", "json", code=1).stdout
    )
    assert (found["schema"], found["passed"]) == ("vrrpwatch/proof/1", False)
    assert [item["packet"] for item in found["violations"][0]["evidence"]] == [27, 33, 34, 35]


def test_a_policy_without_a_drop_is_said_to_do_nothing(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    rules("learn", ROOT / "captures" / "keepalived-v2-healthy.pcap", "--device", "eth0", "-o", policy)
    assert "these rules count and drop nothing" in rules("generate", "--policy", policy).stderr
    policy.write_text(policy.read_text().replace('unlisted = "report"', 'unlisted = "drop"'))
    assert (
        "lists one speaker, 192.0.2.11: a backup that is not listed is cut off"
        in rules("generate", "--policy", policy).stderr
    )


def test_configurations_become_a_policy_that_the_wire_can_be_held_against(tmp_path: Path) -> None:
    body = (
        "vrrp_instance V {{ interface lan\n virtual_router_id 51\n priority {}\n virtual_ipaddress {{ 192.0.2.1 }} }}\n"
    )
    given = []
    for host, number, priority in (("alpha", 11, 150), ("bravo", 12, 90)):
        (tmp_path / f"{host}.conf").write_text(body.format(priority))
        given += ["--keepalived", f"{host}:{tmp_path / host}.conf", "--address", f"{host}:lan=192.0.2.{number}"]
    policy = tmp_path / "policy.toml"
    rules("import", *given, "-o", policy)
    text = rules("drift", "--policy", policy, "--segment", "lan", CRASH, code=1).stdout
    assert text == "≠ lan: vrrp 51: 192.0.2.12 is declared with priority 90 and has 100\n"
    found = json.loads(rules("drift", "--policy", policy, "--segment", "lan", CRASH, "--output", "json", code=1).stdout)
    assert [each["kind"] for each in found["differences"]] == ["other-priority"]


def test_what_is_not_understood_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "alpha.conf"
    path.write_text(
        "vrrp_instance V {\n interface lan\n virtual_router_id 51\n frobnicate\n virtual_ipaddress { 192.0.2.1 }\n}\n"
    )
    done = rules("import", "--keepalived", path, "--address", "alpha:lan=192.0.2.11")
    assert f"{path}:4: unknown statement 'frobnicate'" in done.stderr
    assert "id = 51" in done.stdout


def test_a_ucarp_command_is_found_in_its_script(tmp_path: Path) -> None:
    path = tmp_path / "ucarp.sh"
    path.write_text(
        "#!/bin/sh\nexec ucarp -i lan -s 192.0.2.11 -v 42 \\\n  -p hush -a 192.0.2.2 -u /bin/true -d /bin/true\n"
    )
    done = rules("import", "--ucarp", path)
    assert 'protocol = "carp"' in done.stdout
    assert "hush" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("generate", "--policy", POLICY, "--backend", "ipfw"), 2, "there are: nftables, nftables-json"),
        (("generate", "--policy", POLICY, "--backend", "iptables", "--role", "bridge"), 2, "not bridge"),
        (("generate", "--policy", POLICY, "--backend", "ebtables"), 2, "list all its ports in interfaces"),
        (("learn", ROOT / "pyproject.toml"), 3, "pyproject.toml"),
        (("learn", CRASH, "-i", "eth0"), 2, "name one of them"),
        (("learn", CRASH, "--device", "x=eth0"), 2, "no interface 'x' was seen; there are: keepalived-crash"),
        (("learn",), 2, "no capture given"),
        (("import",), 2, "no configuration given"),
        (("import", "--keepalived", "/nonexistent"), 3, "/nonexistent"),
        (("import", "--frr", ROOT / "README.md", "--address", "x"), 2, "is not [HOST:]IF=IP"),
        (("prove", "/nonexistent", CRASH, "--policy", POLICY), 3, "/nonexistent: cannot be read"),
        (("drift", "--policy", "/nonexistent", CRASH), 2, "/nonexistent"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(arguments: tuple[object, ...], code: int, said: str) -> None:
    done = rules(*arguments, code=code)
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
