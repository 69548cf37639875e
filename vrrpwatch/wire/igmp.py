"""Group membership: IGMPv1 to v3 (RFC 1112, 2236, 3376) and MLDv1 and v2 (RFC 2710, 3810), as joins and leaves."""

from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from vrrpwatch.wire.layout import Layout, octets
from vrrpwatch.wire.values import IPAddress, MembershipQuery, MembershipReport

IGMP = Layout("igmp", type=8, max_response=8, checksum=16, group=octets(4))
IGMP3_REPORT = Layout("igmp3_report", type=8, reserved=8, checksum=16, reserved2=16, records=16)
IGMP3_RECORD = Layout("igmp3_record", type=8, auxiliary=8, sources=16, group=octets(4))
MLD = Layout("mld", type=8, code=8, checksum=16, max_response=16, reserved=16, group=octets(16))
MLD2_REPORT = Layout("mld2_report", type=8, reserved=8, checksum=16, reserved2=16, records=16)
MLD2_RECORD = Layout("mld2_record", type=8, auxiliary=8, sources=16, group=octets(16))

IGMP_QUERY, IGMP1_REPORT, IGMP2_REPORT, IGMP2_LEAVE, IGMP3_REPORT_TYPE = 0x11, 0x12, 0x16, 0x17, 0x22
MLD_QUERY, MLD1_REPORT, MLD1_DONE, MLD2_REPORT_TYPE = 130, 131, 132, 143
# RFC 3376 §7.1 and RFC 3810 §8.1: queries are told apart by their length.
IGMP3_QUERY_SIZE, MLD2_QUERY_SIZE = 12, 28

# Record types (RFC 3376 §4.2.12).
IS_INCLUDE, IS_EXCLUDE, TO_INCLUDE, TO_EXCLUDE, ALLOW = 1, 2, 3, 4, 5


def decode_igmp(payload: bytes) -> MembershipQuery | MembershipReport | None:
    """The IGMP message in ``payload``; ``None`` for other types and for what is cut before its group."""
    raw = IGMP.unpack(payload)
    if raw is None:
        return None
    group = IPv4Address(raw.group)
    if raw.type == IGMP_QUERY:
        version = 3 if len(payload) >= IGMP3_QUERY_SIZE else 2 if raw.max_response else 1
        return MembershipQuery("igmp", version, group)
    if raw.type in (IGMP1_REPORT, IGMP2_REPORT):
        return MembershipReport("igmp", 1 if raw.type == IGMP1_REPORT else 2, joined=(group,))
    if raw.type == IGMP2_LEAVE:
        return MembershipReport("igmp", 2, left=(group,))
    if raw.type == IGMP3_REPORT_TYPE:
        return _records(payload, "igmp", 3, IGMP3_REPORT, IGMP3_RECORD)
    return None


def decode_mld(payload: bytes) -> MembershipQuery | MembershipReport | None:
    """The MLD message that the ICMPv6 ``payload`` is; ``None`` for other types and for what is cut before its group."""
    if payload[:1] == bytes((MLD2_REPORT_TYPE,)):
        return _records(payload, "mld", 2, MLD2_REPORT, MLD2_RECORD)
    raw = MLD.unpack(payload)
    if raw is None:
        return None
    group = IPv6Address(raw.group)
    if raw.type == MLD_QUERY:
        return MembershipQuery("mld", 2 if len(payload) >= MLD2_QUERY_SIZE else 1, group)
    if raw.type == MLD1_REPORT:
        return MembershipReport("mld", 1, joined=(group,))
    if raw.type == MLD1_DONE:
        return MembershipReport("mld", 1, left=(group,))
    return None


def _records(
    payload: bytes, protocol: Literal["igmp", "mld"], version: int, report: Layout, record: Layout
) -> MembershipReport | None:
    """The group records that ``payload`` really holds, however many its header promises."""
    header = report.unpack(payload)
    if header is None:
        return None
    address = IPv4Address if protocol == "igmp" else IPv6Address
    width = 4 if protocol == "igmp" else 16
    joined: list[IPAddress] = []
    left: list[IPAddress] = []
    at = report.size
    for _ in range(header.records):
        raw = record.unpack(payload, at)
        if raw is None:
            break
        group = address(raw.group)
        if _joins(raw.type, raw.sources):
            joined.append(group)
        elif raw.type in (IS_INCLUDE, TO_INCLUDE):
            left.append(group)
        at += record.size + raw.sources * width + raw.auxiliary * 4
    return MembershipReport(protocol, version, tuple(joined), tuple(left))


def _joins(kind: int, sources: int) -> bool:
    """Whether a record asks for traffic: excluding any sources does, including none does not (RFC 3376 §4.2.13)."""
    return kind in (IS_EXCLUDE, TO_EXCLUDE) or (kind in (IS_INCLUDE, TO_INCLUDE, ALLOW) and sources > 0)
