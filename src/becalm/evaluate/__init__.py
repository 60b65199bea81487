"""Evaluate: did it work, did it only move, would it have fallen anyway?"""
