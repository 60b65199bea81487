"""Pure: entries in, figures out."""
