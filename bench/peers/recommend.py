"""
Other recommenders on the events of `npm run bench -- ranking`: hr@10, ndcg@10 and mrr of each. Usage:

    python recommend.py FOLDER [--seeds 1,2,3] [--only NAME] [--tune]

FOLDER holds what `--events` of the bench wrote. --tune says that these are the events to choose settings
with, and only changes the heading: settings were chosen on them and are fixed below.
"""

import argparse
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402  the number of threads is read when numpy is loaded

from events import Events, measure, read_events, recent  # noqa: E402
from softmax_fm import Settings, SoftmaxFM  # noqa: E402


def popularity(events: Events, seed: int) -> np.ndarray:
    """The same list for everybody: items by the number of their training events."""
    counts = np.asarray(events.interactions().sum(axis=0)).ravel()
    return np.tile(counts, (len(events.positions(held_out=True)), 1))


def implicit_als(events: Events, seed: int, factors=64, regularization=5.0, alpha=0.5, iterations=15):
    """Weighted matrix factorization (Hu, Koren & Volinsky 2008), of the package implicit."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=factors,
        regularization=regularization,
        alpha=alpha,
        iterations=iterations,
        num_threads=1,
        random_state=seed,
    )
    model.fit(events.interactions(), show_progress=False)
    users = events.positions(held_out=True)[:, 0]
    return model.user_factors[users] @ model.item_factors.T


def lightfm_warp(events: Events, seed: int, k=32, epochs=40, rate=0.05, alpha=0.0, max_sampled=30):
    """LightFM with WARP (Kula 2015; Weston et al. 2011), with the ids and the features of users and items."""
    import scipy.sparse as sp
    from lightfm import LightFM

    def with_ids(features):
        return sp.hstack([sp.identity(features.shape[0], np.float32, "csr"), features], "csr")

    items, users = with_ids(events.item_features), with_ids(events.user_features)
    model = LightFM(
        no_components=k,
        loss="warp",
        learning_rate=rate,
        item_alpha=alpha,
        user_alpha=alpha,
        max_sampled=max_sampled,
        random_state=seed,
    )
    model.fit(events.interactions().tocoo(), users, items, epochs=epochs, num_threads=1)
    user_bias, user_vectors = model.get_user_representations(users)
    item_bias, item_vectors = model.get_item_representations(items)
    held_out = events.positions(held_out=True)[:, 0]
    return user_vectors[held_out] @ item_vectors.T + item_bias


def ease_scores(events: Events, penalty: float) -> np.ndarray:
    """EASE (Steck 2019): linear regression of each item on the others, in closed form."""
    x = events.interactions()
    gram = (x.T @ x).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += penalty
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return x[events.positions(held_out=True)[:, 0]] @ weights


def ease(events: Events, seed: int, penalty=100.0) -> np.ndarray:
    """EASE alone."""
    return ease_scores(events, penalty)


def ridge(events: Events, seed: int, last=20, decay=0.7, penalty=200.0, penalty_ease=100.0, share=0.02):
    """Ridge regression of the next item on the last ones, plus a share of EASE."""
    train = events.positions(held_out=False)
    x = recent(events, train, last, decay).astype(np.float64)
    num_items = x.shape[1]
    y = np.zeros((num_items, num_items))
    targets = events.items_at(train)
    for row in range(len(train)):
        begin, end = x.indptr[row], x.indptr[row + 1]
        y[x.indices[begin:end], targets[row]] += x.data[begin:end]
    gram = (x.T @ x).toarray()
    gram[np.diag_indices_from(gram)] += penalty
    history = recent(events, events.positions(held_out=True), last, decay)
    scores = history @ np.linalg.solve(gram, y)
    return scores + share * ease_scores(events, penalty_ease)


def softmax_fm(events: Events, seed: int, **settings) -> np.ndarray:
    """A factorization machine with a softmax over the catalog and the last items in its context."""
    model = SoftmaxFM(events, Settings(**settings), seed)
    model.fit()
    return model.scores(events.positions(held_out=True))


METHODS = {
    "popularity": popularity,
    "implicit ALS": implicit_als,
    "LightFM WARP": lightfm_warp,
    "EASE": ease,
    "ridge + EASE": ridge,
    "numpy FM": softmax_fm,
}
# The methods that depend on the seed.
RANDOM = {"implicit ALS", "LightFM WARP", "numpy FM"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--only", choices=METHODS)
    parser.add_argument("--tune", action="store_true")
    arguments = parser.parse_args()
    events = read_events(arguments.folder)
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    counts = f"{sum(events.known)} events to train on, {len(events.positions(held_out=True))}"
    purpose = "to tune with" if arguments.tune else "for the report"
    print(f"\n{counts} {purpose}, means of the seeds {arguments.seeds.replace(',', ', ')}\n")
    print(f"{'':22}{'hr@10':>9}{'ndcg@10':>9}{'mrr':>9}  seconds")
    for name, method in METHODS.items():
        if arguments.only not in (None, name):
            continue
        start = time.perf_counter()
        used = seeds if name in RANDOM else seeds[:1]
        runs = [list(measure(events, method(events, seed)).values()) for seed in used]
        numbers = "".join(f"{value:9.4f}" for value in np.mean(runs, axis=0))
        seconds = (time.perf_counter() - start) / len(used)
        print(f"{name:22}{numbers}  {seconds:7.1f}", flush=True)


if __name__ == "__main__":
    main()
