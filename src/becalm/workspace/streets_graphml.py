"""GraphML as street networks use it: nodes with x and y, edges with their facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import IO
from xml.etree import ElementTree

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.terms import Fault, InputError

WGS84 = "EPSG:4326"
YES = ("true", "yes", "1", "-1", "reverse")
SHOWN = 20


@dataclass(frozen=True, slots=True)
class RawStreets:
    """A street file as it stands: places in `crs`, streets from `start` to `end`.

    `length_m` is not a number, and `speed` empty, where the file says nothing; `oneway` streets lead from
    start to end only. `drawn` is each street's course as well-known text, empty where it is straight.
    """

    names: tuple[str, ...]
    xy: Floats
    start: Ints
    end: Ints
    length_m: Floats
    speed: tuple[str, ...]
    oneway: Bools
    crs: str
    drawn: tuple[str, ...] = ()


@dataclass(slots=True)
class Collected:
    """Streets while they are read."""

    at: dict[str, int] = field(default_factory=dict)
    xy: list[tuple[float, float]] = field(default_factory=list)
    streets: list[tuple[str, str, float, str, bool, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def street(self, start: str, end: str, facts: Mapping[str, str]) -> None:
        """Take one street; a one-way street against its direction is turned round."""
        oneway = facts.get("oneway", "").strip().lower()
        if oneway in ("-1", "reverse"):
            start, end = end, start
        speed = facts.get("maxspeed") or facts.get("speed_kph") or ""
        length = number(facts.get("length_m") or facts.get("length") or "")
        self.streets.append((start, end, length, speed, oneway in YES, facts.get("geometry", "")))

    def raw(self, crs: str, file: str) -> RawStreets:
        """All streets as arrays; raises InputError with every fault."""
        for number_, (a, b, *_) in enumerate(self.streets, start=1):
            lost = [name for name in (a, b) if name not in self.at]
            if lost:
                what = f"leads to the node {lost[0]!r}, which the file does not have"
                self.faults.append(Fault(f"{file}: edge {number_}", what, "add the node or drop the edge"))
        if self.faults:
            noun = "fault" if len(self.faults) == 1 else "faults"
            raise InputError(f"{file} has {len(self.faults)} {noun}", tuple(self.faults[:SHOWN]))
        return RawStreets(
            names=tuple(self.at),
            xy=np.array(self.xy, dtype=np.float64).reshape(-1, 2),
            start=np.array([self.at[s[0]] for s in self.streets], dtype=np.int64),
            end=np.array([self.at[s[1]] for s in self.streets], dtype=np.int64),
            length_m=np.array([s[2] for s in self.streets], dtype=np.float64),
            speed=tuple(s[3] for s in self.streets),
            oneway=np.array([s[4] for s in self.streets], dtype=bool),
            crs=crs,
            drawn=tuple(s[5] for s in self.streets),
        )


def number(text: str) -> float:
    """The number in this text, or not a number."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def read_graphml(file: IO[bytes], name: str) -> RawStreets:
    """The streets of a GraphML file, read in one pass.

    Every edge of a directed graph is one street in its direction; of an undirected one, open both ways.
    """
    made, keys, crs, directed = Collected(), dict[str, str](), WGS84, True
    try:
        for _, element in ElementTree.iterparse(file):
            kind = element.tag.rpartition("}")[2]
            if kind == "key":
                keys[element.get("id", "")] = element.get("attr.name", "")
            elif kind == "node":
                _node(element, keys, made, name)
                element.clear()
            elif kind == "edge":
                made.street(element.get("source", ""), element.get("target", ""), _facts(element, keys))
                element.clear()
            elif kind == "graph":
                crs = _facts(element, keys).get("crs") or WGS84
                directed = element.get("edgedefault") != "undirected"
    except ElementTree.ParseError as error:
        raise InputError(f"{name} is not valid GraphML: {error}. Export the network anew.") from error
    raw = made.raw(crs, name)
    return _each_edge_one_way(raw) if directed else raw


def _each_edge_one_way(raw: RawStreets) -> RawStreets:
    return replace(raw, oneway=np.ones(len(raw.start), bool))


def _facts(element: ElementTree.Element, keys: Mapping[str, str]) -> dict[str, str]:
    found = (child for child in element if child.tag.endswith("data"))
    return {keys.get(data.get("key", ""), ""): data.text or "" for data in found}


def _node(element: ElementTree.Element, keys: Mapping[str, str], made: Collected, file: str) -> None:
    facts, name = _facts(element, keys), element.get("id", "")
    made.at[name] = len(made.at)
    made.xy.append((number(facts.get("x", "")), number(facts.get("y", ""))))
    if not np.isfinite(made.xy[-1]).all():
        made.faults.append(Fault(f"{file}: node {name}", "has no x and y", "give its place"))
