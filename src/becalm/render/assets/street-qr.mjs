// What waits to be sent as a row of QR codes, for a phone that cannot send: each is of version 15, level L, mask 0.
//
// Source: ISO/IEC 18004:2015. One version is enough, since text is cut to fit.
const VERSION = 15;
const SIZE = VERSION * 4 + 17;
const ALIGNMENTS = [6, 26, 48, 70];
const BLOCKS = 6;
const CHECK_WORDS = 22; // of each block
const WORDS = 655;
const DATA_WORDS = WORDS - BLOCKS * CHECK_WORDS;
const LEVEL_L = 1;
const CHUNK = 460; // letters of a row's content
export const QUIET = 4;

// The rows of these records: each says of which batch it is and its place in it. The batch is named by its hash.
export async function rowsOf(records) {
  const whole = records.map(({ id, kind, form, key, sealed }) => [id, kind, form, key, sealed].join(".")).join("~");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(whole)));
  const batch = Array.from(digest.slice(0, 6), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const count = Math.ceil(whole.length / CHUNK);
  const chunks = Array.from({ length: count }, (_, index) => whole.slice(index * CHUNK, (index + 1) * CHUNK));
  return chunks.map((chunk, index) => `BECALM.${batch}.${index + 1}.${count}.${chunk}`);
}

// One row as an SVG picture.
export function drawCode(text) {
  const modules = makeModules(encode(new TextEncoder().encode(text)));
  let path = "";
  modules.forEach((row, y) => row.forEach((dark, x) => (path += dark ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : "")));
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const side = SIZE + 2 * QUIET;
  svg.setAttribute("viewBox", `0 0 ${side} ${side}`);
  svg.setAttribute("class", "qr");
  svg.setAttribute("role", "img");
  svg.setAttribute("shape-rendering", "crispEdges");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  shape.setAttribute("d", path);
  shape.setAttribute("fill", "#000");
  svg.append(shape);
  return svg;
}

function encode(bytes) {
  if (bytes.length > DATA_WORDS - 3) throw new Error("The row is too long for one code.");
  const bits = [];
  const add = (value, length) => {
    for (let place = length - 1; place >= 0; place -= 1) bits.push((value >>> place) & 1);
  };
  add(4, 4); // bytes
  add(bytes.length, 16);
  for (const byte of bytes) add(byte, 8);
  add(0, Math.min(4, DATA_WORDS * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const words = [];
  for (let place = 0; place < bits.length; place += 8) words.push(parseInt(bits.slice(place, place + 8).join(""), 2));
  for (let pad = 0xec; words.length < DATA_WORDS; pad ^= 0xec ^ 0x11) words.push(pad);
  return interleave(words);
}

function interleave(words) {
  const shortBlocks = BLOCKS - (WORDS % BLOCKS);
  const shortLength = Math.floor(WORDS / BLOCKS) - CHECK_WORDS;
  const divisor = makeDivisor();
  const blocks = [];
  for (let index = 0, place = 0; index < BLOCKS; index += 1) {
    const length = shortLength + (index < shortBlocks ? 0 : 1);
    const data = words.slice(place, place + length);
    place += length;
    blocks.push({ data, check: remainder(data, divisor) });
  }
  const whole = [];
  for (let place = 0; place <= shortLength; place += 1)
    for (const { data } of blocks) if (place < data.length) whole.push(data[place]);
  for (let place = 0; place < CHECK_WORDS; place += 1) for (const { check } of blocks) whole.push(check[place]);
  return whole;
}

function multiply(first, second) {
  let product = 0;
  for (let place = 7; place >= 0; place -= 1) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((second >>> place) & 1) * first;
  }
  return product;
}

function makeDivisor() {
  const divisor = new Array(CHECK_WORDS).fill(0);
  divisor[CHECK_WORDS - 1] = 1;
  for (let step = 0, root = 1; step < CHECK_WORDS; step += 1, root = multiply(root, 2))
    for (let place = 0; place < CHECK_WORDS; place += 1)
      divisor[place] = multiply(divisor[place], root) ^ (divisor[place + 1] ?? 0);
  return divisor;
}

function remainder(data, divisor) {
  const rest = new Array(CHECK_WORDS).fill(0);
  for (const word of data) {
    const factor = word ^ rest.shift();
    rest.push(0);
    divisor.forEach((coefficient, place) => (rest[place] ^= multiply(coefficient, factor)));
  }
  return rest;
}

function makeModules(words) {
  const modules = Array.from({ length: SIZE }, () => new Array(SIZE).fill(false));
  const isFixed = Array.from({ length: SIZE }, () => new Array(SIZE).fill(false));
  const fix = (x, y, dark) => {
    if (x < 0 || y < 0 || x >= SIZE || y >= SIZE) return;
    modules[y][x] = Boolean(dark);
    isFixed[y][x] = true;
  };
  drawPatterns(fix);
  drawFormat(fix);
  let bit = 0;
  for (let right = SIZE - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < SIZE; step += 1)
      for (let side = 0; side < 2; side += 1) {
        const x = right - side;
        const y = ((right + 1) & 2) === 0 ? SIZE - 1 - step : step;
        if (isFixed[y][x]) continue;
        const dark = bit < WORDS * 8 && (words[bit >>> 3] >>> (7 - (bit & 7))) & 1;
        modules[y][x] = Boolean(dark) !== ((x + y) % 2 === 0);
        bit += 1;
      }
  }
  return modules;
}

