"""The commands of patrol, and how they print."""
