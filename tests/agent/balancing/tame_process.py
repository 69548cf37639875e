"""The keeper's process with a kernel that is a table, and survives it in a file, beside a log of what was asked."""

import os
import pickle
from collections.abc import Iterable
from pathlib import Path

from tests.agent.balancing.made import FakeKernel
from vrrpwatch.agent.balancing.keeper_process import main
from vrrpwatch.agent.balancing.values import Operation, Refused

# The folder of both.
FOLDER = "VRRPWATCH_TEST_IPVS"


class LastingKernel(FakeKernel):
    """What it has outlives the process, as a kernel's tables do."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._kept, self._log = folder / "kernel", folder / "log"
        if self._kept.exists():
            self.services, self.reals, self.daemons = pickle.loads(self._kept.read_bytes())  # noqa: S301  # its own

    def do(self, operations: Iterable[Operation]) -> list[Refused]:
        operations = list(operations)
        refused = super().do(operations)
        self._kept.write_bytes(pickle.dumps((self.services, self.reals, self.daemons)))
        with self._log.open("a") as log:
            log.writelines(f"{one}\n" for one in operations)
        return refused


if __name__ == "__main__":
    main(LastingKernel(Path(os.environ[FOLDER])).open)
