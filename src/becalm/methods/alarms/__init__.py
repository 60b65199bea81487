"""Alarms on series of counts: one file per method, all with the same shape (`watched_counts`)."""
