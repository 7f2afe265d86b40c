"""What colleagues look at: campaigns, how far their runs are, and their results. Nothing can be changed there."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, cast

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from handbill.errors import NotMeasurable, ProjectInvalid
from handbill.operations.audit import Doer
from handbill.operations.live import Listed, list_campaigns, watch_campaign
from handbill.operations.report import report_campaign
from handbill.operations.sharing import PERIODS, share_report, shared_report, shares_of, take_back
from handbill.web.desk import HOME, Visit, desk_form, desk_page
from handbill.web.headers import content_policy
from handbill.web.service import Service

KEPT_FOR = timedelta(minutes=1)
"""So long a report is shown again instead of being made anew: of a large campaign it takes some seconds."""
MOST_KEPT = 20

Format = Literal["html", "json", "md"]
_TYPES: dict[Format, str] = {"html": "text/html", "json": "application/json", "md": "text/markdown"}
_STYLES = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)


def routes(service: Service) -> list[BaseRoute]:
    """`/reports`, `/reports/{campaign}` and its results for those who have signed in; `/shared/{token}` for others."""
    desk = _Desk(service)
    campaign = f"{HOME}/{{campaign}}"
    return [
        desk_page(service, HOME, _list),
        desk_page(service, campaign, _show),
        desk_page(service, f"{campaign}/results", desk.results),
        desk_page(service, f"{campaign}/results.{{format}}", desk.results),
        desk_form(service, f"{campaign}/share", _share),
        desk_form(service, f"{campaign}/unshare", _unshare),
        Route("/shared/{token}", desk.shared, methods=["GET"]),
    ]


def _list(visit: Visit) -> Response:
    found = list_campaigns(visit.service.engine, visit.service.project)
    is_live = any(run.state == "running" for each in found for run in each.runs)
    return visit.page("campaigns", campaigns=found, live=is_live)


def _show(visit: Visit, made: str = "") -> Response:
    service, found = visit.service, _watched(visit)
    shares = shares_of(service.engine, found.name, now=service.clock())
    is_live = any(run.state == "running" for run in found.runs)
    return visit.page("campaign", campaign=found, shares=shares, periods=PERIODS, made=made, live=is_live)


def _share(visit: Visit, form: FormData) -> Response:
    service, name, days = visit.service, _watched(visit).name, form.get("days")
    if days not in {str(each) for each in PERIODS}:
        raise HTTPException(422)
    token = share_report(service.engine, service.settings, name, int(str(days)), now=service.clock(), doer=_doer(visit))
    return _show(visit, f"{_public(visit)}/shared/{token}")


def _unshare(visit: Visit, form: FormData) -> Response:
    service, name, link = visit.service, str(visit.request.path_params["campaign"]), form.get("link")
    if not isinstance(link, str) or not re.fullmatch(r"[0-9]{1,18}", link):
        raise HTTPException(422)
    take_back(service.engine, name, int(link), now=service.clock(), doer=_doer(visit))
    return RedirectResponse(f"{HOME}/{_watched(visit).name}", 303)


def _watched(visit: Visit) -> Listed:
    service = visit.service
    name = str(visit.request.path_params["campaign"])
    found = watch_campaign(service.engine, service.project, name, now=service.clock())
    if found is None:
        raise HTTPException(404)
    return found


def _doer(visit: Visit) -> Doer:
    return Doer(visit.session.name if visit.session else "unknown", "web")


def _public(visit: Visit) -> str:
    """Where the service is for the world: as declared, and only without that as the request says."""
    email = visit.service.project.channels.email
    return str(email.links).rstrip("/") if email and email.links else str(visit.request.base_url).rstrip("/")


@dataclass(frozen=True)
class _Desk:
    """The reports that were made a moment ago, so that ten people who look at one make it once."""

    service: Service
    made: dict[tuple[str, Format], tuple[datetime, str]] = field(default_factory=dict)
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def results(self, visit: Visit) -> Response:
        """The report as a page, as JSON or as Markdown."""
        format_ = visit.request.path_params.get("format", "html")
        if format_ not in _TYPES:
            raise HTTPException(404)
        try:
            return self._report(str(visit.request.path_params["campaign"]), cast("Format", format_))
        except ProjectInvalid:
            raise HTTPException(404) from None
        except NotMeasurable as nothing:
            return visit.note("Nothing to report yet", str(nothing), status=404)

    def shared(self, request: Request) -> Response:
        """The report behind a link; the same answer for a link that is over and for one that never was."""
        service = self.service
        name = shared_report(service.engine, service.settings, str(request.path_params["token"]), now=service.clock())
        if name is None:
            raise HTTPException(404)
        try:
            return self._report(name, "html")
        except (ProjectInvalid, NotMeasurable):
            raise HTTPException(404) from None

    def _report(self, name: str, format_: Format) -> Response:
        text = self._kept((name, format_), lambda now: report_campaign(
            self.service.engine, self.service.project, name, now=now, format=format_
        ))  # fmt: skip
        policy = content_policy(styles=_STYLES.findall(text) if format_ == "html" else ())
        return HTMLResponse(text, headers={"Content-Security-Policy": policy}, media_type=_TYPES[format_])

    def _kept(self, key: tuple[str, Format], make: Callable[[datetime], str]) -> str:
        with self.one_at_a_time:
            now = self.service.clock()
            at, text = self.made.get(key, (None, ""))
            if at is None or now - at >= KEPT_FOR:
                text = make(now)
                self.made.pop(key, None)
                self.made[key] = (now, text)
                if len(self.made) > MOST_KEPT:
                    self.made.pop(next(iter(self.made)))
            return text
