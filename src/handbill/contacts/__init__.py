"""Who we know: identity, addresses, consent, suppressions, and how all of it comes in from files."""
