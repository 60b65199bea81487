from . import find as find
from . import ingest as ingest
from . import measure as measure
from . import patrol as patrol
from . import record as record
from . import simulate as simulate
from .app.notebook.certificate import certify as certify
from .app.notebook.near_repeats import near_repeats as near_repeats
from .app.notebook.questions import backtest as backtest
from .app.notebook.questions import compare as compare
from .app.notebook.questions import hotspots as hotspots
from .app.notebook.questions import open as open  # noqa: A004 - the question is called so

__version__: str
