"""What a command does, step by step: the sequences that the command line, the flows and the tests share."""
