"""The commands of sustain."""
