"""The text that an arm's letters or postcards are made of, read, checked and compiled; or everything wrong with it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from handbill.definitions.campaign import Arm, Campaign, MailContent, mail_of
from handbill.definitions.project import Project
from handbill.errors import Problem
from handbill.rendering.assembly import LABEL, assemble
from handbill.rendering.compiled import CompiledText, compile_text
from handbill.rendering.environment import TemplateEnvironment, make_environment
from handbill.rendering.guards import Key
from handbill.rendering.jinja_tags import find_tags, unbalanced
from handbill.rendering.mjml import as_carried, restore
from handbill.rendering.paper import PAPERS, Paper
from handbill.rendering.references import check_references, names_in
from handbill.rendering.scope import RESERVED, scope_of
from handbill.rendering.source import Source
from handbill.rendering.variables import fixed_values

FOLDER = "mail"
OF_A_PIECE: Mapping[Key, bool] = {
    ("piece",): True,
    ("piece", "address_lines"): True,
    ("piece", "code"): True,
    ("piece", "qr"): True,
    ("sequence",): True,
}
"""What a template for print can name besides what all templates can; every piece has them."""

_PAGES = re.compile(r"<meta\s+name=[\"']handbill-pages[\"']\s+content=[\"']([^\"']*)[\"']\s*/?>", re.IGNORECASE)
_RANGE = re.compile(r"([1-9])(?:\s*-\s*([1-9]))?")


@dataclass(frozen=True)
class MailParts:
    """An arm's piece. `file` is its template as messages name it, `pages` how many pages it may have."""

    file: str
    paper: Paper
    pages: range
    text: CompiledText


def check_mail_templates(project: Project) -> list[Problem]:
    """Every problem of every arm's printed piece, each once, in the order of files and lines.

    That a template is not there at all is found when the project is loaded. Nothing is laid out here: that takes
    longer, and depends on the recipients.
    """
    problems: set[Problem] = set()
    for campaign in project.campaigns.values():
        for name, arm in campaign.arms.items():
            if _has_template(project, campaign, arm):
                problems.update(read_mail_parts(project, campaign, name)[1])
    return sorted(problems)


def read_mail_parts(project: Project, campaign: Campaign, arm_name: str) -> tuple[MailParts | None, list[Problem]]:
    """The parts of an arm's piece; None, and every problem, where it has mistakes."""
    content = mail_of(campaign, campaign.arms[arm_name])
    if content is None or content.template is None or content.format is None:
        what = f'arm "{arm_name}" of {campaign.name} sends no post.'
        return None, [Problem(what=what, mend="Give it direct_mail with a template and a format.")]
    environment = make_environment(project)
    source, problems = assemble(environment, f"{FOLDER}/{content.template}.html")
    if source is None:
        return None, problems
    problems = [
        *_check_given(campaign, arm_name, content),
        *_check_text(environment, source, project, campaign, arm_name),
    ]
    pages, page_problems = _declared_pages(source)
    problems += page_problems
    if problems:
        return None, sorted(set(problems))
    base = fixed_values(project, campaign, arm_name, content.with_)
    text = compile_text(environment, source.name, restore(as_carried(source), source.place), base)
    return MailParts(f"{LABEL}/{source.name}", PAPERS[content.format], pages, text), []


def _has_template(project: Project, campaign: Campaign, arm: Arm) -> bool:
    content = mail_of(campaign, arm)
    name = content.template if content and content.format else None
    return name is not None and (project.templates_dir / FOLDER / f"{name}.html").is_file()


def _check_given(campaign: Campaign, arm_name: str, content: MailContent) -> Iterator[Problem]:
    place = f'arm "{arm_name}" of {campaign.name} gives "{{}}" with its post'
    for name in content.with_:
        if name in RESERVED:
            what = f"{place.format(name)}, which templates know already."
            yield Problem("campaigns.yaml", what=what, mend="Give this value another name.")
        elif not name.isidentifier():
            what = f"{place.format(name)}, which a template cannot read."
            yield Problem("campaigns.yaml", what=what, mend="Use letters, digits and _ only.")


def _check_text(
    environment: TemplateEnvironment, source: Source, project: Project, campaign: Campaign, arm_name: str
) -> list[Problem]:
    tags, faults = find_tags(source.text)
    if wrong := [*faults, *unbalanced(tags)]:
        return [source.problem(each.offset, each.what, each.mend) for each in wrong]
    content = mail_of(campaign, campaign.arms[arm_name])
    given = content.with_ if content else {}
    scope = scope_of(project, campaign, arm_name, "direct_mail", given, OF_A_PIECE)
    problems = check_references(environment, source, scope)
    if problems or campaign.kind != "marketing" or ("brand", "postal_address") in names_in(environment, source):
        return problems
    what = "a marketing piece must show who sends it."
    return [Problem(f"{LABEL}/{source.name}", what=what, mend="Add {{ brand.postal_address }}.")]


def _declared_pages(source: Source) -> tuple[range, list[Problem]]:
    found = _PAGES.search(source.text)
    written = _RANGE.fullmatch(found[1].strip()) if found else None
    least, most = (int(written[1]), int(written[2] or written[1])) if written else (0, 0)
    if 1 <= least <= most:
        return range(least, most + 1), []
    mend = 'Write <meta name="handbill-pages" content="1">, or "1-2" for one to two.'
    if found:
        return range(0), [source.problem(found.start(1), f'"{found[1]}" is not a number of pages.', mend)]
    what = "the template does not say how many pages it has."
    return range(0), [Problem(f"{LABEL}/{source.name}", what=what, mend=mend)]
