"""
A factorization machine in numpy, trained by a softmax over the whole catalog. The context is the user with
its features, and the last liked items, each with a row of V of its own kind and the weight decay^j. Pairs
within the context are equal for all candidates and cancel, so they are left out.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from events import Events, recent


@dataclass
class Settings:
    k: int = 64
    last: int = 10
    decay: float = 0.75
    dropout: float = 0.5
    learning_rate: float = 0.05
    batch: int = 256
    epochs: int = 12
    init_std: float = 0.01


class SoftmaxFM:
    """score = context . item + item's own part, where context and item are sums of rows of V."""

    def __init__(self, events: Events, settings: Settings, seed: int):
        self.events, self.settings = events, settings
        self.random = np.random.default_rng(seed)
        num_items = events.item_features.shape[0]
        num_users = len(events.sequences)
        eye = lambda n: sp.identity(n, np.float32, "csr")
        self.item_rows = sp.hstack([eye(num_items), events.item_features], "csr")
        self.user_rows = sp.hstack([eye(num_users), events.user_features], "csr")

        def table(rows: int) -> np.ndarray:
            return (self.random.standard_normal((rows, settings.k)) * settings.init_std).astype(np.float32)

        self.parameters = {
            "user": table(self.user_rows.shape[1]),
            "history": table(num_items),
            "item": table(self.item_rows.shape[1]),
            "linear": np.zeros(self.item_rows.shape[1], np.float32),
        }
        self.sums = {name: np.full_like(value, 1e-8) for name, value in self.parameters.items()}

    def contexts_of(self, positions: np.ndarray) -> tuple[sp.csr_matrix, sp.csr_matrix]:
        history = recent(self.events, positions, self.settings.last, self.settings.decay)
        return self.user_rows[positions[:, 0]], history

    def items(self) -> tuple[np.ndarray, np.ndarray]:
        """The sum of the rows of V of each item, (items, k), and its own part, w and inner pairs, (items)."""
        table, linear = self.parameters["item"], self.parameters["linear"]
        sums = self.item_rows @ table
        squares = self.item_rows @ (table**2).sum(axis=1)
        return sums, self.item_rows @ linear + 0.5 * ((sums**2).sum(axis=1) - squares)

    def scores(self, positions: np.ndarray) -> np.ndarray:
        users, history = self.contexts_of(positions)
        sums, own = self.items()
        return (users @ self.parameters["user"] + history @ self.parameters["history"]) @ sums.T + own

    def fit(self) -> None:
        settings = self.settings
        positions = self.events.positions(held_out=False)
        users, history = self.contexts_of(positions)
        targets = self.events.items_at(positions)
        known = self.events.interactions().toarray() > 0
        for _ in range(settings.epochs):
            order = self.random.permutation(len(positions))
            for start in range(0, len(order), settings.batch):
                e = order[start : start + settings.batch]
                self.step(users[e], history[e], targets[e], known[positions[e, 0]])

    def step(self, users, history, targets: np.ndarray, is_masked: np.ndarray) -> None:
        """One step of Adagrad on the mean loss of a batch. Items that the user has are no negatives."""
        rate, p = self.settings.dropout, self.parameters
        rows = np.arange(len(targets))
        context = users @ p["user"] + history @ p["history"]
        # One mask per event for all candidates: dropout on the pooled vector context * item.
        is_kept = self.random.random(context.shape, np.float32) >= rate
        mask = is_kept.astype(np.float32) / np.float32(1 - rate)
        sums, own = self.items()
        scores = (context * mask) @ sums.T + own
        is_masked[rows, targets] = False
        scores[is_masked] = -np.inf
        d_scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        d_scores /= d_scores.sum(axis=1, keepdims=True)
        d_scores[rows, targets] -= 1
        d_scores /= len(targets)

        d_context = (d_scores @ sums) * mask
        d_own = d_scores.sum(axis=0)
        # The inner pairs of an item have the gradient (sum of its rows) - (this row).
        d_sums = d_scores.T @ (context * mask) + d_own[:, None] * sums
        d_linear = self.item_rows.T @ d_own
        self.update(
            {
                "user": users.T @ d_context,
                "history": history.T @ d_context,
                "item": self.item_rows.T @ d_sums - d_linear[:, None] * p["item"],
                "linear": d_linear,
            }
        )

    def update(self, gradients: dict[str, np.ndarray]) -> None:
        for name, gradient in gradients.items():
            self.sums[name] += gradient**2
            self.parameters[name] -= self.settings.learning_rate * gradient / np.sqrt(self.sums[name])
