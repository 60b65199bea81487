"""The formats of plans, units, travel and visits, in and out."""
