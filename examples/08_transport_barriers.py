"""A field of exponents: transport barriers of a flow, forward (repelling) and backward (attracting)."""

import cocycle as cc

double_gyre = cc.systems.DoubleGyre()
grid = {"x": (0, 2, 256), "y": (0, 1, 128)}  # 1024 and 512 take a few seconds on two cores

ftle = cc.stability.ftle_field(double_gyre, grid=grid, duration=15.0)
attracting = cc.stability.ftle_field(double_gyre, grid=grid, duration=-15.0)
print(ftle)
print(attracting)

ridges = ftle.ridges()
figure = ftle.plot()
table = ftle.to_xarray()
