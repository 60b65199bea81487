"""The commands of `becalm staff`."""
