"""Which micro-places carry street violence and robbery, how sure is the list, and when in the week?"""
