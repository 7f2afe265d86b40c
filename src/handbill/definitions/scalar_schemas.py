"""What an editor may see where a file has one value: numbers and words as YAML reads them, or the texts we read."""

from collections.abc import Callable, Mapping
from typing import Any

from handbill.definitions import languages, rehearsal, secret, values

Schema = dict[str, Any]

VARIABLE = r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"
"""`${NAME}` may stand anywhere in a value."""

LINE: Schema = {"type": ["string", "number", "boolean"]}
"""One line of text: 02108, 15 and true are texts where a text is declared, whatever an editor takes them for."""


def written_like(pattern: str, example: str) -> Schema:
    """A text of this form, or one with a variable in it."""
    return {"type": "string", "pattern": f"^({pattern})$|{VARIABLE}", "examples": [example]}


def pattern_of_key(schema: Schema) -> str:
    """The form of a key that is written like this value; variables stand in values only."""
    return str(schema["pattern"]).removesuffix(f"|{VARIABLE}")


def number_or(pattern: str, example: str, **limits: float) -> Schema:
    """A number, or a text of this form."""
    return {**written_like(pattern, example), "type": ["number", "string"], **limits}


DURATION = written_like(r"[0-9]{1,6} *(second|minute|hour|day|week|month|year)s?", "14 days")
MOMENT = written_like(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?", "2026-12-01 09:00")
SHARE = number_or(r"[0-9]+(\.[0-9]+)? *%?", "45%", minimum=0, maximum=1)
MONEY = number_or(r"[0-9]{1,12}(\.[0-9]{1,6})?", "0.78", minimum=0)
BOOLEAN: Schema = {"enum": [True, False, "true", "false"]}

SCALARS: Mapping[Callable[[Any], Any], Schema] = {
    values.parse_share: SHARE,
    values.parse_duration: DURATION,
    values.parse_window: DURATION,
    values.parse_rate: written_like(r"[0-9]{1,9} */ *(second|minute|hour|day)", "3000/minute"),
    values.parse_money: MONEY,
    values.parse_effect: number_or(r"[0-9]+(\.[0-9]+)? *(pp)?", "1 pp", minimum=0),
    values.parse_moment: MOMENT,
    values.parse_time_of_day: written_like(r"([01][0-9]|2[0-3]):[0-5][0-9]", "21:00"),
    values.parse_timezone: written_like(r"[A-Za-z0-9_+/-]+", "Europe/London"),
    values.parse_timezone_or_recipient: written_like(r"[A-Za-z0-9_+/-]+", "recipient"),
    values.parse_boolean: BOOLEAN,
    values.parse_line: LINE,
    values.parse_currency: written_like(r"[A-Z]{3}", "GBP"),
    values.parse_colour: written_like(r"#?[0-9A-Fa-f]{6}", "#0a5599"),
    values.parse_country: written_like(r"[A-Z]{2}", "GB"),
    values.parse_domain: written_like(r"[^\s/@]+\.[^\s/@]+", "northwind.example"),
    values.parse_web_address: written_like(r"https?://\S+", "https://shop.example"),
    values.parse_cap_size: {**number_or(r"[0-9]{1,6}( +points?)?", "10 points", minimum=1)},
    secret.parse_secret: {"type": "string", "examples": ["${SMTP_PASSWORD}", "file:/run/secrets/smtp"]},
    rehearsal.parse_past: written_like(r".+ ago|[0-9]{4}-[0-9]{2}-[0-9]{2}.*", "100 days ago"),
    rehearsal.parse_lines: {"anyOf": [LINE, {"type": "array", "items": LINE}]},
    languages.parse_language: written_like(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?", "de-AT"),
}
"""By the converter that reads the value."""
