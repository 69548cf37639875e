"""How those who tell people something tell what is as it should be from what is not."""


class Notice(str):
    """A line for people about what is well, or well again: any other line that they are told is about trouble."""

    __slots__ = ()
