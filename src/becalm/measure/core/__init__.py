"""Pure: counts in, frozen comparisons out."""
