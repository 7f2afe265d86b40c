"""Everything that is wrong with the templates of all campaigns, before anything is sent."""

from collections.abc import Iterator
from dataclasses import dataclass

from handbill.definitions.campaign import Arm, Campaign, email_of
from handbill.definitions.project import Project
from handbill.errors import NotRenderable, Problem
from handbill.rendering.email import EmailTemplate, Links
from handbill.rendering.email_parts import FOLDER, EmailReading
from handbill.rendering.library import open_library
from handbill.rendering.presence import proven_fields
from handbill.rendering.print_parts import check_mail_templates
from handbill.rendering.remarks import remarks_on
from handbill.rendering.samples import sample_profile, sample_purchases
from handbill.rendering.wording import Wording

LARGEST_HTML = 102 * 1024
"""Bytes. Gmail shows no more of a mail, and hides the rest behind a link."""

SAMPLE_LINKS = Links(
    unsubscribe="https://links.example/unsubscribe/sample",
    preferences="https://links.example/preferences/sample",
    view_online="https://links.example/view/sample",
)


@dataclass(frozen=True)
class Looked:
    """What was found in the templates: mistakes, and what is probably not meant."""

    problems: list[Problem]
    remarks: list[Problem]


def look_over(project: Project) -> Looked:
    """Everything to say about every arm's e-mail and printed piece, each once, in the order of files and lines.

    That a template is not there at all is found when the project is loaded.
    """
    wording, library = Wording(project), open_library(project)
    problems = set(check_mail_templates(project, library))
    readings = []
    for campaign in project.campaigns.values():
        for name, arm in campaign.arms.items():
            if _has_template(project, campaign, arm):
                reading = EmailReading(project, campaign, name, library, wording)
                mistakes = set(_check_arm(reading))
                problems |= mistakes
                if not mistakes:  # of a template that cannot be read nothing else can be said
                    readings.append(reading)
    return Looked(sorted(problems), remarks_on(readings))


def check_templates(project: Project) -> list[Problem]:
    """Every mistake in the templates; see `look_over`."""
    return look_over(project).problems


def _has_template(project: Project, campaign: Campaign, arm: Arm) -> bool:
    content = email_of(campaign, arm)
    name = content.template if content else None
    return name is not None and (project.templates_dir / FOLDER / f"{name}.mjml").is_file()


def _check_arm(reading: EmailReading) -> Iterator[Problem]:
    parts = reading.read()
    yield from reading.problems
    if parts and not reading.problems:
        template = EmailTemplate(reading.project, reading.campaign, parts)
        yield from _try_out(reading.project, reading.campaign, template)


def _try_out(project: Project, campaign: Campaign, template: EmailTemplate) -> Iterator[Problem]:
    """Renders for somebody with every field, and for somebody with only those that all recipients have."""
    whole = {**sample_profile(project), **sample_purchases(project)}
    sure = proven_fields(project, campaign, "email")
    for language in template.languages:
        for profile in (whole, {name: value for name, value in whole.items() if name in sure}):
            try:
                rendered = template.render({**profile, "language": language}, SAMPLE_LINKS)
            except NotRenderable as error:
                yield from error.problems
                break
            size = len(rendered.html.encode())
            if size > LARGEST_HTML:
                what = f"the HTML is {size / 1024:.0f} kB, and Gmail hides what comes after 102 kB."
                yield Problem(template.file_of(language), what=what, mend="Shorten it, or leave pictures out of it.")
                break
