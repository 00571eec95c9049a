"""System, Driver, run, trajectory, Estimate: what every other package stands on."""
