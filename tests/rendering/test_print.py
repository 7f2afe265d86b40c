import io
from pathlib import Path

import pypdfium2 as pdfium
import pytest
import zxingcpp
from pypdfium2 import raw

from handbill.rendering.print import MailTemplate, RenderedMail, Span, check_pieces, worst_first
from tests.rendering.mail import ADDRESS, compiled, letter_html, piece, starter_files

MM = 72 / 25.4


def starter(root: Path, name: str, format_: str, **arm: object) -> MailTemplate:
    files = starter_files()
    return compiled(root, files[f"{name}.html"], format_=format_, files=files, **arm)


def pages_of(mail: RenderedMail) -> list[pdfium.PdfPage]:
    document = pdfium.PdfDocument(mail.pdf)
    return [document[number] for number in range(len(document))]


def text_of(page: pdfium.PdfPage) -> str:
    return str(page.get_textpage().get_text_range())


def in_millimetres(box: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(edge / MM, 1) for edge in box)


@pytest.fixture
def letter(tmp_path: Path) -> MailTemplate:
    return starter(tmp_path, "winback-letter", "letter")


@pytest.fixture
def postcard(tmp_path: Path) -> MailTemplate:
    return starter(tmp_path, "postcard", "postcard")


def test_a_letter_is_one_a4_page_with_three_millimetres_of_bleed(letter: MailTemplate) -> None:
    mail = letter.render([piece()])
    assert mail.rejected == {}
    (page,) = pages_of(mail)
    assert in_millimetres(page.get_trimbox()) == (0, 0, 210, 297)
    assert in_millimetres(page.get_bleedbox()) == (-3, -3, 213, 300)


def test_a_postcard_is_two_a6_pages(postcard: MailTemplate) -> None:
    mail = postcard.render([piece()])
    assert [in_millimetres(page.get_trimbox()) for page in pages_of(mail)] == [(0, 0, 148, 105)] * 2


def test_a_piece_shows_its_recipient_its_code_and_who_sends_it(letter: MailTemplate) -> None:
    text = text_of(pages_of(letter.render([piece()]))[0]).replace("\r\n", " ")
    for words in (*ADDRESS, "Dear Eleanor,", "7KD4MWRVT", "1 Harbour Street, Whitby YO21 1AA, United Kingdom"):
        assert words in text


def test_an_offer_is_named_where_the_arm_has_one(tmp_path: Path) -> None:
    mail = starter(tmp_path, "postcard", "postcard", offer={"discount": "15%"}).render([piece()])
    assert "15%" in text_of(pages_of(mail)[1])


@pytest.mark.parametrize(("name", "format_"), [("winback-letter", "letter"), ("postcard", "postcard")])
def test_the_qr_code_opens_the_pieces_own_address_at_150_dpi(tmp_path: Path, name: str, format_: str) -> None:
    page = pages_of(starter(tmp_path, name, format_).render([piece()]))[-1]
    (found,) = zxingcpp.read_barcodes(page.render(scale=150 / 72).to_pil())
    assert found.text == "https://shop.example/r/7KD4MWRVT"


def test_all_fonts_are_embedded(letter: MailTemplate) -> None:
    mail = letter.render([piece()])
    (page,) = pages_of(mail)
    fonts = [raw.FPDFTextObj_GetFont(each.raw) for each in page.get_objects([raw.FPDF_PAGEOBJ_TEXT])]
    assert len(mail.fonts) >= 3
    assert fonts
    assert all(raw.FPDFFont_GetIsEmbedded(font) for font in fonts)


def test_the_sequence_stands_beyond_the_edge_of_every_page(postcard: MailTemplate) -> None:
    mail = postcard.render([piece(41), piece(42)])
    for page, mark in zip(pages_of(mail), ["#000041", "#000041", "#000042", "#000042"], strict=True):
        left, _, right, top = page.get_mediabox()
        assert page.get_textpage().get_text_bounded(left, page.get_trimbox()[3] + 3 * MM, right, top).strip() == mark


def test_pieces_follow_each_other_and_each_knows_its_pages(postcard: MailTemplate) -> None:
    assert postcard.render([piece(1), piece(2), piece(3)]).spans == (Span(1, 1, 2), Span(2, 3, 4), Span(3, 5, 6))


def test_somebody_without_a_first_name_is_greeted_all_the_same(letter: MailTemplate) -> None:
    mail = letter.render([piece(first_name=None)])
    assert "Dear friend," in text_of(pages_of(mail)[0])


def test_names_in_greek_cyrillic_hebrew_and_arabic_are_set(letter: MailTemplate) -> None:
    names = ["Αλέξανδρος", "Красимира", "שרה", "فاطمة"]
    mail = letter.render([piece(number, first_name=name) for number, name in enumerate(names, start=1)])
    assert mail.rejected == {}


