"""The formats of divert: the rule, people and their events, packs and drafts."""
