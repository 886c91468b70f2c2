// Lowering: im2col and its transpose, for images in planes (launch.py) and columns (C, kh, kw, N, OH, OW).

#define SIZES int N, int C, int H, int W, int OH, int OW, int kh, int kw, int stride_h, int stride_w, \
              int padding_h, int padding_w, int dilation_h, int dilation_w

// A thread for each window of each channel copies its kh * kw values.
KERNEL im2col(const real* x, long long image, long long channel, real* columns, SIZES) {
    long long windows = (long long)N * OH * OW, t = thread();
    if (t >= C * windows) return;
    long long window = t % windows;
    int ow = take(t, OW), oh = take(t, OH), n = take(t, N), c = t;
    const real* plane = x + n * image + c * channel;
    real* column = columns + (long long)c * kh * kw * windows + window;
    for (int i = 0; i < kh; i++)
        for (int j = 0; j < kw; j++, column += windows) {
            int h = oh * stride_h - padding_h + i * dilation_h;
            int w = ow * stride_w - padding_w + j * dilation_w;
            bool inside = 0 <= h && h < H && 0 <= w && w < W;
            *column = inside ? plane[(long long)h * W + w] : 0;
        }
}

// A thread for each pixel of gx sums up its copies: (oh, ow, i, j) with oh * stride + i * dilation = h + padding.
KERNEL col2im(const real* columns, real* gx, long long image, long long channel, SIZES) {
    long long windows = (long long)N * OH * OW, t = thread();
    if (t >= (long long)N * C * H * W) return;
    int w = take(t, W), h = take(t, H), n = take(t, N), c = t;
    real sum = 0;
    for (int i = 0; i < kh; i++)
        for (int j = 0; j < kw; j++) {
            int down = h + padding_h - i * dilation_h, across = w + padding_w - j * dilation_w;
            int oh = down / stride_h, ow = across / stride_w;
            if (down < 0 || across < 0 || down % stride_h || across % stride_w || oh >= OH || ow >= OW) continue;
            sum += columns[(((long long)c * kh + i) * kw + j) * windows + ((long long)n * OH + oh) * OW + ow];
        }
    gx[n * image + c * channel + (long long)h * W + w] = sum;
}
