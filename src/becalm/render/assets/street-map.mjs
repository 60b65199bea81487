// Draws the street map of a page: the city's own tiles, and the places of one list on them.
//
// The page says everything in a table first; the map shows the same places again. It asks nobody but the
// server that the page is from. Certainty is shown by shape and pattern, not by colour alone.
import * as maplibregl from "./maplibre-gl.mjs";
import { Protocol } from "./pmtiles.mjs";

const BANDS = [
  { name: "sure", from: 0.9, shape: "circle", pattern: "solid" },
  { name: "likely", from: 0.5, shape: "diamond", pattern: "stripes" },
  { name: "unsure", from: 0.0, shape: "triangle", pattern: "dots" },
];
const COLOURS = {
  light: {
    land: "#f7f6f2", water: "#c7dbe6", local: "#dddad2", main: "#bdb8ab", border: "#7a7466", text: "#3d3a33",
    place: "#8c1d18", ground: "#ffffff",
  },
  dark: {
    land: "#1c1e21", water: "#22384a", local: "#33373c", main: "#53585f", border: "#9aa0a6", text: "#e8e6e1",
    place: "#ff9e80", ground: "#121416",
  },
};
const FONT = ["sans-serif"];
const ICON_SIZE = 22;
const TILE = 12;
const SHIFT_PIXELS = 120;
const prefers = (query) => window.matchMedia(query).matches;

for (const figure of document.querySelectorAll("[data-street-map]")) draw(figure);

async function draw(figure) {
  const colours = COLOURS[prefers("(prefers-color-scheme: dark)") ? "dark" : "light"];
  const canvas = figure.querySelector("[data-map-canvas]");
  const { tiles, places } = figure.dataset;
  figure.hidden = false;
  try {
    const answer = await fetch(places, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(`the places could not be read (${answer.status})`);
    const features = withBands(await answer.json());
    maplibregl.addProtocol("pmtiles", new Protocol().tile);
    const map = new maplibregl.Map({
      container: canvas,
      style: style(tiles && new URL(tiles, document.baseURI).href, features, colours),
      bounds: boundsOf(features),
      fitBoundsOptions: { padding: 40, maxZoom: 14 },
      maxZoom: 17,
      minZoom: 7,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      fadeDuration: 0,
    });
    map.touchZoomRotate.disableRotation();
    addImages(map, colours);
    addButtons(figure, map);
    addPopup(map, features);
    map.getCanvas().setAttribute("aria-label", figure.dataset.label);
    map.once("idle", () => {
      figure.dataset.state = "idle";
      performance.mark("street-map-idle");
    });
  } catch (error) {
    figure.dataset.state = "failed";
    canvas.hidden = true;
    figure.querySelector("[data-map-problem]").textContent =
      `The map cannot be drawn here (${error.message}). The table above holds every place.`;
  }
}

function withBands(collection) {
  for (const [index, feature] of collection.features.entries()) {
    const chance = feature.properties.p_top ?? 0;
    feature.id = index;
    feature.properties.band = BANDS.find((band) => chance >= band.from).name;
  }
  return collection;
}

function boundsOf(collection) {
  const box = [180, 90, -180, -90];
  for (const feature of collection.features) {
    for (const [x, y] of feature.geometry.coordinates.flat(feature.geometry.type === "MultiPolygon" ? 2 : 1)) {
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x);
      box[3] = Math.max(box[3], y);
    }
  }
  return collection.features.length ? box : [-180, -60, 180, 70];
}

function middles(collection) {
  const features = collection.features.map((feature) => {
    const [west, south, east, north] = boundsOf({ features: [feature] });
    const geometry = { type: "Point", coordinates: [(west + east) / 2, (south + north) / 2] };
    return { ...feature, geometry };
  });
  return { type: "FeatureCollection", features };
}

