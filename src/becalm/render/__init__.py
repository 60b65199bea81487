"""How answers become pages: shell, style, numbers, SVG."""
