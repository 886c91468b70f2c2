// Pooling, unpooling, and their gradients, for images in planes (launch.py). What has no strides is (C, N, H, W).

#define SIZES int N, int C, int H, int W, int OH, int OW, int kh, int kw, int stride_h, int stride_w, \
              int padding_h, int padding_w

// The place h * W + w of the largest value of the window (oh, ow), the first of equals; a NaN is larger than all.
__device__ int largest(const real* plane, int oh, int ow, SIZES) {
    int place = -1;
    real best = 0;
    for (int i = 0; i < kh; i++)
        for (int j = 0; j < kw; j++) {
            int h = oh * stride_h - padding_h + i, w = ow * stride_w - padding_w + j;
            if (h < 0 || h >= H || w < 0 || w >= W) continue;
            real value = plane[(long long)h * W + w];
            if (place < 0 || value > best || (value != value && best == best)) {
                place = h * W + w;
                best = value;
            }
        }
    return place;
}

#define SAME_SIZES N, C, H, W, OH, OW, kh, kw, stride_h, stride_w, padding_h, padding_w

KERNEL max_pool(const real* x, long long image, long long channel, real* y, SIZES) {
    long long t = thread(), i = t;
    if (t >= (long long)N * C * OH * OW) return;
    int ow = take(t, OW), oh = take(t, OH), n = take(t, N), c = t;
    const real* plane = x + n * image + c * channel;
    y[i] = plane[largest(plane, oh, ow, SAME_SIZES)];
}

KERNEL max_positions(const real* x, long long image, long long channel, long long* positions, SIZES) {
    long long t = thread(), i = t;
    if (t >= (long long)N * C * OH * OW) return;
    int ow = take(t, OW), oh = take(t, OH), n = take(t, N), c = t;
    positions[i] = largest(x + n * image + c * channel, oh, ow, SAME_SIZES);
}

KERNEL sum_pool(const real* x, long long image, long long channel, real* y, SIZES) {
    long long t = thread(), i = t;
    if (t >= (long long)N * C * OH * OW) return;
    int ow = take(t, OW), oh = take(t, OH), n = take(t, N), c = t;
    real sum = 0;
    for (int h = max(oh * stride_h - padding_h, 0); h < min(oh * stride_h - padding_h + kh, H); h++)
        for (int w = max(ow * stride_w - padding_w, 0); w < min(ow * stride_w - padding_w + kw, W); w++)
            sum += x[n * image + c * channel + (long long)h * W + w];
    y[i] = sum;
}

// The gradient of sum_pool, or, where there are positions, of max_pool: each pixel asks the windows that it lies in.
KERNEL spread(const real* gy, long long image, long long channel, const long long* positions, real* gx, SIZES) {
    long long t = thread(), i = t;
    if (t >= (long long)N * C * H * W) return;
    int w = take(t, W), h = take(t, H), n = take(t, N), c = t;
    int first_h = max((h + padding_h - kh + stride_h) / stride_h, 0), last_h = min((h + padding_h) / stride_h, OH - 1);
    int first_w = max((w + padding_w - kw + stride_w) / stride_w, 0), last_w = min((w + padding_w) / stride_w, OW - 1);
    real sum = 0;
    for (int oh = first_h; oh <= last_h; oh++)
        for (int ow = first_w; ow <= last_w; ow++) {
            long long window = (long long)oh * OW + ow;
            if (!positions || positions[((long long)c * N + n) * OH * OW + window] == h * W + w)
                sum += gy[n * image + c * channel + window];
        }
    gx[i] = sum;
}

// ---- Unpooling: x (N, C, H, W) goes to its positions in y (N, C, OH, OW) -------------------------------------------

// Which x stands at each place: the last one that names it, whichever thread comes first.
KERNEL claim(const long long* positions, int* owner, int N, int C, int H, int W, int OH, int OW) {
    long long t = thread(), HW = (long long)H * W;
    if (t >= N * C * HW) return;
    atomicMax(owner + t / HW * OH * OW + positions[t], (int)(t % HW));
}

KERNEL scatter(const real* x, long long image, long long channel, const int* owner, real* y,
               int N, int C, int OH, int OW) {
    long long t = thread(), i = t;
    if (t >= (long long)N * C * OH * OW) return;
    t /= OH * OW;
    int n = take(t, N), c = t;
    y[i] = owner[i] < 0 ? 0 : x[n * image + c * channel + owner[i]];
}

KERNEL gather(const real* gy, long long image, long long channel, const long long* positions, real* gx,
              int N, int C, int H, int W) {
    long long t = thread(), i = t;
    if (t >= (long long)N * C * H * W) return;
    t /= H * W;
    int n = take(t, N), c = t;
    gx[i] = gy[n * image + c * channel + positions[i]];
}
