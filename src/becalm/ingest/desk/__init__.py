"""Loads files into the archive, and drafts mappings."""
