"""Pure mathematics with a citation; NumPy in, NumPy or a frozen result out."""
