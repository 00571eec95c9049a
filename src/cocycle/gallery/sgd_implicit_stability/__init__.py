"""The second moment of SGD at a minimum bounds the trace of its Hessian."""
