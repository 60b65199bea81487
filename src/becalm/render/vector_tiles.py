"""What are the bytes of the map tiles of these points, lines and areas?

Vector tiles in one archive that a browser reads by byte ranges, so that no tile server is needed. The same
shapes always give the same bytes.

Source: Mapbox, Vector Tile Specification 2.1 (2016); Protomaps, PMTiles specification, version 3 (2022).
"""

import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby, pairwise
from typing import Final

import numpy as np
import shapely

from becalm.methods.arrays import Bools, Bytes, Floats, Ints, Shapes
from becalm.terms import load_extra

EXTENT: Final = 4096  # units along the side of a tile
MARGIN: Final = 64  # units beyond it at which shapes are cut, so that no outline shows along its sides
MOVE_TO_ONE, LINE_TO, CLOSE_PATH = 1 << 3 | 1, 2, 1 << 3 | 7  # commands of the drawing
POINT, LINE, AREA = 1, 2, 3  # types of a feature
MOST_VARINT_BYTES: Final = 5
TileXY = tuple[int, int]  # column from the west, row from the north


@dataclass(frozen=True, slots=True)
class MapLayer:
    """Shapes that are drawn alike: all points, all lines, or all areas, in the map's square of 0 to 1.

    `first_zooms` and `name_zooms` say from which zoom each shape and its name are drawn.
    """

    name: str
    shapes: Shapes  # single points, line strings or polygons; `map_square` places them
    kinds: Sequence[str]
    names: Sequence[str]  # "" where a shape has none
    first_zooms: Ints
    name_zooms: Ints


def map_square(shapes: Shapes) -> Shapes:
    """Shapes in degrees as they lie in the map's square: x from the west, y from the north, 0 to 1.

    >>> map_square(np.array([shapely.Point(0.0, 0.0)]))[0].wkt
    'POINT (0.5 0.5)'
    """

    def place(degrees: Floats) -> Floats:
        latitude = np.radians(degrees[:, 1])
        y = 0.5 - np.arcsinh(np.tan(latitude)) / (2.0 * np.pi)
        return np.column_stack([degrees[:, 0] / 360.0 + 0.5, y])

    return np.asarray(shapely.transform(shapes, place), dtype=object)


