"""How a page for recipients is made: its language and look, what it may load, and the proof that a form is ours."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from handbill.operations.page_words import LANGUAGES, Words, choose_words, words_in
from handbill.tokens import keyed_hash, read, sign
from handbill.web.colours import DARK, LIGHT, shades
from handbill.web.headers import content_policy
from handbill.web.limits import asker
from handbill.web.logo import logo_of
from handbill.web.service import Service

PROOF = "proof"
"""The field of our forms that shows that the page was ours, and this very one."""
_FORM = "form"
_MOST_FIELDS = 200
_STYLE = "page.css"
_UNWANTED = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""What stands in no address and no name, and what a database refuses."""
_OURS = {"same-origin", "none"}


@dataclass(frozen=True)
class Asked:
    """A request for a page, and the words that its reader gets without any wish of theirs being known."""

    service: Service
    request: Request

    @property
    def token(self) -> str:
        """The token in the address."""
        return str(self.request.path_params["token"])

    @property
    def network_hash(self) -> str:
        """What stands for the network that asks, where the network itself must not."""
        return keyed_hash(self.service.settings.secret, "network", asker(self.request.scope))

    def words(self, known: str | None = None) -> Words:
        """The words for this reader: as they chose on the page, as we know them, as their browser says."""
        accepted = self.request.headers.get("accept-language", "")
        return choose_words(self.service.project, self._chosen, known, accepted=accepted)

    def page(self, name: str, words: Words, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page of `pages/`, with headers that let it load nothing and send its forms to us only."""
        frame = self._frame(words)
        policy = content_policy(styles=[self._style], images=bool(frame["logo"]), forms=True)
        return HTMLResponse(
            _environment().get_template(f"{name}.html").render(**values, **frame),
            status,
            {"Content-Security-Policy": policy, "Vary": "Accept-Language"},
        )

    def note(self, name: str, *, status: int = 200, known: str | None = None, **values: str) -> HTMLResponse:
        """A page that only says something: its heading and its text stand under `name` among the words."""
        words = self.words(known)
        heading, text = words.say(f"{name}.heading"), words.say(f"{name}.text", **values)
        return self.page("note", words, status=status, title=heading, heading=heading, text=text)

    @property
    def _style(self) -> str:
        return _style_in(self.service.project.brand.colour)

    @property
    def _base(self) -> str:
        """The address that can be asked for, also of a page that answers one of its further forms."""
        return "/".join(self.request.url.path.split("/")[:3])

    @property
    def _chosen(self) -> str | None:
        wished = self.request.query_params.get("language")
        return wished if wished in LANGUAGES else None

    def _frame(self, words: Words) -> Mapping[str, Any]:
        path, chosen = self._base, self._chosen
        kept = f"?{urlencode({'language': chosen})}" if chosen else ""

        def proof(suffix: str = "") -> str:
            return form_proof(self.service, path + suffix)

        return {
            "words": words,
            "brand": self.service.project.brand,
            "logo": logo_of(self.service.project),
            "style": self._style,
            "path": path,
            "kept": kept,
            "proof": proof,
            "languages": [words_in(each) for each in LANGUAGES],
        }


Show = Callable[[Asked], Response]
Take = Callable[[Asked, FormData], Response]
Allowed = Callable[[Asked, FormData], bool]


def page_route(service: Service, path: str, show: Show) -> Route:
    """A page that is read; asking for it never changes anything."""

    def answer(request: Request) -> Response:
        return show(Asked(service, request))

    return Route(path, answer, methods=["GET"])


def form_route(service: Service, path: str, take: Take, is_allowed: Allowed | None = None) -> Route:
    """What a form is sent to. Unless others are allowed too, only our own page may send it: see `is_ours`."""
    allowed = is_allowed or is_ours

    async def answer(request: Request) -> Response:
        async with request.form(max_files=0, max_fields=_MOST_FIELDS) as form:
            asked = Asked(service, request)
            if not allowed(asked, form):
                return await run_in_threadpool(asked.note, "stale", status=403)
            return await run_in_threadpool(take, asked, form)

    return Route(path, answer, methods=["POST"])


def is_ours(asked: Asked, form: FormData) -> bool:
    """Whether a form was sent by our page with this address, and not by another site or by a machine that guesses."""
    if asked.request.headers.get("sec-fetch-site", "none") not in _OURS:
        return False
    proof = form.get(PROOF)
    payload = read(asked.service.settings.keys, _FORM, proof) if isinstance(proof, str) else None
    return payload == _digest(asked.request.url.path)


def form_proof(service: Service, path: str) -> str:
    """The value of `PROOF` in a form that is sent to a path."""
    return sign(service.settings.keys, _FORM, _digest(path))


def text_of(form: FormData, name: str) -> str:
    """A field of a form; empty where it is absent. No field of ours has more than one line."""
    value = form.get(name)
    return _UNWANTED.sub(" ", value) if isinstance(value, str) else ""


def texts_of(form: FormData, name: str) -> list[str]:
    """All values of a field that may stand in a form several times."""
    return [_UNWANTED.sub(" ", value) for value in form.getlist(name) if isinstance(value, str)]


def _digest(path: str) -> bytes:
    return hashlib.blake2b(path.encode(), digest_size=16).digest()


@cache
def _environment() -> Environment:
    return Environment(loader=FunctionLoader(_resource), autoescape=True, undefined=StrictUndefined)


@cache
def _style_in(colour: str | None) -> str:
    """The style sheet, in the brand's own colour where it has one."""
    if colour is None:
        return _resource(_STYLE)
    rules = ":root {{ --accent: {0.accent}; --on-accent: {0.on_accent}; --accent-wash: {0.wash}; }}"
    by_day, by_night = (rules.format(shades(colour, paper)) for paper in (LIGHT, DARK))
    return f"{_resource(_STYLE)}{by_day}\n@media (prefers-color-scheme: dark) {{ {by_night} }}\n"


def _resource(name: str) -> str:
    return files("handbill.web").joinpath("pages", name).read_text(encoding="utf-8")