function style(tiles, places, colours) {
  const sources = {
    places: { type: "geojson", data: places },
    middles: { type: "geojson", data: middles(places) },
  };
  if (tiles) sources.city = { type: "vector", url: `pmtiles://${tiles}` };
  const ofCity = (id, type, layer, paint, more = {}) => ({
    id, type, source: "city", "source-layer": layer, paint, ...more,
  });
  const byZoom = (...stops) => ["interpolate", ["exponential", 1.5], ["zoom"], ...stops];
  const label = (size) => ({ "text-field": ["get", "name"], "text-font": FONT, "text-size": size });
  const ink = { "text-color": colours.text, "text-halo-color": colours.land, "text-halo-width": 1.5 };
  const ofTheCity = [
    ofCity("water", "fill", "water", { "fill-color": colours.water }),
    ofCity("local", "line", "streets",
      { "line-color": colours.local, "line-width": byZoom(12, 0.5, 16, 6) },
      { filter: ["==", ["get", "kind"], "local"] }),
    ofCity("main", "line", "streets",
      { "line-color": colours.main, "line-width": byZoom(8, 0.6, 12, 1.4, 16, 9) },
      { filter: ["==", ["get", "kind"], "main"] }),
    ofCity("boroughs", "line", "boroughs",
      { "line-color": colours.border, "line-width": 1.2, "line-dasharray": [3, 2] }),
    ofCity("street_names", "symbol", "streets", ink,
      { minzoom: 13, layout: { ...label(11), "symbol-placement": "line" } }),
    ofCity("borough_names", "symbol", "borough_names", ink, { maxzoom: 13, layout: label(13) }),
  ];
  return {
    version: 8,
    sources,
    layers: [
      { id: "land", type: "background", paint: { "background-color": colours.land } },
      ...(tiles ? ofTheCity : []),
      { id: "places", type: "fill", source: "places", minzoom: 12.5,
        paint: { "fill-pattern": ["concat", "pattern-", ["get", "band"]] } },
      { id: "outlines", type: "line", source: "places", minzoom: 12.5,
        paint: { "line-color": colours.place, "line-width": 2 } },
      { id: "signs", type: "symbol", source: "middles", maxzoom: 15,
        layout: { "icon-image": ["concat", "sign-", ["get", "band"]], "icon-allow-overlap": true,
          "icon-size": byZoom(8, 0.5, 13, 1), "symbol-sort-key": ["-", ["get", "rank"]] } },
      { id: "ranks", type: "symbol", source: "middles", minzoom: 13,
        layout: { "text-field": ["to-string", ["get", "rank"]], "text-font": FONT, "text-size": 12,
          "text-offset": [0, 1.4], "text-optional": true },
        paint: { "text-color": colours.text, "text-halo-color": colours.ground, "text-halo-width": 2 } },
    ],
  };
}

function addImages(map, colours) {
  for (const band of BANDS) {
    map.addImage(`sign-${band.name}`, drawSign(band, colours), { pixelRatio: 2 });
    map.addImage(`pattern-${band.name}`, drawPattern(band.pattern, colours.place), { pixelRatio: 2 });
  }
}

function drawing(size) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  return { pen, image: () => pen.getImageData(0, 0, size, size) };
}

function drawSign(band, colours) {
  const size = ICON_SIZE * 2;
  const { pen, image } = drawing(size);
  const [middle, reach] = [size / 2, size / 2 - 5];
  pen.beginPath();
  if (band.shape === "circle") {
    pen.arc(middle, middle, reach, 0, 2 * Math.PI);
  } else {
    const diamond = [[0, -1], [1, 0], [0, 1], [-1, 0]];
    const triangle = [[0, -1], [1, 0.8], [-1, 0.8]];
    const corners = band.shape === "diamond" ? diamond : triangle;
    for (const [x, y] of corners) pen.lineTo(middle + x * reach, middle + y * reach);
    pen.closePath();
  }
  pen.fillStyle = band.pattern === "solid" ? colours.place : colours.ground;
  pen.fill();
  pen.lineWidth = 5;
  pen.strokeStyle = band.pattern === "solid" ? colours.ground : colours.place;
  pen.stroke();
  return image();
}

function drawPattern(pattern, colour) {
  const size = TILE * 2;
  const { pen, image } = drawing(size);
  pen.fillStyle = pen.strokeStyle = colour;
  pen.globalAlpha = 0.55;
  if (pattern === "solid") {
    pen.fillRect(0, 0, size, size);
  } else if (pattern === "stripes") {
    pen.lineWidth = 5;
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift, size);
      pen.lineTo(shift + size, 0);
    }
    pen.stroke();
  } else {
    pen.arc(size / 2, size / 2, 4, 0, 2 * Math.PI);
    pen.fill();
  }
  return image();
}

function addButtons(figure, map) {
  const animation = { animate: !prefers("(prefers-reduced-motion: reduce)") };
  const moves = {
    west: () => map.panBy([-SHIFT_PIXELS, 0], animation),
    east: () => map.panBy([SHIFT_PIXELS, 0], animation),
    north: () => map.panBy([0, -SHIFT_PIXELS], animation),
    south: () => map.panBy([0, SHIFT_PIXELS], animation),
    in: () => map.zoomIn(animation),
    out: () => map.zoomOut(animation),
  };
  for (const button of figure.querySelectorAll("[data-map-move]")) {
    button.addEventListener("click", moves[button.dataset.mapMove]);
  }
}

function addPopup(map, places) {
  const popup = new maplibregl.Popup({ closeButton: true, maxWidth: "260px" });
  for (const layer of ["signs", "places"]) {
    map.on("click", layer, (event) => {
      const { rank, name, place_id, p_top } = places.features[event.features[0].id].properties;
      const chance = p_top === undefined ? "" : `. Chance to be among the top: ${Math.round(100 * p_top)} %`;
      popup.setLngLat(event.lngLat).setText(`${rank}. ${name ?? place_id}${chance}.`).addTo(map);
    });
  }
}
