"""The reader of data.police.uk."""
