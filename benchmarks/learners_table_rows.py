"""The configurations of learners_table.py, series by series; how they were chosen stands in docs/learning-table.md."""

from cocycle import learn


def descent(n_updates, *, length=50, batch_size=16, **more):
    return learn.Descent(n_updates=n_updates, batch_size=batch_size, length=length, rate=5e-3, last_rate=1e-5, **more)


def recurrent(n_updates, *, interval=8, n_washout=20, length=32, **more):
    """Brought into step by data, then fed with its own forecasts between forcings."""
    return {
        "n_washout": n_washout,
        "forcing": learn.SparseForcing(interval),
        "descent": descent(n_updates, length=length, **more),
    }


def few(series):
    """All variables of a small system."""
    return {
        "NG-RC": learn.NextGenerationReservoir(n_delays=2, degree=3),
        "echo state, 300": learn.EchoState(n_units=300),
        "linear": learn.LinearAutoregression(n_delays=3),
        "simplex": learn.Simplex(n_delays=1),
        "S-map": learn.SMap(n_delays=1, theta=40.0),
        "DMD": learn.DMD(n_delays=3),
        "EDMD": learn.EDMD(degree=None, n_centres=200),
        "HAVOK": learn.HAVOK(n_delays=8, rank=12),
        "SINDy": learn.SINDy(degree=2, formulation=learn.WeakForm()),
        "Gaussian process": learn.GaussianProcess(n_delays=1, n_points=300),
        "PLRNN": learn.PLRNN(
            n_hidden=50, forcing=learn.GeneralisedForcing(0.3), descent=descent(12_000, length=20, batch_size=32)
        ),
        "AL-RNN": learn.AlmostLinearRNN(
            n_latent=20,
            n_relu=10,
            forcing=learn.SparseForcing(8),
            descent=descent(25_000, length=48),
        ),
        "GRU": learn.GRU(n_hidden=32, **recurrent(5000, interval=1, n_washout=10, length=40)),
        "LSTM": learn.LSTM(n_hidden=32, **recurrent(5000, interval=1, n_washout=10, length=40)),
        "S4D": learn.S4D(n_channels=12, n_pairs=4, **recurrent(6000, n_washout=30, length=50, batch_size=8)),
        "S5": learn.S5(n_channels=16, n_pairs=8, **recurrent(6000, n_washout=30, length=50, batch_size=8)),
        "neural CDE": learn.NeuralCDE(n_hidden=12, **recurrent(6000, n_washout=10, length=40)),
        "neural ODE": learn.NeuralODE(
            n_hidden=32, forcing=learn.SparseForcing(1), descent=descent(16_000, length=8, batch_size=32)
        ),
        "neural SDE": learn.NeuralSDE(n_hidden=32, descent=descent(15_000, batch_size=8)),
        "Koopman autoencoder": learn.KoopmanAutoencoder(n_latent=12, descent=descent(3000, length=32)),
    }


def many(series):
    """All variables of a ring of 20."""
    return {
        "NG-RC": learn.NextGenerationReservoir(n_delays=2, degree=2),
        "echo state, 1000": learn.EchoState(n_units=1000),
        "linear": learn.LinearAutoregression(n_delays=3),
        "simplex": learn.Simplex(n_delays=1),
        "S-map": learn.SMap(n_delays=1, theta=4.0),
        "DMD": learn.DMD(n_delays=3),
        "EDMD": learn.EDMD(degree=None, n_centres=1000),
        "HAVOK": learn.HAVOK(n_delays=8, rank=40),
        "SINDy": learn.SINDy(degree=2, formulation=learn.Derivatives()),
        "Gaussian process": learn.GaussianProcess(n_delays=1, n_points=1000),
        "PLRNN": learn.PLRNN(n_hidden=100, forcing=learn.GeneralisedForcing(0.3), descent=descent(6000, length=16)),
        "AL-RNN": learn.AlmostLinearRNN(
            n_latent=50, n_relu=30, forcing=learn.SparseForcing(4), descent=descent(16_000, length=16)
        ),
        "GRU": learn.GRU(n_hidden=100, **recurrent(4000, interval=4, n_washout=8, length=16)),
        "LSTM": learn.LSTM(n_hidden=100, **recurrent(4000, interval=4, n_washout=8, length=16)),
        "S4D": learn.S4D(
            n_channels=24, n_pairs=4, **recurrent(2500, interval=4, n_washout=16, length=24, batch_size=8)
        ),
        "S5": learn.S5(n_channels=24, n_pairs=12, **recurrent(2500, interval=4, n_washout=16, length=24, batch_size=8)),
        "neural CDE": learn.NeuralCDE(n_hidden=40, **recurrent(2500, interval=4, n_washout=8, length=16)),
        "neural ODE": learn.NeuralODE(n_hidden=64, forcing=learn.SparseForcing(4), descent=descent(8000, length=8)),
        "neural SDE": learn.NeuralSDE(n_hidden=100, descent=descent(8000, batch_size=8)),
        "Koopman autoencoder": learn.KoopmanAutoencoder(n_latent=40, n_hidden=64, descent=descent(3000, length=32)),
    }


def one(series):
    """One column: delays, or hidden units that a washout brings into step."""
    return {
        "NG-RC": learn.NextGenerationReservoir(n_delays=8, degree=2),
        "echo state, 300": learn.EchoState(n_units=300),
        "linear": learn.LinearAutoregression(n_delays=8),
        "simplex": learn.Simplex(n_delays=4),
        "S-map": learn.SMap(n_delays=6, theta=8.0),
        "DMD": learn.DMD(n_delays=8),
        "EDMD": learn.EDMD(degree=None, n_centres=200),
        "HAVOK": learn.HAVOK(n_delays=40, rank=12),
        "Gaussian process": learn.GaussianProcess(n_delays=8, n_points=300),
        "PLRNN": learn.PLRNN(
            n_hidden=50,
            n_latent=20,
            n_washout=20,
            forcing=learn.GeneralisedForcing(0.3),
            descent=descent(5000, length=30),
        ),
        "AL-RNN": learn.AlmostLinearRNN(
            n_latent=20, n_relu=10, n_washout=20, forcing=learn.SparseForcing(8), descent=descent(10_000, length=40)
        ),
        "GRU": learn.GRU(n_hidden=32, **recurrent(3000, length=40)),
        "LSTM": learn.LSTM(n_hidden=32, **recurrent(3000, length=40)),
        "S4D": learn.S4D(n_channels=12, n_pairs=4, **recurrent(2500, n_washout=30, length=50, batch_size=8)),
        "S5": learn.S5(n_channels=16, n_pairs=8, **recurrent(2500, n_washout=30, length=50, batch_size=8)),
        "neural CDE": learn.NeuralCDE(n_hidden=12, **recurrent(2500, length=40)),
        "Koopman autoencoder": learn.KoopmanAutoencoder(n_latent=12, descent=descent(2000, length=32)),
        "Langevin memory": learn.GeneralisedLangevin(n_modes=2),
    }
