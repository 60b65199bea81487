"""A verifier for people who do not trust becalm: one file, run as it is."""
