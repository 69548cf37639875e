"""What goes wrong while a capture is read: before anything of it is known, or on the way."""


class CaptureError(Exception):
    """A capture that cannot be read at all: one line that says what, where and what to do."""


class DamageError(Exception):
    """A capture that cannot be read beyond this point; what came before it stands."""


class DamagedError(Exception):
    """A capture that was read up to some damage: one line, raised after all that came before it was passed on."""
