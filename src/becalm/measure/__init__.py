"""How does this period compare with the same period of the baseline year, and how sure are we?"""
