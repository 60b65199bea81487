"""Pure: officers, rules and needs in, rosters with their bound out."""
