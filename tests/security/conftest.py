"""The shop that imports are tried on, for threats that come by files."""

from tests.contacts.conftest import project, shop_on_paper

__all__ = ["project", "shop_on_paper"]
