/* The small operators of the forward pass, in vectors of 16 floats.
 *
 * Included by kernel_portable.c, kernel_avx2.c and kernel_avx512.c, each compiled for its instruction set. GCC's
 * and clang's vector types split a 16-lane operation into whatever the machine has; the arithmetic, and so the
 * result, is the same in all of them: 16 partial sums, added up in one fixed order, nothing fused.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define LANES 16

typedef float vec __attribute__((vector_size(64)));
typedef int32_t veci __attribute__((vector_size(64)));
typedef double vecd __attribute__((vector_size(128)));

static inline vec load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The first n < 16 values; the other lanes are `rest`. */
static inline vec load_part(const float *p, int64_t n, float rest)
{
    float lane[LANES];
    for (int i = 0; i < LANES; i++)
        lane[i] = i < n ? p[i] : rest;
    return load(lane);
}

static inline void store(float *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

static inline void store_part(float *p, vec v, int64_t n)
{
    float lane[LANES];
    store(lane, v);
    memcpy(p, lane, (size_t)n * sizeof *p);
}

static inline vec splat(float x)
{
    return (vec){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

static inline float sum(vec v)
{
    float a[LANES];
    store(a, v);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] += a[i + half];
    return a[0];
}

/* mask lanes are 0 or -1: yes where -1, no where 0. */
static inline vec choose(veci mask, vec yes, vec no)
{
    return (vec)((mask & (veci)yes) | (~mask & (veci)no));
}

/* e^x to 2 ulp for x in [-87, 88], clamped outside: x = n ln 2 + r, |r| <= ln 2 / 2, a polynomial in r
 * (Taylor to degree 7: the remainder 0.3466^8 / 8! is below 6e-9), times 2^n put together from its bits. */
static inline vec exp_vec(vec x)
{
    x = choose(x < splat(-87.0f), splat(-87.0f), x);
    x = choose(x > splat(88.0f), splat(88.0f), x);
    vec shifter = splat(12582912.0f); /* 1.5 * 2^23: adding it rounds to a whole number */
    vec n = (x * splat(1.44269504f) + shifter) - shifter;
    vec r = x - n * splat(0.693359375f); /* ln 2 in two parts, the first exact in 9 bits */
    r = r + n * splat(2.12194440e-4f);
    vec p = splat(1.0f / 5040);
    p = p * r + splat(1.0f / 720);
    p = p * r + splat(1.0f / 120);
    p = p * r + splat(1.0f / 24);
    p = p * r + splat(1.0f / 6);
    p = p * r + splat(0.5f);
    p = p * r + splat(1.0f);
    p = p * r + splat(1.0f);
    veci exponent = (__builtin_convertvector(n, veci) + 127) << 23;
    return p * (vec)exponent;
}

static inline float dot(const float *a, const float *b, int64_t n)
{
    vec s = splat(0.0f);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        s += load(a + i) * load(b + i);
    if (i < n)
        s += load_part(a + i, n - i, 0.0f) * load_part(b + i, n - i, 0.0f);
    return sum(s);
}

static void rmsnorm(float *y, const float *x, const float *w, int64_t n, float eps)
{
    float square = dot(x, x, n) / (float)n;
    float scale =
        isfinite(square) ? 1.0f / sqrtf(square + eps) : NAN; /* an overflow must not come out as 0 */
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(y + i, load(x + i) * splat(scale) * load(w + i));
    for (; i < n; i++)
        y[i] = x[i] * scale * w[i];
}

static void rope(float *x, const float *cosine, const float *sine, int64_t half)
{
    int64_t i = 0;
    for (; i + LANES <= half; i += LANES) {
        vec a = load(x + i), b = load(x + half + i), c = load(cosine + i), s = load(sine + i);
        store(x + i, a * c - b * s);
        store(x + half + i, b * c + a * s);
    }
    for (; i < half; i++) {
        float a = x[i], b = x[half + i];
        x[i] = a * cosine[i] - b * sine[i];
        x[half + i] = b * cosine[i] + a * sine[i];
    }
}

static void swiglu(float *gate, const float *up, int64_t n)
{
    vec one = splat(1.0f);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec g = load(gate + i);
        store(gate + i, g / (one + exp_vec(-g)) * load(up + i));
    }
    if (i < n) {
        vec g = load_part(gate + i, n - i, 0.0f);
        store_part(gate + i, g / (one + exp_vec(-g)) * load_part(up + i, n - i, 0.0f), n - i);
    }
}

static float largest(const float *x, int64_t n)
{
    vec m = splat(x[0]);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec v = load(x + i);
        m = choose(v > m, v, m);
    }
    float lane[LANES];
    store(lane, m);
    for (int k = 1; k < LANES; k++)
        lane[0] = lane[k] > lane[0] ? lane[k] : lane[0];
    for (; i < n; i++)
        lane[0] = x[i] > lane[0] ? x[i] : lane[0];
    return lane[0];
}

static void attend(float *out, const float *q, const float *k, const float *v, int64_t kstride, int64_t n,
                   int64_t d, float scale, float *score)
{
    for (int64_t j = 0; j < n; j++)
        score[j] = dot(q, k + j * kstride, d) * scale;
    vec top = splat(largest(score, n)), total = splat(0.0f);
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES) {
        vec p = exp_vec(load(score + j) - top);
        total += p;
        store(score + j, p);
    }
    if (j < n) {
        /* The empty lanes get exp(-87) = 1.6e-38, which no f32 sum that holds a 1 can notice. */
        vec p = exp_vec(load_part(score + j, n - j, -INFINITY) - top);
        total += p;
        store_part(score + j, p, n - j);
    }
    float norm = 1.0f / sum(total);
    int64_t i = 0;
    for (; i + LANES <= d; i += LANES) {
        vec s = splat(0.0f);
        for (j = 0; j < n; j++)
            s += splat(score[j]) * load(v + j * kstride + i);
        store(out + i, s * splat(norm));
    }
    if (i < d) {
        vec s = splat(0.0f);
        for (j = 0; j < n; j++)
            s += splat(score[j]) * load_part(v + j * kstride + i, d - i, 0.0f);
        store_part(out + i, s * splat(norm), d - i);
    }
}

static double logsumexp(const float *x, int64_t n)
{
    float top = largest(x, n);
    vecd total = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        total += __builtin_convertvector(exp_vec(load(x + i) - splat(top)), vecd);
    double lane[LANES], all = 0;
    memcpy(lane, &total, sizeof lane);
    for (int k = 0; k < LANES; k++)
        all += lane[k];
    for (; i < n; i++)
        all += exp((double)x[i] - top);
    return top + log(all);
}

static void scale_add(float *y, const float *a, float s, const float *b, int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(y + i, load(a + i) + splat(s) * load(b + i));
    for (; i < n; i++)
        y[i] = a[i] + s * b[i];
}

/* The row of zo_kernels that an including file fills; noise_normals is kernel_noise.h's. */
#define KERNEL_TABLE(instruction_set)                                                                        \
    {                                                                                                        \
        .name = instruction_set, .normals = noise_normals, .rmsnorm = rmsnorm, .rope = rope,                 \
        .swiglu = swiglu, .attend = attend, .logsumexp = logsumexp, .scale_add = scale_add                   \
    }
