"""Whether a request was made on this machine: what its own people and programs may see without a key."""

from starlette.datastructures import Headers
from starlette.types import Scope

_THIS_MACHINE = ("127.0.0.1", "::1")
_BY_PROXY = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


def from_this_machine(scope: Scope) -> bool:
    """Whether nothing stands between us and a program of this machine.

    A proxy on this machine that says nothing of its clients would open this to everybody; so whatever a proxy
    touched comes from elsewhere.
    """
    client, headers = scope.get("client"), Headers(scope=scope)
    return client is not None and client[0] in _THIS_MACHINE and not any(name in headers for name in _BY_PROXY)
