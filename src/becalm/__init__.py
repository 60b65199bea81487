"""becalm: run a city-wide violence-reduction programme.

Eight jobs, one word each: measure, find, patrol, divert, staff, record, sustain, evaluate.
"""

__version__ = "0.1.0"
