"""A year of the programme on the simulated city, through becalm's own commands, beside the truth."""
