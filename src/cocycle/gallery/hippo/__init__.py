"""Why HiPPO matrices remember: their kernels are orthogonal bases."""