def test_what_a_contact_wrote_is_text_and_nothing_else(tmp_path: Path) -> None:
    mail = compiled(
        tmp_path, letter_html("<p>{{ contact.first_name }}</p>".replace("first_name", "external_id"))
    ).render([piece(address=("<b>Bold</b> {{ 7 * 7 }}", "1 High Street"))])
    assert "<b>Bold</b> {{ 7 * 7 }}" in text_of(pages_of(mail)[0])


def test_a_piece_that_cannot_be_made_leaves_the_others_alone(tmp_path: Path) -> None:
    template = compiled(tmp_path, letter_html("<p>{{ contact.last_name | default('') }}</p>"))
    mail = template.render([piece(1), piece(2, last_name="𓀀"), piece(3)])
    assert mail.spans == (Span(1, 1, 1), Span(3, 2, 2))
    assert list(mail.rejected) == [2]


def test_nothing_that_can_be_made_gives_no_pdf(tmp_path: Path) -> None:
    mail = compiled(tmp_path, letter_html()).render([piece(address=())])
    assert (mail.pdf, mail.spans, mail.fonts) == (b"", (), ())


def test_a_letter_may_have_one_to_two_pages(tmp_path: Path) -> None:
    # In normal flow, because what is positioned does not break over pages.
    html = letter_html("", ".long { padding: 120mm 25mm 0; font-size: 10pt }", pages="1-2").replace(
        "</body>",
        '<div class="long">{% for n in range(contact.external_id | length) %}<p>{{ n }}</p>{% endfor %}</div></body>',
    )
    template = compiled(tmp_path, html)
    short, long = piece(1), piece(2)
    profile = {**long.profile, "external_id": "N" * 40}
    mail = template.render([short, type(long)(profile, long.address_lines, long.code, long.sequence)])
    assert mail.spans == (Span(1, 1, 1), Span(2, 2, 3))


def test_pictures_and_style_sheets_come_from_the_templates_folder(tmp_path: Path) -> None:
    files = {
        "sun.svg": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4" cy="4" r="4"/></svg>',
        "extra.css": ".sun { width: 9mm; height: 9mm }",
    }
    html = letter_html('<img class="sun" src="sun.svg">').replace(
        "<style>", '<link rel="stylesheet" href="extra.css"><style>'
    )
    mail = compiled(tmp_path, html, files=files).render([piece()])
    assert mail.rejected == {}


def test_the_likeliest_to_fail_are_looked_at_first() -> None:
    long_address = piece(1, address=("A", "B", "C", "D", "E", "F", "G"))
    long_name = piece(2, first_name="Wolfeschlegelsteinhausenbergerdorff", last_name="Featherstonehaugh-Cholmondeley")
    empty = piece(3, first_name=None, address=("X", "Y"))
    plain = piece(4, address=("X", "Y"))
    wide = piece(5, first_name="葵" * 12, address=("X", "Y"))
    assert [each.sequence for each in worst_first([plain, empty, wide, long_address, long_name])] == [2, 1, 5, 4, 3]


def test_all_pieces_can_be_looked_over_without_printing_them(tmp_path: Path) -> None:
    template = compiled(tmp_path, letter_html())
    problems = check_pieces(template, [piece(1), piece(2, address=()), piece(3, address=("E" * 41, "1 High Street"))])
    assert [str(problem) for problem in problems] == [
        (
            "templates/mail/piece.html: contact N-3: the name on the address has 41 characters, and 40 is the most."
            " Shorten it."
        ),
        "templates/mail/piece.html: contact N-2: there is no address. Leave this contact out, or give it one.",
    ]


def test_the_template_in_the_guide_can_be_printed(tmp_path: Path) -> None:
    guide = Path(__file__).parents[2] / "docs" / "guide" / "letters-and-postcards.md"
    html = guide.read_text(encoding="utf-8").partition("```html\n")[2].partition("```")[0]
    assert compiled(tmp_path, html).render([piece()]).rejected == {}


def test_a_line_of_another_script_leaves_the_address_in_its_place(letter: MailTemplate) -> None:
    tall = ("Ελένη فاطمة", "1 דרך הים", "Line 3", "Line 4", "Line 5", "Line 6")
    assert letter.check(piece(address=tall)) == ()


def test_a_line_of_the_address_that_would_wrap_is_an_error(letter: MailTemplate) -> None:
    long = ("Eleanor Whitcombe", "The Old Lighthouse Keeper's Cottage by the Harbour Wall at Low Tide", "Whitby")
    assert [str(problem) for problem in letter.check(piece(address=long))] == [
        "templates/mail/piece.html: contact N-1: a line of the address is wider than its place of 75 mm. Shorten it."
    ]


def test_a_pdf_can_be_read_by_other_programs(letter: MailTemplate) -> None:
    document = pdfium.PdfDocument(io.BytesIO(letter.render([piece()]).pdf))
    assert len(document) == 1
