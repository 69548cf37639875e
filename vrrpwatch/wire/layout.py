"""One declaration per header: it unpacks and packs one packet, and reads a whole numpy column of them.

A layout lists its fields in wire order with their widths in bits (``ttl=8``) or as raw octets
(``source=octets(4)``).  Integers are big-endian; neighbouring fields narrower than a byte share one.
"""

import struct
from collections import namedtuple
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

# Who reads single packets need not have it: an agent is smaller by a quarter, and sooner at work.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FORMATS = {8: "B", 16: "H", 32: "I", 64: "Q"}


class Octets(NamedTuple):
    """A field that stays raw: ``size`` octets."""

    size: int


def octets(count: int) -> Octets:
    """Declares a field of ``count`` raw octets."""
    return Octets(count)


class _Field(NamedTuple):
    name: str
    container: int
    shift: int
    mask: int | None


class Layout:
    """A fixed-size header.

    ``size`` is in octets.  A declaration whose bit fields do not fill whole 8, 16, 32 or 64-bit words
    raises :class:`ValueError` where it stands.
    """

    def __init__(self, title: str, /, **widths: int | Octets) -> None:
        self.title = title
        formats: list[str] = []
        fields: list[_Field] = []
        pending: list[tuple[str, int]] = []
        for name, width in widths.items():
            if isinstance(width, Octets):
                if pending:
                    raise ValueError(f"{title}: the bits before {name} do not fill a word")
                fields.append(_Field(name, len(formats), 0, None))
                formats.append(f"{width.size}s")
                continue
            pending.append((name, width))
            word = sum(bits for _, bits in pending)
            if word in _FORMATS:
                fields += _split(pending, word, len(formats))
                formats.append(_FORMATS[word])
                pending = []
        if pending:
            raise ValueError(f"{title}: the last bits do not fill a word")
        self._struct = struct.Struct(">" + "".join(formats))
        self._formats = tuple(formats)
        self._fields = tuple(fields)
        self._plain = len(formats) == len(fields)
        self._tuple: Any = namedtuple(title, list(widths))  # type: ignore[misc]
        self.size = self._struct.size
        self.fields = tuple(widths)

    @cached_property
    def dtype(self) -> "np.dtype[np.void]":
        """The type of a row of :meth:`column`: the fields by name, in the machine's byte order."""
        import numpy as np

        return np.dtype([(field.name, _native_type(self._formats[field.container])) for field in self._fields])

    @cached_property
    def _raw(self) -> "np.dtype[np.void]":
        import numpy as np

        return np.dtype([(f"f{index}", _raw_type(code)) for index, code in enumerate(self._formats)])

    def unpack(self, data: bytes, offset: int = 0) -> Any:
        """The header at ``offset`` as a named tuple of its fields, or ``None`` where the data cuts it short."""
        if offset < 0 or len(data) - offset < self.size:
            return None
        words = self._struct.unpack_from(data, offset)
        if self._plain:
            return self._tuple._make(words)
        return self._tuple._make(
            [
                words[container] if mask is None else (words[container] >> shift) & mask
                for _, container, shift, mask in self._fields
            ]
        )

    def pack(self, **values: int | bytes) -> bytes:
        """The header's octets; fields not named are zero.

        Raises :class:`ValueError` for an unknown field, a number too large or octets of another length.
        """
        unknown = values.keys() - set(self.fields)
        if unknown:
            raise ValueError(f"{self.title} has no field {min(unknown)}")
        words: list[Any] = [b"" if code.endswith("s") else 0 for code in self._formats]
        for name, container, shift, mask in self._fields:
            value = values.get(name)
            if value is None:
                continue
            code = self._formats[container]
            if isinstance(value, bytes):
                if not code.endswith("s"):
                    raise ValueError(f"{self.title}.{name} takes a number")
                if len(value) != struct.Struct(code).size:
                    raise ValueError(f"{self.title}.{name} does not take {len(value)} octets")
                words[container] = value
            else:
                if code.endswith("s"):
                    raise ValueError(f"{self.title}.{name} takes octets")
                if value < 0 or (mask is not None and value > mask):
                    raise ValueError(f"{self.title}.{name} does not hold {value}")
                words[container] |= value << shift
        try:
            return self._struct.pack(*words)
        except struct.error as error:
            raise ValueError(f"{self.title}: {error}") from error

    def column(
        self,
        arena: "NDArray[np.uint8]",
        offsets: "NDArray[np.int64]",
        ends: "NDArray[np.int64] | None" = None,
    ) -> "tuple[NDArray[np.void], NDArray[np.bool_]]":
        """The headers at ``offsets`` of ``arena`` as one structured array, and which rows hold a whole header.

        ``ends`` gives for each row where its own packet ends in the arena.  A row that would read before the arena,
        beyond it or beyond its end is all zero and false.
        """
        import numpy as np

        limit = np.full(offsets.shape, arena.size, np.int64) if ends is None else np.minimum(ends, arena.size)
        # Compare without adding, because an offset near the top of the range would wrap around.
        whole = (offsets >= 0) & (offsets <= limit - self.size)
        octets_of_row = np.zeros((offsets.size, self.size), np.uint8)
        octets_of_row[whole] = arena[offsets[whole][:, None] + np.arange(self.size)]
        words = octets_of_row.reshape(-1).view(self._raw)
        rows = np.zeros(offsets.size, self.dtype)
        for name, container, shift, mask in self._fields:
            word = words[f"f{container}"]
            rows[name] = word if mask is None else (word >> shift) & mask
        return rows, whole


def _split(pending: list[tuple[str, int]], word: int, container: int) -> list[_Field]:
    """The fields of one word, the first in its highest bits."""
    fields = []
    left = word
    for name, bits in pending:
        left -= bits
        fields.append(_Field(name, container, left, None if bits == word else (1 << bits) - 1))
    return fields


def _raw_type(code: str) -> Any:
    return ("u1", (int(code[:-1]),)) if code.endswith("s") else f">u{struct.Struct(code).size}"


def _native_type(code: str) -> Any:
    return ("u1", (int(code[:-1]),)) if code.endswith("s") else f"u{struct.Struct(code).size}"
