// A shop that this program makes up, so that the service can start without any data: a catalog, and the
// events of some weeks. A customer takes what goes with what they took last, mostly of a brand they like.

const KINDS = ["tea", "coffee", "cocoa", "juice", "cups", "pots", "spoons", "sugar"];
const BRANDS = 5;
const COUNTRIES = ["de", "fr", "it"];

/**
 * Makes the catalog.
 *
 * @param {number} size Number of items.
 * @returns {{ item: string, kind: string, brand: string, price: number }[]} The items. `item` is the id.
 */
export function makeCatalog(size) {
  return Array.from({ length: size }, (_, i) => {
    const kind = KINDS[i % KINDS.length];
    const brand = `brand ${Math.floor(i / KINDS.length) % BRANDS}`;
    return { item: `${kind} ${i}`, kind, brand, price: 2 + ((i * 7) % 40) };
  });
}

/**
 * Makes events. The same seed gives the same events.
 *
 * @param {ReturnType<typeof makeCatalog>} catalog The items.
 * @param {{ customers: number, count: number, seed: number, start: number }} options `start` is the time of
 *   the first event in milliseconds since 1970; one event follows the other after ten seconds.
 * @returns {{ user: string, country: string, product: string, time: number }[]} The events in the order of
 *   time.
 */
export function makeEvents(catalog, { customers, count, seed, start }) {
  const random = randomNumbers(seed);
  const products = new Map();
  for (const { item, kind, brand } of catalog) {
    const key = `${kind} ${brand}`;
    products.set(key, [...(products.get(key) ?? []), item]);
  }
  const lastKind = new Map();
  return Array.from({ length: count }, (_, n) => {
    // Some customers come often, most of them rarely.
    const customer = Math.floor((random(1000) * random(1000) * customers) / 1e6);
    const kind = ((lastKind.get(customer) ?? random(KINDS.length)) + 1 + random(2)) % KINDS.length;
    lastKind.set(customer, kind);
    const brand = random(5) === 0 ? random(BRANDS) : customer % BRANDS;
    const choice = products.get(`${KINDS[kind]} brand ${brand}`);
    return {
      user: `customer ${customer}`,
      country: COUNTRIES[customer % COUNTRIES.length],
      product: choice[random(choice.length)],
      time: start + n * 10_000,
    };
  });
}

/** Returns a function that draws integers from 0 to n - 1. */
function randomNumbers(seed) {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
