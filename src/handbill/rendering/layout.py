"""What stands where on the pages that WeasyPrint laid out.

WeasyPrint offers no public way to its boxes. Everything that reads them is in this module and in fonts.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from weasyprint import Page
from weasyprint.formatting_structure import boxes
from weasyprint.images import RasterImage
from weasyprint.layout.absolute import AbsolutePlaceholder

from handbill.rendering.paper import INCH, Area
from handbill.rendering.sheet import Ink, LaidOutPage, Zone

MARK_CLASS = "handbill-mark"
"""Class of the sequence mark, which stands outside the page on purpose."""
_SLACK = 0.3  # mm: rounding, and letters that lean out of their box a little


def read_page(page: Page) -> LaidOutPage:
    """A page in millimetres from the upper left corner of the page as it is cut."""
    root = page._page_box  # noqa: SLF001 - see the module's docstring
    reader = _Reader()
    if _is_printed(root.background):
        reader.ink.append(Ink("fill", Area(0, 0, _mm(page.width), _mm(page.height)), "@page"))
    if _is_printed(root.canvas_background):
        reader.ink.append(Ink("fill", Area(0, 0, _mm(page.width), _mm(page.height)), "<body>"))
    for child in root.children:
        reader.read(child, _Around(""))
    return LaidOutPage(_mm(page.width), _mm(page.height), tuple(reader.ink), tuple(reader.zones), reader.address_lines)


def text_boxes(page: Page) -> Iterator[Any]:
    """The boxes of a page that hold letters."""
    for child in page._page_box.children:  # noqa: SLF001 - see the module's docstring
        yield from (box for box in _all_boxes(child) if isinstance(box, boxes.TextBox) and box.text.strip())


@dataclass(frozen=True)
class _Limit:
    """An edge that text must not cross: the lower edge of a box of fixed height, or the right edge of any box."""

    at: float
    element: str
    positioned: bool = False


@dataclass(frozen=True)
class _Around:
    """What a box stands in."""

    zone: str
    bottoms: tuple[_Limit, ...] = ()
    right: _Limit | None = None
    block: int = 0


class _Reader:
    """Walks the boxes of one page and collects what it finds."""

    def __init__(self) -> None:
        self.ink: list[Ink] = []
        self.zones: list[Zone] = []
        self.address_lines = 0

    def read(self, box: Any, around: _Around) -> None:
        """A box and everything in it."""
        box = _laid_out(box)
        if _is_mark(box) or box.style["visibility"] == "hidden":
            return
        around = self._enter(box, around)
        if isinstance(box, boxes.TextBox):
            self._read_text(box, around)
        elif isinstance(box, boxes.ReplacedBox):
            self._read_picture(box, around)
        elif isinstance(box, boxes.LineBox) and around.zone == "address":
            self.address_lines += any(isinstance(each, boxes.TextBox) and each.text.strip() for each in _all_boxes(box))
        self._read_fill(box, around)
        for child in getattr(box, "children", ()):
            self.read(child, around)

    def _enter(self, box: Any, around: _Around) -> _Around:
        zone, bottoms, right = around.zone, around.bottoms, around.right
        if name := _attribute(box, "data-zone"):
            if name != zone:
                share = _share_of_code(box)
                self.zones.append(Zone(name, _border_area(box), _tag(box), share))
            zone = name
        if isinstance(box, (boxes.BlockContainerBox, boxes.FlexContainerBox, boxes.GridContainerBox)):
            positioned = box.style["position"] != "static"
            if box.is_absolutely_positioned():
                # Only what it is positioned in can hold it.
                bottoms = tuple(limit for limit in bottoms if limit.positioned)
            right = _Limit(_mm(box.content_box_x() + box.width), _tag(box))
            if box.style["height"] != "auto":
                bottoms = (*bottoms, _Limit(_mm(box.content_box_y() + box.height), _tag(box), positioned))
            return _Around(zone, bottoms, right, id(box))
        return _Around(zone, bottoms, right, around.block)

    def _read_text(self, box: Any, around: _Around) -> None:
        if not box.text.strip():
            return
        # What the letters cover: one em around the baseline. The box itself is as high as the tallest font in it.
        em, baseline = box.style["font_size"], box.position_y + box.baseline
        where = Area(_mm(box.position_x), _mm(baseline - em * 0.78), _mm(box.width), _mm(em))
        outgrown = next((limit.element for limit in around.bottoms if where.bottom > limit.at + _SLACK), "")
        if around.right and where.right > around.right.at + _SLACK:
            outgrown = around.right.element
        self.ink.append(Ink("text", where, _tag(box), around.zone, around.block, outgrown))

    def _read_picture(self, box: Any, around: _Around) -> None:
        where = Area(_mm(box.content_box_x()), _mm(box.content_box_y()), _mm(box.width), _mm(box.height))
        source, image = _attribute(box, "src"), box.replacement
        dpi = image.width / (where.width / INCH) if isinstance(image, RasterImage) and where.width else None
        self.ink.append(Ink("picture", where, _tag(box), around.zone, picture=source, dpi=dpi))

    def _read_fill(self, box: Any, around: _Around) -> None:
        background = getattr(box, "background", None)
        sides = ("top", "right", "bottom", "left")
        has_border = any(getattr(box, f"border_{side}_width", 0) for side in sides)
        if background:
            for layer in background.layers:
                if isinstance(layer.image, RasterImage) and layer.size[0]:
                    dpi = layer.image.width / (_mm(layer.size[0]) / INCH)
                    self.ink.append(Ink("fill", _border_area(box), _tag(box), around.zone, picture="", dpi=dpi))
        if has_border or _is_printed(background):
            self.ink.append(Ink("fill", _border_area(box), _tag(box), around.zone))


def _laid_out(box: Any) -> Any:
    return box._box if isinstance(box, AbsolutePlaceholder) else box  # noqa: SLF001 - see the module's docstring


def _all_boxes(box: Any) -> Iterator[Any]:
    box = _laid_out(box)
    if box.style["visibility"] != "hidden":
        yield box
    for child in getattr(box, "children", ()):
        yield from _all_boxes(child)


def _is_mark(box: Any) -> bool:
    return MARK_CLASS in _attribute(box, "class").split()


def _is_printed(background: Any) -> bool:
    """A background that leaves ink: a picture, a gradient, or any colour but white."""
    if background is None or any(layer.image for layer in background.layers):
        return background is not None
    color = background.color
    if color.alpha == 0 or color.space == "device-cmyk":
        return bool(color.alpha) and any(color.coordinates)
    return any(part < 0.999 for part in color.to("srgb").coordinates)


def _share_of_code(box: Any) -> float:
    modules = _attribute(box, "data-modules")
    view = _attribute(box, "viewBox").split()
    return int(modules) / float(view[2]) if modules and len(view) == 4 else 1.0


def _attribute(box: Any, name: str) -> str:
    return str(box.element.get(name, "")) if box.element is not None else ""


def _tag(box: Any) -> str:
    if box.element is None:
        return "the page"
    tag = str(box.element.tag).rpartition("}")[2]
    first_class = next(iter(_attribute(box, "class").split()), "")
    return f'<{tag} class="{first_class}">' if first_class else f"<{tag}>"


def _border_area(box: Any) -> Area:
    return Area(_mm(box.border_box_x()), _mm(box.border_box_y()), _mm(box.border_width()), _mm(box.border_height()))


def _mm(pixels: float) -> float:
    return round(pixels * INCH / 96, 3)
