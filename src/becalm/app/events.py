"""Every kind of event that a ledger of becalm may hold, and every state table folded from them.

Each job declares its own; here they become one list, which is handed to the ledger when it is opened.
"""

import becalm.app.account_events as accounts
import becalm.brief.events as brief
import becalm.divert.core.events as divert
import becalm.evaluate.core.events as evaluate
import becalm.find.core.events as find
import becalm.ingest.events as ingest
import becalm.ledger.events as ledger
import becalm.measure.core.events as measure
import becalm.patrol.core.events as patrol
import becalm.record.core.events as record
import becalm.staff.core.events as staff
import becalm.sustain.core.events as sustain
from becalm.ledger import EventKinds

EVENT_KINDS = EventKinds(
    (
        *evaluate.KINDS,
        *divert.KINDS,
        *patrol.KINDS,
        *record.KINDS,
        *find.KINDS,
        *measure.KINDS,
        *staff.KINDS,
        *sustain.KINDS,
        *ingest.KINDS,
        *brief.KINDS,
        *accounts.KINDS,
        *ledger.KINDS,
    )
)
FOLDS = (*record.FOLDS, *patrol.FOLDS, *staff.FOLDS, *divert.FOLDS, *ledger.FOLDS)
