"""What was done to firewall rules is kept, exported and pruned."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from vrrpwatch.cli.store import store
from vrrpwatch.core.rulechange import RuleChange
from vrrpwatch.store.places import StoreError, place
from vrrpwatch.store.rule_changes import record

SECOND = 1_000_000_000
APPLIED = RuleChange(
    "a:applied", 1_700_000_000 * SECOND, "fw1", "ann", "applied", ("inet",), (("rules.nft", "ab" * 32),), "within 60 s"
)
CONFIRMED = APPLIED._replace(key="a:confirmed", at=1_700_000_030 * SECOND, action="confirmed", who="bob", reason="")


def exported(url: str, *options: str) -> list[dict[str, object]]:
    done = CliRunner().invoke(store, ["export", "--store", url, "--table", "rules", *options])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_was_done_is_exported_in_order_and_once(url: str) -> None:
    record(place(url), [CONFIRMED])
    # Told again, as after a crash between the store and the state.
    record(place(url), [APPLIED, CONFIRMED])
    assert exported(url) == [
        {
            "type": "rule-change",
            "host": "fw1",
            "at": "2023-11-14T22:13:20.000000Z",
            "action": "applied",
            "who": "ann",
            "places": ["inet"],
            "files": ["rules.nft sha256:" + "ab" * 32],
            "reason": "within 60 s",
        },
        {
            "type": "rule-change",
            "host": "fw1",
            "at": "2023-11-14T22:13:50.000000Z",
            "action": "confirmed",
            "who": "bob",
            "places": ["inet"],
            "files": ["rules.nft sha256:" + "ab" * 32],
            "reason": "",
        },
    ]
    assert [row["action"] for row in exported(url, "--since", "2023-11-14T22:13:21Z")] == ["confirmed"]
    assert exported(url, "--sensor", "fw2") == []
    csv = CliRunner().invoke(store, ["export", "--store", url, "--table", "rules", "--output", "csv"])
    assert (
        csv.stdout.splitlines()[2]
        == f"fw1,2023-11-14T22:13:50.000000Z,confirmed,bob,inet,rules.nft sha256:{'ab' * 32},"
    )


def test_hostile_names_are_kept_as_text(url: str) -> None:
    record(place(url), [APPLIED._replace(files=(("a\0b\udcff", "00"),), who="x\0" * 1000)])
    (row,) = exported(url)
    assert row["files"] == ["a\\x00b\\udcff sha256:00"]


def test_old_changes_are_pruned(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    record(place(url), [APPLIED, CONFIRMED])
    monkeypatch.setattr(time, "time_ns", lambda: CONFIRMED.at + 10 * SECOND)
    done = CliRunner().invoke(store, ["prune", "--store", url, "--keep", "20s"])
    assert "rule_changes: 1 deleted\n" in done.stdout
    assert [row["action"] for row in exported(url)] == ["confirmed"]


def test_a_store_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("something else altogether, and long enough to be a header of a file")
    with pytest.raises(StoreError, match="not a database"):
        record(place(str(tmp_path / "journal.db")), [APPLIED])
