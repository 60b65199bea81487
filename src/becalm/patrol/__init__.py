"""Which crew goes to which hotspot when, so that dosage is right and nobody can guess?"""
