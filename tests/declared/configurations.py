"""Configurations for tests: files in a folder, and one keepalived.conf that uses the whole language."""

from pathlib import Path

from vrrpwatch.declared.keepalived import read_keepalived
from vrrpwatch.declared.keepalived_tree import Statement
from vrrpwatch.declared.keepalived_values import Keepalived

# Run on a host with eth0 and eth1 as configuration id "main".
WHOLE_LANGUAGE = r"""
# comments
! of both kinds
$BASE=10.2.${SUB}
$SUB=0
$INST= \
vrrp_instance VI_${NUM} { \
    interface eth0 \
    virtual_router_id ${NUM} \
    @main priority 150 \
    @^main priority 101 \
    garp_master_delay 3 \
    virtual_ipaddress { \
        ${BASE}.${NUM}/24 dev eth0 \
    } \
}
global_defs
{
    router_id "a b # c"  # not in quotes
    vrrp_garp_master_delay 7
    vrrp_garp_master_refresh 60
    notification_email { a@example.org "My admin <b@example.org>" }
    script_user root
    enable_script_security
}
~SEQ(NUM, 1, 2, 3) $INST
$SUB=9
vrrp_instance X { interface eth1
    virtual_router_id 77
    state MASTER
    version 3
    advert_int 0.333
    priority 254
    notify_master "/bin/echo ' a b' \"q\" \x41" root
    virtual_ipaddress { ~LST({A,B}, {1,2}, {3,4}) ${BASE}.1${A}${B}
    }
    no_accept
}
vrrp_instance "Y Z" {
    interface eth1
    virtual_router_id 78
    unicast_src_ip 10.9.0.1
    unicast_peer { 10.9.0.2
    10.9.0.3 min_ttl 254 }
    authentication { auth_type PASS
    auth_pass s3cret }
    virtual_ipaddress
    {
        10.9.0.100/24 dev eth1 label eth1:7 scope link
    }
    virtual_ipaddress_excluded {
        10.9.0.101
        2001:db8::1/64
    }
    use_vmac vm78
    vmac_xmit_base
    nopreempt
}
vrrp_instance six {
    interface eth0
    virtual_router_id 6
    mcast_src_ip fe80::1
    virtual_ipaddress {
        fe80::6
        2001:db8::6/64
    }
}
vrrp_sync_group both {
    group { VI_1 VI_3
    }
}
"""


def read(folder: Path, text: str, *, name: str = "keepalived.conf", **given: str) -> Keepalived:
    path = folder / name
    path.write_text(text)
    return read_keepalived(path, **given)


def told(declared: Keepalived) -> list[str]:
    """The notes as lines, without the folder."""
    return [f"{note.line}: {note.text}" for note in declared.notes]


Bare = tuple[tuple[str, ...], str, str | None, object]


def bare(statements: tuple[Statement, ...]) -> list[Bare]:
    """A tree without where its statements stand, secrets shown."""
    return [
        (
            one.words,
            one.text,
            None if one.secret is None else one.secret.get_secret_value(),
            None if one.block is None else bare(one.block),
        )
        for one in statements
    ]
