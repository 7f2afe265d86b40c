"""Whether a sender's DNS lets mailbox providers believe that its messages are its own: SPF, DKIM, DMARC, PTR."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import dns.exception
import dns.name
import dns.resolver
import dns.reversename
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

SPF_LOOKUPS = 10
"""Names that a verifier looks up at most before it gives up (RFC 7208, 4.6.4)."""
USUAL_KEY = 2048
"""Bits of a DKIM key that nobody complains about."""
_LOOKS_UP = ("include", "a", "mx", "ptr", "exists")


class Mark(StrEnum):
    """What an examination found."""

    GOOD = "good"
    ADVICE = "advice"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was examined: where, what was found, and how to mend it, empty where nothing is to be done."""

    topic: str
    mark: Mark
    what: str
    mend: str = ""


class Unanswered(Exception):
    """The name servers gave no answer, so nothing is known."""


class Names:
    """Asks name servers: this machine's own, or the one that is given."""

    def __init__(self, server: str | None = None, port: int = 53, *, seconds: float = 5.0) -> None:
        self._resolver = dns.resolver.Resolver(configure=server is None)
        if server is not None:
            self._resolver.nameservers = [server]
            self._resolver.port = port
        self._resolver.lifetime = seconds

    def texts(self, name: str) -> list[str]:
        """The TXT records of a name, each joined."""
        return [b"".join(record.strings).decode(errors="replace") for record in self._ask(name, "TXT")]

    def addresses(self, name: str) -> list[str]:
        """The A and AAAA records of a name."""
        return [record.address for kind in ("A", "AAAA") for record in self._ask(name, kind)]

    def mail_servers(self, name: str) -> list[str]:
        """The MX records of a name; without the one that says that there are none."""
        return [host for record in self._ask(name, "MX") if (host := str(record.exchange).rstrip("."))]

    def names_of(self, address: str) -> list[str]:
        """The PTR records of an address."""
        reverse = dns.reversename.from_address(address)
        return [str(record.target).rstrip(".") for record in self._ask(reverse, "PTR")]

    def _ask(self, name: str | dns.name.Name, kind: str) -> Iterable[Any]:
        try:
            return self._resolver.resolve(name, kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return []
        except dns.exception.DNSException as error:
            raise Unanswered(f"no answer about {name}") from error


def examine_spf(names: Names, domain: str) -> Diagnosis:
    """Which servers may send for the domain that bounces go to (RFC 7208)."""
    records = [text for text in names.texts(domain) if text.split(" ")[0].lower() == "v=spf1"]
    if len(records) != 1:
        number = f"{len(records)} SPF records, which counts as none" if records else "no SPF record"
        what = f"{domain} has {number}."
        return Diagnosis("SPF", Mark.WRONG, what, "Publish one TXT record: v=spf1 include:YOUR-PROVIDER -all")
    terms = records[0].lower().split()[1:]
    if _lookups(names, terms, frozenset({domain})) > SPF_LOOKUPS:
        what = f"{domain} needs more than {SPF_LOOKUPS} further look-ups, and verifiers stop there."
        return Diagnosis("SPF", Mark.WRONG, what, "Remove includes that nobody sends through any more.")
    if not any(term in {"-all", "~all"} or term.startswith("redirect=") for term in terms):
        what = f"{domain} lets anybody send for it."
        return Diagnosis("SPF", Mark.WRONG, what, "End the record with -all, or ~all while you try.")
    return Diagnosis("SPF", Mark.GOOD, f"{domain}: {records[0]}")


def examine_dkim(names: Names, domain: str, selector: str, own: RSAPublicKey) -> Diagnosis:
    """Whether the public key in the DNS is the one that belongs to our private key (RFC 6376)."""
    place = f"{selector}._domainkey.{domain}"
    mend = f"Publish at {place} as TXT: v=DKIM1; k=rsa; p={_published(own)}"
    records = [_tags(text) for text in names.texts(place)]
    keys = [tags["p"] for tags in records if "p" in tags]
    if not keys:
        return Diagnosis("DKIM", Mark.WRONG, f"there is no key at {place}.", mend)
    if len(keys) > 1:
        return Diagnosis("DKIM", Mark.WRONG, f"there are {len(keys)} keys at {place}.", "Leave one, and use it here.")
    if not keys[0]:
        return Diagnosis("DKIM", Mark.WRONG, f"the key at {place} was withdrawn.", mend)
    if not _is_same(keys[0], own):
        return Diagnosis("DKIM", Mark.WRONG, f"the key at {place} is not the one of key_file.", mend)
    if own.key_size < USUAL_KEY:
        what = f"the key at {place} has {own.key_size} bits."
        return Diagnosis("DKIM", Mark.ADVICE, what, f"Make one of {USUAL_KEY}.")
    return Diagnosis("DKIM", Mark.GOOD, f"{place} holds our key.")


def examine_dmarc(names: Names, domain: str) -> Diagnosis:
    """What the sender asks mailbox providers to do with mail that only pretends to be its own (RFC 7489)."""
    example = f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}"
    for place in _upwards(domain):
        records = [text for text in names.texts(f"_dmarc.{place}") if text.lower().startswith("v=dmarc1")]
        if len(records) > 1:
            what = f"_dmarc.{place} has {len(records)} DMARC records, which counts as none."
            return Diagnosis("DMARC", Mark.WRONG, what, "Leave one.")
        if records:
            return _judge_dmarc(place, _tags(records[0]))
    what = f"{domain} has no DMARC record; large mailbox providers take no bulk mail without one."
    return Diagnosis("DMARC", Mark.WRONG, what, f"Publish at _dmarc.{domain} as TXT: {example}")


