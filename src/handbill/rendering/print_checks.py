"""What would go wrong with a piece at the printer, in the post or in its reader's hands."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from handbill.rendering.paper import INCH, Area, Paper
from handbill.rendering.sheet import Ink, LaidOutPage, Zone

LEAST_DPI = 300
LEAST_QR_WIDTH = INCH
LONGEST_NAME = 40
"""Characters; printers and postal machines cut or refuse longer first lines."""

Fault = tuple[str, str]
"""What is wrong, and how to mend it."""


def page_count_faults(count: int, allowed: range) -> Iterator[Fault]:
    """More or fewer pages than the template declares."""
    if count in allowed:
        return
    least, most = allowed[0], allowed[-1]
    declared = str(most) if least == most else f"{least} to {most}"
    if count > most:
        mend = "Shorten the text, or raise handbill-pages."
    else:
        mend = "Add what is missing, or lower handbill-pages."
    yield f"the text takes {count} page{'s' * (count > 1)}, and the template declares {declared}.", mend


def address_faults(lines: Sequence[str]) -> Iterator[Fault]:
    """An address that no postal machine would take."""
    if not any(line.strip() for line in lines):
        yield "there is no address.", "Leave this contact out, or give it one."
        return
    if len(lines[0]) > LONGEST_NAME:
        what = f"the name on the address has {len(lines[0])} characters, and {LONGEST_NAME} is the most."
        yield what, "Shorten it."
    for number, line in enumerate(lines, start=1):
        if not line.isprintable():
            yield f"line {number} of the address has a control character in it.", "Delete it."


def page_faults(pages: Sequence[LaidOutPage], paper: Paper) -> Iterator[Fault]:
    """Everything that stands where it must not, or does not fit."""
    if any(abs(page.width - paper.width) > 0.1 or abs(page.height - paper.height) > 0.1 for page in pages):
        what = f"the style sheet sets another size of page than {paper.width:g} × {paper.height:g} mm."
        yield what, "Remove size from @page: the campaign's format decides."
        return
    for page in pages:
        yield from _spill_faults(page, paper)
        yield from _collision_faults(page)
        yield from _picture_faults(page)
        yield from _code_faults(page)
    yield from _zone_faults(pages, paper)


def _spill_faults(page: LaidOutPage, paper: Paper) -> Iterator[Fault]:
    seen = set()
    for ink in page.ink:
        if ink.kind != "text" or ink.zone == "address" or ink.element in seen:
            continue
        if not paper.page.holds(ink.where):
            seen.add(ink.element)
            yield f"the text of {ink.element} runs off the page.", "Shorten it, or give it more room."
        elif ink.outgrown:
            seen.add(ink.element)
            yield f"the text of {ink.element} does not fit {_box(ink)}.", "Shorten it, or give it more room."


def _collision_faults(page: LaidOutPage) -> Iterator[Fault]:
    texts = [(ink, _core(ink.where)) for ink in page.ink if ink.kind == "text"]
    pairs = {
        (one.element, other.element): None
        for (one, its_core), (other, other_core) in combinations(texts, 2)
        if one.block != other.block and its_core.meets(other_core) and {one.zone, other.zone} != {"address"}
    }
    for one, other in pairs:
        yield f"the text of {one} lies over the text of {other}.", "Shorten it, or give it more room."


def _core(line: Area) -> Area:
    """The part of a line that holds its small letters; above and below, lines that are set close may touch."""
    return Area(line.left, line.top + line.height * 0.25, line.width, line.height * 0.5)


def _box(ink: Ink) -> str:
    return "its box" if ink.outgrown == ink.element else f"the box of {ink.outgrown}"


def _picture_faults(page: LaidOutPage) -> Iterator[Fault]:
    for ink in page.ink:
        if ink.dpi is not None and ink.dpi < LEAST_DPI - 0.5:
            name = f'the picture "{ink.picture}"' if ink.picture else f"the background of {ink.element}"
            mend = "Use a larger picture, or print it smaller."
            yield f"{name} has {ink.dpi:.0f} dpi at this size, and {LEAST_DPI} is the least.", mend


def _code_faults(page: LaidOutPage) -> Iterator[Fault]:
    for zone in page.zones:
        width = min(zone.where.width, zone.where.height) * zone.share
        if zone.name == "qr" and width < LEAST_QR_WIDTH - 0.05:
            what = f"the QR code is {width:.1f} mm wide without its white rim, and {LEAST_QR_WIDTH} mm is the least."
            yield what, f"Make its box at least {LEAST_QR_WIDTH / zone.share:.1f} mm wide and high."


def _zone_faults(pages: Sequence[LaidOutPage], paper: Paper) -> Iterator[Fault]:
    placed = [(page, zone) for page in pages for zone in page.zones if zone.name == "address"]
    if len(placed) != 1:
        count = "no element" if not placed else f"{len(placed)} elements"
        what = f'the address must stand in one element with data-zone="address", and {count} has it.'
        yield what.replace("elements has", "elements have"), "Mark the one around piece.address_lines."
        return
    page, zone = placed[0]
    if not paper.address.holds(zone.where):
        what = f"the address stands outside its place ({paper.address})."
        yield what, f"Move {zone.element} into it."
    yield from _fit_faults(page, zone)
    yield from _cover_faults(page, zone)
    if paper.ink_free:
        for element in dict.fromkeys(ink.element for ink in page.ink if paper.ink_free.meets(ink.where)):
            yield f"{element} stands where the post prints its own marks ({paper.ink_free}).", "Move it."


def _fit_faults(page: LaidOutPage, zone: Zone) -> Iterator[Fault]:
    lines = [ink for ink in page.ink if ink.zone == "address" and ink.kind == "text"]
    if any(ink.where.right > zone.where.right + 0.3 or ink.outgrown not in {"", zone.element} for ink in lines):
        yield f"a line of the address is wider than its place of {zone.where.width:g} mm.", "Shorten it."
    outgrown = [ink for ink in lines if ink.where.bottom > zone.where.bottom + 0.3]
    if outgrown:
        fitting = page.address_lines - len({ink.where.top for ink in outgrown})
        what = f"the address takes {page.address_lines} lines, and its place holds {fitting}."
        yield what, "Shorten the address, or set it smaller."


def _cover_faults(page: LaidOutPage, zone: Zone) -> Iterator[Fault]:
    around = [ink for ink in page.ink if ink.kind != "fill" and ink.zone != "address"]
    for element in dict.fromkeys(ink.element for ink in around if zone.where.meets(ink.where)):
        yield f"{element} stands in the address window.", "Move it."
