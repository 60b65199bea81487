"""Streets from files: GraphML as OSMnx writes it (also .gz), or lines as GeoJSON."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, cast
from xml.etree import ElementTree

import numpy as np
from pyproj import Transformer
from pyproj.exceptions import CRSError

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.tables import StreetNetwork
from becalm.terms import Fault, InputError

WGS84 = "EPSG:4326"
KPH_PER_MPH = 1.609344
ONE_WAY_WORDS = ("true", "yes", "1", "-1", "reverse")
GEOJSON_DECIMALS = 7  # of a degree: points nearer than a centimetre are one
GEOJSON_LINES = {"LineString": lambda lines: [lines], "MultiLineString": list}
FAULTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class RawStreets:
    """A street file as it stands: places in `crs`, streets from `start` to `end`.

    `length_m` is not a number, and `speed` empty, where the file says nothing; streets that are `oneway` lead
    from start to end only. `shapes` are the courses as well-known text, empty where a street is straight, and
    `street_names` what each street is called and `road_kinds` its `highway` tag, empty where the file does
    not say.
    """

    names: tuple[str, ...]
    xy: Floats
    start: Ints
    end: Ints
    length_m: Floats
    speed: tuple[str, ...]
    oneway: Bools
    crs: str
    shapes: tuple[str, ...] = ()
    street_names: tuple[str, ...] = ()
    road_kinds: tuple[str, ...] = ()


def read_streets(path: Path, *, crs: str) -> StreetNetwork:
    """The street network in this file, in metres of `crs`.

    GraphML: nodes with x and y in the graph's `crs` (WGS84 where it names none), edges with `length` in
    metres (or `length_m`), `maxspeed` (mph where it says so, else km/h; or `speed_kph`) and `oneway`; what
    has no length is as long as its straight line. GeoJSON: LineStrings in WGS84 with the same properties,
    which join where they share a point.

    Raises InputError with everything that is wrong with the file.
    """
    raw_streets = read_raw_streets(path)
    if not len(raw_streets.start):
        raise InputError(f"{path.name} has no streets. Give a network with nodes and edges.")
    try:
        to_city_crs = Transformer.from_crs(raw_streets.crs, crs, always_xy=True)
    except CRSError as error:
        crs_message = f"{path.name} names the coordinate system {raw_streets.crs!r}, which is not known."
        raise InputError(crs_message) from error
    junction_xy_m = np.column_stack(to_city_crs.transform(raw_streets.xy[:, 0], raw_streets.xy[:, 1]))
    stray_node_indices = np.flatnonzero(~np.isfinite(junction_xy_m).all(axis=1)).tolist()
    straight_m = np.hypot(*(junction_xy_m[raw_streets.end] - junction_xy_m[raw_streets.start]).T)
    length_m = np.where(np.isfinite(raw_streets.length_m), raw_streets.length_m, straight_m)
    bad_edge_indices = np.flatnonzero(~(np.isfinite(length_m) & (length_m >= 0))).tolist()
    network_faults = [
        Fault(
            f"{path.name}: node {raw_streets.names[node]}",
            f"is outside {raw_streets.crs}",
            "correct its x and y",
        )
        for node in stray_node_indices[:FAULTS_SHOWN]
    ] + [
        Fault(f"{path.name}: edge {edge + 1}", f"is {length_m[edge]} m long", "give a length of 0 or more")
        for edge in bad_edge_indices[:FAULTS_SHOWN]
    ]
    check_faults(path.name, network_faults, shown_count=2 * FAULTS_SHOWN)
    return _open_both_ways(raw_streets, junction_xy_m, length_m, path.name)


def check_faults(name: str, faults: Sequence[Fault], *, shown_count: int = FAULTS_SHOWN) -> None:
    """Refuse a file with faults, telling the first of them."""
    if faults:
        fault_word = "fault" if len(faults) == 1 else "faults"
        raise InputError(f"{name} has {len(faults)} {fault_word}", tuple(faults[:shown_count]))


def speed_kph(text: str) -> float:
    """The speed in a `maxspeed` tag: the lowest of several; not a number where it states none.

    >>> speed_kph("20 mph"), speed_kph("50"), speed_kph("['40 mph', '20 mph']")
    (32.18688, 50.0, 32.18688)
    """
    speed_parts = [
        speed_text.strip(" '\"[]").partition(" ") for speed_text in text.replace(";", ",").split(",")
    ]
    speeds_kph = [
        _number(number) * (KPH_PER_MPH if unit.strip() == "mph" else 1.0) for number, _, unit in speed_parts
    ]
    return min((kph for kph in speeds_kph if np.isfinite(kph) and kph > 0), default=float("nan"))


def _open_both_ways(raw: RawStreets, junction_xy_m: Floats, length_m: Floats, source: str) -> StreetNetwork:
    """Each street in its own direction and in the other one, which a one-way street grants no vehicle."""
    speeds_kph = np.array([speed_kph(speed_text) for speed_text in raw.speed], dtype=np.float64)
    return StreetNetwork(
        junctions=junction_xy_m,
        start=np.concatenate([raw.start, raw.end]),
        end=np.concatenate([raw.end, raw.start]),
        length_m=np.tile(length_m, 2),
        speed_kph=np.tile(speeds_kph, 2),
        for_vehicles=np.concatenate([np.ones(len(raw.start), dtype=bool), ~raw.oneway]),
        source=source,
    )


# --- files --------------------------------------------------------------------------------------------


def read_raw_streets(path: Path) -> RawStreets:
    """The streets of a GraphML or GeoJSON file as they stand there."""
    file_ending = "".join(path.suffixes[-2:]).lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    reader_by_ending = {".graphml": _read_graphml, ".geojson": _read_geojson, ".json": _read_geojson}
    street_reader = reader_by_ending.get(file_ending.removesuffix(".gz"))
    if street_reader is None:
        raise InputError(f"{path.name}: streets are read from .graphml, .graphml.gz or .geojson. Give one.")
    try:
        with _open(path) as street_file:
            return street_reader(street_file, path.name)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}. Name a readable file.") from error


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        yield cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if path.suffix.lower() == ".gz" else file


@dataclass(slots=True)
class _StreetCollector:
    """Streets while they are read."""

    node_index: dict[str, int] = field(default_factory=dict)
    xy: list[tuple[float, float]] = field(default_factory=list)
    streets: list[tuple[str, str, float, str, bool, str, str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def add_node(self, name: str, x: float, y: float) -> None:
        """Take one node, or the one that has this name already."""
        if name not in self.node_index:
            self.node_index[name] = len(self.node_index)
            self.xy.append((x, y))

    def add_street(self, start: str, end: str, facts: Mapping[str, str]) -> None:
        """Take one street; a one-way street against its direction is turned round."""
        oneway_text = facts.get("oneway", "").strip().lower()
        if oneway_text in ("-1", "reverse"):
            start, end = end, start
        speed_text = facts.get("maxspeed") or facts.get("speed_kph") or ""
        length_m = _number(facts.get("length_m") or facts.get("length") or "")
        texts = (facts.get("geometry", ""), facts.get("name", ""), facts.get("highway", ""))
        self.streets.append((start, end, length_m, speed_text, oneway_text in ONE_WAY_WORDS, *texts))

    def build(self, crs: str, file: str) -> RawStreets:
        """All streets as arrays; raises InputError with every fault."""
        for number, (start_node, end, *_) in enumerate(self.streets, start=1):
            missing_nodes = [node_name for node_name in (start_node, end) if node_name not in self.node_index]
            if missing_nodes:
                problem_text = f"leads to the node {missing_nodes[0]!r}, which the file does not have"
                self.faults.append(
                    Fault(f"{file}: edge {number}", problem_text, "add the node or drop the edge")
                )
        check_faults(file, self.faults)
        start_nodes, end_nodes, lengths_m, speed_texts, oneway_texts, shapes, street_names, road_kinds = (
            zip(*self.streets, strict=True) if self.streets else ((),) * 8
        )
        return RawStreets(
            names=tuple(self.node_index),
            xy=np.array(self.xy, dtype=np.float64).reshape(-1, 2),
            start=np.array([self.node_index[node_name] for node_name in start_nodes], dtype=np.int64),
            end=np.array([self.node_index[node_name] for node_name in end_nodes], dtype=np.int64),
            length_m=np.array(lengths_m, dtype=np.float64),
            speed=tuple(speed_texts),
            oneway=np.array(oneway_texts, dtype=bool),
            crs=crs,
            shapes=tuple(shapes),
            street_names=tuple(street_names),
            road_kinds=tuple(road_kinds),
        )


def _number(number_text: str) -> float:
    """The number in this text, or not a number."""
    try:
        return float(number_text)
    except ValueError:
        return float("nan")


def _read_graphml(file: IO[bytes], name: str) -> RawStreets:
    """The streets of a GraphML file, read in one pass: nodes with x and y, edges with their facts.

    Every edge of a directed graph is one street in its direction; of an undirected one, open both ways.
    """
    street_collector, key_names, crs_name, is_directed = _StreetCollector(), dict[str, str](), WGS84, True
    try:
        for _, element in ElementTree.iterparse(file):
            element_tag = element.tag.rpartition("}")[2]
            if element_tag == "key":
                key_names[element.get("id", "")] = element.get("attr.name", "")
            elif element_tag == "node":
                node_name, node_facts = element.get("id", ""), _facts(element, key_names)
                x, y = (_number(node_facts.get(axis_name, "")) for axis_name in "xy")
                street_collector.add_node(node_name, x, y)
                if not np.isfinite(x + y):
                    node_fault = Fault(f"{name}: node {node_name}", "has no x and y", "give its place")
                    street_collector.faults.append(node_fault)
                element.clear()  # else the whole file is kept in memory
            elif element_tag == "edge":
                start_node, end_node = element.get("source", ""), element.get("target", "")
                street_collector.add_street(start_node, end_node, _facts(element, key_names))
                element.clear()
            elif element_tag == "graph":
                crs_name = _facts(element, key_names).get("crs") or WGS84
                is_directed = element.get("edgedefault") != "undirected"
    except ElementTree.ParseError as error:
        raise InputError(f"{name} is not valid GraphML: {error}. Export the network again.") from error
    raw_streets = street_collector.build(crs_name, name)
    return replace(raw_streets, oneway=np.ones(len(raw_streets.start), bool)) if is_directed else raw_streets


def _facts(element: ElementTree.Element, key_names: Mapping[str, str]) -> dict[str, str]:
    data_elements = (child_element for child_element in element if child_element.tag.endswith("data"))
    return {key_names.get(entry.get("key", ""), ""): entry.text or "" for entry in data_elements}


def _read_geojson(file: IO[bytes], name: str) -> RawStreets:
    """The streets of a GeoJSON FeatureCollection in WGS84: every point of a line may join another line.

    Lengths are measured, not read, for a line is cut at each of its points.
    """
    try:
        geojson_document = json.loads(file.read().decode("utf-8"))
    except ValueError as error:
        raise InputError(f"{name} is not JSON: {error}. Give GeoJSON.") from error
    feature_list = geojson_document.get("features") if isinstance(geojson_document, dict) else None
    if not isinstance(feature_list, list):
        raise InputError(f"{name} is not a GeoJSON FeatureCollection. Give lines in WGS84.")
    street_collector = _StreetCollector()
    for feature_number, feature in enumerate(feature_list, start=1):
        _add_feature(feature, f"{name}: feature {feature_number}", street_collector)
    return street_collector.build(WGS84, name)


def _add_feature(feature: Any, feature_place: str, collector: _StreetCollector) -> None:
    try:
        geojson_geometry = feature["geometry"]
        line_coordinates = GEOJSON_LINES[geojson_geometry["type"]](geojson_geometry["coordinates"])
        nodes_of_line = [[_point_node(xy, collector) for xy in line_nodes] for line_nodes in line_coordinates]
    except (KeyError, TypeError, ValueError, IndexError):
        geometry_remedy = "give a LineString or MultiLineString in WGS84"
        collector.faults.append(Fault(feature_place, "is not a line", geometry_remedy))
        return
    property_items = (feature.get("properties") or {}).items()
    street_facts = {k: str(v) for k, v in property_items if v is not None and k not in ("length", "length_m")}
    for line_nodes in nodes_of_line:
        for start_node, end_node in pairwise(line_nodes):
            collector.add_street(start_node, end_node, street_facts)


def _point_node(lon_lat: Any, collector: _StreetCollector) -> str:
    """The name of the node at this point, which is new where no line came by before."""
    x, y = round(float(lon_lat[0]), GEOJSON_DECIMALS), round(float(lon_lat[1]), GEOJSON_DECIMALS)
    collector.add_node(f"{x},{y}", x, y)
    return f"{x},{y}"
