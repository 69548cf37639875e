"""Nothing that keepalived knows is dropped in silence: each of its keywords is translated or has its reason."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.agent.importing.making import NEEDS, one
from vrrpwatch.agent.importing import absent
from vrrpwatch.agent.importing.checks import CHECKERS
from vrrpwatch.declared.keepalived_grammar import ROOT, Block
from vrrpwatch.declared.keepalived_tree import canonical

_NOTIFY = "notify notify_master notify_backup notify_fault notify_stop"
_TRACK = "track_interface track_script track_file track_process"

# What is translated, by block: its tests stand in the other modules here.
TRANSLATED: Mapping[str, str] = {
    "": """
        global_defs vrrp_sync_group vrrp_instance vrrp_script vrrp_track_process track_file vrrp_track_file
        virtual_server virtual_server_group
    """,
    "global_defs": """
        vrrp_version vrrp_strict vrrp_mcast_group4 vrrp_mcast_group6 vrrp_garp_master_delay
        vrrp_garp_master_repeat vrrp_garp_master_refresh vrrp_min_garp vrrp_lower_prio_no_advert vrrp_startup_delay
        v3_checksum_as_v2 notify_fifo vrrp_notify_fifo lvs_sync_daemon script_user
    """,
    "vrrp_sync_group": f"{_NOTIFY} {_TRACK} group sync_group_tracking_weight",
    "vrrp_instance": f"""
        {_NOTIFY} {_TRACK} use_vmac native_ipv6 state interface mcast_src_ip unicast_src_ip mcast_dst_ip
        virtual_router_id version priority advert_int accept no_accept strict_mode preempt nopreempt preempt_delay
        garp_master_delay garp_master_repeat garp_master_refresh lower_prio_no_advert v3_checksum_as_v2 unicast_peer
        virtual_ipaddress virtual_ipaddress_excluded virtual_routes virtual_rules authentication auth_hmac
        lvs_sync_daemon_interface
    """,
    "authentication": "auth_type auth_pass",
    "auth_hmac": "key active_key anti_replay mode",
    "vrrp_script": "script interval timeout weight rise fall user init_fail",
    "vrrp_track_process": "process weight quorum delay terminate_delay fork_delay",
    "track_file": "file weight init_file",
    "vrrp_track_file": "file weight init_file",
    "virtual_server": """
        retry delay_before_retry connect_timeout delay_loop inhibit_on_failure lb_algo lvs_sched lb_kind lvs_method
        persistence_timeout protocol sorry_server sorry_server_lvs_method real_server alpha sh-port sh-fallback mh-port
        mh-fallback flag-1 flag-2 weight
    """,
    "real_server": """
        weight lvs_method inhibit_on_failure alpha retry delay_before_retry connect_timeout delay_loop TCP_CHECK
        SMTP_CHECK HTTP_GET SSL_GET MISC_CHECK
    """,
    "TCP_CHECK": "connect_port connect_timeout retry delay_before_retry delay_loop alpha",
    "SMTP_CHECK": "connect_port connect_timeout retry delay_before_retry delay_loop alpha",
    "HTTP_GET": "connect_port connect_timeout retry nb_get_retry delay_before_retry delay_loop alpha url",
    "SSL_GET": "connect_port connect_timeout retry nb_get_retry delay_before_retry delay_loop alpha url",
    "url": "path status_code",
    # Of a check by a program, where it connects to is the program's matter.
    "MISC_CHECK": "misc_path misc_timeout connect_port connect_timeout retry delay_before_retry delay_loop alpha",
}
REASONS: Mapping[str, Mapping[str, str]] = {
    "": absent.ROOT,
    "global_defs": absent.GLOBAL,
    "vrrp_sync_group": absent.SYNC_GROUP,
    "vrrp_instance": absent.INSTANCE,
    "auth_hmac": absent.HMAC,
    "vrrp_track_process": absent.TRACK_PROCESS,
    "virtual_server": absent.VIRTUAL_SERVER,
    "real_server": {**absent.REAL_SERVER, **absent.NO_CHECK},
    **dict.fromkeys(("TCP_CHECK", "SMTP_CHECK", "HTTP_GET", "SSL_GET", "url", "MISC_CHECK"), absent.CHECK),
}
# What stands in these is told of with the block.
TOLD_OF = frozenset({"SSL", "bfd_instance", "garp_group", "track_group", "host", *absent.NO_CHECK})


def blocks(block: Block = ROOT, name: str = "") -> Iterator[tuple[str, Block]]:
    if name in TOLD_OF or block.words is None:
        return
    yield name, block
    for inner, grammar in block.blocks.items():
        yield from blocks(grammar, inner)


@pytest.mark.parametrize(("name", "block"), [pytest.param(*one, id=one[0] or "root") for one in blocks()])
def test_every_keyword_is_translated_or_has_its_reason(name: str, block: Block) -> None:
    known = {canonical(word) for word in (*(block.words or ()), *block.blocks)}
    translated = {canonical(word) for word in TRANSLATED.get(name, "").split()}
    reasons = {word for word, why in REASONS.get(name, {}).items() if why}
    assert known - translated - reasons == set()
    assert translated & reasons == set()
    assert translated - known == set()


def test_every_reason_is_of_a_keyword_that_there_is() -> None:
    known = {word for _, block in blocks() for word in map(canonical, (*(block.words or ()), *block.blocks))}
    assert {word for reasons in REASONS.values() for word in reasons} - known == set()
    assert set(CHECKERS) <= known


def test_reasons_say_what_to_do() -> None:
    for reasons in REASONS.values():
        for keyword, why in reasons.items():
            assert not why or (": " in why and why[0].islower() and not why.endswith(".")), keyword


@pytest.mark.parametrize("keyword", sorted(word for word, why in absent.INSTANCE.items() if why))
def test_what_an_instance_has_and_a_router_not_is_told(tmp_path: Path, keyword: str) -> None:
    opened = "track_bfd {\n}" if keyword == "track_bfd" else keyword
    found = one(tmp_path, opened)
    at = len(NEEDS.splitlines()) + 2
    assert f"{at}: '{keyword}': {absent.INSTANCE[keyword]}" in found.lines


def test_what_is_switched_off_is_not_missed(tmp_path: Path) -> None:
    assert one(tmp_path, "smtp_alert off\ncheck_unicast_src no\nhigher_prio_send_advert false").lines == []
