"""The formats of hotspots, in and out."""
