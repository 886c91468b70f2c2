// What all the sources share. `real` (float or double) and THREADS, the size of a block, are defined before this.

#define KERNEL extern "C" __global__ void

// The number of this thread among all.
__device__ long long thread() { return blockIdx.x * (long long)blockDim.x + threadIdx.x; }

// Counting places row by row, the last axis fastest: take off its index among n, and leave those of the other axes in t.
__device__ int take(long long& t, int n) {
    int i = t % n;
    t /= n;
    return i;
}
