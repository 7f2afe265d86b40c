"""The interface for other systems: batches of events, orders and contacts, and until when each source is complete."""

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import BaseRoute, Mount

from handbill import __version__
from handbill.operations.intake import KINDS, Batch, BatchRefused, known_watermarks, take_batch
from handbill.web.api_description import POLICY, as_page, describe
from handbill.web.api_models import Outcome, Refused, Watermark, Watermarks, batch_model
from handbill.web.keys import Keyed, key_of
from handbill.web.refusals import HANDLED, PROBLEM, WORDS, answer_refusal
from handbill.web.service import Service

PATH = "/v1"
LONGEST_REQUEST_ID = 200

RequestId = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=LONGEST_REQUEST_ID,
        description="A name of this request. The same batch under the same name is answered the same again, for three "
        "days. Without it a repeated batch is stored once all the same.",
    ),
]

_DESCRIPTION = """\
Bring what other systems know: what contacts did, what they ordered, and who they are.

Every request shows a key: `Authorization: Bearer KEY`. A key is made with `handbill api-key create`.

A batch is safe to send again, after an error or when in doubt: a row that is known is not stored twice.
Rows that cannot be loaded are answered one by one with their reasons; the others are loaded. The status is then 200."""
_SUMMARIES = {
    "events": "Bring what contacts did",
    "orders": "Bring orders with their lines",
    "contacts": "Bring contacts, or changes of some of their fields",
}


class Ascii(JSONResponse):
    """JSON in ASCII: what was sent may hold halves of letters, which UTF-8 cannot."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def routes(service: Service) -> list[BaseRoute]:
    """Everything under `/v1`."""
    return [Mount(PATH, app=Keyed(make_api(service), service))]


def make_api(service: Service) -> FastAPI:
    """The interface, without the look at keys."""
    api = FastAPI(
        title="Handbill",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url=None,  # ours says more
        docs_url=None,  # the usual pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        default_response_class=Ascii,
        exception_handlers={**dict.fromkeys(HANDLED, answer_refusal), RequestValidationError: _answer_invalid},
        dependencies=[Security(HTTPBearer(auto_error=False, description="A key of `handbill api-key create`."))],
        responses=dict.fromkeys((401, 429, 503), _REFUSED),
    )
    for kind in KINDS:
        api.post(
            f"/{kind}",
            summary=_SUMMARIES[kind],
            operation_id=f"post_{kind}",
            response_model=Outcome,
            responses=dict.fromkeys((400, 403, 408, 409, 413, 422), _REFUSED),
        )(_poster(service, kind))
    api.get("/watermarks", summary="See until when each source is complete", operation_id="get_watermarks")(
        _watermarks(service)
    )
    document = describe(api, PATH)
    api.get("/openapi.json", include_in_schema=False)(lambda: Ascii(document))
    api.get("/docs", include_in_schema=False)(
        lambda: HTMLResponse(as_page(document), headers={"Content-Security-Policy": POLICY})
    )
    return api


def _poster(service: Service, kind: str) -> Callable[..., Ascii]:
    def post(batch: BaseModel, request: Request, idempotency_key: RequestId = None) -> Ascii:
        key = key_of(request)
        if kind not in key.scopes:
            raise HTTPException(403, f"This key may not bring {kind}. Make one that may: --scope {kind}.")
        said: dict[str, Any] = dict(batch)
        try:
            answer = take_batch(
                service.engine,
                service.project,
                service.settings,
                Batch(kind, said["source"], said[kind], said["complete_until"]),
                now=service.clock(),
                key_id=key.id,
                request_id=idempotency_key,
            )
        except BatchRefused as error:
            return _invalid([(error.field, error.reason)], 409)
        return Ascii(answer)

    post.__annotations__["batch"] = batch_model(service.project, kind)
    return post


def _watermarks(service: Service) -> Callable[[], Watermarks]:
    def get() -> Watermarks:
        found = known_watermarks(service.engine)
        return Watermarks(
            watermarks=[
                Watermark(kind=each.kind, source=each.source, complete_until=each.complete_until, heard_at=each.at)
                for each in found
            ]
        )

    return get


async def _answer_invalid(_request: Request, error: Exception) -> Ascii:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - for the type checker: registered for this one alone
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return _problem(400, "The body is no JSON.")
    return _invalid([(_place(each["loc"]), each["msg"]) for each in found])


def _place(location: tuple[str | int, ...]) -> str:
    """`("body", "events", 3)` → `events[3]`."""
    names = location[1:] if location[0] in {"body", "header", "query"} else location
    return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in names).removeprefix(".") or "body"


def _invalid(problems: list[tuple[str, str]], status: int = 422) -> Ascii:
    listed = [{"field": field, "reason": reason} for field, reason in problems]
    return _problem(status, "Nothing was loaded.", problems=listed)


def _problem(status: int, detail: str, **more: Any) -> Ascii:
    body = {"type": "about:blank", "title": WORDS[status][0], "status": status, "detail": detail, **more}
    return Ascii(body, status, media_type=PROBLEM)


_REFUSED: dict[str, Any] = {"model": Refused, "content": {PROBLEM: {}}, "description": "Not served, and why."}
