"""The command line: each command parses, calls one desk function, renders."""
