"""Error bars of trained regressors from their last layer."""
