"""Processes of the agent's own: how they are started, tied to it by a socket, and what they shed of it."""

import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import vrrpwatch

# linux/prctl.h, linux/capability.h
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 2, 4
_CAP_NET_ADMIN = 12
# What Python ignores itself, and gives back to the programs that it starts.
_PYTHONS = {signal.SIGPIPE, signal.SIGXFSZ}


def spawn(module: str) -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    """Runs ``python -m module`` with a socket as its input, whose other end is returned; raises :class:`OSError`.

    Either side learns of the other's end by the end of the stream.  It takes one or two milliseconds.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(  # noqa: S603  # this interpreter, and a module of ours
                (sys.executable, "-P", "-m", module),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd="/",
                env={**os.environ, "PYTHONPATH": _import_path()},
                # An interrupt from the terminal is the agent's to deal with.
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
    ours.setblocking(False)
    return ours, process


def be_ordinary() -> None:
    """Sheds what programs would inherit of the agent: its place before all others, its rights, its ears for signals."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    _hand_on_nothing()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - _PYTHONS:
        # A shell that starts the agent in the background has it ignore some, as nohup(1) does.
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # They come to the agent too, from systemd, and its end ends this process: until then there is work for it.  Not
        # ignored, which programs would inherit.
        signal.signal(number, lambda *_: None)


@contextmanager
def network_rights() -> Generator[None]:
    """Programs that are started meanwhile may configure the network, where a unit gave the agent that right.

    Root's programs may anyway.
    """
    ctypes.CDLL(None).prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_NET_ADMIN, 0, 0)
    try:
        yield
    finally:
        _hand_on_nothing()


def _hand_on_nothing() -> None:
    ctypes.CDLL(None).prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)


def _import_path() -> str:
    root = str(Path(vrrpwatch.__file__).resolve().parent.parent)
    return os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
