"""What a message said, for whoever opens it in a browser: rendered again from what was sealed when it was sent."""

import hashlib
import secrets
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from sqlalchemy import Engine, select

from handbill.contacts.profiles import load_profiles
from handbill.definitions.campaign import Campaign, EmailContent, merged
from handbill.definitions.project import Project
from handbill.delivery.links import read_view
from handbill.delivery.messages import Composer
from handbill.delivery.outbox import Claimed
from handbill.errors import NotRenderable, ProjectInvalid
from handbill.operations.recipients import recipient
from handbill.planning.definition import BESIDE
from handbill.rendering.variables import purchases_of
from handbill.settings import Settings
from handbill.store.connection import reading
from handbill.store.tables import definition, outbox, run

SEALED = "sealed"
"""Folder of the working files in which templates lie as they were when a campaign was sealed."""
_MOST_KEPT = 16


@dataclass(frozen=True)
class Viewed:
    """What is shown. `html` is empty unless it is `shown`.

    `proof`: the message was nobody's. `gone`: the person was erased, or the message is not kept any more.
    `unknown`: what it was made of is not there any more.
    """

    state: Literal["shown", "proof", "gone", "unknown"]
    html: str = ""
    subject: str = ""
    language: str = ""


class Viewer:
    """Shows messages; keeps the templates of the latest campaigns that somebody looked at."""

    def __init__(self, engine: Engine, project: Project, settings: Settings) -> None:
        self._engine = engine
        self._project = project
        self._settings = settings
        self._composers: dict[tuple[str, str], Composer] = {}
        self._lock = threading.Lock()

    def view(self, token: str) -> Viewed | None:
        """The message of a token, with what is known of the person today; None for a token that is not ours.

        Links in it lead where they lead: what somebody does on this page is not counted.
        """
        bearer = read_view(self._settings.keys, token)
        if bearer is None:
            return None
        if not bearer.outbox_id:
            return Viewed("proof")
        with reading(self._engine) as connection:
            row = connection.execute(
                select(*(outbox.c[name] for name in Claimed._fields), run.c.campaign, run.c.definition_digest)
                .join(run, run.c.id == outbox.c.run_id)
                .where(outbox.c.id == bearer.outbox_id, outbox.c.contact_id == bearer.contact_id)
            ).one_or_none()
            person = recipient(connection, bearer.contact_id)
        if row is None or person is None:
            return Viewed("gone")
        claimed = Claimed(*row[: len(Claimed._fields)])
        try:
            return self._shown(claimed, row.campaign, row.definition_digest)
        except (ProjectInvalid, NotRenderable):
            return Viewed("unknown", language=person.language or "")

    def _shown(self, row: Claimed, campaign_name: str, digest: str) -> Viewed:
        campaign = self._project.campaigns.get(campaign_name)
        if campaign is None or row.arm not in campaign.arms:
            return Viewed("unknown")
        composer = self._composer(campaign, row.arm, digest)
        with reading(self._engine) as connection:
            profiles = load_profiles(connection, self._project, [row.contact_id], purchases_of(campaign))
        if row.contact_id not in profiles:
            return Viewed("gone")
        rendered = composer.render(row, profiles[row.contact_id])
        return Viewed("shown", rendered.html, rendered.subject, rendered.language)

    def _composer(self, campaign: Campaign, arm: str, digest: str) -> Composer:
        with self._lock:
            if (digest, arm) not in self._composers:
                if len(self._composers) >= _MOST_KEPT:
                    self._composers.clear()
                sealed = self._sealed(digest)
                project = self._with_templates(digest, sealed)
                words = _with_words(campaign, arm, sealed["campaign"])
                self._composers[digest, arm] = Composer(project, words, self._settings.keys)
            return self._composers[digest, arm]

    def _sealed(self, digest: str) -> Mapping[str, Any]:
        with reading(self._engine) as connection:
            found: Mapping[str, Any] | None = connection.scalar(
                select(definition.c.content).where(definition.c.digest == digest)
            )
        return found or {"campaign": {}}

    def _with_templates(self, digest: str, sealed: Mapping[str, Any]) -> Project:
        """The project with its templates as they were; as they are, where nothing was edited or nothing is kept."""
        then: Mapping[str, str] = sealed.get("templates", {})
        texts: Mapping[str, str] = sealed.get(BESIDE, {}).get("templates", {})
        now = self._project.templates_dir
        edited = [name for name in texts if _digest_of(now / name) != then.get(name)]
        if not edited:
            return self._project
        folder = self._settings.work_dir / SEALED / digest
        if not folder.is_dir():
            _lay_out(folder, now, texts)
        return replace(self._project, root=folder)


def _with_words(campaign: Campaign, arm_name: str, sealed: Mapping[str, Any]) -> Campaign:
    """The campaign, one arm of which says by e-mail what it said when it was sealed."""
    then = (sealed.get("experiment") or {}).get("arms", {}).get(arm_name, {}).get("email")
    shared = _content(sealed.get("email"))
    content = merged(shared, _content(then)) if then else shared
    if content is None:
        return campaign
    if campaign.experiment is None:
        return campaign.model_copy(update={"email": content})
    arms = {arm_name: campaign.experiment.arms[arm_name].model_copy(update={"email": content})}
    experiment = campaign.experiment.model_copy(update={"arms": arms})
    return campaign.model_copy(update={"email": None, "experiment": experiment})


def _content(plain: Mapping[str, Any] | None) -> EmailContent | None:
    if plain is None:
        return None
    return EmailContent.model_validate({name.rstrip("_"): value for name, value in plain.items() if value is not None})


def _digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _lay_out(folder: Path, now: Path, texts: Mapping[str, str]) -> None:
    """A copy of the templates as they are, with those over it that were sealed; whole or not at all."""
    draft = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")
    templates = draft / "templates"
    draft.mkdir(parents=True)
    if now.is_dir():
        shutil.copytree(now, templates)
    for name, text in texts.items():
        parts = PurePosixPath(name).parts
        path = templates.joinpath(*(part for part in parts if part not in {"..", "/"}))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    try:
        draft.rename(folder)
    except OSError:  # another process was first
        shutil.rmtree(draft)
