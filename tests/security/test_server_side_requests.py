"""Nothing that strangers or templates name makes this machine ask another one: no picture, no file, no include.

That Amazon's certificates come from Amazon only, and that no redirection is followed, stands in
test_forged_webhooks.py; that no vendor leads us elsewhere, in tests/channels/test_vendors.py.
"""

import ast
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from weasyprint.urls import URLFetchingError

from handbill.errors import ProjectInvalid
from handbill.rendering.email import compile_email
from handbill.rendering.press import TemplatesFetcher
from tests.rendering.mail import compiled, letter_html, piece
from tests.rendering.projects import make_project, mjml

SOURCE = Path(__file__).parents[2] / "src" / "handbill"

# Every module that opens a connection, and why it may: what it connects to is declared by the project's owner, or
# stands on a list of ours.
ASKS_OUT = {
    "channels/http_line.py": "the vendor that campaigns.yaml declares",
    "channels/smtp.py": "the mail server that campaigns.yaml declares",
    "channels/sns.py": "Amazon's own addresses, by a pattern",
    "channels/sender_dns.py": "the machine's resolver, for `handbill doctor`",
    "operations/api_server.py": "the Prefect server of this project",
    "responses/imap_folder.py": "the mailbox that campaigns.yaml declares",
}
_OPENERS = {
    "requests.get", "requests.post", "requests.request", "requests.Session", "urllib.request.urlopen", "urlopen",
    "socket.create_connection", "smtplib.SMTP", "imaplib.IMAP4", "imaplib.IMAP4_SSL", "http.client.HTTPConnection",
    "http.client.HTTPSConnection", "dns.resolver.Resolver", "httpx.get", "httpx.Client",
}  # fmt: skip


@dataclass
class Neighbour:
    """A web server on this machine that nobody should be led to."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def neighbour() -> Iterator[Neighbour]:
    found = Neighbour()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


ASSETS = (
    '<img src="{url}/a.png">', '<img src="{url}/a.png" srcset="{url}/b.png 2x">',
    '<object data="{url}/a.svg"></object>',
    '<embed src="{url}/a.svg">', '<link rel="stylesheet" href="{url}/a.css">', '<link rel="attachment" href="{url}/a">',
    '<style>@import url("{url}/a.css");</style>', '<style>body {{ background: url({url}/a.png) }}</style>',
    '<style>@font-face {{ font-family: X; src: url({url}/a.ttf) }} body {{ font-family: X }}</style>',
    '<div style="background-image: url(\'{url}/a.png\')">x</div>',
    '<style>p::before {{ content: url({url}/a.png) }}</style>',
    '<svg><image href="{url}/a.png"/></svg>', '<base href="{url}/"><img src="a.png">',
)  # fmt: skip
PLACES = ("http://169.254.169.254/latest/meta-data", "http://[::1]/", "http://10.0.0.1/", "file:///etc/passwd",
          "http://localhost/", "ftp://127.0.0.1/x", "//127.0.0.1/x", "http://0/", "http://2130706433/",
          "data:image/png;base64,iVBORw0KGgo=", "gopher://127.0.0.1/x", "jar:file:///x")  # fmt: skip


@pytest.mark.parametrize("asset", ASSETS)
def test_a_printed_piece_loads_nothing_from_the_network(tmp_path: Path, asset: str) -> None:
    with neighbour() as other:
        html = letter_html("{% raw %}" + asset.format(url=other.url) + "{% endraw %}")
        with suppress(ProjectInvalid):  # what is not refused as a template is refused as a piece
            compiled(tmp_path, html).render([piece()])
        assert other.asked == []


@pytest.mark.parametrize("place", PLACES)
def test_the_printers_fetcher_refuses_every_other_place(tmp_path: Path, place: str) -> None:
    (tmp_path / "templates").mkdir()
    with pytest.raises((OSError, ValueError, URLFetchingError)):
        TemplatesFetcher(tmp_path / "templates").fetch(place)


def test_a_link_in_the_templates_folder_that_leads_out_of_it_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    fetcher = TemplatesFetcher(folder)
    for name in (folder / "link.txt", folder / ".." / "secret.txt", tmp_path / "secret.txt"):
        with pytest.raises((OSError, ValueError, URLFetchingError)):
            fetcher.fetch(name.as_uri())


@pytest.mark.parametrize("path", ["http://127.0.0.1/x.mjml", "file:///etc/passwd", "../../etc/passwd", "/etc/passwd"])
def test_an_email_includes_files_below_templates_only(tmp_path: Path, path: str) -> None:
    project = make_project(tmp_path, {"email/spring.mjml": mjml(f'<mj-include path="{path}" />')})
    with pytest.raises(ProjectInvalid):
        compile_email(project, project.campaigns["spring-sale"], "plain")


def test_only_known_modules_open_connections() -> None:
    found = set()
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if name.startswith("demo/"):  # talks to the servers that it starts itself
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in _OPENERS:
                found.add(name)
    assert found <= set(ASKS_OUT), "say in ASKS_OUT what it may connect to, and why strangers cannot choose that"


def test_weasyprint_is_never_called_without_our_fetcher() -> None:
    wrong = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "HTML",
                "CSS",
                "weasyprint.HTML",
                "weasyprint.CSS",
            }:
                named = {keyword.arg for keyword in node.keywords}
                if "url_fetcher" not in named:
                    wrong.append(f"{path.name}:{node.lineno}")
    assert wrong == []
