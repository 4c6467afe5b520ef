"""Reads the events that `npm run bench -- ranking FOLDER --events OUT` writes, and measures ranks."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp


USER_FIELDS = ("age", "gender", "occupation")


@dataclass
class Events:
    """Users and items are numbered in the order of their files."""

    sequences: list[list[int]]
    """Items of each user in the order of time: those in training, then the held-out ones."""
    known: list[int]
    """Number of training events of each user: the first ones of the sequence."""
    item_features: sp.csr_matrix
    """One column per genre and per class of years, (items, features)."""
    user_features: sp.csr_matrix
    """One column per class of ages, gender and occupation, (users, features)."""

    def positions(self, held_out: bool) -> np.ndarray:
        """Pairs (user, position in the user's sequence) of the held-out or of the training events."""
        pairs = [
            (user, t)
            for user, items in enumerate(self.sequences)
            for t in (range(self.known[user], len(items)) if held_out else range(self.known[user]))
        ]
        return np.array(pairs)

    def items_at(self, positions: np.ndarray) -> np.ndarray:
        """The item of each event."""
        return np.array([self.sequences[user][t] for user, t in positions])

    def interactions(self) -> sp.csr_matrix:
        """1 where a user has an item in training, (users, items)."""
        train = self.positions(held_out=False)
        ones = np.ones(len(train), np.float32)
        shape = (len(self.sequences), self.item_features.shape[0])
        matrix = sp.csr_matrix((ones, (train[:, 0], self.items_at(train))), shape)
        matrix.data[:] = 1
        return matrix


def read_events(folder: str) -> Events:
    def rows(name: str) -> list[dict[str, str]]:
        with open(Path(folder) / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    items, users = rows("items.csv"), rows("users.csv")
    number_of_item = {row["item"]: i for i, row in enumerate(items)}
    number_of_user = {row["user"]: u for u, row in enumerate(users)}
    sequences: list[list[int]] = [[] for _ in users]
    for row in rows("train.csv"):
        sequences[number_of_user[row["user"]]].append(number_of_item[row["item"]])
    known = [len(sequence) for sequence in sequences]
    for row in rows("heldout.csv"):
        sequences[number_of_user[row["user"]]].append(number_of_item[row["item"]])
    return Events(
        sequences,
        known,
        one_hot([[f"year={row['year']}" if row["year"] else "", *row["genres"].split("|")] for row in items]),
        one_hot([[f"{f}={row[f]}" if row[f] else "" for f in USER_FIELDS] for row in users]),
    )


def one_hot(rows: list[list[str]]) -> sp.csr_matrix:
    """One column per name. An empty name is none."""
    number_of = {name: i for i, name in enumerate(dict.fromkeys(n for names in rows for n in names if n))}
    entries = [(r, number_of[name]) for r, names in enumerate(rows) for name in names if name]
    r, c = np.array(entries).T
    return sp.csr_matrix((np.ones(len(r), np.float32), (r, c)), (len(rows), len(number_of)))


def recent(events: Events, positions: np.ndarray, last: int, decay: float) -> sp.csr_matrix:
    """decay^j for the item j events before each event, (events, items). An item twice counts twice."""
    entries = [
        (e, item, decay**j)
        for e, (user, t) in enumerate(positions)
        for j, item in enumerate(reversed(events.sequences[user][max(0, t - last) : t]))
    ]
    e, item, weight = (np.array(column) for column in zip(*entries))
    shape = (len(positions), events.item_features.shape[0])
    return sp.csr_matrix((weight.astype(np.float32), (e, item)), shape)


def measure(events: Events, scores: np.ndarray) -> dict[str, float]:
    """
    Mean metrics of the held-out events. `scores` is (events, items). Each event's item is ranked among all
    items but those that the user has in training. Of items with equal scores, the event's item comes last.
    """
    positions = events.positions(held_out=True)
    items = events.items_at(positions)
    scores = scores.astype(np.float64)
    own = scores[np.arange(len(items)), items]
    for e, (user, _) in enumerate(positions):
        scores[e, events.sequences[user][: events.known[user]]] = -np.inf
    scores[np.arange(len(items)), items] = -np.inf
    ranks = 1 + (scores >= own[:, None]).sum(axis=1)
    is_hit = ranks <= 10
    return {
        "hr@10": float(is_hit.mean()),
        "ndcg@10": float(np.where(is_hit, 1 / np.log2(ranks + 1), 0).mean()),
        "mrr": float((1 / ranks).mean()),
    }
