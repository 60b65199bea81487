"""Names in the simulated city. None of them is a place in London."""

from __future__ import annotations

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CITY: Final = "Doggerby"
CITY_KEY: Final = "doggerby"
FORCE: Final = "Doggerby Police"

BOROUGHS: Final = _words(
    "Aldermere Brackwater Carrowick Dunmarsh Eelsworth Fenquay Gorsefleet Hawkstrand Ivelgate Jarrowmead "
    "Kestrelham Larkstow Marrowby Netherquay Oakhythe Pellingate Quarrydown Rushaven Saltreach Thornquay "
    "Umbermere Vexcombe Wrackham Yarrowfield Zealcote Amberstrand Blackfleet Coldharrow Drumlea Embercliff "
    "Foxhaven Greywharf"
)

COMMAND_UNITS: Final = _words("Ash Beech Cedar Dogwood Elder Fir Gorse Hazel Ilex Juniper Larch Maple")

WARDS: Final = _words(
    "Mill Abbey Station Priory Common Wharf Castle Park Bridge Market Green Orchard Chapel Quarry Hill "
    "Grange Lock Meadow Barn Forge Gate Spring Warren Harbour Tower Ferry Cross Fold Moor Vale"
)

STREETS: Final = _words(
    "Alder Anchor Apple Badger Barley Beacon Bell Birch Bramble Brook Candle Carp Cherry Clover Copper Coral "
    "Crane Curlew Dolphin Dove Drift Eel Ember Falcon Fennel Fern Flint Gannet Garnet Harvest Hazel Heather "
    "Heron Hollow Ivory Jasper Kelp Kite Lantern Lark Lichen Linden Mallow Marlin Mast Mint Nettle Oar "
    "Osprey Otter Oyster Pearl Pebble Plover Poplar Quartz Rowan Rudder Rye Saffron Sand Shell Silver Slate "
    "Sorrel Sparrow Spindle Tern Thistle Tide Topaz Velvet Willow Wren Yarrow"
)

STREET_KINDS: Final = ("Road", "Street", "Lane", "Avenue", "Close", "Way", "Row", "Place", "Rise", "Walk")


def numbered(names: tuple[str, ...], index: int) -> str:
    """The name at this index; past the end the names come again with a number."""
    again, which = divmod(index, len(names))
    return names[which] if again == 0 else f"{names[which]} {again + 1}"
