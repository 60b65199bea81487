"""The formats of logs and definitions, in and out."""
