"""How large BPMN shapes are drawn, and where their names stand. Units are pixels."""

from __future__ import annotations

import textwrap

from lxml import etree

from .layout import Box, Manner
from .vocabulary import EVENT_TAGS, GATEWAY_TAGS, local

TASK = (120.0, 80.0)
EVENT, GATEWAY = 36.0, 50.0
DATA, STORE = (36.0, 50.0), (50.0, 50.0)
LABEL_WIDTH, LABEL_LINE, CHARACTERS = 90.0, 14.0, 15
CHARACTER = 6.6  # advance of an 11 px sans-serif letter, on the wide side
NEAR = 4.0  # between a shape and its name
ON_LINE = 3.0  # between a name and the line that it stands on
GAP, LANE_GAP = 50.0, 40.0  # between columns, between the contents of two lanes

_SIZES = {
    **dict.fromkeys(EVENT_TAGS, (EVENT, EVENT)),
    **dict.fromkeys(GATEWAY_TAGS, (GATEWAY, GATEWAY)),
    "dataObjectReference": DATA,
    "dataStoreReference": STORE,
}
NAMED_BESIDE = frozenset(_SIZES)


def size(element: etree._Element) -> tuple[float, float]:
    """Width and height of a shape that nothing lies in."""
    if local(element) == "textAnnotation":
        lines = broken("".join(element.itertext()).strip()) or ("",)
        return 110.0, max(30.0, len(lines) * LABEL_LINE + 10)
    return _SIZES.get(local(element), TASK)


def broken(text: str) -> tuple[str, ...]:
    """A name in lines as the viewer breaks them."""
    return tuple(textwrap.wrap(text, CHARACTERS, break_on_hyphens=False))


def label(element: etree._Element) -> tuple[float, float]:
    """Width and height of the name beside a shape; (0, 0) where there is none."""
    if local(element) not in NAMED_BESIDE:
        return 0.0, 0.0
    return text_size(broken(element.get("name") or ""))


def text_size(lines: tuple[str, ...]) -> tuple[float, float]:
    """Width and height of lines of text."""
    if not lines:
        return 0.0, 0.0
    width = max(map(len, lines)) * CHARACTER
    return min(LABEL_WIDTH, round(width) + 8), len(lines) * LABEL_LINE


def below(box: Box, text: tuple[float, float]) -> Box:
    """The box of a name under a shape."""
    return Box(
        round(box.x + (box.width - text[0]) / 2), box.y + box.height + NEAR, text[0], text[1]
    )


def _room(lines: tuple[str, ...]) -> tuple[float, float]:
    """Of a name that stands on its line: as much room below as above."""
    return LABEL_WIDTH + 6, 2 * (len(lines) * LABEL_LINE + 2 * ON_LINE)


MANNER = Manner(GAP, LANE_GAP, broken, _room, is_squared=True)