function drawPatterns(fix) {
  for (let place = 0; place < SIZE; place += 1) {
    fix(6, place, place % 2 === 0);
    fix(place, 6, place % 2 === 0);
  }
  for (const [middleX, middleY] of [[3, 3], [SIZE - 4, 3], [3, SIZE - 4]])
    for (let y = -4; y <= 4; y += 1)
      for (let x = -4; x <= 4; x += 1) {
        const ring = Math.max(Math.abs(x), Math.abs(y));
        fix(middleX + x, middleY + y, ring !== 2 && ring !== 4);
      }
  const last = ALIGNMENTS.length - 1;
  ALIGNMENTS.forEach((middleY, row) =>
    ALIGNMENTS.forEach((middleX, column) => {
      if ((row === 0 && column === 0) || (row === 0 && column === last) || (row === last && column === 0)) return;
      for (let y = -2; y <= 2; y += 1)
        for (let x = -2; x <= 2; x += 1) fix(middleX + x, middleY + y, Math.max(Math.abs(x), Math.abs(y)) !== 1);
    }),
  );
}

function drawFormat(fix) {
  const format = (checked(LEVEL_L << 3, 10, 0x537) ^ 0x5412) >>> 0;
  const bit = (value, place) => (value >>> place) & 1;
  for (let place = 0; place <= 5; place += 1) fix(8, place, bit(format, place));
  fix(8, 7, bit(format, 6));
  fix(8, 8, bit(format, 7));
  fix(7, 8, bit(format, 8));
  for (let place = 9; place < 15; place += 1) fix(14 - place, 8, bit(format, place));
  for (let place = 0; place < 8; place += 1) fix(SIZE - 1 - place, 8, bit(format, place));
  for (let place = 8; place < 15; place += 1) fix(8, SIZE - 15 + place, bit(format, place));
  fix(8, SIZE - 8, true);
  const version = checked(VERSION, 12, 0x1f25);
  for (let place = 0; place < 18; place += 1) {
    const [far, near] = [SIZE - 11 + (place % 3), Math.floor(place / 3)];
    fix(far, near, bit(version, place));
    fix(near, far, bit(version, place));
  }
}

function checked(value, length, divisor) {
  let rest = value;
  for (let step = 0; step < length; step += 1) rest = (rest << 1) ^ ((rest >>> (length - 1)) * divisor);
  return (value << length) | rest;
}
