"""Where in campaigns.yaml the words of an arm's e-mail are written."""

from collections.abc import Iterator

from handbill.definitions.languages import DEFAULT
from handbill.definitions.project import Project
from handbill.definitions.yaml import Keys, Text, at, read_yaml
from handbill.errors import Problem
from handbill.rendering.source import Place, TemplateFile

CAMPAIGNS_FILE = "campaigns.yaml"

Step = tuple[str, ...]


class Wording:
    """The tree of campaigns.yaml, read once for many questions."""

    def __init__(self, project: Project) -> None:
        path = project.root / CAMPAIGNS_FILE
        self._tree: Keys | None = read_yaml(path.read_bytes(), CAMPAIGNS_FILE)[0] if path.is_file() else None

    def text(self, campaign: str, arm: str, key: str, language: str | None, text: str) -> TemplateFile:
        """A subject or preheader as a text whose characters know their places; `language` None is everybody else's."""
        for path in _paths(campaign, arm):
            for place in ((*path, key), (*path, key, language or DEFAULT)):
                written = at(self._tree, *place)
                if isinstance(written, Text):
                    line, column = written.place
                    return TemplateFile(key, CAMPAIGNS_FILE, text, line, column + written.quoted)
        return TemplateFile(key, CAMPAIGNS_FILE, text)

    def problem(self, campaign: str, arm: str, key: Step, what: str, mend: str) -> Problem:
        """What is wrong with a key of an arm's e-mail, such as `("with", "code")`."""
        return Problem(*self._place(campaign, arm, key), what=what, mend=mend)

    def _place(self, campaign: str, arm: str, key: Step) -> Place:
        for path in _paths(campaign, arm):
            holder = at(self._tree, *path, *key[:-1])
            if isinstance(holder, Keys) and key[-1] in holder.places:
                return CAMPAIGNS_FILE, *holder.places[key[-1]]
        return CAMPAIGNS_FILE, 0, 0


def _paths(campaign: str, arm: str) -> Iterator[Step]:
    yield ("campaigns", campaign, "experiment", "arms", arm, "email")
    yield ("campaigns", campaign, "email")
