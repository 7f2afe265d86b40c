"""One page that shows the previewed messages of all arms side by side."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from handbill.operations.preview import Previewed

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ margin: 0; padding: 24px; font: 15px/1.5 system-ui, sans-serif; color: #1c2733; background: #eef1f4 }}
h1 {{ font-size: 20px; margin: 0 0 16px }}
main {{ display: flex; gap: 24px; overflow-x: auto; align-items: flex-start; padding-bottom: 24px }}
article {{ flex: 0 0 auto; width: 420px; padding: 16px; background: #fff }}
article {{ border-radius: 8px; box-shadow: 0 1px 3px #0003 }}
h2 {{ font-size: 16px; margin: 0 }}
p {{ margin: 4px 0 12px; color: #52606d }}
iframe {{ width: 420px; height: 900px; border: 1px solid #d5dbe1; border-radius: 4px; box-sizing: border-box }}
img {{ width: 100%; border: 1px solid #d5dbe1; margin-bottom: 12px }}
a {{ color: #0b5f8a; margin-right: 12px }}
</style></head><body><h1>{title}</h1><main>
{articles}
</main></body></html>
"""


def write_index(folder: Path, campaign: str, found: Sequence[Previewed]) -> Path:
    """Writes `index.html` into the folder in which the files are."""
    articles = "\n".join(_article(each) for each in found)
    path = folder / "index.html"
    path.write_text(_PAGE.format(title=escape(f"Preview of {campaign}"), articles=articles), encoding="utf-8")
    return path


def _article(each: Previewed) -> str:
    said = each.subject if each.subject is not None else "Printed piece"
    links = "".join(f'<a href="{_address(file)}">{escape(_called(each, file))}</a>' for file in each.files)
    return f"<article><h2>{escape(each.arm)}</h2><p>{escape(said)}</p>{_shown(each)}<div>{links}</div></article>"


def _shown(each: Previewed) -> str:
    if each.channel == "email":
        mail = next(file for file in each.files if file.suffix == ".html")
        return f'<iframe src="{_address(mail)}" title="{escape(each.arm)}" sandbox></iframe>'
    pages = [file for file in each.files if file.suffix == ".png"]
    return "".join(f'<img src="{_address(page)}" alt="Page of {escape(each.arm)}">' for page in pages)


def _address(file: Path) -> str:
    return escape(quote(file.name))


def _called(each: Previewed, file: Path) -> str:
    return file.name.removeprefix(each.arm).lstrip("-.")
