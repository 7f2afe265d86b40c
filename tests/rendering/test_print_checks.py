from pathlib import Path

import pytest
from PIL import Image

from tests.rendering.mail import ADDRESS_BLOCK, CSS, compiled, letter_html, piece

FILE = "templates/mail/piece.html: contact N-1: "


def faults(
    root: Path, html: str, *, format_: str = "letter", files: dict[str, str] | None = None, **person: object
) -> list[str]:
    """What is said about one piece, without the place that all the messages share."""
    template = compiled(root, html, format_=format_, files=files or {})
    said = [str(problem) for problem in template.check(piece(**person))]  # type: ignore[arg-type] # checked by `piece`
    assert all(text.startswith(FILE) for text in said)
    return [text.removeprefix(FILE) for text in said]


# ---------------------------------------------------------------- pictures and style sheets


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("missing.png", '"mail/missing.png" is not there: templates/ has no such file.'),
        ("../../secret.png", '"secret.png" is not a file in templates/, and print reads nothing else.'),
        ("https://shop.example/logo.png",
         '"https://shop.example/logo.png" is not a file in templates/, and print reads nothing else.'),
        ("data:image/gif;base64,R0lGODlhAQABAAAAACw=",
         '"data:image/gif;base64,R0lGODlhAQABAAAAACw=" is not a file in templates/, and print reads nothing else.'),
    ],
)  # fmt: skip
def test_a_lost_picture_is_an_error(tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "secret.png").write_bytes(b"")
    assert faults(tmp_path, letter_html(f'<img src="{source}">')) == [f"{said} Save it there, or correct the name."]


def test_a_lost_picture_is_an_error_for_every_recipient(tmp_path: Path) -> None:
    template = compiled(tmp_path, letter_html('<img src="missing.png">'))
    assert len(template.check(piece(1))) == len(template.check(piece(2))) == 1


def test_a_picture_inside_a_drawing_is_looked_for_when_it_is_printed(tmp_path: Path) -> None:
    html = letter_html(
        '<svg viewBox="0 0 9 9"><image href="https://shop.example/logo.png" width="9" height="9"/></svg>'
    )
    made = compiled(tmp_path, html).render([piece(1), piece(2)])
    assert (made.pdf, made.spans) == (b"", ())
    (problem,) = made.rejected[1]
    assert 'logo.png" is not a file in templates/' in problem.what
    assert sorted(made.rejected) == [1, 2]


def test_a_symbolic_link_leads_nowhere_outside(tmp_path: Path) -> None:
    (tmp_path / "outside.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>')
    (tmp_path / "templates" / "mail").mkdir(parents=True)
    (tmp_path / "templates" / "mail" / "link.svg").symlink_to(tmp_path / "outside.svg")
    said = '"outside.svg" is not a file in templates/, and print reads nothing else.'
    assert faults(tmp_path, letter_html('<img src="link.svg">')) == [f"{said} Save it there, or correct the name."]


def test_a_picture_that_is_none_is_an_error(tmp_path: Path) -> None:
    (said,) = faults(tmp_path, letter_html('<img src="broken.png">'), files={"broken.png": "no picture"})
    assert said == (
        "WeasyPrint says: Failed to load image at 'templates/mail/broken.png': . "
        "Correct the template, its style sheet or the picture."
    )


def test_a_lost_style_sheet_is_an_error(tmp_path: Path) -> None:
    html = letter_html().replace("<style>", '<link rel="stylesheet" href="lost.css"><style>')
    said = '"mail/lost.css" is not there: templates/ has no such file. Save it there, or correct the name.'
    assert faults(tmp_path, html) == [said]


def test_a_rule_that_nobody_understands_is_an_error(tmp_path: Path) -> None:
    html = letter_html().replace("<style>", '<link rel="stylesheet" href="own.css"><style>')
    said = faults(tmp_path, html, files={"own.css": "p { colour: red; }"})
    assert said == [
        (
            "own.css: WeasyPrint says: Ignored `colour: red` at 1:5, unknown property. "
            "Correct the template, its style sheet or the picture."
        )
    ]


def test_a_lost_font_is_an_error(tmp_path: Path) -> None:
    css = '@font-face { font-family: Own; src: url("own.ttf") }'
    said = '"mail/own.ttf" is not there: templates/ has no such file. Save it there, or correct the name.'
    assert faults(tmp_path, letter_html(css=css)) == [said]


def test_a_coarse_picture_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "templates" / "mail").mkdir(parents=True)
    Image.new("RGB", (100, 100), "navy").save(tmp_path / "templates" / "mail" / "photo.png")
    said = faults(tmp_path, letter_html('<img src="photo.png" style="width: 25.4mm">'))
    assert said == [
        (
            'the picture "photo.png" has 100 dpi at this size, and 300 is the least. '
            "Use a larger picture, or print it smaller."
        )
    ]


