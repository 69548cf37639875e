"""A long conversation over one TCP connection: ``serve NAME`` answers each line, ``talk ADDRESS FILE`` never ends.

The talker's file holds ``answers``, ``servers`` in the order in which they answered, and ``broken``, why it ended.
"""

import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

PORT = 80
# A talker waits for so long for each answer: longer than any change of masters takes.
_PATIENCE = 20
_PAUSE = 0.02


def serve(name: str) -> None:
    """Each connection is answered by a process of its own."""
    import socketserver

    class Answering(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for _ in self.rfile:
                self.wfile.write(f"{name}\n".encode())

    with socketserver.ForkingTCPServer(("0.0.0.0", PORT), Answering) as server:  # noqa: S104 - in a lab's namespace
        server.serve_forever()


def talk(address: str, path: Path) -> None:
    seen: dict[str, Any] = {"answers": 0, "servers": [], "broken": ""}
    with socket.create_connection((address, PORT), _PATIENCE) as connection:
        answers = connection.makefile()
        while not seen["broken"]:
            try:
                connection.sendall(b"\n")
                server = answers.readline().strip()
            except OSError as error:
                seen["broken"] = str(error)
            else:
                if not server:
                    seen["broken"] = "closed"
                else:
                    seen["answers"] += 1
                    if seen["servers"][-1:] != [server]:
                        seen["servers"].append(server)
            written = path.with_suffix(".new")
            written.write_text(json.dumps(seen))
            written.replace(path)
            time.sleep(_PAUSE)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        talk(sys.argv[2], Path(sys.argv[3]))
