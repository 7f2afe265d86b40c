"""What is not wrong in templates, yet probably not meant: parts that nobody sees, and values that nothing reads."""

from collections.abc import Iterable, Iterator

from handbill.definitions.languages import LocalText
from handbill.errors import Problem
from handbill.rendering.branches import Facts, Verdict, verdicts
from handbill.rendering.email_parts import FOLDER, EmailReading
from handbill.rendering.language_files import language_of, variants_of
from handbill.rendering.library import label
from handbill.rendering.presence import possible_values, proven_fields


def remarks_on(readings: Iterable[EmailReading]) -> list[Problem]:
    """What to say about the e-mails of all arms, each once, in the order of files and lines.

    A condition is remarked on only when it comes out the same in every campaign that uses the template.
    """
    read = list(readings)
    remarks = set(_dead_branches(read))
    for reading in read:
        remarks.update(_unread_values(reading))
        remarks.update(_languages(reading))
    return sorted(remarks)


def _dead_branches(readings: Iterable[EmailReading]) -> Iterator[Problem]:
    found: dict[tuple[str, int, int, str], list[Verdict]] = {}
    for reading in readings:
        project, campaign = reading.project, reading.campaign
        sure = proven_fields(project, campaign, "email")
        facts = Facts(sure, possible_values(project, campaign), project.fields)
        for syntax in reading.syntaxes:
            for verdict in verdicts(syntax, facts):
                found.setdefault(verdict.place, []).append(verdict)
    for each in found.values():
        if each[0].outcome is not None and len({verdict.outcome for verdict in each}) == 1:
            yield each[0].problem


def _unread_values(reading: EmailReading) -> Iterator[Problem]:
    used = {key[0] for syntax in reading.syntaxes for key in syntax.names}
    for name in reading.content.with_:
        if name not in used and reading.syntaxes:
            what = f"{name} is given, and neither the template nor the subject reads it."
            yield reading.wording.problem(
                reading.campaign.name, reading.arm_name, ("with", name), what, f"Write {{{{ {name} }}}}, or remove it."
            )


def _languages(reading: EmailReading) -> Iterator[Problem]:
    project, name = reading.project, reading.content.template
    if name is None:
        return
    variants = variants_of(project, FOLDER, name, ".mjml")
    default = project.languages.default
    if reading.library.has(f"{FOLDER}/{name}.{default}.mjml"):
        what = f"nobody gets this: {name}.mjml is in {default} already, the project's default language."
        file = label(f"{FOLDER}/{name}.{default}.mjml")
        yield Problem(file, what=what, mend="Remove one of the two, or set languages.default.")
    for path in sorted((project.templates_dir / FOLDER).glob(f"{name}.*.txt")):
        language = language_of(path.name.removeprefix(f"{name}.").removesuffix(".txt"))
        if language and language not in variants:
            what = f"nobody gets this: there is no {name}.{language}.mjml beside it."
            yield Problem(label(f"{FOLDER}/{path.name}"), what=what, mend="Write that template, or remove this text.")
    yield from _unreached(reading, variants)
    for key, written in (("subject", reading.content.subject), ("preheader", reading.content.preheader)):
        yield from _without_template(reading, key, written, set(variants))


def _unreached(reading: EmailReading, variants: dict[str, str]) -> Iterator[Problem]:
    """Languages that nobody in the audience reads, where the segments say which these are."""
    spoken = possible_values(reading.project, reading.campaign).get("language")
    if spoken is None or "language" not in proven_fields(reading.project, reading.campaign, "email"):
        return
    chains = [reading.project.languages.chain(str(each)) for each in spoken]
    reached = {next((each for each in chain if each in variants), "") for chain in chains}
    for language, file in variants.items():
        if language not in reached and language != reading.project.languages.default:
            what = f"nobody who gets {reading.campaign.name} reads {language}."
            yield Problem(label(file), what=what, mend="Include them, or remove this template.")


def _without_template(
    reading: EmailReading, key: str, written: LocalText | None, variants: set[str]
) -> Iterator[Problem]:
    for language in written.by_language if written else ():
        if language not in variants:
            what = f"there is a {key} in {language}, but no template in {language}: its readers would get both mixed."
            mend = f"Write templates/{FOLDER}/{reading.content.template}.{language}.mjml, or remove this {key}."
            yield reading.wording.problem(reading.campaign.name, reading.arm_name, (key, language), what, mend)
