"""The commands of find, and how they print."""