def write_tile_archive(
    layers: Sequence[MapLayer], zooms: range, *, bounds: Sequence[float], facts: Mapping[str, str]
) -> bytes:
    """The archive of all tiles of these layers. `bounds`: west, south, east, north in degrees.

    Raises DependencyError where the package `pmtiles` is not installed.
    """
    tile = load_extra("pmtiles.tile", "web", "A map in the browser")
    writer_module = load_extra("pmtiles.writer", "web", "A map in the browser")
    archive_bytes = BytesIO()
    archive = writer_module.Writer(archive_bytes)
    for zoom in zooms:
        for xy, tile_bytes in sorted(
            encode_zoom(layers, zoom).items(), key=lambda item: int(tile.zxy_to_tileid(zoom, *item[0]))
        ):
            archive.write_tile(tile.zxy_to_tileid(zoom, *xy), gzip.compress(tile_bytes, mtime=0))
    west, south, east, north = (round(degrees * 10_000_000) for degrees in bounds)
    header = {
        "version": 3,
        "tile_type": tile.TileType.MVT,
        "tile_compression": tile.Compression.GZIP,
        "min_lon_e7": west,
        "min_lat_e7": south,
        "max_lon_e7": east,
        "max_lat_e7": north,
        "center_zoom": zooms[len(zooms) // 2],
    }
    described_layers = [
        {"id": layer.name, "fields": {"kind": "String", "name": "String"}} for layer in layers
    ]
    archive.finalize(header, {**facts, "vector_layers": described_layers})
    return archive_bytes.getvalue()


def encode_zoom(layers: Iterable[MapLayer], zoom: int) -> dict[TileXY, bytes]:
    """Every tile of this zoom that holds anything, with its layers in the order given."""
    layers_of_tile: dict[TileXY, list[bytes]] = defaultdict(list)
    for layer in layers:
        for xy, layer_bytes in _encode_layer(layer, zoom):
            layers_of_tile[xy].append(_field(3, layer_bytes))
    return {xy: b"".join(parts) for xy, parts in layers_of_tile.items()}


@dataclass(frozen=True, slots=True)
class _Pieces:
    """What of a layer lies in which tile: a piece is a point, a line or a ring, `piece` of each vertex."""

    type: int
    tile_xy: Ints  # (pieces, 2)
    shape: Ints  # of each piece: which shape of the layer it is of
    piece: Ints  # of each vertex
    xy: Ints  # (vertices, 2), in units of the tile


def _encode_layer(layer: MapLayer, zoom: int) -> Iterator[tuple[TileXY, bytes]]:
    """The layer of each tile as the specification wants it."""
    pieces = _cut_layer(layer, zoom)
    if not len(pieces.shape):
        return
    labels = np.where(layer.name_zooms <= zoom, np.asarray(layer.names, dtype=object), "")
    kind_index = np.unique(np.asarray(layer.kinds, dtype=str), return_inverse=True)[1]
    label_texts, label_index = np.unique(labels.astype(str), return_inverse=True)
    kind_texts = sorted(set(layer.kinds))
    # Pieces of one tile, kind and name are one feature. A ring follows the others of its own area.
    columns = [
        pieces.tile_xy[:, 0],
        pieces.tile_xy[:, 1],
        kind_index[pieces.shape],
        label_index[pieces.shape],
    ]
    order = np.lexsort(columns[::-1])
    keys = np.column_stack(columns)[order]
    is_first = np.r_[True, (keys[1:] != keys[:-1]).any(axis=1)]
    geometries = _encode_geometries(pieces, order, is_first)
    features = zip(keys[is_first].tolist(), geometries, strict=True)
    for xy, tile_features in groupby(features, key=lambda feature: (feature[0][0], feature[0][1])):
        named_geometries = [
            (kind_texts[kind], str(label_texts[label]), geometry)
            for (_, _, kind, label), geometry in tile_features
        ]
        yield xy, _encode_tile_layer(layer.name, pieces.type, named_geometries)


def _encode_tile_layer(name: str, type_number: int, features: Iterable[tuple[str, str, bytes]]) -> bytes:
    """One layer of one tile: its features, then the texts that they point to."""
    index_of_text: dict[str, int] = {}
    feature_parts = []
    for kind, label, geometry in features:
        tags = [0, index_of_text.setdefault(kind, len(index_of_text))]
        if label:
            tags += [1, index_of_text.setdefault(label, len(index_of_text))]
        feature_bytes = (
            _field(2, b"".join(map(_varint, tags))) + _number(3, type_number) + _field(4, geometry)
        )
        feature_parts.append(_field(2, feature_bytes))
    keys = b"".join(_field(3, key.encode()) for key in ("kind", "name"))
    texts = b"".join(_field(4, _field(1, text.encode())) for text in index_of_text)
    start = _number(15, 2) + _field(1, name.encode())
    return start + b"".join(feature_parts) + keys + texts + _number(5, EXTENT)


# --- which tile holds what ----------------------------------------------------------------------------


def _cut_layer(layer: MapLayer, zoom: int) -> _Pieces:
    """The pieces of this layer at one zoom; what shrinks to nothing there is left out."""
    shape_numbers = np.flatnonzero(layer.first_zooms <= zoom)
    tile_scale = float((1 << zoom) * EXTENT)
    shapes = np.asarray(
        shapely.transform(layer.shapes[shape_numbers], lambda xy: xy * tile_scale), dtype=object
    )
    type_number = int(shapely.get_dimensions(layer.shapes[0])) + 1 if len(layer.shapes) else POINT
    parts, shape, tile_xy = _cut_shapes(shapes, type_number)
    if type_number == AREA:
        rings, part = shapely.get_rings(shapely.orient_polygons(parts, exterior_cw=False), return_index=True)
        parts, shape, tile_xy = rings, shape[part], tile_xy[part]
    xy, piece = shapely.get_coordinates(parts, return_index=True)
    units = np.floor(xy).astype(np.int64) - tile_xy[piece] * EXTENT
    is_other = np.ones(len(piece), dtype=bool)  # than the vertex before it in its piece
    is_other[1:] = (units[1:] != units[:-1]).any(axis=1) | (piece[1:] != piece[:-1])
    if type_number == AREA and len(piece):
        is_other[np.r_[piece[1:] != piece[:-1], True]] = False  # the first again, which closing draws
    counts = np.bincount(piece[is_other], minlength=len(parts))
    is_drawn = counts >= type_number  # a line needs two vertices, a ring three
    is_used = is_other & is_drawn[piece]
    number_of_piece = np.cumsum(is_drawn) - 1
    return _Pieces(
        type_number,
        tile_xy[is_drawn],
        shape_numbers[shape[is_drawn]],
        number_of_piece[piece[is_used]],
        units[is_used],
    )


def _cut_shapes(shapes: Shapes, type_number: int) -> tuple[Shapes, Ints, Ints]:
    """The parts of shapes in each tile, which shape each is of, and its tile; cut where a side is crossed."""
    tile_bounds = shapely.bounds(shapes) // EXTENT
    first_tile, last_tile = tile_bounds[:, :2].astype(np.int64), tile_bounds[:, 2:].astype(np.int64)
    tile_spans = last_tile - first_tile + 1
    tile_count = tile_spans.prod(axis=1)
    shape = np.repeat(np.arange(len(shapes)), tile_count)
    tile_number = np.arange(len(shape)) - np.repeat(np.cumsum(tile_count) - tile_count, tile_count)
    tile_xy = first_tile[shape] + np.column_stack(
        [tile_number % tile_spans[shape, 0], tile_number // tile_spans[shape, 0]]
    )
    cut_shapes = shapes[shape]
    is_wide = tile_count[shape] > 1
    tile_corners = tile_xy[is_wide] * EXTENT
    tile_boxes = shapely.box(*(tile_corners - MARGIN).T, *(tile_corners + EXTENT + MARGIN).T)
    cut_shapes[is_wide] = shapely.intersection(cut_shapes[is_wide], tile_boxes)
    parts, cut = shapely.get_parts(cut_shapes, return_index=True)
    is_alike = (shapely.get_dimensions(parts) == type_number - 1) & ~shapely.is_empty(parts)
    return parts[is_alike], shape[cut[is_alike]], tile_xy[cut[is_alike]]


# --- bytes --------------------------------------------------------------------------------------------


def _encode_geometries(pieces: _Pieces, order: Ints, is_first: Bools) -> list[bytes]:
    """The drawing commands of each feature: its pieces are those from one that is first to the next."""
    vertex_count = np.bincount(pieces.piece, minlength=len(order))
    first_vertex = (np.cumsum(vertex_count) - vertex_count)[order]
    counts = vertex_count[order]
    piece_of_vertex = np.repeat(np.arange(len(order)), counts)
    vertex_number = np.arange(len(piece_of_vertex)) - np.repeat(np.cumsum(counts) - counts, counts)
    xy = pieces.xy[first_vertex[piece_of_vertex] + vertex_number]
    starts_feature = is_first[piece_of_vertex] & (vertex_number == 0)
    vertex_moves = np.diff(xy, axis=0, prepend=np.zeros((1, 2), np.int64))
    vertex_moves[starts_feature] = xy[starts_feature]
    # Zigzag: small numbers for small moves in either direction, as varints are short for small numbers alone.
    zigzag_steps = (vertex_moves << 1) ^ (vertex_moves >> 63)
    # Of each vertex two numbers; before the first of a piece a command, after it another where lines follow.
    has_more, closes = counts > 1, np.full(len(order), pieces.type == AREA)
    number_count = 1 + 2 * counts + has_more + closes
    start = np.cumsum(number_count) - number_count
    command_numbers = np.zeros(int(number_count.sum()), np.int64)
    command_numbers[start] = MOVE_TO_ONE
    command_numbers[start[has_more] + 3] = (counts[has_more] - 1) << 3 | LINE_TO
    command_numbers[(start + number_count - 1)[closes]] = CLOSE_PATH
    number_position = start[piece_of_vertex] + 1 + 2 * vertex_number + (vertex_number > 0)
    command_numbers[number_position], command_numbers[number_position + 1] = (
        zigzag_steps[:, 0],
        zigzag_steps[:, 1],
    )
    encoded, byte_end = _varints(command_numbers)
    feature_start = np.r_[start[is_first], len(command_numbers)]
    byte_edges = np.r_[0, byte_end][feature_start].tolist()
    encoded_bytes = encoded.tobytes()
    return [encoded_bytes[first:last] for first, last in pairwise(byte_edges)]


def _varints(numbers: Ints) -> tuple[Bytes, Ints]:
    """These numbers in as few bytes as each needs, seven bits in each; and where each ends."""
    byte_lengths = np.ones(len(numbers), np.int64)
    for byte_number in range(1, MOST_VARINT_BYTES):
        byte_lengths += numbers >= 1 << 7 * byte_number
    byte_ends = np.cumsum(byte_lengths)
    encoded_bytes = np.zeros(int(byte_lengths.sum()), np.uint8)
    for place in range(MOST_VARINT_BYTES):
        long_numbers = np.flatnonzero(byte_lengths > place)
        is_followed = byte_lengths[long_numbers] > place + 1
        digits = (numbers[long_numbers] >> 7 * place) & 0x7F
        encoded_bytes[(byte_ends - byte_lengths)[long_numbers] + place] = digits | is_followed << 7
    return encoded_bytes, byte_ends


def _varint(number: int) -> bytes:
    return _varints(np.array([number]))[0].tobytes() if number > 0x7F else bytes([number])


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes under its number, with its length."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(field_number: int, value: int) -> bytes:
    return _varint(field_number << 3) + _varint(value)
