"""Programs and networks that open mails and follow links for somebody, and how they can be told."""

import ipaddress
import re
from functools import lru_cache

from handbill.tokens import keyed_hash

_APPLE = "Mozilla/5.0"
"""All that Apple's Mail Privacy Protection says of itself: it fetches every picture, whether or not somebody reads."""

_PROXIES = re.compile(
    # Gmail: "(via ggpht.com GoogleImageProxy)"; Yahoo and AOL: "YahooMailProxy; https://help.yahoo.com/kb/…SLN28749".
    r"GoogleImageProxy|ggpht\.com|YahooMailProxy",
    re.IGNORECASE,
)
"""Mailbox providers that fetch pictures in their readers' place."""

_MACHINES = re.compile(
    # Link checkers of mail gateways, by the names that they give themselves.
    r"barracuda|proofpoint|mimecast|safelinks|existence discovery|messagelabs|fireeye|trendmicro|sophos|fortimail"
    r"|ironport|cisco.?secure|zscaler|checkpoint|forcepoint|bitdefender|kaspersky|virustotal|urlscan"
    # Previews in chats, and search engines. (Cubot makes telephones.)
    r"|bingpreview|microsoftpreview|skypeuripreview|slackbot|linkexpanding|facebookexternalhit|whatsapp/"
    r"|google-safety|(?<!cu)bot\b|crawler|spider|preview service"
    # Libraries of programs: no person reads mail in them.
    r"|curl/|wget/|python-requests|python-urllib|aiohttp|httpx/|go-http-client|java/|apache-httpclient|libwww-perl"
    r"|node-fetch|axios/|headlesschrome|phantomjs",
    re.IGNORECASE,
)
"""Programs that say what they are."""

NETWORKS = (
    # Barracuda Email Gateway Defense, from its own lists of addresses that mail comes from and links are checked from.
    "64.235.144.0/20",
    "209.222.80.0/21",
    # Proofpoint, by the address registry (ARIN).
    "67.231.144.0/20",
    "148.163.128.0/19",
    # Mimecast, by the address registry.
    "91.220.42.0/24",
    "207.211.30.0/23",
)
"""Networks of mail gateways, from which no person reads mail."""

_BITS = {4: 24, 6: 48}
_PURPOSE = "network"


@lru_cache(8_192)
def is_machine(agent: str) -> bool:
    """Whether a program says that it is no person's. Remembered: looking takes longer than storing a click."""
    return _MACHINES.search(agent) is not None


@lru_cache(8_192)
def is_proxy(agent: str) -> bool:
    """Whether a program fetches pictures in its readers' place."""
    return agent == _APPLE or _PROXIES.search(agent) is not None


@lru_cache(8_192)
def network_hash(secret: bytes, address: str) -> str:
    """Stands for the network of an address: its first 24 bits, or 48 of IPv6. "" for what is no address.

    Enough to see that two clicks came from one place, and too little to say who that was.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if found.version == 6 and found.ipv4_mapped:
        found = found.ipv4_mapped
    return _hash(secret, ipaddress.ip_network((found, _BITS[found.version]), strict=False))


@lru_cache(8)
def scanner_networks(secret: bytes) -> frozenset[str]:
    """The hashes of all of `NETWORKS`, in the parts that `network_hash` knows."""
    parts = (part for text in NETWORKS for part in ipaddress.ip_network(text).subnets(new_prefix=24))
    return frozenset(_hash(secret, part) for part in parts)


def _hash(secret: bytes, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    return keyed_hash(secret, _PURPOSE, str(network))[:16]
