"""Which template of an arm is for readers of which language."""

from handbill.definitions.languages import parse_language
from handbill.definitions.project import Project


def variants_of(project: Project, folder: str, name: str, ending: str) -> dict[str, str]:
    """The templates of `name` by language, as paths below templates/, that of the default language first.

    `spring.mjml` is in the project's default language, `spring.de.mjml` in German. What stands between the dots and is
    no language belongs to a template of that longer name.
    """
    found = {project.languages.default: f"{folder}/{name}{ending}"}
    for path in sorted((project.templates_dir / folder).glob(f"{name}.*{ending}")):
        language = language_of(path.name.removesuffix(ending).removeprefix(f"{name}."))
        if language:
            found.setdefault(language, f"{folder}/{path.name}")
    return found


def language_of(written: str) -> str | None:
    """The language that a part of a file's name stands for: `de`, `pt-BR`; None for any other word."""
    try:
        return parse_language(written)
    except ValueError:
        return None
