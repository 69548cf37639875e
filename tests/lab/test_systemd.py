"""The unit under a real systemd, and alerts in a real journal: both run in a guest of their own."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.lab.guest import PROGRAMS
from tests.lab.guest_service import CREDENTIAL, SECRET
from tests.lab.guest_systemd import observe
from tests.lab.network import missing
from tests.service.test_unit import MOST_EXPOSED

Seen = dict[str, Any]
# Nobody wants to wait for thirty seconds until it is found out that the service hangs; the other line is an
# administrator's, whose receiver is a secret.
CHANGES = ("WatchdogSec=10", f"LoadCredential=receiver:{SECRET}")
NET_RAW = f"{1 << 13:016x}"
# Somewhere among those that systemd gives to services without a user of their own (systemd.exec(5), DynamicUser=).
DYNAMIC = range(61184, 65520)


@pytest.fixture(scope="module")
def seen(root: Path) -> Seen:
    why = missing("keepalived", "systemctl", "journalctl", "systemd-analyze", *PROGRAMS)
    if why is not None:
        pytest.skip(why)
    return observe((root / "docs" / "vrrpwatch.service").read_text(), CHANGES)


def test_it_is_started_once_it_says_that_it_listens(seen: Seen) -> None:
    assert seen["start"] == 0
    assert seen["started"]["ActiveState"] == "active"
    assert seen["started"]["WatchdogUSec"] == "10s"
    assert seen["log"].index("vrrpwatch: listening on watched") < seen["log"].index(
        "Started vrrpwatch.service - Watch VRRP and CARP."
    )
    assert seen["status"].startswith("1 virtual routers, 1 events in the journal")


def test_it_may_listen_and_nothing_else(seen: Seen) -> None:
    rights = dict(seen["rights"])
    assert int(rights.pop("Uid")) in DYNAMIC
    # A filter of system calls is mode 2 (proc(5)).
    assert rights == {"CapEff": NET_RAW, "CapPrm": NET_RAW, "CapBnd": NET_RAW, "NoNewPrivs": "1", "Seccomp": "2"}
    exposure = float(seen["security"].split(": ")[1].split()[0])
    assert exposure <= MOST_EXPOSED


def test_what_it_keeps_is_in_its_state_directory_for_itself_alone(seen: Seen) -> None:
    alone = [int(seen["rights"]["Uid"]), "600"]
    assert seen["left"] == {"journal.db": alone, "outbox.db": alone}
    assert seen["recorded"] == ["master-appeared", "master-appeared"]


def test_an_alert_is_an_entry_of_the_journal_with_its_fields(seen: Seen) -> None:
    entry = seen["alert"]
    alert = json.loads(entry["VRRPWATCH_ALERT"])
    assert entry["MESSAGE"] == f"firing: {alert['summary']}"
    # Warnings are level 4 (RFC 5424 §6.2.1).
    assert (entry["PRIORITY"], entry["SYSLOG_IDENTIFIER"]) == ("4", "vrrpwatch")
    assert (entry["_TRANSPORT"], entry["_SYSTEMD_UNIT"]) == ("journal", "vrrpwatch.service")
    fields = {name.removeprefix("VRRPWATCH_").lower(): value for name, value in entry.items() if "VRRPWATCH_" in name}
    del fields["alert"]
    assert fields == {name: alert[name] for name in fields}
    assert set(fields) == {"id", "status", "rule", "severity", "sensor", "segment", "group"}
    assert fields["group"] == "watched|vrrp|4|51|224.0.0.18"


def test_an_alert_by_syslog_is_an_entry_of_the_journal_with_its_priority_and_its_sender(seen: Seen) -> None:
    entry, alert = seen["syslog"], json.loads(seen["alert"]["VRRPWATCH_ALERT"])
    assert entry["MESSAGE"].startswith(f'firing: {alert["summary"]} [id="{alert["id"]}" status="firing" ')
    # The facility is daemon, 3.
    assert (entry["PRIORITY"], entry["SYSLOG_FACILITY"]) == ("4", "3")
    assert (entry["SYSLOG_IDENTIFIER"], entry["SYSLOG_PID"]) == ("vrrpwatch", seen["started"]["MainPID"])


def test_metrics_are_served_on_this_host(seen: Seen) -> None:
    labels = 'destination="224.0.0.18",family="4",id="51",protocol="vrrp",segment="watched"'
    assert f"vrrpwatch_masters{{{labels}}} 1.0" in seen["metrics"]


def test_a_reload_takes_new_settings_or_leaves_the_old(seen: Seen) -> None:
    assert (seen["broken reload"], seen["reload"]) == (0, 0)
    at = seen["log"].index("vrrpwatch: the settings stay as they were, for:")
    # What only root may read, the service's own user may not.
    assert f"cannot read {SECRET} (Permission denied)" in seen["log"][at + 1]
    assert "vrrpwatch: settings read again" in seen["log"][at + 2 :]
    assert seen["reloaded"]["MainPID"] == seen["started"]["MainPID"]
    assert seen["reloaded"]["ActiveState"] == "active"


def test_it_reaches_no_address_that_the_unit_does_not_name(seen: Seen) -> None:
    assert seen["refused"] == []
    why = "(is its address in the unit's IPAddressAllow=?)"
    assert any(f": no answer within 1 s {why}; 1 to be told" in line for line in seen["log"])
    assert any(f": Operation not permitted {why}; 1 to be told" in line for line in seen["log"])
    assert seen["received"] == "auth-cleartext", f"the secret of {CREDENTIAL} was not used"


def test_the_watchdog_starts_it_anew_and_says_where_it_hung(seen: Seen) -> None:
    log = seen["log"]
    at = log.index("vrrpwatch.service: Watchdog timeout (limit 10s)!")
    assert any("/vrrpwatch/service/watching.py" in line for line in log[at:])
    assert (seen["restarted"]["NRestarts"], seen["restarted"]["ActiveState"]) == ("1", "active")
    assert seen["restarted"]["MainPID"] != seen["started"]["MainPID"]


def test_a_reader_of_its_pipe_reads_on_after_that(seen: Seen) -> None:
    assert seen["before"] == seen["after"] == 'INSTANCE "watched|vrrp|4|51|224.0.0.18" MASTER 150\n'


def test_it_stops_cleanly(seen: Seen) -> None:
    assert seen["stop"] == 0
    stopped = seen["stopped"]
    assert (stopped["ActiveState"], stopped["Result"], stopped["ExecMainStatus"]) == ("inactive", "success", "0")
    assert "vrrpwatch.service: Deactivated successfully." in seen["log"]


def test_what_it_says_has_the_level_that_it_deserves(seen: Seen) -> None:
    levels = seen["levels"]
    assert levels["vrrpwatch: listening on watched"] == levels["vrrpwatch: settings read again"] == "6"
    assert levels["vrrpwatch: the settings stay as they were, for:"] == "4"
    assert {levels[line] for line in levels if line.startswith("vrrpwatch: sink receiver: ")} == {"4", "6"}
    (fault,) = (line for line in levels if "[watch] interfaces: no such setting" in line)
    assert levels[fault] == "3"


def test_settings_that_are_wrong_are_not_tried_again(seen: Seen) -> None:
    assert seen["wrong settings"] == 1
    failed = seen["failed"]
    assert (failed["ActiveState"], failed["ExecMainStatus"], failed["NRestarts"]) == ("failed", "2", "0")
    (fault,) = (line for line in seen["log"] if "[watch] interfaces: no such setting" in line)
    assert fault.startswith("vrrpwatch: /etc/vrrpwatch/config.toml: ")


def test_an_agent_can_track_whether_it_is_active(seen: Seen) -> None:
    # Active, not there, and failed.
    assert seen["tracked"] == [[True, "active"], [False, "not active"], [False, "not active"]]
