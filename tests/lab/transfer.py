"""A download that goes on as long as it is wanted: ``transfer.py serve FOLDER`` and ``transfer.py fetch ADDRESS FILE``.

The server sends 4 KiB fifty times a second until its folder has a file called ``finish``, and writes into ``served``, a
JSON line for each connection, how many bytes it sent and how that ended.  The client's file says how far it is.
"""

import json
import socket
import sys
import threading
import time
from pathlib import Path

PORT = 80
_BLOCK = b"x" * 4096
_PAUSE = 0.02
_TOLD_EVERY = 0.1


def serve(folder: Path) -> None:
    with socket.create_server(("", PORT)) as listening:
        while True:
            made, _ = listening.accept()
            threading.Thread(target=_send, args=(made, folder), daemon=True).start()


def _send(made: socket.socket, folder: Path) -> None:
    sent, ended = 0, "finished"
    with made:
        try:
            while not (folder / "finish").exists():
                made.sendall(_BLOCK)
                sent += len(_BLOCK)
                time.sleep(_PAUSE)
        except OSError as error:
            ended = error.strerror or str(error)
    with (folder / "served").open("a") as file:
        file.write(json.dumps({"sent": sent, "ended": ended}) + "\n")


def fetch(address: str, path: Path) -> None:
    got, told, ended = 0, 0.0, ""
    with socket.create_connection((address, PORT)) as made:
        while not ended:
            try:
                data = made.recv(65_536)
            except OSError as error:
                data, ended = b"", error.strerror or str(error)
            got += len(data)
            ended = ended or ("" if data else "finished")
            now = time.monotonic()
            if ended or now - told > _TOLD_EVERY:
                told = now
                scratch = path.with_suffix(".new")
                scratch.write_text(json.dumps({"got": got, "ended": ended}))
                scratch.replace(path)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(Path(sys.argv[2]))
    else:
        fetch(sys.argv[2], Path(sys.argv[3]))
