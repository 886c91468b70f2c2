"""The kernels that need CUDA of their own: on a GPU, where one body for NumPy and CuPy would be slow."""
