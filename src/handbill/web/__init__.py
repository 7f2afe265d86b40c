"""The public edge: what recipients, providers, other systems and colleagues reach over HTTP."""
