"""Reads policy and key files for the commands; what they may say is the matter of core.policy and core.keys."""

from pathlib import Path
from typing import TYPE_CHECKING

from vrrpwatch.cli.exits import Exit, Failure
from vrrpwatch.settings import SettingsError, load

# Their models take long to import: only who gives a file pays for them.
if TYPE_CHECKING:
    from vrrpwatch.core.keys import Keys
    from vrrpwatch.core.policy import Policy


def load_judging(policy: str | None, keys: str | None) -> "tuple[Policy | None, Keys | None]":
    """The files that a command was given, if any; raises the usage error that names everything wrong with them."""
    try:
        return None if policy is None else load_policy(policy), None if keys is None else load_keys(keys)
    except SettingsError as error:
        raise Failure("\n".join(error.lines), Exit.USAGE) from None


def needed_policy(path: str) -> "Policy":
    """The policy that a command cannot do without; raises the usage error that names everything wrong with it."""
    try:
        return load_policy(path)
    except SettingsError as error:
        raise Failure("\n".join(error.lines), Exit.USAGE) from None


def load_policy(path: str | Path) -> "Policy":
    """Reads a policy file; raises :class:`SettingsError` with everything that is wrong with it."""
    from vrrpwatch.core.policy import Policy

    return load(path, Policy)


def load_keys(path: str | Path) -> "Keys":
    """Reads a key file and the secret files it names (relative to itself); raises :class:`SettingsError` likewise."""
    from vrrpwatch.core.keys import Keys

    return load(path, Keys)
