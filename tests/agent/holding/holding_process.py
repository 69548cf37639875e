"""An agent that does nothing but hold: attaches and acquires the routers of the JSON given, says so, and waits."""

import json
import signal
import sys
from pathlib import Path

from tests.agent.ether import settings
from vrrpwatch.agent.holding.holder import Holder


def main() -> None:
    state, routers = sys.argv[1:]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    holder = Holder(Path(state), lambda line: print(line, flush=True))
    for router in settings(*json.loads(routers)).router:
        made = holder.attach(router)
        holder.acquire(router.name)
        print(made, flush=True)
    print("holds", flush=True)
    signal.sigwait({signal.SIGTERM})
    holder.close()


if __name__ == "__main__":
    main()
