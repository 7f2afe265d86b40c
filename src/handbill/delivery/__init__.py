"""How messages leave: an outbox in which nothing is lost and nothing is sent twice."""
