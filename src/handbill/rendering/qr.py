"""The square that a phone reads: where the code of a piece leads, as a vector picture."""

from markupsafe import Markup

CODE_PATH = "/r/"
"""Path below the brand's website that a piece's code opens."""
SCAN_PATH = "/s/"
"""The same below the address of the web service, which counts the scan and leads on."""
QUIET_ZONE = 4
"""White modules around the code; readers need them."""


def qr_picture(url: str) -> Markup:
    """A QR code as inline SVG, sized by the template's style sheet. `data-modules` lets its printed size be checked.

    Error correction M: up to 15 % of the code may be lost to folds and stains.
    """
    import segno  # noqa: PLC0415 - whoever sends e-mail asks for the paths above only

    code = segno.make(url, error="m", micro=False)
    picture = code.svg_inline(border=QUIET_ZONE, omitsize=True, svgclass=None)
    modules = code.symbol_size(border=0)[0]
    # Made here from letters and digits only, so that it may pass unescaped.
    return Markup(picture.replace("<svg ", f'<svg data-zone="qr" data-modules="{modules}" ', 1))  # noqa: S704
