"""The nouns of the programme: frozen, checked when made, with units in their names."""
