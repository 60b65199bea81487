"""The reader of any extract, through a mapping."""
