"""What of keepalived has no equivalent in the agent, by block and keyword: why, and what to do instead.

Everything else that keepalived knows is translated; a test holds both against keepalived's whole grammar.
"""

from collections.abc import Mapping
from typing import Final

_MAIL = "no mail is sent: have alerts raised (agent.alerts), or a hook send it"
_SNMP = "the agent speaks no SNMP: ask it with 'agent status --output json'"
_DBUS = "the agent is not on D-Bus: use hooks, the FIFO or 'agent status --output json'"
_SCHEDULING = "the agent sets its own priority (agent.realtime, agent.lock_memory): use its service unit for more"
_BUFFERS = "the agent sizes its own buffers: leave it out"
_FILES = "this is about keepalived's own files: leave it out"
_LOGGING = "the agent's log cannot be set so: leave it out, or see 'agent status'"
_FIREWALL = "the agent keeps its own rules for accept and virtual MACs: leave it out"
_CHECKED = "addresses of adverts are compared always, and a list that overlaps counts here: leave it out"
_DEVIATES = "a deviation from the protocol that all its routers must share: remove it from the others first"
_GARP = "the agent spaces and repeats announcements by itself: see announce in the settings"
_STATIC = "the agent holds nothing that does not move with a router: put it into the host's network configuration"
_BFD = "the agent has no BFD: track a route or an address instead"
_BOUND = 'checks are made from any address and interface: leave it out, or write a check of type "script"'
_QUORUM = "a sorry server is used when all real servers are bad: there is no other quorum"
_SCRIPTS = "the agent runs no program at changes of real servers: have something watch the log"
_EVENTS = "the agent tells of changes of state only: use 'agent status --output json'"
_START = "the agent runs no program of its own life: use ExecStartPre= and ExecStopPost= of its service unit"

ROOT: Final[Mapping[str, str]] = {
    "linkbeat_use_polling": "links are heard of from the kernel, which polls no hardware: leave it out",
    "linkbeat_interfaces": "links are heard of from the kernel, which polls no hardware: leave it out",
    "net_namespace": "the agent stays where it is started: use NetworkNamespacePath= of its service unit",
    "net_namespace_ipvs": "the agent stays where it is started: use NetworkNamespacePath= of its service unit",
    "namespace_with_ipsets": _FIREWALL,
    "use_pid_dir": _FILES,
    "instance": "one agent runs all routers of a host: leave it out, or give each its socket and state file",
    "child_wait_time": "the agent is one process with helpers that end with it: leave it out",
    "track_group": _STATIC,
    "static_ipaddress": _STATIC,
    "static_routes": _STATIC,
    "static_rules": _STATIC,
    "garp_group": _GARP,
    "interface_up_down_delays": "a router's own interface counts at once: track others with rise and fall, in seconds",
    "bfd_instance": _BFD,
    "SSL": "real servers' certificates are not verified, and none is shown to them: leave it out",
}

