// Keeps the street pages on the phone. A new set of them waits until the page says that nothing is to be sent.
self.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(NAME).then((cache) =>
      Promise.all(
        KEPT.map(async (address) => {
          const response = await fetch(address, { redirect: "error", credentials: "same-origin", cache: "reload" });
          if (!response.ok) throw new Error(`${address}: ${response.status}`);
          await cache.put(address, response);
        }),
      ),
    ),
  );
});

self.addEventListener("activate", (event) => {
  const removeOthers = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name !== NAME && name.startsWith("street-")).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(removeOthers());
});

self.addEventListener("message", (event) => {
  if (event.data === "nothing waits") self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== self.location.origin || !KEPT.includes(pathname)) return;
  const find = async () => (await (await caches.open(NAME)).match(pathname)) ?? fetch(event.request);
  event.respondWith(find());
});
