"""Which elements MJML 4 has, which attributes each takes, and which elements may stand in which.

The compiler passes what it does not know through to the mail without a word, so we have to know.
Source: the components of MJML 4.15 (allowedAttributes and dependencies), less what the compiler, mrml 6, drops.
"""

from collections.abc import Mapping


def _sides(name: str) -> frozenset[str]:
    return frozenset({name, *(f"{name}-{side}" for side in ("top", "right", "bottom", "left"))})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PADDING = _sides("padding")
_BORDER = _sides("border")
_FONT = _words("color font-family font-size font-style font-weight")
_LINK = _words("href rel target title")
_BACKGROUND = _words(
    "background-color background-url background-repeat background-size background-position background-position-x "
    "background-position-y"
)
_ICONS = _words(
    "icon-align icon-width icon-height icon-wrapped-url icon-wrapped-alt icon-unwrapped-url icon-unwrapped-alt "
    "icon-position"
)
_SECTION = _BACKGROUND | _BORDER | _PADDING | _words("border-radius direction full-width text-align text-padding")

GLOBAL_ATTRIBUTES = _words("css-class mj-class")
"""What every element of the body takes."""

BODY_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "mj-accordion": _PADDING | _ICONS | _words("border container-background-color font-family"),
    "mj-accordion-element": _ICONS | _words("background-color border font-family"),
    "mj-accordion-text": _PADDING
    | _words("background-color color font-family font-size font-weight letter-spacing line-height"),
    "mj-accordion-title": _PADDING | _words("background-color color font-family font-size font-weight"),
    "mj-body": _words("background-color width"),
    "mj-button": _PADDING | _BORDER | _FONT | _LINK
    | _words("align background-color border-radius container-background-color height inner-padding letter-spacing "
             "line-height name text-align text-decoration text-transform vertical-align width"),
    "mj-carousel": _PADDING
    | _words("align border-radius container-background-color icon-width left-icon right-icon tb-border "
             "tb-border-radius tb-hover-border-color tb-selected-border-color tb-width thumbnails"),
    "mj-carousel-image": _LINK | _words("alt border-radius src tb-border tb-border-radius thumbnails-src"),
    "mj-column": _PADDING | _BORDER | _sides("inner-border")
    | _words("background-color border-radius direction inner-background-color inner-border-radius vertical-align "
             "width"),
    "mj-divider": _PADDING | _words("align border-color border-style border-width container-background-color width"),
    "mj-group": _words("background-color direction vertical-align width"),
    "mj-hero": _PADDING | _sides("inner-padding")
    | _words("background-color background-height background-position background-url background-width border-radius "
             "container-background-color height inner-background-color mode vertical-align"),
    "mj-image": _PADDING | _BORDER | _LINK
    | _words("align alt border-radius container-background-color fluid-on-mobile font-size height max-height name "
             "sizes src srcset usemap width"),
    "mj-navbar": _PADDING | _sides("ico-padding")
    | _words("align base-url hamburger ico-align ico-close ico-color ico-font-family ico-font-size ico-line-height "
             "ico-open ico-text-decoration ico-text-transform"),
    "mj-navbar-link": _PADDING | _FONT
    | _words("href letter-spacing line-height name rel target text-decoration text-transform"),
    "mj-section": _SECTION,
    "mj-social": _PADDING | _FONT
    | _words("align border-radius container-background-color icon-height icon-padding icon-size inner-padding "
             "line-height mode table-layout text-decoration text-padding vertical-align"),
    "mj-social-element": _PADDING | _FONT | _LINK
    | _words("align alt background-color border-radius icon-height icon-padding icon-position icon-size line-height "
             "name sizes src srcset text-decoration text-padding vertical-align"),
    "mj-spacer": _PADDING | _BORDER | _words("container-background-color height"),
    "mj-table": _PADDING
    | _words("align border cellpadding cellspacing color container-background-color font-family font-size "
             "font-weight line-height role table-layout vertical-align width"),
    "mj-text": _PADDING | _FONT
    | _words("align background-color container-background-color height letter-spacing line-height text-decoration "
             "text-transform vertical-align"),
    "mj-wrapper": _SECTION,
}  # fmt: skip

_ANY_BODY_ATTRIBUTE = frozenset().union(*BODY_ATTRIBUTES.values()) | GLOBAL_ATTRIBUTES

ATTRIBUTES: Mapping[str, frozenset[str]] = {
    **{name: own | GLOBAL_ATTRIBUTES for name, own in BODY_ATTRIBUTES.items()},
    "mjml": _words("dir lang"),
    "mj-head": frozenset(),
    "mj-all": _ANY_BODY_ATTRIBUTE,
    "mj-attributes": frozenset(),
    "mj-breakpoint": _words("width"),
    "mj-class": _ANY_BODY_ATTRIBUTE | {"name"},
    "mj-font": _words("href name"),
    "mj-preview": frozenset(),
    "mj-raw": frozenset(),
    "mj-style": frozenset(),
    "mj-title": frozenset(),
}

_IN_COLUMN = _words(
    "mj-accordion mj-button mj-carousel mj-divider mj-image mj-navbar mj-raw mj-social mj-spacer mj-table mj-text"
)

CHILDREN: Mapping[str, frozenset[str]] = {
    "": _words("mjml"),
    "mjml": _words("mj-head mj-body"),
    "mj-head": _words("mj-attributes mj-breakpoint mj-font mj-preview mj-raw mj-style mj-title"),
    "mj-attributes": frozenset(BODY_ATTRIBUTES) | _words("mj-all mj-class"),
    "mj-body": _words("mj-hero mj-raw mj-section mj-wrapper"),
    "mj-wrapper": _words("mj-hero mj-raw mj-section"),
    "mj-section": _words("mj-column mj-group mj-raw"),
    "mj-group": _words("mj-column mj-raw"),
    "mj-column": _IN_COLUMN,
    "mj-hero": _IN_COLUMN,
    "mj-accordion": _words("mj-accordion-element"),
    "mj-accordion-element": _words("mj-accordion-text mj-accordion-title"),
    "mj-carousel": _words("mj-carousel-image"),
    "mj-navbar": _words("mj-navbar-link"),
    "mj-social": _words("mj-social-element"),
}
"""Elements that hold other elements only, and which; "" stands for the file."""

HOLD_HTML = _words(
    "mj-accordion-text mj-accordion-title mj-button mj-navbar-link mj-preview mj-raw mj-social-element mj-style "
    "mj-table mj-text mj-title"
)
"""Elements whose content is HTML or text."""

HOLD_JINJA = _words("mj-body mj-wrapper mj-section mj-group mj-column mj-hero mj-navbar mj-social")
"""Elements between whose children control flow can be carried through the compiler."""

VOID_HTML = _words("area base br col embed hr img input link meta source track wbr")
"""Elements of HTML that are never closed."""

DROPPED: Mapping[tuple[str, str], str] = {
    ("mj-style", "inline"): "Remove it: styles stay in the head, which mail programs read.",
    ("mj-raw", "position"): "Remove it.",
    ("mjml", "owa"): "Remove it.",
}
"""Attributes of MJML that our compiler drops without a word, and what to do."""
