"""The protocol's file, the list of places, and the finding as JSON and as a page."""
