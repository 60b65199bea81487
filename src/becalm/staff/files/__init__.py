"""The formats of this job: rules, people, needs, the folder of a roster."""
