"""Training of a shallow PLRNN (M = 3, H = 50, clipped) under generalised forcing: 50 updates, batch 16, length 100.

The same network written plainly in PyTorch, double precision, one thread each. Error: mean loss of the last ten
updates.
"""

import numpy as np

import cocycle as cc
from benchmarks.timing import Contender

N_UPDATES, BATCH, LENGTH, HIDDEN, ALPHA, RATE = 50, 16, 100, 50, 0.3, 5e-3


def data():
    x = cc.trajectory(cc.systems.Lorenz63(dt=0.03), n_steps=10_000).x
    return (x - x.mean(axis=0)) / x.std(axis=0)


def ours() -> Contender:
    import jax

    x = data()
    descent = cc.learn.Descent(
        n_updates=N_UPDATES, batch_size=BATCH, length=LENGTH, rate=RATE, last_rate=RATE, clip=10.0
    )
    learner = cc.learn.PLRNN(n_hidden=HIDDEN, forcing=cc.learn.GeneralisedForcing(ALPHA), descent=descent)

    def work():
        return learner.fit(x, key=jax.random.key(0), progress=False).record.curves["loss"]

    return Contender("cocycle PLRNN", work, lambda loss: float(np.mean(loss[-10:])))


def torch_plain() -> Contender:
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    x = torch.as_tensor(data())
    n = x.shape[1]

    def work():
        torch.manual_seed(0)
        scale_in, scale_out = n**-0.5, HIDDEN**-0.5
        A = torch.full((n,), 0.7, requires_grad=True)
        W1 = ((torch.rand(n, HIDDEN) * 2 - 1) * scale_out).requires_grad_()
        W2 = ((torch.rand(HIDDEN, n) * 2 - 1) * scale_in).requires_grad_()
        h1, h2 = torch.zeros(n, requires_grad=True), ((torch.rand(HIDDEN) * 2 - 1) * scale_in).requires_grad_()
        parameters = [A, W1, W2, h1, h2]
        optimiser = torch.optim.RAdam(parameters, lr=RATE)
        losses = []
        for _ in range(N_UPDATES):
            at = torch.randint(0, len(x) - LENGTH, (BATCH,))
            window = torch.stack([x[a : a + LENGTH + 1] for a in at.tolist()])
            z, rows = window[:, 0], []
            for t in range(LENGTH):
                z = (1 - ALPHA) * z + ALPHA * window[:, t]
                inner = z @ W2.T
                z = A * z + (torch.relu(inner + h2) - torch.relu(inner)) @ W1.T + h1
                rows.append(z)
            loss = torch.mean((torch.stack(rows, dim=1) - window[:, 1:]) ** 2)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 10.0)
            optimiser.step()
            losses.append(float(loss.detach()))
        return losses

    return Contender("PyTorch, written plainly", work, lambda loss: float(np.mean(loss[-10:])), runs=5)


WORK = ("PLRNN training, 50 updates of 16 windows of 100", "s/update", N_UPDATES)
CONTENDERS = [ours, torch_plain]
