"""Pure: a protocol and counts in, a frozen finding or a refusal out."""
