"""The formats of sustain."""
