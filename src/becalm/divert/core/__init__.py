"""Pure: dated events and a published rule in, reasons, states and rates out."""
