"""What is asked of visits and help: reads, asks the core, records."""
