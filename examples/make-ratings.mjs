// Writes examples/ratings.csv: invented ratings of films that were rented online. Run it with
// `node examples/make-ratings.mjs`; the same file comes out every time.
//
// A rating is the film's quality, the user's habit (some people rate high), the taste of the user's circle for
// the genre, a bonus for horror at night and for children's films in the afternoon, and some noise.

import { writeFileSync } from "node:fs";

const USERS = 48;
const ROWS = 720;
const GENRES = ["drama", "comedy", "horror", "family", "western"];

// Three circles of users: what each adds to a film of a genre, in stars.
const TASTES = [
  { drama: 0.9, comedy: -0.4, horror: -1.5, family: 0.4, western: 0.3 },
  { drama: -0.9, comedy: 0.7, horror: 1.2, family: -1.0, western: -0.2 },
  { drama: 0.1, comedy: 0.3, horror: -1.0, family: 1.1, western: -0.9 },
];

const TITLES = {
  drama: [
    "The Long Winter",
    "Salt and Bread",
    "Letters to Ida",
    "A House by the Sea",
    "Nine Days",
    "The Tutor",
  ],
  comedy: [
    "Two Left Shoes",
    "Cousin Max",
    "The Wrong Train",
    "Aunt Olga, Again",
    "Tea for Seven",
    "Hotel Lima",
  ],
  horror: ["The Cellar", "Black Orchard", "Do Not Answer", "The Hollow", "Marrow", "Room 12"],
  family: [
    "Pip and the Moon",
    "The Paper Boat",
    "Snow Fox",
    "Captain Crumb",
    "Mina Can Fly",
    "The Lost Kite",
  ],
  western: ["Dry River", "The Last Wagon", "Red Mesa", "Marshal Dunn", "Gold Fever", "Three Horses"],
};

const random = makeRandom(7);
const films = GENRES.flatMap((genre) => TITLES[genre].map((title) => makeFilm(title, genre)));
const users = Array.from({ length: USERS }, (_, index) => ({
  name: `u${index + 1}`,
  taste: TASTES[index % TASTES.length],
  habit: 0.4 * bell(),
}));

const lines = ["user,film,genre,year,hour,price,rating"];
const seen = new Set();
while (lines.length <= ROWS) {
  const user = pick(users);
  const film = pick(films);
  const pair = `${user.name} ${film.title}`;
  if (seen.has(pair)) continue; // nobody rates a film twice
  seen.add(pair);
  const hour = 10 + Math.floor(14 * random());
  const stars =
    3.1 + film.quality + user.habit + user.taste[film.genre] + timeBonus(film.genre, hour) + 0.3 * bell();
  const rating = Math.min(5, Math.max(0.5, Math.round(2 * stars) / 2));
  const cells = [user.name, quote(film.title), film.genre, film.year, hour, film.price.toFixed(2), rating];
  lines.push(cells.join(","));
}
writeFileSync(process.argv[2] ?? new URL("ratings.csv", import.meta.url), `${lines.join("\n")}\n`);

function makeFilm(title, genre) {
  const year = 1962 + Math.floor(60 * random());
  const price = year >= 2010 ? 4.99 : year >= 1990 ? 3.49 : 1.99;
  return { title, genre, year, price, quality: 0.4 * bell() };
}

/** Stars that a genre gains or loses by the hour of the day. */
function timeBonus(genre, hour) {
  if (genre === "horror") return hour >= 20 ? 0.6 : -0.3;
  if (genre === "family") return hour < 17 ? 0.4 : -0.2;
  return 0;
}

function pick(list) {
  return list[Math.floor(list.length * random())];
}

/** A bell-shaped number around 0 with variance 1: the sum of twelve uniform numbers. */
function bell() {
  let sum = -6;
  for (let term = 0; term < 12; term++) sum += random();
  return sum;
}

/** Puts a cell in quotes if it has a comma. */
function quote(cell) {
  return cell.includes(",") ? `"${cell}"` : cell;
}

/** Uniform random numbers in [0, 1) by a multiplicative generator (Park and Miller 1988). */
function makeRandom(seed) {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}
