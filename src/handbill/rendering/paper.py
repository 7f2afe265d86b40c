"""Which formats printed pieces have: their size, where the address shows, and what the post keeps free of ink."""

from collections.abc import Mapping
from dataclasses import dataclass

BLEED = 3.0
"""Millimetres of picture beyond the edge, which the cutter takes away."""
SLUG = 5.0
"""Millimetres beyond the bleed; the sequence mark stands there."""
INCH = 25.4


@dataclass(frozen=True)
class Area:
    """A rectangle on a page, in millimetres from its upper left corner."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.top + self.height

    def holds(self, other: "Area", slack: float = 0.1) -> bool:
        """Whether the other lies inside, give or take `slack` millimetres."""
        return (
            other.left >= self.left - slack
            and other.top >= self.top - slack
            and other.right <= self.right + slack
            and other.bottom <= self.bottom + slack
        )

    def meets(self, other: "Area", slack: float = 0.1) -> bool:
        """Whether the two overlap by more than `slack` millimetres."""
        return (
            other.left < self.right - slack
            and other.right > self.left + slack
            and other.top < self.bottom - slack
            and other.bottom > self.top + slack
        )

    def __str__(self) -> str:
        return f"{self.width:g} × {self.height:g} mm, {self.left:g} mm from the left and {self.top:g} mm from the top"


@dataclass(frozen=True)
class Paper:
    """A format. `address` is where the address must stand; on its page, `ink_free` stays white."""

    name: str
    width: float
    height: float
    address: Area
    ink_free: Area | None = None

    @property
    def page(self) -> Area:
        """The page as it is cut."""
        return Area(0, 0, self.width, self.height)


PAPERS: Mapping[str, Paper] = {
    # What a DL window (90 × 45 mm in Germany, 90 × 35 mm in the United Kingdom, both 20 mm from the left) shows of a
    # letter folded to 99 mm, wherever the letter slips inside its envelope.
    "letter": Paper("letter", 210, 297, Area(20, 57, 80, 22)),
    # The same for a No. 10 envelope with its window of 4½ × 1⅛ in, ⅞ in from the left and ½ in from the bottom.
    "letter_us": Paper("letter_us", 215.9, 279.4, Area(22, 63.5, 88, 17)),
    # Right half of the address side. Sorting machines print into the lowest 15 mm, 150 mm long from the right edge.
    "postcard": Paper("postcard", 148, 105, Area(74, 40, 69, 50), Area(0, 90, 148, 15)),
    "a6": Paper("a6", 148, 105, Area(74, 40, 69, 50), Area(0, 90, 148, 15)),
    "a5": Paper("a5", 210, 148, Area(105, 50, 100, 83), Area(60, 133, 150, 15)),
}
