"""Formats that strangers write: csv, workbooks, cells, times."""
