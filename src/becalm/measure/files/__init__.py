"""The formats of a comparison: csv, sentences, charts."""
