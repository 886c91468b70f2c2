// Batch norm: sums over each channel of images in planes (launch.py), one block a channel, and the scaling by them.

// The sum of `value` over the threads of a block, the same for any order in which they run.
__device__ real block_sum(real value) {
    __shared__ real partial[THREADS];
    __syncthreads();  // the sum before this one has been read
    partial[threadIdx.x] = value;
    for (int half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
    }
    __syncthreads();
    return partial[0];
}

// Mean and biased variance, from the differences to the mean: two readings of x, and no difference of large numbers.
KERNEL channel_moments(const real* x, long long image, long long channel, real* mean, real* variance, int N, int HW) {
    const real* values = x + blockIdx.x * channel;
    real sum = 0, squares = 0;
    for (int i = threadIdx.x; i < N * HW; i += THREADS) sum += values[i / HW * image + i % HW];
    real m = block_sum(sum) / (N * HW);
    for (int i = threadIdx.x; i < N * HW; i += THREADS) {
        real difference = values[i / HW * image + i % HW] - m;
        squares += difference * difference;
    }
    real v = block_sum(squares) / (N * HW);
    if (threadIdx.x == 0) {
        mean[blockIdx.x] = m;
        variance[blockIdx.x] = v;
    }
}

// The sums of gy and of gy * x.
KERNEL channel_products(const real* gy, long long gy_image, long long gy_channel,
                        const real* x, long long image, long long channel,
                        real* sums, real* products, int N, int HW) {
    real sum = 0, product = 0;
    for (int i = threadIdx.x; i < N * HW; i += THREADS) {
        real g = gy[i / HW * gy_image + blockIdx.x * gy_channel + i % HW];
        sum += g;
        product += g * x[i / HW * image + blockIdx.x * channel + i % HW];
    }
    sum = block_sum(sum);
    product = block_sum(product);
    if (threadIdx.x == 0) {
        sums[blockIdx.x] = sum;
        products[blockIdx.x] = product;
    }
}

// y = x * scale + shift.
KERNEL channel_affine(const real* x, long long image, long long channel, const real* scale, const real* shift,
                      real* y, int N, int C, int HW) {
    long long t = thread(), i = t;
    if (t >= (long long)N * C * HW) return;
    int p = take(t, HW), n = take(t, N), c = t;
    y[i] = x[n * image + c * channel + p] * scale[c] + shift[c];
}

// y = (x * scale + shift + gy) * gy_scale.
KERNEL channel_affine_gradient(const real* x, long long image, long long channel, const real* scale, const real* shift,
                               const real* gy, long long gy_image, long long gy_channel, const real* gy_scale,
                               real* y, int N, int C, int HW) {
    long long t = thread(), i = t;
    if (t >= (long long)N * C * HW) return;
    int p = take(t, HW), n = take(t, N), c = t;
    real value = x[n * image + c * channel + p] * scale[c] + shift[c];
    y[i] = (value + gy[n * gy_image + c * gy_channel + p]) * gy_scale[c];
}
