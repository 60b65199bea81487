"""Pure: dosage and units in, frozen plans out."""