GLOBAL: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "notification_email",
            "notification_email_from",
            "smtp_server",
            "smtp_helo_name",
            "smtp_connect_timeout",
            "smtp_alert",
            "smtp_alert_vrrp",
            "smtp_alert_checker",
            "no_email_faults",
            "no_checker_emails",
        ),
        _MAIL,
    ),
    **dict.fromkeys(
        (
            "snmp_socket",
            "enable_traps",
            "enable_snmp_vrrp",
            "enable_snmp_keepalived",
            "enable_snmp_rfc",
            "enable_snmp_rfcv2",
            "enable_snmp_rfcv3",
            "enable_snmp_checker",
            "snmp_vs_stats_update_interval",
            "snmp_rs_stats_update_interval",
        ),
        _SNMP,
    ),
    **dict.fromkeys(("enable_dbus", "dbus_service_name", "dbus_no_interface_name"), _DBUS),
    **dict.fromkeys(
        (
            *(
                f"{process}_{setting}"
                for process in ("vrrp", "checker", "bfd")
                for setting in ("priority", "no_swap", "rt_priority", "cpu_affinity", "rlimit_rttime", "rlimit_rtime")
            ),
            "max_auto_priority",
            "min_auto_priority_delay",
        ),
        _SCHEDULING,
    ),
    **dict.fromkeys(
        (
            *(f"{process}_process_name" for process in ("vrrp", "checker", "bfd", "lvs")),
            "process_names",
            "process_name",
        ),
        "the agent's processes keep their names: leave it out",
    ),
    **dict.fromkeys(
        (
            *(
                f"{process}_netlink_{kind}_rcv_bufs{forced}"
                for process in ("vrrp", "lvs")
                for kind in ("cmd", "monitor")
                for forced in ("", "_force")
            ),
            "process_monitor_rcv_bufs",
            "process_monitor_rcv_bufs_force",
            "vrrp_rx_bufs_policy",
            "vrrp_rx_bufs_multiplier",
        ),
        _BUFFERS,
    ),
    **dict.fromkeys(
        (
            "umask",
            "random_seed",
            "reload_check_config",
            "reload_time_file",
            "reload_repeat",
            "reload_file",
            "include_check",
            "config_save_dir",
            "tmp_config_directory",
            "data_use_instance",
            "state_dump_file",
            "stats_dump_file",
            "json_dump_file",
            "json_version",
            "iproute_usr_dir",
            "iproute_etc_dir",
            "use_symlink_paths",
        ),
        _FILES,
    ),
    **dict.fromkeys(("checker_log_all_failures", "log_unknown_vrids"), _LOGGING),
    **dict.fromkeys(("rs_init_notifies",), _SCRIPTS),
    **dict.fromkeys(("startup_script", "startup_script_timeout", "shutdown_script", "shutdown_script_timeout"), _START),
    **dict.fromkeys(
        (
            "vrrp_iptables",
            "vrrp_ipsets",
            "nftables",
            "nftables_priority",
            "nftables_ifindex",
            "nftables_ipvs",
            "nftables_ipvs_priority",
            "nftables_ipvs_start_fwmark",
            "nftables_counters",
        ),
        _FIREWALL,
    ),
    **dict.fromkeys(
        (
            "vrrp_garp_master_refresh_repeat",
            "vrrp_garp_lower_prio_delay",
            "vrrp_garp_lower_prio_repeat",
            "vrrp_garp_interval",
            "vrrp_gna_interval",
            "vrrp_garp_extra_if",
        ),
        _GARP,
    ),
    "router_id": "a name for mails and SNMP, neither of which is sent: leave it out",
    "default_interface": "an interface for static addresses, which the agent does not hold: leave it out",
    "enable_script_security": "paths are not checked: see that only root can write the programs that run as root",
    "dynamic_interfaces": "interfaces may come and go always: leave it out",
    "disable_local_igmp": "the agent joins the group of its adverts: leave it out",
    "lvs_timeouts": "the agent leaves them alone: set them with 'ipvsadm --set'",
    "lvs_flush": "the agent touches only its own virtual servers: use 'ipvsadm --clear' before it starts",
    "lvs_flush_on_stop": "the agent removes its own virtual servers when it ends: leave it out",
    "lvs_flush_onstop": "the agent removes its own virtual servers when it ends: leave it out",
    "vrrp_down_timer_adverts": _DEVIATES,
    "vrrp_higher_prio_send_advert": "the agent, once outranked, says nothing more: leave it out",
    "vrrp_check_unicast_src": "who sends is checked by the policy (agent.policy): list the peers there",
    "vrrp_skip_check_adv_addr": _CHECKED,
    "notify_fifo_script": "the agent starts no reader of its FIFO: make it a service of its own",
    "vrrp_notify_fifo_script": "the agent starts no reader of its FIFO: make it a service of its own",
    "lvs_notify_fifo": _SCRIPTS,
    "lvs_notify_fifo_script": _SCRIPTS,
    "vrrp_notify_priority_changes": _EVENTS,
    "fifo_write_vrrp_states_on_reload": "a reload says nothing of what has not changed: ask with 'agent status'",
    "vrrp_delay_after_boot": "the agent counts from its own start: use start_delay of the routers",
    "vmac_prefix": "macvlans have the agent's own names: leave it out",
    "vmac_addr_prefix": "macvlans have the agent's own names: leave it out",
    "vrrp_owner_ignore_adverts": "an owner heeds nobody, or owners only in version 3: leave it out",
    "thread_timer_expired": "an agent that was held up finds that out by itself: leave it out",
}

SYNC_GROUP: Final[Mapping[str, str]] = {
    "notify_deleted": "a router that a reload removes is told of as STOP: use notify_stop",
    "notify_priority_changes": _EVENTS,
    "smtp_alert": _MAIL,
    "global_tracking": "each router heeds its own trackers and those of its group, and all go together: leave it out",
    "track_bfd": _BFD,
}

INSTANCE: Final[Mapping[str, str]] = {
    "notify_deleted": "a router that a reload removes is told of as STOP: use notify_stop",
    "notify_priority_changes": _EVENTS,
    "notify_master_rx_lower_pri": "the agent runs nothing at adverts of lower priority: its sniffer raises split-brain",
    "smtp_alert": _MAIL,
    "use_vmac_addr": "addresses on other interfaces have those cards' MACs: only the router's own has a macvlan",
    "vmac_xmit_base": "adverts leave through the macvlan, with the virtual MAC: switches must let it in at this port",
    "use_ipvlan": "the agent makes no ipvlan: it holds the addresses on the interface itself",
    "unicast_fault_no_peer": "without peers a router advertises by multicast: list them",
    "check_unicast_src": "who sends is checked by the policy (agent.policy): list the peers there",
    "old_unicast_checksum": "the agent neither sends nor takes this checksum: update peers that do",
    "vrf": "the agent binds no router to a VRF: start it there",
    "dont_track_primary": "a router without its interface is always in fault: take it out of its sync group if need be",
    "track_src_ip": "a router whose source address is gone waits for it: leave it out",
    "unicast_ttl": "adverts leave with TTL 255: make peers and firewalls expect that",
    "promote_secondaries": "the agent leaves this to the host: set net.ipv4.conf.INTERFACE.promote_secondaries",
    "linkbeat_use_polling": "links are heard of from the kernel, which polls no hardware: leave it out",
    "skip_check_adv_addr": _CHECKED,
    "debug": _LOGGING,
    "garp_master_refresh_repeat": _GARP,
    "garp_lower_prio_delay": _GARP,
    "garp_lower_prio_repeat": _GARP,
    "garp_extra_if": _GARP,
    "down_timer_adverts": _DEVIATES,
    "higher_prio_send_advert": "the agent, once outranked, says nothing more: leave it out",
    "kernel_rx_buf_size": _BUFFERS,
    "no_virtual_ipaddress": "a router needs an address: the agent runs none without",
    "owner_ignore_adverts": "an owner heeds nobody, or owners only in version 3: leave it out",
    "timer_expired_backup": "an agent that was held up finds that out by itself: leave it out",
    "track_bfd": _BFD,
}

