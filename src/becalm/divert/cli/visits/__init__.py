"""The commands of visits and help."""