# ---------------------------------------------------------------- characters


def test_a_character_that_no_font_has_is_named(tmp_path: Path) -> None:
    said = faults(tmp_path, letter_html("<p>{{ contact.last_name | default('') }}</p>"), last_name="Ka𓀀")
    assert said == [
        (
            'no font on this machine has the character "𓀀" (U+13000). '
            "Install a font that has it, and name it in font-family."
        )
    ]


def test_a_font_that_steps_in_is_named_with_the_character(tmp_path: Path) -> None:
    html = letter_html("<p>{{ contact.last_name | default('') }}</p>", 'p { font-family: "DejaVu Serif" }')
    said = faults(tmp_path, html, last_name="ش")
    assert said == [
        (
            'the character "ش" (U+0634) would be set in "DejaVu Sans", but font-family names only DejaVu Serif. '
            "Name that font too, or install the named ones."
        )
    ]


def test_a_font_that_is_not_installed_is_an_error(tmp_path: Path) -> None:
    said = faults(tmp_path, letter_html("<h1>A</h1>", 'h1 { font-family: "No Such Font" }'))
    assert said == [
        (
            'the character "A" (U+0041) would be set in "DejaVu Sans", but font-family names only No Such Font. '
            "Name that font too, or install the named ones."
        )
    ]


def test_a_known_character_stays_an_error_in_another_font(tmp_path: Path) -> None:
    html = letter_html("<p>{{ contact.last_name | default('') }}</p>", '.address { font-family: "No Such Font" }')
    assert len(faults(tmp_path, html)) > 1


# ---------------------------------------------------------------- room


def test_text_that_runs_onto_another_page_is_an_error(tmp_path: Path) -> None:
    html = letter_html().replace("</body>", '<div style="padding-top: 120mm; break-after: page">A</div><p>B</p></body>')
    (said,) = faults(tmp_path, html)
    assert said == ("the text takes 2 pages, and the template declares 1. Shorten the text, or raise handbill-pages.")


def test_a_page_that_is_missing_is_an_error(tmp_path: Path) -> None:
    assert faults(tmp_path, letter_html(pages="2")) == [
        "the text takes 1 page, and the template declares 2. Add what is missing, or lower handbill-pages."
    ]


def test_text_that_leaves_the_page_is_an_error(tmp_path: Path) -> None:
    css = "h1 { position: absolute; top: 0; left: 100mm; margin: 0; white-space: nowrap }"
    assert faults(tmp_path, letter_html(f"<h1>{'wide ' * 20}</h1>", css)) == [
        "the text of <h1> runs off the page. Shorten it, or give it more room."
    ]


def test_text_that_outgrows_its_box_is_an_error(tmp_path: Path) -> None:
    css = ".ticket { height: 10mm }"
    body = f'<div class="ticket"><h2>{"high " * 60}</h2></div>'
    assert faults(tmp_path, letter_html(body, css)) == [
        'the text of <h2> does not fit the box of <div class="ticket">. Shorten it, or give it more room.',
        "the text of <h2> lies over the text of <p>. Shorten it, or give it more room.",
    ]


def test_positioned_text_that_outgrows_what_holds_it_is_an_error(tmp_path: Path) -> None:
    css = ".ticket { position: relative; height: 10mm; margin-bottom: 40mm } .words { position: absolute; width: 50mm }"
    body = f'<div class="ticket"><div class="words">{"high " * 30}</div></div>'
    assert faults(tmp_path, letter_html(body, css)) == [
        (
            'the text of <div class="words"> does not fit the box of <div class="ticket">. '
            "Shorten it, or give it more room."
        )
    ]


def test_a_word_that_is_wider_than_its_box_is_an_error(tmp_path: Path) -> None:
    css = ".narrow { width: 10mm }"
    assert faults(tmp_path, letter_html('<div class="narrow">Donaudampfschiff</div>', css)) == [
        'the text of <div class="narrow"> does not fit its box. Shorten it, or give it more room.'
    ]


def test_another_size_of_page_is_an_error(tmp_path: Path) -> None:
    assert faults(tmp_path, letter_html(css="@page :first { size: A5 }")) == [
        (
            "the style sheet sets another size of page than 210 × 297 mm. "
            "Remove size from @page: the campaign's format decides."
        )
    ]


# ---------------------------------------------------------------- the address


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ((), "there is no address. Leave this contact out, or give it one."),
        (("  ",), "there is no address. Leave this contact out, or give it one."),
        (("E" * 41, "1 High Street"), "the name on the address has 41 characters, and 40 is the most. Shorten it."),
        (("Eleanor", "1 High\u0085Street"), "line 2 of the address has a control character in it. Delete it."),
        (tuple(f"Line {n}" for n in range(7)),
         "the address takes 7 lines, and its place holds 6. Shorten the address, or set it smaller."),
        (("Eleanor", "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"),
         "a line of the address is wider than its place of 75 mm. Shorten it."),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_printed_is_an_error(tmp_path: Path, address: tuple[str, ...], said: str) -> None:
    assert faults(tmp_path, letter_html(), address=address) == [said]


