"""Wide networks follow kernel gradient descent with a kernel that becomes deterministic and constant."""
