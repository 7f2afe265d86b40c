"""How a page is laid out as text of any width and as Markdown."""

from handbill.planning.layout import Page, Part, as_markdown, as_text, lines_of

PAGE = Page(
    "Plan of spring",
    "3 contacts.",
    (
        Part("Who", (("Contacts", ""), ("3", "selected"), ("−1", "no consent"), ("2", "planned")), totals=(0, 2)),
        Part("Doubts", sentences=("Too few for plain against nothing.",), tone="warning"),
    ),
    "Digest d1",
)


def test_text_has_aligned_columns_and_a_blank_line_between_parts() -> None:
    assert as_text(PAGE) == (
        "Plan of spring\n3 contacts.\n\nWho\n  Contacts\n         3  selected\n        −1  no consent\n"
        "         2  planned\n\nDoubts\n  Too few for plain against nothing.\n\nDigest d1\n"
    )


def test_every_line_says_what_it_is() -> None:
    assert [role for role, _ in lines_of(PAGE)] == [
        "title", "summary", "row", "heading", "columns", "total", "row", "total", "row", "heading", "warning", "row",
        "faint",
    ]  # fmt: skip


def test_a_table_that_is_too_wide_breaks_its_longest_column() -> None:
    wide = Page(
        "T", "", (Part("What", (("Arm", "Subject", "Sent"), ("plain", "Spring is here for all of us", "12,000"))),)
    )
    assert as_text(wide, width=35) == (
        "T\n\nWhat\n  Arm    Subject               Sent\n  plain  Spring is here for  12,000\n         all of us\n"
    )
    assert max(map(len, as_text(wide, width=35).splitlines())) <= 35


def test_a_command_in_a_cell_loses_its_marks_as_text_and_keeps_them_in_markdown() -> None:
    page = Page("T", "", (Part("Next", (("To", "Run"), ("see", "`handbill preview a|b`"))),))
    assert "  see  handbill preview a|b\n" in as_text(page)
    assert "| see | `handbill preview a\\|b` |\n" in as_markdown(page)


def test_markdown_has_a_table_a_part() -> None:
    assert as_markdown(PAGE) == (
        "## Plan of spring\n\n3 contacts.\n\n### Who\n\n| Contacts |  |\n| ---: | --- |\n| **3** | **selected** |\n"
        "| −1 | no consent |\n| **2** | **planned** |\n\n### Doubts\n\n- Too few for plain against nothing.\n\n"
        "Digest d1\n"
    )


def test_markdown_takes_names_for_words_and_not_for_markup() -> None:
    page = Page("T", "", (Part("Arms", (("Arm",), ("a|b",)), ("<b>[click](x)</b> *now* `",)),))
    assert as_markdown(page) == (
        "## T\n\n### Arms\n\n| Arm |\n| --- |\n| a\\|b |\n\n- \\<b\\>\\[click\\](x)\\</b\\> \\*now\\* \\`\n"
    )
