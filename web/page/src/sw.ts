/** Keeps the page for use offline, and isolates it where the site does not, so that the network can use threads. */

declare const VERSION: string; // of all files, from the build
declare const FILES: string[]; // the page without models, which are kept once they are used

const scope = self as unknown as ServiceWorkerGlobalScope;
const CACHE = `redraft-${VERSION}`;

scope.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => scope.skipWaiting()));
});

scope.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
      .then(() => scope.clients.claim()),
  );
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const inside = url.href.startsWith(scope.registration.scope) && !url.pathname.includes("/v1/");
  if (request.method === "GET" && url.origin === scope.location.origin && inside) event.respondWith(answer(request));
});

/** The page names the files of its model: on a first visit they were fetched before there was anyone to keep them. */
scope.addEventListener("message", (event) => {
  const { keep } = event.data as { keep: string[] };
  const missing = async (): Promise<void> => {
    const cache = await caches.open(CACHE);
    await Promise.all(keep.map(async (url) => (await cache.match(url)) ?? cache.add(url).catch(() => undefined)));
  };
  event.waitUntil(missing());
});

/** From the network, and kept; from what was kept where there is none. The runtime never changes within a version. */
async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request, { ignoreSearch: true });
  if (found !== undefined && request.url.includes("/ort/")) return isolated(found);
  try {
    const response = await fetch(request);
    if (response.ok && response.status === 200) await cache.put(request, response.clone());
    return isolated(response);
  } catch (error) {
    if (found !== undefined) return isolated(found);
    throw error;
  }
}

function isolated(response: Response): Response {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  const { status, statusText } = response;
  return new Response([204, 304].includes(status) ? null : response.body, { status, statusText, headers });
}
