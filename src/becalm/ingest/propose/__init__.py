"""A draft of a mapping, from the look of the columns."""
