"""Runs tshark through pyshark over one capture and hands on, packet by packet, what it says of VRRP and CARP."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

FILTER = "vrrp || carp"
# Only these are printed in full; the rest of a frame would make tshark's output ten times longer.
PROTOCOLS = "frame vlan ieee8021ad ip ipv6 ah vrrp carp"
PREFERENCES = {
    # CARP has no protocol number of its own: Wireshark knows it by a heuristic that must come before VRRP.
    "ip.try_heuristic_first": "TRUE",
    # A first fragment then shows its message as it does here, and tshark holds no fragments back.
    "ip.defragment": "FALSE",
    "ipv6.defragment": "FALSE",
}
# Their octets matter more than how Wireshark prints them.
RAW_FIELDS = ("vrrp.auth_string", "carp.hmac", "ah.icv")


class SecondOpinionError(Exception):
    """tshark cannot be asked: one line that says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class TsharkPacket:
    """What tshark says of one packet: the protocols, outermost first, and every field as often as it occurs."""

    number: int
    layers: tuple[str, ...]
    values: dict[str, list[str]]


class _Loop(asyncio.SelectorEventLoop):
    """An event loop of our own, whose child processes get ``environment``; the thread's own loop stays untouched."""

    def __init__(self, environment: dict[str, str]) -> None:
        super().__init__()
        self.environment = environment

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        return await super().subprocess_exec(*args, env=self.environment, **kwargs)


def check_available() -> None:
    """Raises :class:`SecondOpinionError` where pyshark or tshark is missing."""
    _capture_class()
    _tshark_path()


class TsharkPackets:
    """Iterates once over the packets of the capture at ``path`` that tshark calls VRRP or CARP, as tshark reads them.

    ``complaint`` says afterwards, in one line, why tshark did not read the capture to its end, if so.  tshark is ended
    with the iteration, however that ends.  Iterating raises :class:`SecondOpinionError` where tshark is missing.
    """

    def __init__(self, path: str) -> None:
        """Starts nothing yet."""
        self.complaint: str | None = None
        self._path = path

    def __iter__(self) -> Iterator[TsharkPacket]:
        capture_class, tshark = _capture_class(), _tshark_path()
        file = Path(self._path)
        if not file.is_file():
            self.complaint = f"{self._path}: is no file, which tshark could read again"
            return
        with TemporaryDirectory(prefix="vrrpwatch-") as folder:
            # Whatever the file is called, tshark sees this name; the user's profile, which may switch dissectors off
            # or load scripts, it does not see at all.
            link = Path(folder, "capture")
            link.symlink_to(file.resolve())
            own = {"HOME": folder, "XDG_CONFIG_HOME": folder, "WIRESHARK_CONFIG_DIR": folder, "LC_ALL": "C"}
            with contextlib.closing(_Loop(os.environ | own)) as loop:
                capture = capture_class(
                    str(link),
                    keep_packets=False,
                    tshark_path=tshark,
                    override_prefs=PREFERENCES,
                    custom_parameters=["-Y", FILTER, "-J", PROTOCOLS],
                    eventloop=loop,
                )
                try:
                    for packet in capture:
                        yield _tshark_packet(packet)
                except OSError as error:
                    self.complaint = str(error).replace(str(link), self._path)
                finally:
                    capture.close()
                    # Lets the transports of the ended process close themselves.
                    loop.run_until_complete(loop.shutdown_asyncgens())
                if capture.status:
                    self.complaint = capture.complaint.removeprefix("tshark: ").replace(str(link), self._path)


def _tshark_path() -> str:
    tshark = shutil.which("tshark")
    if tshark is None:
        raise SecondOpinionError("the second opinion needs tshark: install the package of that name, or Wireshark")
    return tshark


def _capture_class() -> Any:
    """pyshark's file capture, bent where it would read a ``config.ini`` or lose tshark's exit status."""
    try:
        from pyshark.capture.file_capture import FileCapture
    except ImportError as error:
        message = "the second opinion needs pyshark: pip install 'vrrpwatch[second-opinion]'"
        raise SecondOpinionError(message) from error

    class Capture(FileCapture):  # type: ignore[misc]
        status: int | None = None
        complaint = "tshark failed"

        def _get_tshark_path(self) -> str:
            # pyshark's own search obeys a config.ini in the working directory, which may be anyone's.
            return str(self.tshark_path)

        async def _handle_process_stderr_forever(self, stderr: asyncio.StreamReader) -> None:
            # The last line that tells of the capture: a cut file name may leave octets that are no UTF-8.
            while line := await stderr.readline():
                text = line.decode(errors="replace").strip()
                if text and not text.startswith("Running as user"):
                    self.complaint = text

        async def _cleanup_subprocess(self, process: asyncio.subprocess.Process) -> None:
            # At its output's end tshark is about to exit with a status worth knowing; before that it is told to.
            if not self._eof_reached:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            if process.stdout is not None:
                await process.stdout.read()
            status = await process.wait()
            self.status = status if self._eof_reached else None

    return Capture


def _tshark_packet(packet: Any) -> TsharkPacket:
    """A pyshark packet's protocols and fields by Wireshark's names."""
    layers = tuple(filter(None, str(packet.frame_info.get_field("frame.protocols") or "").split(":")))
    values: dict[str, list[str]] = {}
    for layer in packet.layers:
        for name, found in layer._all_fields.items():
            for field in found.all_fields:
                # A field without a value of its own is a heading.
                value = field.raw_value if name in RAW_FIELDS else field.show
                if value:
                    values.setdefault(name, []).append(str(value))
    return TsharkPacket(int(packet.number), layers, values)
