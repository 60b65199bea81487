"""What reads, asks the core of sustain, and records."""
