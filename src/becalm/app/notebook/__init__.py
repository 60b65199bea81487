"""The door for notebooks: data frames in, the answers of the commands out."""
