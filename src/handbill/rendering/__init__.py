"""How one contact and one arm become one message."""
