"""What comes back: events, bounces and orders, and which delivery or unit each of them answers."""
