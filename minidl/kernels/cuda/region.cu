// Regions of interest, for images in planes (launch.py). Each of K boxes has PH x PW bins; results are (C, K, PH, PW).
//
// Bin i of box k reads rows ends[k][i][0] to ends[k][i][1] - 1, and columns likewise; hull[k] is the first and the last
// + 1 row of all its bins. The gradients ask for each pixel which boxes cover it, and of these, which bins.

#define AXIS(name) const int* name##_ends, const int* name##_hull

__device__ bool covers(const int* range, int place) { return range[0] <= place && place < range[1]; }

// y = down x across^T: each bin is a weighted sum, with weights down (K, PH, H) for rows and across (K, PW, W).
KERNEL weigh(const real* x, long long image, long long channel, const int* images,
             const real* down, AXIS(row), const real* across, AXIS(column), real* y,
             int K, int C, int PH, int PW, int H, int W) {
    long long t = thread(), number = t;
    if (t >= (long long)K * C * PH * PW) return;
    int j = take(t, PW), i = take(t, PH), k = take(t, K), c = t;
    const real* plane = x + images[k] * image + c * channel;
    const int *rows = row_ends + 2 * (k * PH + i), *columns = column_ends + 2 * (k * PW + j);
    real sum = 0;
    for (int h = rows[0]; h < rows[1]; h++) {
        real line = 0;
        for (int w = columns[0]; w < columns[1]; w++) line += plane[(long long)h * W + w] * across[(k * PW + j) * W + w];
        sum += line * down[(k * PH + i) * H + h];
    }
    y[number] = sum;
}

KERNEL weigh_gradient(const real* gy, long long box, long long channel, const int* images,
                      const real* down, AXIS(row), const real* across, AXIS(column), real* gx,
                      int K, int PH, int PW, int N, int C, int H, int W) {
    long long t = thread(), pixel = t;
    if (t >= (long long)N * C * H * W) return;
    int w = take(t, W), h = take(t, H), n = take(t, N), c = t;
    real sum = 0;
    for (int k = 0; k < K; k++) {
        if (images[k] != n || !covers(row_hull + 2 * k, h) || !covers(column_hull + 2 * k, w)) continue;
        for (int i = 0; i < PH; i++) {
            if (!covers(row_ends + 2 * (k * PH + i), h)) continue;
            real line = 0;
            for (int j = 0; j < PW; j++)
                line += gy[k * box + c * channel + i * PW + j] * across[(k * PW + j) * W + w];
            sum += line * down[(k * PH + i) * H + h];
        }
    }
    gx[pixel] = sum;
}

// The largest value of each bin, the first of equals, and its place h * W + w; of an empty bin 0 and -1.
KERNEL largest(const real* x, long long image, long long channel, const int* images, AXIS(row), AXIS(column),
               real* y, int* places, int K, int C, int PH, int PW, int W) {
    long long t = thread(), number = t;
    if (t >= (long long)K * C * PH * PW) return;
    int j = take(t, PW), i = take(t, PH), k = take(t, K), c = t;
    const real* plane = x + images[k] * image + c * channel;
    const int *rows = row_ends + 2 * (k * PH + i), *columns = column_ends + 2 * (k * PW + j);
    int place = -1;
    real best = 0;
    for (int h = rows[0]; h < rows[1]; h++)
        for (int w = columns[0]; w < columns[1]; w++) {
            real value = plane[(long long)h * W + w];
            if (place < 0 || value > best || (value != value && best == best)) {
                place = h * W + w;
                best = value;
            }
        }
    y[number] = best;
    places[number] = place;
}

KERNEL largest_gradient(const real* gy, long long box, long long channel, const int* images, AXIS(row), AXIS(column),
                        const int* places, real* gx, int K, int PH, int PW, int N, int C, int H, int W) {
    long long t = thread(), pixel = t;
    if (t >= (long long)N * C * H * W) return;
    int w = take(t, W), h = take(t, H), n = take(t, N), c = t;
    real sum = 0;
    for (int k = 0; k < K; k++) {
        if (images[k] != n || !covers(row_hull + 2 * k, h) || !covers(column_hull + 2 * k, w)) continue;
        for (int i = 0; i < PH; i++) {
            if (!covers(row_ends + 2 * (k * PH + i), h)) continue;
            for (int j = 0; j < PW; j++)
                if (places[(((long long)c * K + k) * PH + i) * PW + j] == h * W + w)
                    sum += gy[k * box + c * channel + i * PW + j];
        }
    }
    gx[pixel] = sum;
}
