"""A city whose truth is known: the oracle of all eight jobs."""
