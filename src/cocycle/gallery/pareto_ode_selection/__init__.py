"""The library of a sparse regression is chosen too: misfit, number of terms, law of the residuals."""
