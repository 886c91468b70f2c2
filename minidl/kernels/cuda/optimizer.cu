// One step of an optimizer in one reading and one writing of its arrays, number by number.

KERNEL sgd(const real* g, real* p, real* v, real lr, real momentum, real weight_decay, int nesterov, long long size) {
    long long i = thread();
    if (i >= size) return;
    real step = g[i] + weight_decay * p[i];
    if (v) {
        v[i] = momentum * v[i] + step;
        step = nesterov ? step + momentum * v[i] : v[i];
    }
    p[i] -= lr * step;
}

// correct_m = 1 - b1^t and correct_v = sqrt(1 - b2^t) undo the start at zero.
KERNEL adam(const real* g, real* p, real* m, real* v, real lr, real b1, real b2, real eps, real weight_decay,
            real correct_m, real correct_v, long long size) {
    long long i = thread();
    if (i >= size) return;
    real gradient = g[i] + weight_decay * p[i];
    m[i] = b1 * m[i] + (1 - b1) * gradient;
    v[i] = b2 * v[i] + (1 - b2) * gradient * gradient;
    p[i] -= lr / correct_m * m[i] / (sqrt(v[i]) / correct_v + eps);
}
