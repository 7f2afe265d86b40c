"""A shop that does not exist, with customers whose true behaviour is known, to show what Handbill does."""
