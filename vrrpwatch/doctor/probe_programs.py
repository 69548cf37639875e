"""Facts that only programs tell: packet filter listings and the bridge's multicast database, each with a time limit."""

import json
import os
import shutil
import subprocess
from typing import Any, Final

from vrrpwatch.doctor.facts import Listing, RouterPort

TIMEOUT: Final = 10  # seconds; a listing takes milliseconds
# A ruleset of 100,000 rules is about 40 MB of JSON.
MAX_BYTES = 64_000_000
# These are where an ordinary user's path does not lead.
_PATH: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def listing(*command: str) -> Listing:
    """What a command prints, or why it does not; never raises for what the command does."""
    line = " ".join(command)
    program = shutil.which(command[0], path=_PATH)
    if program is None:
        return Listing(line, None, "not installed", absent=True)
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - a fixed argument list, no shell
            (program, *command[1:]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return Listing(line, None, f"no answer within {TIMEOUT} s")
    except OSError as error:
        return Listing(line, None, error.strerror or str(error))
    if done.returncode:
        words = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        return Listing(line, None, words[0] if words else f"exit status {done.returncode}")
    if len(done.stdout) > MAX_BYTES:
        return Listing(line, None, f"more than {MAX_BYTES} octets")
    return Listing(line, done.stdout.decode("utf-8", "surrogateescape"))


def filters(privileged: bool) -> tuple[Listing, tuple[Listing, ...]]:
    """nft's ruleset and iptables' tables; without privilege nft shows an empty ruleset, which says nothing."""
    commands = (
        ("nft", "-j", "list", "ruleset"),
        ("iptables-save",),
        ("ip6tables-save",),
        ("iptables-legacy-save",),
        ("ip6tables-legacy-save",),
    )
    if not privileged:
        why = "needs CAP_NET_ADMIN"
        listings = [
            Listing(" ".join(command), None, why, absent=shutil.which(command[0], path=_PATH) is None)
            for command in commands
        ]
        return listings[0], tuple(listings[1:])
    nft, *rest = (listing(*command) for command in commands)
    # Where iptables itself is the legacy one, its tables would be listed twice.
    seen = set()
    distinct = []
    for item in rest:
        content = None if item.text is None else _without_remarks(item.text)
        kind = "ip6" if item.command.startswith("ip6") else "ip"
        if content is None or (kind, content) not in seen:
            distinct.append(item)
        seen.add((kind, content))
    return nft, tuple(distinct)


def _without_remarks(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


def router_ports(bridge: str) -> tuple[RouterPort, ...] | None:
    """The bridge's multicast router ports (``bridge mdb``); ``None`` where they cannot be asked for."""
    answer = listing("bridge", "-s", "-d", "-j", "mdb", "show", "dev", bridge)
    if answer.text is None:
        return None
    try:
        items: Any = json.loads(answer.text)
        ports = [port for item in items for port in item.get("router", {}).get(bridge, [])]
        return tuple(RouterPort(str(port["port"]), port.get("type") == "temp") for port in ports)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