HMAC: Final[Mapping[str, str]] = {
    "time_window": "the window is three intervals, at least 5 s: leave it out",
}

TRACK_PROCESS: Final[Mapping[str, str]] = {
    "param_match": 'processes go by their name alone: use a tracker of type "script" or "systemd" to tell them apart',
    "full_command": 'processes go by their name alone: use a tracker of type "script" or "systemd" to tell them apart',
    "quorum_max": 'too many processes are no fault here: use a tracker of type "script"',
}

VIRTUAL_SERVER: Final[Mapping[str, str]] = {
    "ip_family": "only addresses can be balanced, no firewall marks: leave it out",
    "warmup": "first checks are spread by themselves: leave it out",
    "hashed": "a flag of the kernel's own: leave it out",
    "ops": "one-packet scheduling is not set: leave it out, or keep to ipvsadm",
    "flag-3": "schedulers that take it are not known here: leave it out",
    "persistence_engine": "persistence goes by the client's address: leave it out",
    "persistence_granularity": "persistence goes by single clients: leave it out",
    "ha_suspend": "real servers are checked on all hosts, so that a new master knows them: leave it out",
    "smtp_alert": _MAIL,
    "virtualhost": 'checks send the server\'s address as Host: write a check of type "script" for another',
    "snmp_name": _SNMP,
    "omega": _SCRIPTS,
    "quorum_up": _SCRIPTS,
    "quorum_down": _SCRIPTS,
    "quorum": _QUORUM,
    "hysteresis": _QUORUM,
    "sorry_server_inhibit": "a sorry server that is not used is removed: leave it out",
}

REAL_SERVER: Final[Mapping[str, str]] = {
    "uthreshold": "the agent sets no thresholds of connections: leave it out",
    "lthreshold": "the agent sets no thresholds of connections: leave it out",
    "notify_up": _SCRIPTS,
    "notify_down": _SCRIPTS,
    "warmup": "first checks are spread by themselves: leave it out",
    "smtp_alert": _MAIL,
    "virtualhost": VIRTUAL_SERVER["virtualhost"],
    "snmp_name": _SNMP,
}

CHECK: Final[Mapping[str, str]] = {
    "connect_ip": 'real servers are checked at their own address: write a check of type "script" for another',
    "bindto": _BOUND,
    "bind_port": _BOUND,
    "bind_if": _BOUND,
    "fwmark": _BOUND,
    "warmup": "first checks are spread by themselves: leave it out",
    "log_all_failures": _LOGGING,
    "virtualhost": VIRTUAL_SERVER["virtualhost"],
    "http_protocol": "checks speak HTTP/1.1: leave it out",
    "enable_sni": 'a server that is asked by its address is sent no name: write a check of type "script"',
    "fast_recovery": "a check asks for one page: leave it out",
    "tls_compliant": "connections are ended as TLS asks: leave it out",
    "digest": 'a page\'s content is not looked at: write a check of type "script"',
    "regex": 'a page\'s content is not looked at: write a check of type "script"',
    "regex_no_match": 'a page\'s content is not looked at: write a check of type "script"',
    "regex_options": 'a page\'s content is not looked at: write a check of type "script"',
    "regex_min_offset": 'a page\'s content is not looked at: write a check of type "script"',
    "regex_max_offset": 'a page\'s content is not looked at: write a check of type "script"',
    "regex_stack": 'a page\'s content is not looked at: write a check of type "script"',
    "helo_name": 'a TCP connection is all that is made: write a check of type "script"',
    "host": 'a TCP connection to the server\'s own port is made: write a check of type "script"',
    "misc_dynamic": "a check does not change weights: status 0 is good, and any other is bad",
    "user": "checks of real servers are run as nobody: have the program get what it needs by its own means",
}

# Checks that cannot be made here; SMTP's is one of TCP, which says so.
NO_CHECK: Final[Mapping[str, str]] = {
    "UDP_CHECK": 'the agent sends no UDP to check: write a check of type "script", or of a TCP port',
    "PING_CHECK": 'the agent does not ping: write a check of type "script" (ping -c 1), or of a TCP port',
    "DNS_CHECK": 'the agent asks no name servers: write a check of type "script" (dig), or of TCP port 53',
    "FILE_CHECK": 'the agent does not weigh real servers by files: write a check of type "script"',
    "BFD_CHECK": _BFD,
}
