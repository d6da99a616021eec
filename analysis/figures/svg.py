"""Fits a figure to stand inside a page: no inline styles, its own ids, colours that follow the page."""

import re
import xml.etree.ElementTree as ElementTree

SVG = "http://www.w3.org/2000/svg"
HREF = "{http://www.w3.org/1999/xlink}href"

INK = "#1f2328"
"""The colour of text and axes, which becomes the page's own text colour."""

PAPER = "#ffffff"
"""The colour of backgrounds, which becomes transparent."""

POINTER = re.compile(r"url\(#([^)]+)\)")
LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")


def unstyle(element: ElementTree.Element) -> None:
    """Turns a style attribute into presentation attributes, which no security policy forbids."""
    for declaration in element.attrib.pop("style", "").split(";"):
        name, _, value = declaration.partition(":")
        if value:
            element.set(name.strip(), value.strip())
    for name in ("fill", "stroke"):
        if element.get(name) in (INK, PAPER):
            element.set(name, "currentColor" if element.get(name) == INK else "none")


def shorten(element: ElementTree.Element) -> None:
    """Rounds path coordinates to hundredths of a point: a page holds many of them."""
    if "d" in element.attrib:
        rounded = LONG_NUMBER.sub(lambda match: f"{float(match[0]):.2f}", element.attrib["d"])
        element.set("d", " ".join(rounded.split()))


def rename(root: ElementTree.Element, prefix: str) -> None:
    """Prefixes the ids that something points to and drops the others, so that figures can share a page."""
    pointers = {element.get(HREF, "")[1:] for element in root.iter()}
    for element in root.iter():
        pointers.update(name for value in element.attrib.values() for name in POINTER.findall(value))
    for element in root.iter():
        if (name := element.attrib.pop("id", None)) in pointers:
            element.set("id", f"{prefix}-{name}")
        if (target := element.attrib.pop(HREF, None)) is not None:
            element.set("href", f"#{prefix}-{target[1:]}")
        for key, value in element.attrib.items():
            element.set(key, POINTER.sub(rf"url(#{prefix}-\1)", value))


def inline(svg: str, name: str, alt: str) -> str:
    """Returns matplotlib's SVG as an element for an HTML page, labelled for readers who do not see it.

    Args:
        svg: a whole SVG document as matplotlib writes it.
        name: the figure's name, the prefix of its ids.
        alt: what the figure shows, as plain text.
    """
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(svg)  # our own file: matplotlib wrote it and escaped every text in it
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag in (f"{{{SVG}}}style", f"{{{SVG}}}metadata")]:
            parent.remove(child)
    rename(root, name)
    for element in root.iter():
        unstyle(element)
        shorten(element)
    defaults = {"stroke-linejoin": "round", "stroke-linecap": "butt"}  # what the removed <style> said
    for key, value in {"role": "img", "aria-label": alt, **defaults}.items():
        root.set(key, value)
    return ElementTree.tostring(root, encoding="unicode")
