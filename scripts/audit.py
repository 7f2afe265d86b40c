# ruff: noqa: INP001, S603, T201 - a script that prints, and that runs two programs of this environment
"""Looks for known weaknesses: in our code by bandit, in what we depend on by pip-audit. Exit code 1 when there are any.

Where the service that knows the weaknesses of packages cannot be asked, that is said, and no package is judged.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

ACCEPTED = {
    ("src/handbill/channels/sns.py", "B303"): "Amazon signs with SHA-1 unless told otherwise; only where declared",
    ("src/handbill/contacts/merging/staging.py", "B608"): "names of our own tables and columns",
    ("src/handbill/contacts/rows/query.py", "B301"): "a file that this very process has written a moment ago",
    ("src/handbill/operations/api_server.py", "B310"): "an address of this machine, or one that the owner declared",
    (
        "src/handbill/operations/confirmation_mails.py",
        "B701",
    ): "plain text; what is HTML is escaped by its own template",
    ("src/handbill/operations/crew.py", "B301"): "what our own child process says, over a pipe",
    ("src/handbill/planning/membership.py", "B608"): "names of our own tables",
    ("src/handbill/rendering/following.py", "B704"): "escaped in the same line",
    ("src/handbill/rendering/processes.py", "B301"): "what our own child process says, over a pipe",
    ("src/handbill/rendering/qr.py", "B704"): "drawn by segno out of our own address",
    ("src/handbill/reports/html.py", "B704"): "our own style, matplotlib's drawings, and text escaped just before",
}
"""What bandit finds and somebody has judged: file and test, and why it is no weakness there."""

NOT_ASKED = ("could not be audited", "Dependency not found")
NO_SERVICE = (
    "pip-audit: the service that knows the weaknesses of packages cannot be asked from here, so they were NOT looked "
    "for. Run `make audit` where it can."
)


def main() -> int:
    """Runs both; says each finding in a line."""
    found = [*in_our_code(), *in_packages()]
    for each in found:
        print(each)
    print(f"{len(found)} weaknesses found." if found else "No weakness found.")
    return 1 if found else 0


def in_our_code() -> Iterator[str]:
    """What bandit finds of medium severity and above, but for what was judged."""
    command = [f"{BIN}/bandit", "-q", "-r", "src", "flows", "scripts", "-ll", "-f", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout)
    for error in answer["errors"]:
        yield f"bandit: {error['filename']}: {error['reason']}"
    for each in answer["results"]:
        if (each["filename"], each["test_id"]) not in ACCEPTED:
            yield f"{each['filename']}:{each['line_number']}: {each['test_id']} {each['issue_text']}"


def in_packages() -> Iterator[str]:
    """The known weaknesses of the locked packages."""
    command = [f"{BIN}/pip-audit", "--progress-spinner", "off", "-r", "requirements.lock", "--disable-pip", "--no-deps",
               "-f", "json", "--timeout", "10"]  # fmt: skip
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
        packages = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError):  # without an answer it says so on stderr only
        print(NO_SERVICE)
        return
    skipped = [each for each in packages if any(words in each.get("skip_reason", "") for words in NOT_ASKED)]
    if len(skipped) == len(packages):
        print(NO_SERVICE)
    elif skipped:
        print(f"pip-audit: {len(skipped)} of {len(packages)} packages are not known to the service.")
    for each in packages:
        for weakness in each.get("vulns", ()):
            mend = ", ".join(weakness["fix_versions"]) or "no version yet"
            yield f"{each['name']} {each['version']}: {weakness['id']}, mended in {mend}"


if __name__ == "__main__":
    sys.exit(main())
