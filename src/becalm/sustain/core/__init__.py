"""The answers of sustain."""
