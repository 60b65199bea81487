// The pack of a shift: what may be read on the phone, sealed under a key of the shift, gone when the shift ends.
//
// The key is made here, cannot be taken out by a script, and lies beside what it seals until both are deleted. A
// browser that refuses to keep such a key (private browsing, lockdown mode) cannot take a shift offline.
const DATABASE = "becalm-pack";
const CIPHER = { name: "AES-GCM", length: 256 };

export class KeyRefused extends Error {}

export class PackStore {
  // The pack that was kept, or null; one that is over is deleted first.
  async open() {
    const kept = await this.read("kept");
    if (!kept) return null;
    if (Date.now() >= kept.ends_at) {
      await this.remove();
      return null;
    }
    const parameters = { name: CIPHER.name, iv: kept.iv };
    const clear = await crypto.subtle.decrypt(parameters, kept.key, kept.sealed);
    return JSON.parse(new TextDecoder().decode(clear));
  }

  // Keep a pack under a new key. Throws KeyRefused where the browser does not keep it, and then keeps nothing.
  async keep(pack) {
    try {
      const key = await crypto.subtle.generateKey(CIPHER, false, ["encrypt", "decrypt"]);
      await this.write(key, pack);
      const again = await this.open();
      if (again?.unit !== pack.unit) throw new Error("what was kept cannot be read");
    } catch (error) {
      await this.remove().catch(() => {});
      throw new KeyRefused(String(error));
    }
  }

  // Keep how far the shift is, under the same key.
  async change(pack) {
    const kept = await this.read("kept");
    if (kept) await this.write(kept.key, pack);
  }

  async write(key, pack) {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const clear = new TextEncoder().encode(JSON.stringify(pack));
    const sealed = await crypto.subtle.encrypt({ name: CIPHER.name, iv }, key, clear);
    await this.transact("readwrite", (store) => store.put({ key, iv, sealed, ends_at: pack.ends_at_here }, "kept"));
  }

  read(name) {
    return this.transact("readonly", (store) => store.get(name));
  }

  remove() {
    return this.transact("readwrite", (store) => store.clear());
  }

  async transact(mode, act) {
    this.database ??= await openDatabase();
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction("pack", mode, { durability: "strict" });
      const request = act(transaction.objectStore("pack"));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? request.error);
    });
  }
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("pack");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
