"""Notify scripts, the FIFO and sync groups: who is told, by what, and as whom it is run."""

from pathlib import Path

import pytest

from tests.agent.importing.making import made, one
from vrrpwatch.agent.config.routers import Hooks


def test_hooks_are_run_as_keepalived_runs_them(tmp_path: Path) -> None:
    text = """
    notify_master "/bin/up 'a b' \\x41" root
    notify_backup "down.sh x" root
    notify "/bin/any --all" root
    notify_deleted
    notify_fault "/bin/fault" nobody
    notify_stop "./stop" root
    """
    found = one(tmp_path, text)
    assert found.router.notify == Hooks(
        master=("/bin/up", "a b", "A"),
        backup=("/usr/bin/env", "down.sh", "x"),
        any=("/bin/any", "--all"),
        arguments="any",
        user="root",
    )
    assert found.lines == [
        "8: 'notify_master': a program that has not ended after 30 s is killed: see timeout in notify",
        "11: 'notify_deleted': a router that a reload removes is told of as STOP: use notify_stop",
        "12: 'notify_fault': the hooks of a router are all run as one user: left out, so let one program do both",
        "13: 'notify_stop': it begins with no program, and no shell reads it: left out, so write a script",
    ]


@pytest.mark.parametrize(
    ("before", "user", "told"),
    [
        ("", "root", "without script_user, keepalived runs it as keepalived_script where there is such a user"),
        ("global_defs {\nscript_user web\n}\n", "web", None),
        ("global_defs {\nenable_script_security\n}\n", "keepalived_script", "paths are not checked"),
        ("global_defs {\nscript_user web www\n}\n", "web", "it gets the groups of its user here"),
    ],
)
def test_whom_hooks_are_run_as(tmp_path: Path, before: str, user: str, told: str | None) -> None:
    found = one(tmp_path, "notify /bin/any", before=before)
    assert found.router.notify.user == user
    assert found.router.notify.arguments == "always"
    said = [line for line in found.lines if "timeout" not in line]
    assert (told is None and not said) or (told is not None and len(said) == 1 and told in said[0])


def test_the_fifo(tmp_path: Path) -> None:
    text = "notify_fifo /run/all\nvrrp_notify_fifo /run/vrrp root\nvrrp_notify_fifo_script /bin/reader\n"
    found = one(tmp_path, "", before=f"global_defs {{\n{text}}}\n")
    assert str(found.settings.agent.fifo) == "/run/vrrp"
    assert found.lines == [
        "2: 'notify_fifo': the agent writes to one FIFO: left out, so let its readers share one",
        "3: 'vrrp_notify_fifo': the FIFO is the agent's own: make it before the agent starts, and it is kept",
        "4: 'vrrp_notify_fifo_script': the agent starts no reader of its FIFO: make it a service of its own",
    ]


def test_sync_groups(tmp_path: Path) -> None:
    routers = "".join(
        f"vrrp_instance {name} {{\ninterface {device}\nvirtual_router_id 51\nvirtual_ipaddress {{\n192.0.2.1\n}}\n}}\n"
        for name, device in (("A", "eth0"), ("B", "eth1"))
    )
    groups = """vrrp_sync_group G {
    group {
        A
        B
        C
    }
    notify "/bin/any" root
    smtp_alert
}
vrrp_sync_group H {
    group {
        B
    }
}
"""
    found = made(tmp_path, groups + routers)
    (sync,) = found.settings.sync
    assert (sync.name, sync.routers, sync.notify.any) == ("G", ("A", "B"), ("/bin/any",))
    assert sorted(line.partition(": ")[2] for line in found.lines) == [
        "'B': it is in a group already: left out of this group",
        "'C': it is no router here: left out of this group",
        "'H': the group has no routers: left out",
        "'notify': a program that has not ended after 30 s is killed: see timeout in notify",
        "'smtp_alert': no mail is sent: have alerts raised (agent.alerts), or a hook send it",
    ]
