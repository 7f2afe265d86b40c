"""A real Postfix on this machine, with queue and configuration of its own, that delivers into maildirs of the test."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.scenarios.fault_server import FaultServer

PROGRAM = "/usr/sbin/postfix"
OWNER = "nobody"

MAIN = """
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
maillog_file = {root}/log
maillog_file_prefixes = {root}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = mx.shop.test
mydestination =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
smtpd_client_connection_count_limit = 0
smtpd_reject_unlisted_recipient = {rejects_strangers}
recipient_delimiter = +
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = inline:{{ {mailboxes} }}
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
transport_maps = {transports}
default_transport = error:5.4.4 nowhere else
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtp_host_lookup = native
disable_dns_lookups = yes
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
delay_warning_time = 1s
confirm_delay_cleared = no
smtpd_forbid_bare_newline = no
"""
MASTER = """
{port}   inet n - n - - smtpd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 1 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
smtp      unix - - n - - smtp
error     unix - - n - - error
retry     unix - - n - - error
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
showq     unix n - n - - showq
"""


@dataclass
class Postfix:
    """The server while it runs."""

    port: int
    root: Path

    def maildir(self, name: str) -> Path:
        """Where mail for a mailbox lies."""
        return self.root / "mail" / name

    def mails(self, name: str) -> list[bytes]:
        """What a mailbox has got."""
        return [path.read_bytes() for path in sorted((self.maildir(name) / "new").glob("*"))]

    def await_mails(self, expected: Mapping[str, int], *, seconds: int = 120) -> None:
        """Until each mailbox has so many mails; fails when it takes too long."""
        deadline = datetime.now(UTC) + timedelta(seconds=seconds)
        while datetime.now(UTC) < deadline:
            found = {name: len(self.mails(name)) for name in expected}
            if all(found[name] >= number for name, number in expected.items()):
                return
            os.sched_yield()
        pytest.fail(f"Postfix delivered {found} and not {dict(expected)}:\n{(self.root / 'log').read_text()}")

    def await_taken(self, other: FaultServer, number: int, *, seconds: int = 120) -> None:
        """Until the server that mail is handed on to has taken so many messages; fails when it takes too long."""
        deadline = datetime.now(UTC) + timedelta(seconds=seconds)
        while datetime.now(UTC) < deadline:
            if len(other.taken) >= number:
                return
            os.sched_yield()
        pytest.fail(f"Postfix handed on {len(other.taken)} and not {number}:\n{(self.root / 'log').read_text()}")


@contextmanager
def running_postfix(
    mailboxes: Mapping[str, str], transports: Mapping[str, int], *, rejects_strangers: bool = True
) -> Iterator[Postfix]:
    """A server that delivers `mailboxes` (address: name of its maildir) and hands others on to ports here."""
    _require()
    root = Path(tempfile.mkdtemp(prefix="postfix-"))
    root.chmod(0o755)
    server = Postfix(_free_port(), root)
    try:
        _write(server, mailboxes, transports, rejects_strangers=rejects_strangers)
        _control(root, "start")
        _await(server)
        yield server
    finally:
        _control(root, "stop", must=False)
        shutil.rmtree(root, ignore_errors=True)


def _require() -> None:
    missing = "is not installed" if shutil.which(PROGRAM) is None else "starts for root only" if os.geteuid() else ""
    if missing and os.environ.get("CI"):
        pytest.fail(f"Postfix {missing}. Run scripts/install_test_peers.sh, as root.")
    if missing:
        pytest.skip(f"Postfix {missing}")


def _write(
    server: Postfix, mailboxes: Mapping[str, str], transports: Mapping[str, int], *, rejects_strangers: bool
) -> None:
    root = server.root
    for name in ("queue", "data", "mail", "config"):
        (root / name).mkdir()
    shutil.chown(root / "mail", OWNER)
    shutil.chown(root / "data", "postfix")
    stat = (root / "mail").stat()
    handed_on = ", ".join(f"{{ {pattern} = smtp:[127.0.0.1]:{port} }}" for pattern, port in transports.items())
    main = MAIN.format(
        root=root,
        domains=" ".join(sorted({address.rpartition("@")[2] for address in mailboxes})),
        mailboxes=", ".join(f"{{ {address} = {name}/ }}" for address, name in mailboxes.items()),
        transports=f"inline:{{ {handed_on} }}" if transports else "",
        uid=stat.st_uid,
        gid=stat.st_gid or 65534,
        rejects_strangers="yes" if rejects_strangers else "no",
    )
    (root / "config" / "main.cf").write_text(main)
    (root / "config" / "master.cf").write_text(MASTER.format(port=f"127.0.0.1:{server.port}"))


def _control(root: Path, verb: str, *, must: bool = True) -> None:
    done = subprocess.run(
        [PROGRAM, "-c", str(root / "config"), verb], capture_output=True, text=True, timeout=60, check=False
    )
    if must and done.returncode:
        log = root / "log"
        pytest.fail(f"postfix {verb}: {done.stdout}{done.stderr}{log.read_text() if log.exists() else ''}")


def _await(server: Postfix) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=120)
    while datetime.now(UTC) < deadline:
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                if connection.recv(100).startswith(b"220"):
                    return
        except OSError:
            os.sched_yield()
    pytest.fail(f"Postfix does not start: {(server.root / 'log').read_text()}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
