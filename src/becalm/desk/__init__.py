"""What every desk function shares: the desk, the audit event, the records, errors collected."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