def test_six_lines_of_address_fit(tmp_path: Path) -> None:
    assert faults(tmp_path, letter_html(), address=tuple(f"Line {n} gjpqy" for n in range(6))) == []


def test_a_template_without_an_address_is_an_error(tmp_path: Path) -> None:
    assert faults(tmp_path, letter_html(address="")) == [
        (
            'the address must stand in one element with data-zone="address", and no element has it. '
            "Mark the one around piece.address_lines."
        )
    ]


def test_two_addresses_are_an_error(tmp_path: Path) -> None:
    said = faults(tmp_path, letter_html(address=ADDRESS_BLOCK + ADDRESS_BLOCK.replace("<div", '<div id="b"')))
    assert said[-1] == (
        'the address must stand in one element with data-zone="address", and 2 elements have it. '
        "Mark the one around piece.address_lines."
    )


def test_an_address_outside_the_window_is_an_error(tmp_path: Path) -> None:
    assert faults(tmp_path, letter_html(base_css=CSS.replace("top: 57mm", "top: 45mm"))) == [
        (
            "the address stands outside its place (80 × 22 mm, 20 mm from the left and 57 mm from the top). "
            'Move <div class="address"> into it.'
        )
    ]


def test_other_words_in_the_window_are_an_error(tmp_path: Path) -> None:
    css = ".note { position: absolute; left: 60mm; top: 74mm }"
    said = faults(
        tmp_path,
        letter_html().replace("</style>", css + "</style>").replace("</body>", '<div class="note">Hi</div></body>'),
    )
    assert said == ['<div class="note"> stands in the address window. Move it.']


def test_ink_where_the_post_prints_is_an_error(tmp_path: Path) -> None:
    css = """
        body { margin: 0; font-family: "DejaVu Sans"; font-size: 8pt }
        .address { position: absolute; left: 80mm; top: 45mm; width: 60mm; height: 30mm }
        .body { position: absolute; left: 8mm; top: 8mm; width: 60mm }
        .line { position: absolute; left: 8mm; top: 92mm; width: 60mm; height: 1mm; background: #eee }
        .white { position: absolute; left: 8mm; top: 96mm; width: 60mm; height: 1mm; background: #fff }
    """
    html = letter_html(base_css=css).replace("</body>", '<div class="line"></div><div class="white"></div></body>')
    assert faults(tmp_path, html, format_="postcard") == [
        (
            '<div class="line"> stands where the post prints its own marks '
            "(148 × 15 mm, 0 mm from the left and 90 mm from the top). Move it."
        )
    ]


@pytest.mark.parametrize(
    ("rule", "element"), [("@page { background: #eee }", "@page"), ("body { background: #eee }", "<body>")]
)
def test_a_tinted_page_is_ink_too(tmp_path: Path, rule: str, element: str) -> None:
    css = """
        body { margin: 0; font-family: "DejaVu Sans"; font-size: 8pt }
        .address { position: absolute; left: 80mm; top: 45mm; width: 60mm; height: 30mm }
        .body { position: absolute; left: 8mm; top: 8mm; width: 60mm }
    """
    assert faults(tmp_path, letter_html(base_css=css + rule), format_="postcard") == [
        (
            f"{element} stands where the post prints its own marks "
            "(148 × 15 mm, 0 mm from the left and 90 mm from the top). Move it."
        )
    ]


# ---------------------------------------------------------------- the code, and values that are not there


def test_a_small_qr_code_is_an_error(tmp_path: Path) -> None:
    css = "svg { width: 30mm; height: 30mm }"
    assert faults(tmp_path, letter_html("{{ piece.qr }}", css)) == [
        (
            "the QR code is 23.5 mm wide without its white rim, and 25.4 mm is the least. "
            "Make its box at least 32.4 mm wide and high."
        )
    ]


def test_a_value_that_the_recipient_lacks_is_named_with_its_place(tmp_path: Path) -> None:
    html = letter_html("<p>{{ contact.last_name | default(contact.external_id) | first | date }}</p>")
    template = compiled(tmp_path, html)
    assert [str(problem) for problem in template.check(piece())] == [
        "templates/mail/piece.html:11:22: contact N-1: the filter date needs a date or a time. Check the value."
    ]


def test_a_piece_without_its_code_is_an_error(tmp_path: Path) -> None:
    template = compiled(tmp_path, letter_html("{{ piece.code }}"))
    assert [str(problem) for problem in template.check(piece(code=None))] == [
        (
            "templates/mail/piece.html:11:19: contact N-1: piece.code has no value for this recipient. "
            'Write {{ piece.code | default("…") }}, or leave it out with {% if %}.'
        )
    ]
