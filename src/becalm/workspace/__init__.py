"""The folder of one city: becalm.toml, boundaries, streets, recipes."""
