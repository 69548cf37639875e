"""The guardian of rules that wait for their confirmation, as a program of its own: ``FOLDER KEY STORE``."""

import sys
from pathlib import Path

from vrrpwatch.firewall.guardian import stand_guard


def main(folder: str, key: str, store: str) -> None:
    """Stands guard, and then records in the store what became of the rules."""
    stand_guard(Path(folder), key)
    # Only now, since none of it is needed to put the old rules back.
    from vrrpwatch.cli.rules_apply import record_changes
    from vrrpwatch.firewall.guardian_state import Folder
    from vrrpwatch.firewall.running_tools import RulesError
    from vrrpwatch.store.places import StoreError

    try:
        record_changes(Folder(Path(folder)), store)
    except (StoreError, RulesError, FileNotFoundError) as error:
        # The next command tries again.
        sys.stderr.write(f"not recorded in the store: {error}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
