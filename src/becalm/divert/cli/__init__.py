"""The commands of `becalm divert`."""
