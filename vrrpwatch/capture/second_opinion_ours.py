"""Our own side of a second opinion: every packet of a capture that we call VRRP or CARP, decoded one by one."""

from collections.abc import Iterator

from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.capture.reader import CaptureReader
from vrrpwatch.capture.second_opinion_reasons import Heard, heard
from vrrpwatch.core.frames import Kind, frame_of
from vrrpwatch.wire.checksum import camp
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.values import Malformed


class OurPackets:
    """Iterates once over the capture at ``path``: (packet number, what we hear), in ascending order.

    ``complaint`` says afterwards, in one line, why the capture could not be read to its end, if so.
    """

    def __init__(self, path: str) -> None:
        """Opens nothing yet."""
        self.complaint: str | None = None
        self._reader = CaptureReader(path, wanted=frozenset((Kind.ADVERT,)))

    def __iter__(self) -> Iterator[tuple[int, Heard]]:
        try:
            for batch in self._reader.batches():
                for row in batch.frames:
                    packet = dissect(frame_of(row, batch.data), int(row["linktype"]), int(row["length"]))
                    message = decode_advert(packet)
                    verdict = None if isinstance(message, Malformed) else camp(message, packet)
                    yield int(row["packet"]), heard(packet, message, verdict)
        except CaptureError as error:
            self.complaint = str(error)
        else:
            self.complaint = self._reader.damage
