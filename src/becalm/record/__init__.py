"""What was done, what came of it, and can anyone prove that it was not altered?"""
