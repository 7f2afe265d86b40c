"""What can be wrong with declarations beyond their shape: one module a part, each a function that yields findings."""
