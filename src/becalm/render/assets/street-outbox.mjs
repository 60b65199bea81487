// The outbox of a phone: what an officer writes is sealed at once, kept until a receipt comes, and never read.
//
// Only the server's public key is on the phone, so a phone that is lost tells nothing of what was written on
// it, and no key that is lost can lose a record: sending needs no unlocking. A record goes only after a receipt
// that names its entry in the ledger and the entry's hash.
const DATABASE = "becalm-street";
const VERSION = 1;
const RECORDS = "records";
const TAG = new TextEncoder().encode("becalm.street.1");
const CURVE = { name: "ECDH", namedCurve: "P-256" };
const MOST_AT_ONCE = 50;
const SEND_EVERY_MS = 30_000;

export class Outbox {
  // `address` takes what is sent; `report({pending, waiting, refused, problem})` is called whenever that changes.
  constructor(address, report) {
    this.address = address;
    this.report = report;
    this.isSending = false;
    this.refused = new Map();
    this.problem = "";
    this.account = ""; // who writes; it is sealed with each record
  }

  // Begin to send: now, when the page is seen again, when the signal is back, and every half a minute.
  async start() {
    this.database = await open();
    for (const event of ["focus", "online", "pageshow"]) window.addEventListener(event, () => this.send());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.send());
    window.setInterval(() => this.send(), SEND_EVERY_MS);
    await this.tell();
    this.send(); // the page does not wait for an answer that may never come
    return this;
  }

  // Seal and keep a record; returns its id once it is on the disk of the phone.
  async write(kind, form, fields, key) {
    const written = {
      fields,
      account: this.account,
      written_at: new Date().toISOString(),
      since_start_ms: Math.round(performance.now()),
    };
    const record = await seal({ id: crypto.randomUUID(), kind, form, key: key.number }, written, key.public);
    await this.transact("readwrite", (store) => store.add({ ...record, kept_at: Date.now() }), "strict");
    await this.tell();
    this.send();
    return record.id;
  }

  async list() {
    const records = await this.transact("readonly", (store) => store.getAll());
    return records.sort((first, second) => first.kept_at - second.kept_at);
  }

  // Send what waits, and let go of what has a receipt. One tab at a time: others see the same records.
  async send() {
    if (this.isSending) return;
    this.isSending = true;
    try {
      await navigator.locks.request("becalm-outbox", { ifAvailable: true }, (lock) => lock && this.sendAll());
    } finally {
      this.isSending = false;
      await this.tell();
    }
  }

  async sendAll() {
    const waiting = await this.list();
    for (let first = 0; first < waiting.length; first += MOST_AT_ONCE) {
      const records = waiting
        .slice(first, first + MOST_AT_ONCE)
        .map(({ id, kind, form, key, sealed }) => ({ id, kind, form, key, sealed }));
      const answer = await this.post(records);
      if (!answer) return;
      for (const { id, entry, hash } of answer.receipts ?? []) {
        if (records.some((record) => record.id === id) && Number.isInteger(entry) && /^[0-9a-f]{64}$/.test(hash)) {
          await this.transact("readwrite", (store) => store.delete(id), "strict");
          this.refused.delete(id);
        }
      }
      for (const { id, reason } of answer.refused ?? []) this.refused.set(id, reason);
    }
  }

  async post(records) {
    try {
      const response = await fetch(this.address, {
        method: "POST",
        credentials: "same-origin",
        redirect: "error",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ records, sent_at: new Date().toISOString() }),
      });
      const told = { 401: "Sign in again to send them.", 503: "The server cannot write now." };
      const reason = told[response.status] ?? `The server did not take them (${response.status}).`;
      this.problem = response.ok ? "" : `${reason} They are kept on this phone.`;
      return response.ok ? await response.json() : null;
    } catch {
      this.problem = "No signal. They are kept on this phone and sent later.";
      return null;
    }
  }

  async tell() {
    const records = await this.list();
    const known = new Set(records.map((record) => record.id));
    for (const id of this.refused.keys()) if (!known.has(id)) this.refused.delete(id);
    // What the server kept aside it has; only the rest is still to be sent.
    const waiting = records.length - this.refused.size;
    this.report({ pending: records.length, waiting, refused: [...this.refused], problem: this.problem });
  }

  // For a phone that cannot send: everything that waits, sealed as it is, to be handed in as a file.
  async file() {
    const records = (await this.list()).map(({ id, kind, form, key, sealed }) => ({ id, kind, form, key, sealed }));
    return new Blob([JSON.stringify({ records })], { type: "application/json" });
  }

  transact(mode, act, durability = "default") {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(RECORDS, mode, { durability });
      const request = act(transaction.objectStore(RECORDS));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? request.error);
    });
  }
}

export async function seal(envelope, written, publicText) {
  const serverPoint = fromBase64(publicText);
  const serverKey = await crypto.subtle.importKey("raw", serverPoint, CURVE, false, []);
  const own = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", own.publicKey));
  const secret = await crypto.subtle.deriveBits({ name: "ECDH", public: serverKey }, own.privateKey, 256);
  const material = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const derivation = { name: "HKDF", hash: "SHA-256", salt: join(point, serverPoint), info: TAG };
  const gcm = { name: "AES-GCM", length: 256 };
  const key = await crypto.subtle.deriveKey(derivation, material, gcm, false, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const { id, kind, form, key: number } = envelope;
  const additionalData = new TextEncoder().encode(JSON.stringify([id, kind, form, number]));
  const clear = new TextEncoder().encode(JSON.stringify(written));
  const cipher = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, key, clear));
  return { ...envelope, sealed: toBase64(join(point, iv, cipher)) };
}

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => request.result.createObjectStore(RECORDS, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function join(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

function toBase64(bytes) {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}
