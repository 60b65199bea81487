"""The commands of record, and how their answers are shown (loaded when one is)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
