"""Which statements keepalived 2.0 to 2.4 knows in which block, so that what it does not know can be told apart."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Block(NamedTuple):
    """What stands in a block: statements, blocks, or lines of values (``words`` is ``None``)."""

    words: frozenset[str] | None
    blocks: Mapping[str, "Block"] = {}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _block(words: str, **blocks: Block) -> Block:
    return Block(_words(words), blocks)


VALUES: Final = Block(None)
# What stands in a block that keepalived does not know is neither right nor wrong.
UNKNOWN: Final = Block(None)

_TRACKED: Final = dict.fromkeys(("track_interface", "track_script", "track_file", "track_process", "track_bfd"), VALUES)
_PROCESSES: Final = " ".join(
    f"{process}_{setting}"
    for process in ("vrrp", "checker", "bfd")
    for setting in (
        "process_name",
        "priority",
        "no_swap",
        "rt_priority",
        "cpu_affinity",
        "rlimit_rttime",
        "rlimit_rtime",
    )
)

_GLOBAL_DEFS: Final = _block(
    f"""
    {_PROCESSES} process_names process_name lvs_process_name router_id notification_email_from smtp_server
    smtp_helo_name smtp_connect_timeout smtp_alert smtp_alert_vrrp smtp_alert_checker checker_log_all_failures
    no_email_faults no_checker_emails rs_init_notifies startup_script startup_script_timeout shutdown_script
    shutdown_script_timeout max_auto_priority min_auto_priority_delay dynamic_interfaces default_interface
    disable_local_igmp lvs_timeouts lvs_flush lvs_flush_on_stop lvs_flush_onstop lvs_sync_daemon vrrp_mcast_group4
    vrrp_mcast_group6 vrrp_garp_master_delay vrrp_garp_master_repeat vrrp_garp_master_refresh
    vrrp_garp_master_refresh_repeat vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat vrrp_down_timer_adverts
    vrrp_garp_interval vrrp_gna_interval vrrp_min_garp vrrp_garp_extra_if vrrp_vmac_garp_intvl
    vrrp_lower_prio_no_advert vrrp_higher_prio_send_advert vrrp_version vrrp_iptables vrrp_ipsets nftables
    nftables_priority nftables_ifindex nftables_ipvs nftables_ipvs_priority nftables_ipvs_start_fwmark
    nftables_counters vrrp_check_unicast_src vrrp_skip_check_adv_addr vrrp_strict notify_fifo notify_fifo_script
    vrrp_notify_fifo vrrp_notify_fifo_script vrrp_notify_priority_changes fifo_write_vrrp_states_on_reload
    lvs_notify_fifo lvs_notify_fifo_script snmp_socket enable_traps enable_snmp_vrrp enable_snmp_keepalived
    enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3 enable_snmp_checker snmp_vs_stats_update_interval
    snmp_rs_stats_update_interval enable_dbus dbus_service_name dbus_no_interface_name script_user
    enable_script_security use_symlink_paths vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force
    vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force lvs_netlink_cmd_rcv_bufs
    lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force
    process_monitor_rcv_bufs process_monitor_rcv_bufs_force vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier
    vrrp_startup_delay vrrp_delay_after_boot log_unknown_vrids vmac_prefix vmac_addr_prefix umask random_seed
    reload_check_config reload_time_file reload_repeat reload_file include_check config_save_dir
    tmp_config_directory data_use_instance state_dump_file stats_dump_file json_dump_file json_version
    iproute_usr_dir iproute_etc_dir v3_checksum_as_v2 vrrp_owner_ignore_adverts thread_timer_expired
    """,
    notification_email=VALUES,
)

_NOTIFY: Final = "notify_backup notify_master notify_fault notify_stop notify_deleted notify notify_priority_changes"

_SYNC_GROUP: Final = _block(
    f"{_NOTIFY} smtp_alert global_tracking sync_group_tracking_weight", group=VALUES, **_TRACKED
)

_INSTANCE: Final = _block(
    f"""
    {_NOTIFY} notify_master_rx_lower_pri use_vmac use_vmac_addr vmac_xmit_base use_ipvlan unicast_fault_no_peer
    check_unicast_src old_unicast_checksum native_ipv6 state interface vrf dont_track_primary mcast_src_ip
    unicast_src_ip mcast_dst_ip track_src_ip virtual_router_id unicast_ttl version priority advert_int
    promote_secondaries linkbeat_use_polling accept no_accept skip_check_adv_addr strict_mode preempt nopreempt
    preempt_delay debug smtp_alert lvs_sync_daemon_interface garp_master_delay garp_master_refresh
    garp_master_repeat garp_master_refresh_repeat garp_lower_prio_delay garp_lower_prio_repeat down_timer_adverts
    garp_extra_if vmac_garp_intvl lower_prio_no_advert higher_prio_send_advert kernel_rx_buf_size
    v3_checksum_as_v2 no_virtual_ipaddress owner_ignore_adverts timer_expired_backup
    """,
    unicast_peer=VALUES,
    virtual_ipaddress=VALUES,
    virtual_ipaddress_excluded=VALUES,
    virtual_routes=VALUES,
    virtual_rules=VALUES,
    authentication=_block("auth_type auth_pass"),
    auth_hmac=_block("key active_key time_window anti_replay mode"),
    **_TRACKED,
)

_CHECKER: Final = """
    connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark retry delay_before_retry warmup
    delay_loop alpha log_all_failures
