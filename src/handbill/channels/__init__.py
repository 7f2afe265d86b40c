"""The ways out: one module a provider, each speaking the words of contract.py."""
