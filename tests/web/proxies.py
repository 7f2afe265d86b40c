"""nginx and Caddy as the guide sets them up: its own blocks, with ports of this machine and a test certificate."""

import http.client
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scenarios.certificates import Certificate, certificate_for

NAME = "news.shop.example"
"""As in the guide, which is why nothing here needs another name."""
GUIDE = (Path(__file__).parent.parent.parent / "docs" / "guide" / "web-service.md").read_text(encoding="utf-8")
PATIENCE = 60.0
PORTS = range(20_000, 32_000)

NGINX = """
daemon off;
{user}
pid {root}/nginx.pid;
error_log {root}/error.log;
events {{}}
http {{
    access_log {root}/access.log;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
{block}
}}
"""
CADDY_OPTIONS = """\
	admin off
	default_bind 127.0.0.1
	http_port {http}
	https_port {https}
	skip_install_trust
"""


@dataclass(frozen=True)
class Answer:
    """What a visitor got; `headers` are all that came, in lower case, each as often as it came."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The one value of a header; empty where it is absent."""
        found = [value for each, value in self.headers if each == name]
        assert len(found) < 2, f"{name} came more than once"
        return found[0] if found else ""


@dataclass(frozen=True)
class Edge:
    """A proxy at work, seen from outside."""

    https: int
    http: int
    certificate: Certificate
    root: Path

    def ask(
        self, method: str, path: str, *, body: bytes = b"", source: str = "127.0.0.1",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """Asks by https, from an address of this machine."""
        line = socket.create_connection(("127.0.0.1", self.https), timeout=PATIENCE, source_address=(source, 0))
        secure = self.certificate.trusting.wrap_socket(line, server_hostname=NAME)
        return _asked(http.client.HTTPSConnection(NAME, self.https), secure, method, path, body, headers)

    def ask_plainly(self, path: str, **headers: str) -> Answer:
        """Asks by http."""
        line = socket.create_connection(("127.0.0.1", self.http), timeout=PATIENCE)
        return _asked(http.client.HTTPConnection(NAME, self.http), line, "GET", path, b"", headers)

    def logs(self) -> str:
        """Everything that the proxy wrote down."""
        return "".join(path.read_text(errors="replace") for path in self.root.glob("*.log"))


@contextmanager
def in_front_of(program: str, upstream: str, root: Path) -> Iterator[Edge]:
    """nginx or Caddy in front of a service that answers at `upstream`, such as 127.0.0.1:40001."""
    _require(program)
    root.mkdir()
    root.chmod(0o755)
    edge = Edge(_free_port(), _free_port(), certificate_for(NAME, root / "certificate.pem"), root)
    command = STARTERS[program](edge, upstream)
    with (root / "said.log").open("w") as said:
        environment = os.environ | {"HOME": str(root), "XDG_DATA_HOME": str(root), "XDG_CONFIG_HOME": str(root)}
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
        try:
            _await(edge, process)
            yield edge
        finally:
            process.terminate()
            process.wait(PATIENCE)


def block(language: str) -> str:
    """The guide's example in this language."""
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1]


def _nginx(edge: Edge, upstream: str) -> list[str]:
    text = block("nginx")
    for port, ours in ((443, edge.https), (80, edge.http)):
        text = _replaced(text, f"listen {port}", f"listen 127.0.0.1:{ours}")
        # Not every machine has addresses of the newer kind; those of the test are the older.
        text = re.sub(rf"listen \[::\]:{port}( ssl)?;", "", text)
    text = _replaced(text, "127.0.0.1:8080", upstream)
    text = _replaced(text, "/var/log/nginx", str(edge.root))
    text = re.sub(r"/etc/letsencrypt/\S+\.pem", str(edge.certificate.path), text)
    user = "user root;" if os.geteuid() == 0 else ""
    (edge.root / "nginx.conf").write_text(NGINX.format(root=edge.root, user=user, block=text))
    return ["nginx", "-p", str(edge.root), "-e", str(edge.root / "error.log"), "-c", str(edge.root / "nginx.conf")]


def _caddy(edge: Edge, upstream: str) -> list[str]:
    text = _replaced(block("caddy"), "127.0.0.1:8080", upstream)
    text = _replaced(text, "{\n", "{\n" + CADDY_OPTIONS.format(http=edge.http, https=edge.https))
    text = _replaced(text, f"{NAME} {{\n", f"{NAME} {{\n\ttls {edge.certificate.path} {edge.certificate.path}\n")
    (edge.root / "Caddyfile").write_text(text)
    return ["caddy", "run", "--config", str(edge.root / "Caddyfile"), "--adapter", "caddyfile"]


STARTERS: Mapping[str, Callable[[Edge, str], list[str]]] = {"nginx": _nginx, "caddy": _caddy}
"""Each writes its configuration, and answers the command that runs it."""


def _replaced(text: str, old: str, new: str) -> str:
    assert old in text, f"the guide no longer says {old!r}"
    return text.replace(old, new, 1)


def _asked(
    connection: http.client.HTTPConnection, line: socket.socket, method: str, path: str, body: bytes,
    headers: Mapping[str, str] | None,
) -> Answer:  # fmt: skip
    connection.sock = line
    with closing(connection):
        connection.request(method, path, body or None, {"Host": NAME} | dict(headers or {}))
        got = connection.getresponse()
        return Answer(got.status, [(name.lower(), value) for name, value in got.getheaders()], got.read())


def _require(program: str) -> None:
    os.environ["PATH"] += "" if "/usr/sbin" in os.environ["PATH"].split(":") else ":/usr/sbin"
    if shutil.which(program) is None and os.environ.get("CI"):
        pytest.fail(f"{program} is not installed. Run scripts/install_test_peers.sh.")
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def _await(edge: Edge, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE
    for port in (edge.https, edge.http):
        while True:
            assert process.poll() is None, f"it does not start: {edge.logs()}"
            assert time.monotonic() < deadline, f"it does not answer: {edge.logs()}"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
                break
            except ConnectionError:
                os.sched_yield()


def _free_port() -> int:
    """Below those that the system gives to whoever asks for any, so that nobody else gets it in the meantime."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
