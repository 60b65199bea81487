"""Names in the simulated city, none of which is a place in London; the columns of its files and their words.

One row of the extract is one recorded crime. Times are local clock times of the city (Europe/London) without
a zone, `YYYY-MM-DD HH:MM`; `occurred_to` equals `occurred_from` where the instant is known, otherwise the
crime happened somewhere between the two. Eastings and northings are whole metres of EPSG:27700 and
empty where the place was not recorded. `weapon` is the one used or threatened with. There are no
personal data but the victim's age band (empty where there is no single victim).
"""

from typing import Final


def _words(word_list_text: str) -> tuple[str, ...]:
    return tuple(word_list_text.split())


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

FIRST_NAMES: Final = _words(
    "Ada Bram Cleo Dara Edda Finn Gita Hale Ines Joss Kaya Lior Mina Noor Orla Pim Quin Rafi Sana Tove Una "
    "Vito Wren Xeno Yara Zeki Anouk Bodhi Ciara Dov Elif Fenna Goran Hana Ivo Juno Kofi Leda Milo Nadia"
)

FAMILY_NAMES: Final = _words(
    "Ashgrove Barrowmere Corsley Dunwater Eastholm Farrowby Gullwick Harpenmoor Ingstrand Jessop Kelmarsh "
    "Lowdale Marlquay Northbeck Ovenstone Pellwyn Quayle Rushmere Saltby Tarnhill Underwick Venning Wexcombe "
    "Yarmeadow Zennor Aldquist Brackley Cresswold Dovemoor Elmstrand Fairhaven Grebeck Holmsea Ironby"
)

STREET_KINDS: Final = ("Road", "Street", "Lane", "Avenue", "Close", "Way", "Row", "Place", "Rise", "Walk")


def numbered(names: tuple[str, ...], index: int) -> str:
    """The name at this index; past the end the names come again with a number."""
    round_number, name_index = divmod(index, len(names))
    return names[name_index] if round_number == 0 else f"{names[name_index]} {round_number + 1}"


TIME_ZONE: Final = "Europe/London"
CRS: Final = "EPSG:27700"

EXTRACT_COLUMNS: Final = (
    "crime_ref",  # unique, e.g. DGB-000000017
    "recorded_on",
    "occurred_from",
    "occurred_to",
    "offence",  # one of simulate.offences.OFFENCES (their group and police.uk type stand beside them)
    "found_by",  # victim | police
    "weapon",  # knife | gun | other | none | unknown
    "injury",  # Y | N | empty where not known
    "victim_age_band",  # one of AGE_BANDS or empty
    "outcome",  # empty where none is known
    "easting",
    "northing",
    "borough",
    "ward",  # name
    "lsoa",  # code
    "command_unit",
)

WEAPONS: Final = ("none", "knife", "gun", "other", "unknown")
AGE_BANDS: Final = ("0-9", "10-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+")

STREET_COLUMNS: Final = (
    "Crime ID",
    "Month",
    "Reported by",
    "Falls within",
    "Longitude",
    "Latitude",
    "Location",
    "LSOA code",
    "LSOA name",
    "Crime type",
    "Last outcome category",
    "Context",
)

OUTCOME_COLUMNS: Final = (*STREET_COLUMNS[:9], "Outcome type")

STOP_COLUMNS: Final = (
    "Type",
    "Date",
    "Part of a policing operation",
    "Policing operation",
    "Latitude",
    "Longitude",
    "Gender",
    "Age range",
    "Self-defined ethnicity",
    "Officer-defined ethnicity",
    "Legislation",
    "Object of search",
    "Outcome",
    "Outcome linked to object of search",
    "Removal of more than just outer clothing",
)
