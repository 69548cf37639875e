"""Holds one connection to a web server and asks over it again and again: ``holder.py ADDRESS FILE``.

What it has seen is in the file: how many answers, of which servers, and why the connection ended, if it did.
"""

import http.client
import json
import sys
import time
from pathlib import Path

# Seconds between two questions, and within which one is answered.
PAUSE, PATIENCE = 0.1, 10.0


def main(address: str, path: Path) -> None:
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    connection.connect()
    # One that is closed must not be opened again unseen.
    connection.auto_open = 0
    answers, servers, ended = 0, set(), ""
    while not ended:
        try:
            connection.request("GET", "/")
            servers.add(connection.getresponse().read().decode())
            answers += 1
        except (OSError, http.client.HTTPException) as error:
            ended = f"{type(error).__name__}: {error}"
        scratch = path.with_suffix(".new")
        scratch.write_text(json.dumps({"answers": answers, "servers": sorted(servers), "ended": ended}))
        scratch.replace(path)
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
