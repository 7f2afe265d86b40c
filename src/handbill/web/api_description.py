"""How the interface for other systems is described: OpenAPI for programs, pages for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from jinja2 import Environment, PackageLoader, StrictUndefined

from handbill.web.headers import content_policy
from handbill.web.prose import marked
from handbill.web.refusals import PROBLEM

STATUSES: Mapping[str, str] = {
    "200": "Done. Rows that were not loaded stand in `rejected`.",
    "400": "The body is no JSON.",
    "401": "No key of this service was shown, or a revoked one.",
    "403": "The key may not bring this.",
    "408": "The body did not come in time.",
    "409": "`complete_until` is in the future, the source is one of ours, or another batch had this Idempotency-Key.",
    "413": "The body has more than 1,000,000 bytes. Send fewer rows at once.",
    "422": "The batch as a whole cannot be taken; nothing of it was loaded.",
    "429": "Too many requests. Ask again after as many seconds as `Retry-After` says.",
    "500": "Something is wrong in the service. Send the same again later.",
    "503": "The store cannot be reached. Send the same again later.",
}
STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #16191d; --muted: #585f68; --line: #dcdad2; --wash: #f3f2ee }
@media (prefers-color-scheme: dark) {
  :root { --paper: #171a1e; --ink: #eef0f2; --muted: #a9b1ba; --line: #30353c; --wash: #23282f }
}
body { max-width: 60rem; margin: 2.5rem auto; padding: 0 1.25rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 ui-sans-serif, system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif }
h1 { font-size: clamp(1.7rem, 5vw, 2.2rem); letter-spacing: -.02em; line-height: 1.15 }
h2 { margin-top: 2.8rem; padding-top: 1.6rem; border-top: 1px solid var(--line); font-size: 1.3rem }
.wide { overflow-x: auto }
table { width: 100%; min-width: 34rem; border-collapse: collapse }
th, td { padding: .4rem .9rem .4rem 0; text-align: start; vertical-align: top }
th { color: var(--muted); font-size: .9rem } td:nth-child(2) { min-width: 9rem; color: var(--muted) }
tr { border-bottom: 1px solid var(--line) }
code { padding: .1em .3em; border-radius: 4px; background: var(--wash); font: .92em ui-monospace, Menlo, monospace }
h2 code { padding: 0; background: none; font-weight: 700 }
@media (max-width: 40rem) {
  table, tbody, tr, td { display: block; min-width: 0 }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  tr { padding: .7rem 0 } td { padding: .1rem 0 } td:empty { display: none }
}
"""
POLICY = content_policy(styles=[STYLE])


def describe(api: FastAPI, path: str) -> dict[str, Any]:
    """The OpenAPI document of the interface under `path`."""
    document = get_openapi(
        title=api.title,
        version=api.version,
        description=api.description,
        routes=api.routes,
        servers=[{"url": path}],
    )
    for operations in document["paths"].values():
        for operation in operations.values():
            _mend(operation)
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)
    return document


def as_page(document: Mapping[str, Any]) -> str:
    """The description as a page that loads nothing."""
    pages = Environment(loader=PackageLoader("handbill.web", "pages"), autoescape=True, undefined=StrictUndefined)
    pages.filters["marked"] = marked
    return pages.get_template("api.html").render(document=document, style=STYLE, fields=fields, statuses=STATUSES)


def as_markdown(document: Mapping[str, Any]) -> str:
    """The description as a page of the reference."""
    return "\n".join(_lines(document)) + "\n"


def fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Name, type and meaning of each field of an object, and of the objects in its lists."""
    for name, value in schema.get("properties", {}).items():
        needed = "required" if name in schema.get("required", ()) else ""
        meaning = " ".join(filter(None, (value.get("description", ""), _choices(value))))
        yield name, " ".join(filter(None, (_type(value), needed))), meaning
        items = value.get("items", {})
        for inner, type_, said in fields(items):
            yield f"{name}[].{inner}", type_, said


def _mend(operation: dict[str, Any]) -> None:
    """What FastAPI cannot know: what each status means, and that refusals are problems."""
    for status, answer in operation["responses"].items():
        answer["description"] = STATUSES[status].replace("`", "")
        if status != "200":
            answer["content"] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Refused"}}}
        if status == "401":
            answer["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
        if status == "429":
            answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    for parameter in operation.get("parameters", ()):
        found = parameter["schema"].get("anyOf", [parameter["schema"]])
        parameter["schema"] = next(each for each in found if each.get("type") != "null")


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    yield "# The interface for other systems"
    yield ""
    yield "<!-- Made from the service's OpenAPI description: HANDBILL_REFRESH=1 pytest tests/web/test_openapi.py -->"
    yield ""
    yield document["info"]["description"]
    yield ""
    yield "The description for programs is at `/v1/openapi.json`, the one for people at `/v1/docs`."
    yield "Both are for whoever shows a key, and for this machine itself."
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield from _operation(document, f"{method.upper()} {document['servers'][0]['url']}{path}", operation)
    yield ""
    yield "## Answers"
    for name in ("Outcome", "Finding", "Refused", "Watermark"):
        yield from ("", f"### {name}", "")
        yield from _table(document["components"]["schemas"][name])


def _operation(document: Mapping[str, Any], title: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"## {title}", "", f"{operation['summary']}.", "")
    for parameter in operation.get("parameters", ()):
        yield from (f"Header `{parameter['name']}`: {parameter['description']}", "")
    if "requestBody" in operation:
        name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        yield from _table(document["components"]["schemas"][name])
        yield ""
    yield from ("| status | meaning |", "|---|---|")
    for status in sorted(operation["responses"]):
        yield f"| {status} | {STATUSES[status]} |"


def _table(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from ("| field | type | meaning |", "|---|---|---|")
    for name, type_, meaning in fields(schema):
        yield f"| `{name}` | {type_} | {meaning} |"


def _type(value: Mapping[str, Any]) -> str:
    if "$ref" in value:
        return str(value["$ref"].rpartition("/")[2])
    if "anyOf" in value:
        return " or ".join(_type(each) for each in value["anyOf"])
    types = value["type"] if isinstance(value.get("type"), list) else [value.get("type", "any")]
    said = " or ".join(types)
    if "$ref" in value.get("items", {}):
        said = f"array of {_type(value['items'])}"
    return f"{said} ({value['format']})" if "format" in value else said


def _choices(value: Mapping[str, Any]) -> str:
    words = [f"`{word}`" for word in value.get("enum", ()) if word is not None]
    return f"One of {', '.join(words)}." if words else ""
