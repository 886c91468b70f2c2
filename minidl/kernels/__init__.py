"""Kernels: arrays in, arrays out, no Tensor in sight. Ops put them together."""
