"""Ways in for records: every reader ends in the same checked tables."""
