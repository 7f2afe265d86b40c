"""What aggregates per arm say about a treatment: estimates, intervals, tests, and why one cannot be given."""
