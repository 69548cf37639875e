"""How policy and key files are told what is wrong with them: every fault at once, each with its place, no secrets."""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Place = tuple[int | str, ...]
Parsed = TypeVar("Parsed")

_HINTS: Final = {
    "extra_forbidden": "no such setting: check the spelling, or remove it",
    "missing": "is missing: add it",
    # The library's own words name our class.
    "model_type": "is no table: write { setting = value, … }",
}


def with_repeats(value: object, parse: Callable[[object], Parsed], *fields: str) -> Parsed:
    """Parses a list of tables and refuses two that agree in all ``fields``, reporting that beside the faults in them.

    Raises one :class:`ValidationError` with every fault.
    """
    faults: list[InitErrorDetails] = []
    parsed = None
    try:
        parsed = parse(value)
    except ValidationError as error:
        faults.extend(
            _fault(item["loc"], _HINTS.get(item["type"], item["msg"]))
            for item in error.errors(include_url=False, include_input=False)
        )
    faults.extend(_fault(place, message) for place, message in _repeats(value, fields))
    if parsed is None or faults:
        raise ValidationError.from_exception_data("list", faults, hide_input=True)
    return parsed


def _repeats(value: object, fields: tuple[str, ...]) -> Iterator[tuple[Place, str]]:
    if not isinstance(value, list):
        return
    seen: dict[str, int] = {}
    for index, table in enumerate(value):
        if not isinstance(table, dict) or not any(field in table for field in fields):
            continue
        key = repr([table.get(field) for field in fields]).casefold()
        if key in seen:
            yield (index,), f"has the same {', '.join(fields)} as number {seen[key] + 1}: keep one of them"
        else:
            seen[key] = index


def _fault(place: Place, message: str) -> InitErrorDetails:
    # The message may hold text from the file: passed as an argument, its braces are no template.
    return InitErrorDetails(type=PydanticCustomError("fault", "{message}", {"message": message}), loc=place, input=None)


def describe(error: ValidationError, where: Callable[[Place], str] = lambda _: "") -> tuple[str, ...]:
    """One line per fault, ``PLACE: what is wrong``; the tables of a list count from 1, and no value is repeated.

    ``where`` says what stands before a place, as the file and its line do.
    """
    return tuple(
        f"{where(item['loc'])}{_place(item['loc'])}: "
        f"{_HINTS.get(item['type'], item['msg'].removeprefix('Value error, '))}"
        for item in error.errors(include_url=False, include_input=False)
    )


def _place(place: Place) -> str:
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += f".{part}" if text else part
    return text or "the file"