"""
_HTTP: Final = _block(
    f"{_CHECKER} nb_get_retry virtualhost http_protocol enable_sni fast_recovery tls_compliant",
    url=_block(
        """
        path digest status_code virtualhost regex regex_no_match regex_options regex_min_offset regex_max_offset
        regex_stack tls_compliant
        """
    ),
)
_REAL_SERVER: Final = _block(
    """
    weight lvs_method uthreshold lthreshold inhibit_on_failure notify_up notify_down alpha retry delay_before_retry
    warmup connect_timeout delay_loop smtp_alert virtualhost snmp_name
    """,
    HTTP_GET=_HTTP,
    SSL_GET=_HTTP,
    TCP_CHECK=_block(_CHECKER),
    UDP_CHECK=_block(f"{_CHECKER} payload require_reply min_reply_length max_reply_length"),
    PING_CHECK=_block(_CHECKER),
    DNS_CHECK=_block(f"{_CHECKER} type name"),
    SMTP_CHECK=_block(f"{_CHECKER} helo_name", host=_block(_CHECKER)),
    MISC_CHECK=_block(f"{_CHECKER} misc_path misc_timeout misc_dynamic user"),
    FILE_CHECK=_block("track_file weight dynamic"),
    BFD_CHECK=_block("name alpha"),
)
_VIRTUAL_SERVER: Final = _block(
    """
    ip_family retry delay_before_retry warmup connect_timeout delay_loop inhibit_on_failure lb_algo lvs_sched hashed
    ops flag-1 flag-2 flag-3 sh-port sh-fallback mh-port mh-fallback lb_kind lvs_method persistence_engine
    persistence_timeout persistence_granularity protocol ha_suspend smtp_alert virtualhost snmp_name alpha omega
    quorum_up quorum_down quorum hysteresis weight sorry_server sorry_server_inhibit sorry_server_lvs_method
    """,
    real_server=_REAL_SERVER,
)

_TRACK_FILE: Final = _block("file weight init_file")

ROOT: Final = _block(
    """
    linkbeat_use_polling net_namespace net_namespace_ipvs namespace_with_ipsets use_pid_dir instance child_wait_time
    """,
    global_defs=_GLOBAL_DEFS,
    linkbeat_interfaces=VALUES,
    track_group=_block("", group=VALUES),
    static_ipaddress=VALUES,
    static_routes=VALUES,
    static_rules=VALUES,
    vrrp_sync_group=_SYNC_GROUP,
    garp_group=_block("garp_interval gna_interval interface", interfaces=VALUES),
    vrrp_instance=_INSTANCE,
    vrrp_script=_block("script interval timeout weight rise fall user init_fail"),
    vrrp_track_process=_block(
        "process param_match weight quorum quorum_max delay terminate_delay fork_delay full_command"
    ),
    track_file=_TRACK_FILE,
    vrrp_track_file=_TRACK_FILE,
    interface_up_down_delays=VALUES,
    bfd_instance=_block(
        """
        source_ip neighbor_ip neighbour_ip min_rx min_tx idle_tx multiplier passive ttl hoplimit max_hops multihop
        weight vrrp checker
        """
    ),
    virtual_server=_VIRTUAL_SERVER,
    virtual_server_group=VALUES,
    SSL=_block("password ca certificate key"),
)

# What keepalived reads with escapes and both kinds of quotes (alloc_strvec_quoted_escaped in lib/parser.c).
SCRIPTS: Final = _words(
    """
    notify_backup notify_master notify_fault notify_stop notify_deleted notify notify_master_rx_lower_pri notify_up
    notify_down quorum_up quorum_down startup_script shutdown_script notify_fifo_script vrrp_notify_fifo_script
    lvs_notify_fifo_script script misc_path regex regex_no_match process
    """
)

# In these blocks everything but the statements named is a secret, also what is misspelt.
PUBLIC: Final[Mapping[str, frozenset[str]]] = {
    "authentication": frozenset({"auth_type"}),
    "auth_hmac": frozenset({"active_key", "time_window", "anti_replay", "mode"}),
    "SSL": frozenset({"ca", "certificate", "key"}),
}
# And this wherever it was misplaced.
MISPLACED: Final = "auth_pass"

# Spellings that keepalived still takes of what has a value of its own, and what its manual calls them.
SYNONYMS: Final[Mapping[str, str]] = {
    "vrrp_vmac_garp_intvl": "vrrp_garp_extra_if",
    "vmac_garp_intvl": "garp_extra_if",
}
