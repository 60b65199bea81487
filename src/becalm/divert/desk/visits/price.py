"""`becalm divert price`: the price list of a protocol, and its signing."""

import json
from dataclasses import asdict, dataclass

from becalm.desk import Desk, record_event
from becalm.divert.core.visits import events
from becalm.divert.core.visits.doors import DoorSettings
from becalm.divert.core.visits.price import ProtocolPrice, price_protocol
from becalm.divert.core.visits.protocol import VisitProtocol
from becalm.divert.core.visits.request import PriceRequest
from becalm.divert.desk.context import require_role
from becalm.divert.files.visits.read_protocol import find_protocol, protocol_sha256, read_protocol
from becalm.formats.durable_files import sha256_of_text
from becalm.ledger import Fact


@dataclass(frozen=True, slots=True)
class PriceList:
    """The list, the protocol that it prices, what was assumed, and whether it was signed now."""

    protocol: VisitProtocol
    protocol_sha256: str
    prices: tuple[ProtocolPrice, ...]
    assumptions: DoorSettings
    crews: int
    is_signed: bool
    signed_entry: int


def price_visits(desk: Desk, request: PriceRequest) -> PriceList:
    """What does each number of attempts buy? With `sign`, its owner puts the protocol in force.

    Raises CaseError where the role may not price, or may not sign.
    """
    desk = require_role(desk, "price")
    if request.sign:
        desk = require_role(desk, "sign")
    source = find_protocol(desk.workspace.path, request.protocol)
    protocol, sha256 = read_protocol(source), protocol_sha256(source)
    rows = price_protocol(
        protocol,
        chances=request.chance,
        crews=request.crews,
        people=request.people,
        seed=request.seed,
        cities=request.cities,
    )
    with desk.progress("prices", total=len(request.chance), unit="chances"):
        prices = tuple(rows)
    entry = None
    if request.sign:
        price_text = json.dumps([asdict(price) for price in prices], sort_keys=True)
        facts: dict[str, Fact] = {
            "key": protocol.key,
            "version": protocol.version,
            "protocol_sha256": sha256,
            "attempts": protocol.attempts,
            "price_sha256": sha256_of_text(price_text),
        }
        entry = record_event(desk, events.PROTOCOL, purpose="visit", facts=facts)
    signature_seqs = [
        signature.seq
        for signature in desk.open_ledger().entries(kinds=(events.PROTOCOL,))
        if signature.event.facts["protocol_sha256"] == sha256
    ]
    return PriceList(
        protocol=protocol,
        protocol_sha256=sha256,
        prices=prices,
        assumptions=DoorSettings(people=request.people),
        crews=request.crews,
        is_signed=bool(signature_seqs),
        signed_entry=entry.seq if entry else max(signature_seqs, default=0),
    )
