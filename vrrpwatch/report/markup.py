"""HTML and SVG as element trees: text stays text whatever it holds, for nothing is ever put together from strings."""

from xml.etree.ElementTree import Element, SubElement, tostring

from vrrpwatch.wire.text import safe_text

MAX_TEXT = 4_000

Content = str | Element | None


def element(tag: str, *content: Content, **attributes: str | int | float) -> Element:
    """An element; a trailing ``_`` of an attribute's name is dropped (``class_``) and other ``_`` become ``-``."""
    made = Element(tag, {_name(name): _text(value) for name, value in attributes.items()})
    append(made, *content)
    return made


def append(parent: Element, *content: Content) -> None:
    """Appends text and elements in order; ``None`` is nothing."""
    for item in content:
        if item is None:
            continue
        if isinstance(item, Element):
            parent.append(item)
        elif len(parent):
            parent[-1].tail = (parent[-1].tail or "") + safe_text(item, MAX_TEXT)
        else:
            parent.text = (parent.text or "") + safe_text(item, MAX_TEXT)


def child(parent: Element, tag: str, *content: Content, **attributes: str | int | float) -> Element:
    """A new last child of ``parent``."""
    made = SubElement(parent, tag, {_name(name): _text(value) for name, value in attributes.items()})
    append(made, *content)
    return made


def html_document(root: Element) -> str:
    """The document as ASCII text, so that it is the same in every encoding, with its type declared."""
    page: bytes = tostring(root, encoding="us-ascii", method="html")
    return f"<!DOCTYPE html>\n{page.decode()}\n"


def _name(name: str) -> str:
    # SVG and HTML know no attribute with an underscore, and Python none with a dash.
    return name.rstrip("_").replace("_", "-")


def _text(value: str | int | float) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return safe_text(str(value), MAX_TEXT)
