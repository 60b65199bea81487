"""What every command shares: options, output, the width of the screen."""
