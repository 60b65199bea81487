"""Pure: counts in, frozen lists out."""
