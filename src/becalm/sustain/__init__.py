"""Which fallen series have begun to climb again, and how sure is that?"""
