"""The text that an arm's letters or postcards are made of, read, checked and compiled; or everything wrong with it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from handbill.definitions.campaign import Arm, Campaign, MailContent, mail_of
from handbill.definitions.project import Project
from handbill.errors import Problem
from handbill.rendering.compiled import CompiledText
from handbill.rendering.guards import Key
from handbill.rendering.language_files import variants_of
from handbill.rendering.library import Library, label, open_library
from handbill.rendering.mjml import restore
from handbill.rendering.paper import PAPERS, Paper
from handbill.rendering.references import Scope, check_references
from handbill.rendering.scope import RESERVED, scope_of
from handbill.rendering.source import Source
from handbill.rendering.variables import fixed_values

FOLDER = "mail"
OF_A_PIECE: Mapping[Key, bool] = {
    ("piece",): True,
    ("piece", "address_lines"): True,
    ("piece", "code"): True,
    ("piece", "qr"): True,
    ("piece", "url"): True,
    ("sequence",): True,
}
"""What a template for print can name besides what all templates can; every piece has them."""

_PAGES = re.compile(r"<meta\s+name=[\"']handbill-pages[\"']\s+content=[\"']([^\"']*)[\"']\s*/?>", re.IGNORECASE)
_RANGE = re.compile(r"([1-9])(?:\s*-\s*([1-9]))?")


@dataclass(frozen=True)
class MailVariant:
    """The piece in one language. `file` is its template as messages name it, `pages` how many it may have."""

    file: str
    pages: range
    text: CompiledText


@dataclass(frozen=True)
class MailParts:
    """An arm's piece. `variants` are by language; the project's default language is always among them."""

    paper: Paper
    variants: Mapping[str, MailVariant]


def check_mail_templates(project: Project, library: Library | None = None) -> list[Problem]:
    """Every problem of every arm's printed piece, each once, in the order of files and lines.

    That a template is not there at all is found when the project is loaded. Nothing is laid out here: that takes
    longer, and depends on the recipients.
    """
    problems: set[Problem] = set()
    library = library or open_library(project)
    for campaign in project.campaigns.values():
        for name, arm in campaign.arms.items():
            if _has_template(project, campaign, arm):
                problems.update(read_mail_parts(project, campaign, name, library)[1])
    return sorted(problems)


def read_mail_parts(
    project: Project, campaign: Campaign, arm_name: str, library: Library | None = None
) -> tuple[MailParts | None, list[Problem]]:
    """The parts of an arm's piece; None, and every problem, where it has mistakes.

    `library` spares reading templates again when many arms are read.
    """
    content = mail_of(campaign, campaign.arms[arm_name])
    if content is None or content.template is None or content.format is None:
        what = f'arm "{arm_name}" of {campaign.name} sends no post.'
        return None, [Problem(what=what, mend="Give it direct_mail with a template and a format.")]
    library = library or open_library(project)
    base = fixed_values(project, campaign, arm_name, content.with_)
    scope = scope_of(project, campaign, arm_name, "direct_mail", content.with_, OF_A_PIECE)
    problems = list(_check_given(campaign, arm_name, content))
    variants: dict[str, MailVariant] = {}
    for language, name in variants_of(project, FOLDER, content.template, ".html").items():
        variant, its_problems = _variant(library, name, campaign, scope)
        problems += its_problems
        if variant:
            variants[language] = replace(variant, text=variant.text.with_base(base))
    if problems:
        return None, sorted(set(problems))
    return MailParts(PAPERS[content.format], variants), []


def _variant(
    library: Library, name: str, campaign: Campaign, scope: Scope
) -> tuple[MailVariant | None, Sequence[Problem]]:
    words = library.words(name)
    if not (words.syntax and words.carried):
        return None, words.problems
    carried, source = words.carried, words.syntax.source
    problems = check_references(words.syntax, scope)
    if not problems and campaign.kind == "marketing" and ("brand", "postal_address") not in words.syntax.names:
        what = "a marketing piece must show who sends it."
        problems = [Problem(label(name), what=what, mend="Add {{ brand.postal_address }}.")]
    pages, page_problems = _declared_pages(source)
    if problems or page_problems:
        return None, [*problems, *page_problems]
    text = library.text(name, "", lambda: restore(carried, source.place))
    return MailVariant(label(name), pages, text), []


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
    return range(0), [Problem(label(source.name), what=what, mend=mend)]
