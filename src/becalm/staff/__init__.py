"""Who is available today, and where do they serve?"""
