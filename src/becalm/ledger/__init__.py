"""Events that nobody can rewrite unseen: their shape, their chain, their proof."""
