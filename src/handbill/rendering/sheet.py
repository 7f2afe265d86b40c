"""What stands on a page, as the checks need to know it: ink and zones, in millimetres."""

from dataclasses import dataclass
from typing import Literal

from handbill.rendering.paper import Area


@dataclass(frozen=True)
class Ink:
    """Something that is printed.

    `element` quotes the tag that it comes from, `zone` is the `data-zone` around it, `block` tells one paragraph from
    another, `outgrown` is the tag of the box that it does not fit. `dpi` is the resolution of a raster picture as it
    is printed.
    """

    kind: Literal["text", "picture", "fill"]
    where: Area
    element: str
    zone: str = ""
    block: int = 0
    outgrown: str = ""
    picture: str = ""
    dpi: float | None = None


@dataclass(frozen=True)
class Zone:
    """An element with a `data-zone`. `share` is the part of its width that a QR code takes without its white rim."""

    name: str
    where: Area
    element: str
    share: float = 1.0


@dataclass(frozen=True)
class LaidOutPage:
    """One page as it is cut: width and height in millimetres, and what stands on it in tree order."""

    width: float
    height: float
    ink: tuple[Ink, ...]
    zones: tuple[Zone, ...]
    address_lines: int
