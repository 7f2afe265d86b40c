"""Marketing campaigns as code: declared in YAML, delivered by e-mail and post, measured as experiments."""

__version__ = "0.1.0"
