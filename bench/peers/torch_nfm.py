"""Seconds per epoch of the same training in PyTorch and in this library, in turn in one run.

k and hidden [k], batch norm, dropout 0.5 / 0.2, relu, squared loss, Adagrad 0.05, on train.libfm of a
folder with Frappe, or on generated rows of the same shape. PyTorch runs with one and with two threads, with
dense and with sparse gradients of the tables. Its rows are shuffled tensors, without a DataLoader, which
would be slower.
This library runs with one and with two threads. The first turn of each is not counted.

Usage: python torch_nfm.py [FOLDER] [--rows 202027] [--turns 3] [--k 64,256] [--batch 128,4096]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
from torch import nn

WIDTHS = [957, 4082, 7, 7, 2, 3, 9, 4, 80, 233]  # the fields of Frappe


def read_rows(folder, count):
    """Indices (rows, 10) and labels (rows)."""
    if folder is None:
        random = np.random.default_rng(1)
        offsets = np.cumsum([0] + WIDTHS[:-1])
        indices = np.stack([o + random.integers(0, w, count) for o, w in zip(offsets, WIDTHS)], 1)
        return indices, np.where(random.random(count) < 1 / 3, 1.0, -1.0).astype(np.float32)
    with open(os.path.join(folder, "train.libfm")) as file:
        lines = [line.split() for line in file][:count]
    indices = np.array([[int(entry.split(":")[0]) for entry in line[1:]] for line in lines])
    return indices, np.array([float(line[0]) for line in lines], dtype=np.float32)


class NFM(nn.Module):
    """The network of He & Chua 2017 for rows whose values are all 1."""

    def __init__(self, features, k, sparse):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))
        self.linear = nn.Embedding(features, 1, sparse=sparse)
        self.embedding = nn.Embedding(features, k, sparse=sparse)
        nn.init.zeros_(self.linear.weight)
        nn.init.normal_(self.embedding.weight, std=0.01)
        norm = lambda: nn.BatchNorm1d(k, eps=1e-3, momentum=0.1)
        self.layers = nn.Sequential(
            *(norm(), nn.Dropout(0.5)),
            *(nn.Linear(k, k), norm(), nn.ReLU(), nn.Dropout(0.2)),
            nn.Linear(k, 1, bias=False),
        )

    def forward(self, x):
        v = self.embedding(x)
        pooled = 0.5 * (v.sum(1).square() - v.square().sum(1))
        return self.bias + self.linear(x).sum(1).squeeze(1) + self.layers(pooled).squeeze(1)


class Torch:
    """One contestant in PyTorch."""

    def __init__(self, x, y, k, batch, threads, sparse):
        gradients = "sparse" if sparse else "dense"
        self.name = f"PyTorch, {threads} thread{'s' if threads > 1 else ''}, {gradients}"
        self.x, self.y, self.batch, self.threads = x, y, batch, threads
        torch.manual_seed(1)
        self.model = NFM(int(x.max()) + 1, k, sparse)
        parameters = self.model.parameters()
        start = {"initial_accumulator_value": 1e-8}
        self.optimizer = torch.optim.Adagrad(parameters, lr=0.05, eps=0, **start)

    def epoch(self):
        torch.set_num_threads(self.threads)
        start = time.perf_counter()
        order = torch.randperm(len(self.y))
        for first in range(0, len(order), self.batch):
            rows = order[first : first + self.batch]
            self.optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.mse_loss(self.model(self.x[rows]), self.y[rows])
            loss.backward()
            self.optimizer.step()
        return time.perf_counter() - start


class Ours:
    """One contestant of this library: a Node process that trains one epoch per line of input."""

    def __init__(self, program, k, batch, threads):
        self.name = f"neural-fm, {threads} thread{'s' if threads > 1 else ''}"
        settings = json.dumps({"k": k, "batch": batch, "threads": threads})
        self.process = subprocess.Popen(
            [*program, settings], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def epoch(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--rows", type=int, default=202027)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--k", default="64,256")
    parser.add_argument("--batch", default="128,4096")
    options = parser.parse_args()
    numbers = lambda text: [int(part) for part in text.split(",")]
    indices, labels = read_rows(options.folder, options.rows)
    data = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"torch-nfm-{os.getpid()}.bin")
    with open(data, "wb") as file:
        file.write(indices.astype(np.uint32).tobytes() + labels.tobytes())
    here = os.path.dirname(os.path.abspath(__file__))
    program = ["node", os.path.join(here, "epochs.mjs"), data, str(len(labels))]
    x, y = torch.from_numpy(indices), torch.from_numpy(labels)
    print(f"{len(labels)} rows, PyTorch {torch.__version__}, medians of {options.turns} epochs")
    for k in numbers(options.k):
        for batch in numbers(options.batch):
            contestants = [Torch(x, y, k, batch, t, sparse) for sparse in (False, True) for t in (1, 2)]
            contestants += [Ours(program, k, batch, threads) for threads in (1, 2)]
            times = {one.name: [] for one in contestants}
            for turn in range(options.turns + 1):
                for one in contestants:
                    time.sleep(0.5)  # PyTorch's threads go on waiting in a loop for a while
                    seconds = one.epoch()
                    if turn > 0:
                        times[one.name].append(seconds)
            medians = {name: statistics.median(list_) for name, list_ in times.items()}
            best = min(seconds for name, seconds in medians.items() if name.startswith("PyTorch"))
            print(f"\nk = {k}, hidden [{k}], batch {batch}")
            for name, seconds in medians.items():
                print(f"  {name:28} {seconds:8.3f} s   {best / seconds:6.2f}x of PyTorch's best")
            sys.stdout.flush()
            for one in contestants[-2:]:
                one.process.kill()
    os.remove(data)


main()
