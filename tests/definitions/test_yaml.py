"""A YAML file is read as texts with their places, whatever YAML itself would make of them."""

import pytest

from handbill.definitions.yaml import LARGEST_FILE, Items, Keys, Text, at, plain, read_yaml

FILE = "campaigns.yaml"


def read(text: str) -> Keys:
    tree, problems = read_yaml(text.encode(), FILE)
    assert problems == []
    assert tree is not None
    return tree


@pytest.mark.parametrize(
    "written", ["02108", "010", "no", "09:00", "1e3", "0x1F", "2026-12-01", "=", ".5", "null and void"]
)
def test_an_unquoted_value_means_what_it_says(written: str) -> None:
    assert plain(read(f"key: {written}")) == {"key": written}


def test_a_value_has_its_line_and_column() -> None:
    tree = read("brand:\n  name: Northwind\n")

    assert at(tree, "brand", "name") == Text("Northwind", (2, 9))


def test_a_key_has_its_line_and_column() -> None:
    brand = at(read("brand:\n  name: Northwind\n"), "brand")

    assert isinstance(brand, Keys)
    assert brand.places == {"name": (2, 3)}


def test_columns_count_characters_not_bytes() -> None:
    assert at(read('{"élan": Ζωή, b: c}'), "b") == Text("c", (1, 18))


def test_a_quoted_number_is_told_from_a_number() -> None:
    items = at(read("""a: [2, "2", '2']"""), "a")

    assert isinstance(items, Items)
    assert [item.quoted for item in items.items if isinstance(item, Text)] == [False, True, True]


def test_quoted_null_is_a_word() -> None:
    assert plain(read('key: "null"')) == {"key": "null"}


def test_an_alias_stands_for_its_value() -> None:
    assert plain(read("a: &x [1, 2]\nb: *x")) == {"a": ["1", "2"], "b": ["1", "2"]}


def test_jinja_is_left_alone() -> None:
    subject = "{{ contact.first_name | default('friend') }}, {% if arm.name %}hello{% endif %}"

    assert plain(read(f'subject: "{subject}"')) == {"subject": subject}


def test_a_byte_order_mark_does_no_harm() -> None:
    tree, problems = read_yaml(b"\xef\xbb\xbfa: b", FILE)

    assert problems == []
    assert at(tree, "a") == Text("b", (1, 4))


def test_nothing_is_found_where_nothing_is_written() -> None:
    assert at(read("a: [b]"), "a", 1) is None


def test_a_missing_blank_after_a_colon_is_named() -> None:
    _, problems = read_yaml(b"a: {b:c}", FILE)

    assert [str(problem) for problem in problems] == [
        'campaigns.yaml:1:5: "b:c" has no blank after its colon. Write one.'
    ]


def test_all_mistakes_of_form_come_at_once() -> None:
    tree, problems = read_yaml(b"a: b\na: c\nd:\ne: !x f\n", FILE)

    assert tree is not None
    assert [problem.line for problem in problems] == [2, 3, 4]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: é".encode("latin-1"), "campaigns.yaml:1:4: the file is not written in UTF-8. Save it as UTF-8."),
        ("a: é".encode("utf-16"), "campaigns.yaml:1:1: the file is not written in UTF-8. Save it as UTF-8."),
        (b"a: b\x00", "campaigns.yaml:1:5: a control character stands here. Delete it."),
        (
            b"a: " + b"b" * LARGEST_FILE,
            "campaigns.yaml: the file is larger than 1 MB. Split it, or remove what does not belong.",
        ),
        (
            b"a: " + b"[" * 500,
            "campaigns.yaml: values are nested deeper than a person would. Write the file flatter.",
        ),
        (
            b'a: "\\q"',
            (
                "campaigns.yaml:1:6: YAML cannot be read here: found unknown escape character 'q'. "
                "Check quotes, brackets and indentation around."
            ),
        ),
        (
            b"a: - b",
            "campaigns.yaml:1:4: a list begins on the line of its key. Begin it on the next line, or write [one, two].",
        ),
        (
            b"a: ]",
            'campaigns.yaml:1:4: "]" stands where a value should. Write the value, and quote it if it holds this.',
        ),
        (
            b"a: |b",
            (
                'campaigns.yaml:1:4: text follows "|" on the same line. '
                "Quote the value, or begin the text on the next line."
            ),
        ),
        (b"a: & b", 'campaigns.yaml:1:4: an unquoted value cannot start with "&". Quote the value.'),
        (
            b"{a: b}\nc: d",
            (
                "campaigns.yaml:2:1: this line does not belong to what stands above it. "
                "Write each key of the file on its own line."
            ),
        ),
        (b"a: [b c: d: e]", "campaigns.yaml:1:11: a comma or ] is missing here. Add it, or quote the value before it."),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(content: bytes, said: str) -> None:
    tree, problems = read_yaml(content, FILE)

    assert tree is None
    assert [str(problem) for problem in problems] == [said]
