"""Runs the tools that a scratch namespace takes, and says in a line why one of them fails."""

from typing import Final

from vrrpwatch.firewall.tools import ENVIRONMENT, FailedError, MissingError, call

# Seconds; rules for 1,000 groups and a thousand veth pairs take about ten at most.
TIMEOUT: Final = 120
# Whoever is no real root cannot write to iptables' own lock, and nobody else works in this namespace.
_ENVIRONMENT: Final = {**ENVIRONMENT, "XTABLES_LOCKFILE": "/dev/null"}


class ReplayError(Exception):
    """The scratch namespace cannot be made into what the job asks for; one line says why."""


def run(command: tuple[str, ...], text: str) -> None:
    """Raises :class:`ReplayError` with the program's first words where it does not succeed."""
    try:
        call(command, text, TIMEOUT, _ENVIRONMENT)
    except MissingError:
        raise ReplayError(f"{command[0]} is not installed") from None
    except FailedError as error:
        raise ReplayError(f"{' '.join(command)}: {error}") from None
