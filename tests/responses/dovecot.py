"""A real Dovecot on this machine, with a mailbox of its own and a certificate that was made for it."""

import getpass
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from handbill.responses.imap_folder import ImapServer

PROGRAM = "/usr/sbin/dovecot"
USER, PASSWORD = "bounces", "s3cret-päss"
AS_ROOT = os.geteuid() == 0
OWNER = "nobody" if AS_ROOT else getpass.getuser()

CONFIG = """
base_dir = {run}
state_dir = {run}
log_path = {log}
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_failure_delay = 0
auth_mechanisms = {mechanisms}
mail_location = maildir:~/Maildir
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {users}
}}
userdb {{
  driver = static
  args = uid={owner} gid={group} home={home}
}}
service imap-login {{
  {no_chroot}
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  {no_chroot}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
{users_of_its_own}
{more}
"""
_VALIDITIES = count(1)
ROOTLESS = "default_internal_user = {owner}\ndefault_internal_group = {group}\ndefault_login_user = {owner}"


@dataclass
class Dovecot:
    """The server while it runs. `maildir` is the mailbox's own folder, `certificate` the one to trust."""

    port: int
    plain_port: int
    root: Path

    @property
    def maildir(self) -> Path:
        return self.root / "home" / "Maildir"

    @property
    def certificate(self) -> Path:
        return self.root / "certificate.pem"

    def mailbox(self, *, security: str = "tls", host: str = "localhost", password: str = PASSWORD) -> ImapServer:
        """The mailbox as a project would declare it."""
        port = self.port if security == "tls" else self.plain_port
        tls = ssl.create_default_context(cafile=str(self.certificate))
        return ImapServer(host, port, security, USER, password, timeout=20, tls=tls)

    def put(self, name: str, mail: bytes) -> None:
        """Delivers a mail."""
        draft = self.maildir / "tmp" / name
        draft.write_bytes(mail)
        _give_away(draft)
        draft.rename(self.maildir / "new" / name)

    def empty(self) -> None:
        """Removes all mails from all folders."""
        for part in ("new", "cur"):
            for path in self.maildir.glob(f"**/{part}/*"):
                path.unlink(missing_ok=True)

    def forget_numbers(self) -> None:
        """Makes the server number all mails anew, as after a restore: their UIDs hold no longer."""
        for path in (*self.maildir.glob("dovecot-uidlist"), *self.maildir.glob("dovecot.index*")):
            path.unlink(missing_ok=True)
        (self.maildir / "dovecot-uidlist").write_text(f"3 V{next(_VALIDITIES)} N1\n")
        _give_away(self.maildir / "dovecot-uidlist")

    def mails(self, folder: str = "") -> list[bytes]:
        """What lies in a folder; the inbox has no name."""
        place = self.maildir / (f".{folder}" if folder else "")
        return sorted(path.read_bytes() for part in ("new", "cur") for path in (place / part).glob("*"))


@contextmanager
def running_dovecot(*, more: str = "", mechanisms: str = "plain login") -> Iterator[Dovecot]:
    """A server that runs until the block ends; `more` adds to its configuration."""
    if shutil.which(PROGRAM) is None:
        if os.environ.get("CI"):
            pytest.fail("Dovecot is not installed. Run scripts/install_test_peers.sh.")
        pytest.skip("Dovecot is not installed")
    root = Path(tempfile.mkdtemp(prefix="dovecot-"))
    root.chmod(0o755)
    server = Dovecot(*_free_ports(), root)
    _write(server, more, mechanisms)
    process = subprocess.Popen([PROGRAM, "-F", "-c", str(root / "dovecot.conf")])
    try:
        _await(server, process)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        shutil.rmtree(root, ignore_errors=True)


def _write(server: Dovecot, more: str, mechanisms: str) -> None:
    for name in ("run", "home", *(f"home/Maildir/{part}" for part in ("tmp", "new", "cur"))):
        (server.root / name).mkdir(parents=True)
    for path in (server.root / "home").rglob("*"):
        _give_away(path)
    _give_away(server.root / "home")
    (server.root / "users").write_text(f"{USER}:{PASSWORD}\n")
    write_certificate(server.certificate, server.root / "key.pem")
    group = "nogroup" if AS_ROOT else str(os.getgid())
    root = server.root
    (root / "dovecot.conf").write_text(
        CONFIG.format(
            run=root / "run", log=root / "log", certificate=server.certificate, key=root / "key.pem",
            mechanisms=mechanisms, users=root / "users", owner=OWNER, group=group, home=root / "home",
            no_chroot="" if AS_ROOT else "chroot =", plain_port=server.plain_port, port=server.port, more=more,
            users_of_its_own="" if AS_ROOT else ROOTLESS.format(owner=OWNER, group=group),
        )
    )  # fmt: skip


def _await(server: Dovecot, process: subprocess.Popen[bytes]) -> None:
    """Until it takes connections; it listens before it has started everything, and then lets them wait."""
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while datetime.now(UTC) < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", server.plain_port), timeout=5) as connection:
                if connection.recv(100).startswith(b"* OK"):
                    return
        except OSError:
            os.sched_yield()
    log = server.root / "log"
    pytest.fail(f"Dovecot does not start: {log.read_text() if log.exists() else 'it said nothing'}")


def write_certificate(certificate: Path, key: Path, name: str = "localhost") -> None:
    """A certificate for a name, signed by itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _give_away(path: Path) -> None:
    if AS_ROOT:
        shutil.chown(path, OWNER)
