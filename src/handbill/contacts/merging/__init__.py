"""From typed columns to the store: rows are staged without a lock, then merged as sets in one short transaction."""