def examine_return_path(names: Names, domain: str) -> Diagnosis:
    """Whether bounces find their way back."""
    if servers := names.mail_servers(domain):
        return Diagnosis("bounces", Mark.GOOD, f"mail to {domain} goes to {servers[0]}.")
    what = f"{domain} has no mail server (MX), so bounces and unsubscribe mails get lost."
    return Diagnosis("bounces", Mark.WRONG, what, "Publish an MX record for it.")


def examine_host(names: Names, host: str) -> Iterator[Diagnosis]:
    """Whether the addresses of our mail server have names that lead back to them, as mailbox providers demand."""
    addresses = names.addresses(host)
    if not addresses:
        yield Diagnosis("PTR", Mark.WRONG, f"{host} has no address.", "Correct channels.email.host.")
    for address in sorted(addresses):
        known = names.names_of(address)
        if any(address in names.addresses(name) for name in known):
            yield Diagnosis("PTR", Mark.GOOD, f"{address} is {known[0]}.")
        else:
            what = f"{address} ({host}) has no name that leads back to it."
            yield Diagnosis("PTR", Mark.ADVICE, what, "If it sends to the world itself, have a PTR record set.")


def is_aligned(signing: str, sender: str) -> bool:
    """Whether DMARC takes one domain as the other's: they are the same, or one lies within the other."""
    one, other = signing.lower(), sender.lower()
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _judge_dmarc(place: str, tags: dict[str, str]) -> Diagnosis:
    policy = tags.get("p", "").lower()
    if policy not in {"none", "quarantine", "reject"}:
        return Diagnosis("DMARC", Mark.WRONG, f"_dmarc.{place} names no policy.", "Add p=none, quarantine or reject.")
    if "rua" not in tags:
        what = f"_dmarc.{place} says p={policy}, and nobody gets the reports."
        return Diagnosis("DMARC", Mark.ADVICE, what, f"Add rua=mailto:dmarc@{place}.")
    if policy == "none":
        what = f"_dmarc.{place} says p=none: it counts, and does not protect your name yet."
        return Diagnosis("DMARC", Mark.ADVICE, what, "When the reports show only your own mail, go to p=quarantine.")
    return Diagnosis("DMARC", Mark.GOOD, f"_dmarc.{place} says p={policy}.")


def _lookups(names: Names, terms: Sequence[str], seen: frozenset[str]) -> int:
    """Names that a verifier has to look up for these terms, with those of the records that they include."""
    count = 0
    for term in terms:
        mechanism, _, value = term.lstrip("+-~?").partition(":")
        if term.startswith("redirect="):
            mechanism, value = "include", term.partition("=")[2]
        if mechanism.partition("/")[0] not in _LOOKS_UP:
            continue
        count += 1
        if mechanism == "include" and value not in seen and count <= SPF_LOOKUPS:
            inner = [text for text in names.texts(value) if text.lower().startswith("v=spf1")]
            count += _lookups(names, inner[0].lower().split()[1:], seen | {value}) if inner else 0
    return count


def _tags(record: str) -> dict[str, str]:
    """`v=DKIM1; k=rsa; p=…` by name; white space in values means nothing."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, equals, value in pairs if equals}


def _is_same(published: str, own: RSAPublicKey) -> bool:
    try:
        key = load_der_public_key(base64.b64decode(published, validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return False
    return isinstance(key, RSAPublicKey) and key.public_numbers() == own.public_numbers()


def _published(key: RSAPublicKey) -> str:
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def _upwards(domain: str) -> Iterator[str]:
    """The domain and those that it lies in, down to two labels."""
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        yield ".".join(labels[start:])
