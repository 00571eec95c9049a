"""From a file to a model, and the model measured with the call that measured the system."""

import jax

import cocycle as cc

data = cc.read(cc.data.path("laser"), column="intensity", dt=1.0)
descent = cc.learn.Descent(n_updates=200, length=40)  # a taste; the default trains for minutes
model = cc.learn.AlmostLinearRNN(n_latent=20, n_relu=2, descent=descent).fit(data.train, key=jax.random.key(1))

table = cc.compare(model, data.test, n_exponent_steps=2000)
print(table)  # D_stsp, D_H, valid time, exponents: each beside its floor

spectrum = cc.lyapunov_spectrum(model, n_steps=5000, n_vectors=2)
print(spectrum)
