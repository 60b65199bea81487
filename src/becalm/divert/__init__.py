"""Whom do we offer help by a published rule, who approved it, and what came of it?"""
