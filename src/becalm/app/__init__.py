"""Where the program is put together: the command line, its commands, and a new workspace."""
