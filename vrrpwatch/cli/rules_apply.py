"""``vrrpwatch rules apply``, ``confirm``, ``status`` and ``remove``: rules that run, and that take themselves back."""

import select
import sys
import termios
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from vrrpwatch.cli.exits import Exit, Failure, complain
from vrrpwatch.cli.options import Duration, default_state, setting
from vrrpwatch.cli.streams import Output

if TYPE_CHECKING:
    from vrrpwatch.core.rulechange import RuleChange
    from vrrpwatch.firewall.apply import Standing
    from vrrpwatch.firewall.guardian_state import Folder

# Seconds: in less nobody can look whether all is well, and after more nobody does.
SHORTEST = 1.0
LONGEST = 3_600.0
# What a person is shown of a long diff before it is cut.
MAX_DIFF = 2_000

store_option = setting(
    "--store", metavar="URL", help="Record it in URL (a file or postgresql://…); in its usual place without."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask whether to do it.")


@click.command(short_help="Run rules that take themselves back unless confirmed.")
@click.argument("rules", metavar="RULES...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--confirm-within",
    type=Duration(),
    default="60s",
    show_default=True,
    metavar="TIME",
    help="Roll back unless confirmed in this time, 1s to 1h.",
)
@yes_option
@store_option
@click.pass_context
def apply(ctx: click.Context, /, rules: tuple[Path, ...], confirm_within: float, yes: bool, store: str | None) -> None:
    """Load rules files that vrrpwatch rules generate wrote, and roll them back unless a person confirms them in time.

    Shows what would change, asks, and loads everything at once. Then Enter or y keeps the rules, and n or Ctrl-C takes
    them back, as do silence, a lost connection, and the end of this program, whatever ends it. Another terminal may
    confirm as well: vrrpwatch rules confirm. --yes skips the question before, never the confirmation after.

    Only tables named vrrpwatch and chains named VRRPWATCH… are touched; files that hold anything else are refused.
    The rules last until the host is restarted.

    \b
    Examples:
      vrrpwatch rules apply rules.nft
      vrrpwatch rules apply rules.iptables rules.ip6tables --confirm-within 2m
      vrrpwatch rules apply rules.nft --yes     # then, over a new connection: vrrpwatch rules confirm

    \b
    Exit codes: 0 done and confirmed, 1 rolled back, 2 usage or a file that is refused, 3 unreadable, 5 no permission,
    6 failed, 130 interrupted before anything was changed.
    """
    from vrrpwatch.firewall.apply import await_confirmation, carry_out, propose, take_back
    from vrrpwatch.firewall.apply_files import read_files

    if not SHORTEST <= confirm_within <= LONGEST:
        raise click.UsageError("--confirm-within: from 1s to 1h; rules that nobody can confirm are never loaded")
    _needs_terminal(yes)
    folder = _folder()
    place = _store(store)
    with _failures():
        proposal = propose(_read(read_files, rules), folder)
        if not proposal.diff:
            click.echo("these rules run already: nothing was changed")
            return
        _show(proposal.diff)
        if not proposal.exact:
            complain("no scratch network namespace can be made here: the rules are shown as they are in the files")
        if not yes:
            click.confirm("Load these rules?", abort=True)
        try:
            pending = carry_out(proposal, folder, confirm_within, lambda at, key: _guard(at, key, place))
        finally:
            _record(folder, place)
        click.echo(
            f"loaded; they are rolled back in {confirm_within:g} s unless confirmed, "
            "here or by: vrrpwatch rules confirm"
        )
        try:
            change = await_confirmation(folder, pending, _Person())
        except KeyboardInterrupt:
            take_back(folder, pending.id, "interrupted")
            change = await_confirmation(folder, pending, lambda _: None)
        _record(folder, place)
    click.echo(f"\n{_said(change)}" if sys.stdin.isatty() else _said(change))
    ctx.exit(Exit.CLEAN if change.action == "confirmed" else Exit.FINDINGS)


@click.command(short_help="Keep the rules that were just loaded.")
@store_option
def confirm(store: str | None) -> None:
    """Keep the rules that wait for a confirmation, from whichever terminal.

    \b
    Example, over a new connection, which shows that one can still be made:
      ssh firewall vrrpwatch rules confirm

    Exit codes: 0 confirmed, 1 too late and rolled back, 5 no permission, 6 nothing waits, or it failed.
    """
    from vrrpwatch.firewall.apply import confirm as keep

    folder = _folder()
    with _failures():
        try:
            change = keep(folder)
        finally:
            _record(folder, _store(store))
    click.echo(_said(change))


@click.command(short_help="Take all rules of vrrpwatch away.")
@yes_option
@store_option
def remove(yes: bool, store: str | None) -> None:
    """Remove all of vrrpwatch's tables, chains and jumps, at once for each tool, and what it kept about them.

    Rules of others are not touched. What waits for a confirmation is removed as well; nothing is rolled back.

    Exit codes: 0 done, 2 usage, 5 no permission, 6 failed, 130 interrupted before anything was changed.
    """
    from vrrpwatch.firewall.apply import forget, propose_removal
    from vrrpwatch.firewall.apply import remove as take_away

    _needs_terminal(yes)
    folder = _folder()
    place = _store(store)
    with _failures():
        removal = propose_removal()
        if not removal.running and not folder.used:
            click.echo("no rules of vrrpwatch are loaded")
            return
        if removal.diff:
            _show(removal.diff)
            if not yes:
                click.confirm("Remove these rules?", abort=True)
        change = take_away(folder, removal)
        _record(folder, place)
        forget(folder)
    click.echo(f"removed: {', '.join(change.places) or 'nothing was loaded'}")


@click.command(short_help="Say which rules are loaded, and what waits.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="The form.")
@store_option
def status(output: Literal["table", "json"], store: str | None) -> None:
    """Say which of vrrpwatch's rules are loaded, since when, and whether any wait for a confirmation.

    Exit codes: 0 done, 5 no permission, 6 failed.
    """
    from vrrpwatch.firewall.apply import standing

    folder = _folder()
    with _failures():
        found = standing(folder)
        if folder.used:
            _record(folder, _store(store))
    with Output() as file:
        file.write(_status_json(found) if output == "json" else _status_text(found))


def finish_overdue() -> None:
    """Does before any other command what a guardian that was ended has left undone."""
    if not (default_state("rules") / "state.json").is_file():
        return
    from vrrpwatch.firewall.apply import finish_overdue as finish
    from vrrpwatch.firewall.running_tools import RulesError

    try:
        change = finish(_folder())
    except RulesError as error:
        complain(f"rules that were not confirmed cannot be rolled back: {error}")
        return
    if change is not None:
        complain(_said(change))


def record_changes(folder: "Folder", place: str) -> None:
    """Moves what was done from the state to the store at ``place``; raises ``StoreError`` or ``RulesError``."""
    from vrrpwatch.firewall.apply import recorded, unrecorded

    changes = unrecorded(folder)
    if changes:
        # The store's library takes long to load, and is not needed where nothing was done.
        from vrrpwatch.store.places import place as understood
        from vrrpwatch.store.rule_changes import record

        record(understood(place), changes)
        recorded(folder, changes)


def _record(folder: "Folder", place: str) -> None:
    """The same, and what stands in the way is only said: the rules are what matters, and it is tried again."""
    from vrrpwatch.firewall.running_tools import RulesError

    if not folder.used:
        return
    # Imported here and not above, since most runs have nothing to record.
    from vrrpwatch.store.places import StoreError

    try:
        record_changes(folder, place)
    except (StoreError, RulesError, FileNotFoundError) as error:
        complain(f"not recorded in the store: {error}")


def _folder() -> "Folder":
    from vrrpwatch.firewall.guardian_state import Folder

    return Folder(default_state("rules"))


def _store(given: str | None) -> str:
    return given or str(default_state("journal.db"))


def _guard(folder: "Folder", key: str, place: str) -> None:
    from vrrpwatch.firewall.guardian_start import start_guardians

    start_guardians(folder, key, "vrrpwatch.cli.rules_guard", (str(folder.path.absolute()), key, place))


def _needs_terminal(yes: bool) -> None:
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here, since standard input is no terminal: give --yes")


def _read(read_files: Any, paths: tuple[Path, ...]) -> Any:
    for path in paths:
        if str(path) == "-":
            raise click.UsageError("rules come from a file that a person has seen, not from standard input")
    try:
        return read_files(paths)
    except OSError as error:
        code = Exit.PERMISSION if isinstance(error, PermissionError) else Exit.UNREADABLE
        raise Failure(f"{error.filename}: cannot be read: {error.strerror or error}", code) from None


@contextmanager
def _failures() -> Generator[None]:
    """Turns what went wrong into a line and an exit code."""
    from vrrpwatch.firewall.apply import RolledBackError
    from vrrpwatch.firewall.running_tools import ForbiddenError, RefusedError, RulesError

    try:
        yield
    except ForbiddenError as error:
        raise Failure(str(error), Exit.PERMISSION) from None
    except RefusedError as error:
        raise Failure(str(error), Exit.USAGE) from None
    except RolledBackError as error:
        raise Failure(str(error), Exit.FINDINGS) from None
    except RulesError as error:
        raise Failure(str(error), Exit.SINK) from None


def _show(diff: tuple[str, ...]) -> None:
    from vrrpwatch.wire.text import safe_text

    colors = {"+": "green", "-": "red", "@": "cyan"}
    for line in diff[:MAX_DIFF]:
        text = safe_text(line.expandtabs(4), 500)
        click.secho(text, fg=colors.get(line[:1]))
    if len(diff) > MAX_DIFF:
        click.echo(f"… and {len(diff) - MAX_DIFF} lines more")


def _said(change: "RuleChange") -> str:
    from vrrpwatch.wire.text import safe_text

    names = ", ".join(name for name, _ in change.files)
    return safe_text(f"rules of {names}: {change.action}" + (f": {change.reason}" if change.reason else ""), 2000)


class _Person:
    """Who is asked on the terminal, if there is one, whether the rules stay."""

    def __init__(self) -> None:
        self._there = sys.stdin.isatty()
        if self._there:
            # What was typed before the question is no answer to it.
            with suppress(termios.error):
                termios.tcflush(sys.stdin, termios.TCIFLUSH)
            click.echo("Keep them? [Y/n] ", nl=False)

    def __call__(self, seconds: float) -> bool | None:
        if not self._there:
            time.sleep(seconds)
            return None
        if not select.select([sys.stdin], [], [], seconds)[0]:
            return None
        try:
            line = sys.stdin.readline()
        except OSError:
            line = ""
        if not line:
            # The terminal has gone: whoever comes back may still confirm.
            self._there = False
            return None
        match line.strip().lower():
            case "" | "y" | "yes":
                return True
            case "n" | "no":
                return False
            case _:
                click.echo("Keep them? y or n ", nl=False)
                return None


def _status_json(found: "Standing") -> str:
    import json

    from vrrpwatch.core.instants import rfc3339

    pending = found.pending
    return (
        json.dumps(
            {
                "schema": "vrrpwatch/rules/1",
                "loaded": [
                    {
                        "place": place,
                        "file": None if (said := found.confirmed.get(place)) is None else said.name,
                        "sha256": None if said is None else said.digest,
                        "confirmed": None if said is None else rfc3339(said.at),
                        "by": None if said is None else said.who,
                    }
                    for place, text in found.running.items()
                    if text
                ],
                "pending": None
                if pending is None
                else {
                    "files": [file.name for file in pending.files],
                    "since": rfc3339(pending.at),
                    "by": pending.who,
                    "seconds_left": round(found.left, 1),
                    "guarded": found.guarded,
                },
                "changes": [
                    {"at": rfc3339(each.at), "action": each.action, "by": each.who, "reason": each.reason}
                    for each in found.changes
                ],
            },
            indent=2,
        )
        + "\n"
    )


def _status_text(found: "Standing") -> str:
    from vrrpwatch.core.instants import rfc3339
    from vrrpwatch.firewall.running_tools import said_place
    from vrrpwatch.wire.text import safe_text

    waiting = {place for file in found.pending.files for place in file.places} if found.pending else set()
    lines = []
    for place, text in found.running.items():
        if not text:
            continue
        said = found.confirmed.get(place)
        if place in waiting:
            words = "waits for its confirmation"
        elif said is None:
            words = "loaded by other means"
        else:
            words = f"from {said.name}, confirmed {rfc3339(said.at)[:19]}Z by {said.who}"
        lines.append(f"{said_place(place)}: {words}")
    if not lines:
        lines.append("no rules of vrrpwatch are loaded")
    if found.pending is not None:
        names = ", ".join(file.name for file in found.pending.files)
        guard = "" if found.guarded else ", and no guardian is on duty"
        lines.append(f"waiting: {names} by {found.pending.who}, rolled back in {found.left:.0f} s{guard}")
    if found.changes:
        last = found.changes[-1]
        lines.append(f"last: {rfc3339(last.at)[:19]}Z {_said(last)}")
    return "".join(f"{safe_text(line, 2000)}\n" for line in lines)
