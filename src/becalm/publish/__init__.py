"""From frozen answers to pages, charts and files that people open. No arithmetic on the answers."""
