"""Dataframes with a declared schema; one function per table makes it."""
