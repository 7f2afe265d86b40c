"""What marketers write, read into frozen models, with every mistake placed."""
