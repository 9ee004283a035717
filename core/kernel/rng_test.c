/* Tests of rng.c and of the noise kernels. Everything is a function of fixed seeds, so a statistical test passes
 * always or never; its bound says how unlikely a failure of a true generator would have been. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernel/kernel.h"
#include "core/kernel/kernel_noise.h"
#include "core/kernel/rng.h"

/* Fails the test with value, bound and what they are of. */
#define ASSERT_BELOW(value, bound, what)                                                                     \
    do {                                                                                                     \
        double value_ = (value), bound_ = (bound);                                                           \
        if (!(value_ <= bound_))                                                                             \
            fail_msg("%s: %.9g, expected at most %.9g", what, value_, bound_);                               \
    } while (0)

/* Source: Random123 1.14.0, tests/kat_vectors, lines "philox4x32 10". */
static const struct {
    uint32_t counter[4], key[2], expected[4];
} known_answers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void test_philox_known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known_answers / sizeof known_answers[0]; i++) {
        uint32_t out[4];
        zo_philox4x32(known_answers[i].counter, known_answers[i].key, out);
        for (int k = 0; k < 4; k++)
            assert_int_equal(out[k], known_answers[i].expected[k]);
    }
}

/* One normal the plain way: one counter, one pair, no lanes. */
static float plain_normal(const uint32_t key[2], uint32_t c1, uint32_t c2, uint32_t c3, uint64_t j)
{
    uint32_t counter[4] = {(uint32_t)(j / 4), c1, c2, c3}, x[4];
    float z[4];
    zo_philox4x32(counter, key, x);
    noise_pair(x[0], x[1], &z[0], &z[1]);
    noise_pair(x[2], x[3], &z[2], &z[3]);
    return z[j % 4];
}

static void test_kernels_agree_bit_for_bit(void **state)
{
    static const uint64_t firsts[] = {0, 1, 2, 3, 5, 61, 63, 64, 4095, ((uint64_t)1 << 34) - 300};
    static const int64_t counts[] = {0, 1, 2, 3, 4, 7, 63, 64, 65, 127, 131, 300};
    const uint32_t key[2] = {0x12345678, 0x9abcdef0};
    (void)state;
    for (const zo_kernels *const *k = zo_kernels_all(); *k; k++)
        for (size_t f = 0; f < sizeof firsts / sizeof firsts[0]; f++)
            for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
                float out[301];
                out[counts[c]] = -77;
                (*k)->normals(key, 3, 5, 7, firsts[f], counts[c], out);
                assert_true(out[counts[c]] == -77); /* writes n values and no more */
                for (int64_t i = 0; i < counts[c]; i++) {
                    float plain = plain_normal(key, 3, 5, 7, firsts[f] + (uint64_t)i);
                    if (memcmp(&plain, &out[i], sizeof plain))
                        fail_msg("%s: element %llu is %a, plain %a", (*k)->name,
                                 (unsigned long long)firsts[f] + (unsigned long long)i, out[i], plain);
                }
            }
}

/* The same bits from every compiler, at every optimization level and on every machine. The number was recorded from
 * builds with gcc 12 and clang 14 at -O1 and -O3, portable, AVX2 and AVX-512, which agreed. */
static void test_recorded_checksum(void **state)
{
    enum { N = 8191 };
    static float z[N];
    uint64_t hash = 0xcbf29ce484222325u;
    (void)state;
    for (uint32_t step = 0; step < 8; step++) {
        zo_normals((zo_noise_at){.seed = 42, .step = step, .query = 3, .tensor = 11}, 5, N, z);
        for (int i = 0; i < N; i++)
            hash = (hash ^ noise_to_bits(z[i])) * 0x100000001b3u;
    }
    if (hash != 0x34ca302d61ba6bb2u)
        fail_msg("FNV-1a of 65528 normals: %016llx", (unsigned long long)hash);
}

static void test_logarithm_accuracy(void **state)
{
    double worst_ulp = 0;
    (void)state;
    for (uint64_t i = 0; i < 1 << 20; i++) {
        /* Every 4096th word, and the 2^20 smallest ones, where the tail is. */
        for (int k = 0; k < 2; k++) {
            float u = noise_uniform((uint32_t)(k ? i : i * 4096 + 4095));
            assert_true(u > 0 && u <= 1);
            double exact = log((double)u);
            if (exact == 0)
                assert_true(noise_log(u) == 0);
            else
                worst_ulp = fmax(worst_ulp, fabs(noise_log(u) - exact) / ldexp(1, ilogb(exact) - 23));
        }
    }
    print_message("noise_log: worst error %.2f ulp\n", worst_ulp);
    ASSERT_BELOW(worst_ulp, 1, "noise_log error in ulp");
}

static void test_sine_cosine_accuracy(void **state)
{
    double worst = 0;
    (void)state;
    for (uint64_t i = 0; i < 1 << 21; i++) {
        uint32_t x = (uint32_t)(i * 2048 + i % 2048);
        float s, c;
        noise_sincos(x, &s, &c);
        double angle = 2 * acos(-1) * (double)x / 0x1p32;
        worst = fmax(worst, fmax(fabs(s - sin(angle)), fabs(c - cos(angle))));
    }
    print_message("noise_sincos: worst error %.3g\n", worst);
    ASSERT_BELOW(worst, 1.5e-7, "noise_sincos absolute error");
}

/* Against the documented formula in double, and the tail's limit. */
static void test_normals_follow_the_documented_formula(void **state)
{
    const uint32_t key[2] = {42, 0};
    double worst = 0;
    float z[4];
    (void)state;
    for (uint32_t block = 0; block < 100000; block++) {
        uint32_t counter[4] = {block, 2, 1, 9}, x[4];
        zo_philox4x32(counter, key, x);
        zo_normals((zo_noise_at){.seed = 42, .step = 9, .query = 1, .tensor = 2}, 4 * (uint64_t)block, 4, z);
        for (int k = 0; k < 4; k++) {
            double u = (float)(((double)x[k & 2] + 0.5) / 0x1p32);
            double v = 2 * acos(-1) * (double)x[(k & 2) + 1] / 0x1p32;
            worst = fmax(worst, fabs(z[k] - sqrt(-2 * log(u)) * (k & 1 ? sin(v) : cos(v))));
        }
    }
    print_message("normals: worst error %.3g\n", worst);
    ASSERT_BELOW(worst, 1e-6, "normals against the formula in double");
    noise_pair(0, 0, &z[0], &z[1]);
    ASSERT_BELOW(fabs(z[0] - 6.7637), 1e-4, "largest normal: sqrt(2 ln 2^33)");
    noise_pair(UINT32_MAX, 0, &z[0], &z[1]);
    assert_true(z[0] == 0 && z[1] == 0);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double normal_cdf(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

static void test_distribution(void **state)
{
    enum { N = 1 << 21 };
    float *z = malloc(N * sizeof *z);
    double s1 = 0, s2 = 0, s3 = 0, s4 = 0, ks = 0;
    (void)state;
    assert_non_null(z);
    zo_normals((zo_noise_at){.seed = zo_seed_for(7, "noise"), .step = 100}, 0, N, z);
    for (int i = 0; i < N; i++) {
        double x = z[i];
        s1 += x;
        s2 += x * x;
        s3 += x * x * x;
        s4 += x * x * x * x;
    }
    /* Raw moments of N(0, 1): 0, 1, 0, 3; the variances of x, x^2, x^3, x^4 are 1, 2, 15, 96. Four standard errors. */
    double root = sqrt(N);
    ASSERT_BELOW(fabs(s1 / N), 4 / root, "mean");
    ASSERT_BELOW(fabs(s2 / N - 1), 4 * sqrt(2) / root, "variance");
    ASSERT_BELOW(fabs(s3 / N), 4 * sqrt(15) / root, "third moment");
    ASSERT_BELOW(fabs(s4 / N - 3), 4 * sqrt(96) / root, "fourth moment");

    qsort(z, N, sizeof *z, by_value);
    for (int i = 0; i < N; i++) {
        double p = normal_cdf(z[i]);
        ks = fmax(ks, fmax(p - (double)i / N, (double)(i + 1) / N - p));
    }
    /* Kolmogorov's distribution: P(sqrt(N) D > 1.95) = 0.001. */
    ASSERT_BELOW(ks * root, 1.95, "Kolmogorov-Smirnov statistic times sqrt(n)");

    /* Counts in the tails are Poisson to within their own probability. */
    for (int sigma = 2; sigma <= 5; sigma++) {
        int low = 0, high = 0;
        for (int i = 0; i < N; i++) {
            low += z[i] < -sigma;
            high += z[i] > sigma;
        }
        double expected = N * normal_cdf(-sigma);
        ASSERT_BELOW(fabs(low - expected), 4 * sqrt(expected) + 1, "values below -sigma");
        ASSERT_BELOW(fabs(high - expected), 4 * sqrt(expected) + 1, "values above sigma");
    }
    free(z);
}

static void test_any_split_gives_the_same_values(void **state)
{
    enum { N = 5000 };
    static float whole[N], parts[N];
    zo_noise_at at = {.seed = 3, .step = 1, .query = 2, .tensor = 4};
    (void)state;
    zo_normals(at, 17, N, whole);
    for (uint64_t round = 0; round < 50; round++) {
        int64_t done = 0;
        memset(parts, 0, sizeof parts);
        for (uint32_t call = 0; done < N; call++) {
            int64_t n = (int64_t)zo_below(zo_bits(99, round, call), 200);
            n = n < N - done ? n : N - done;
            zo_normals(at, 17 + (uint64_t)done, n, parts + done);
            done += n;
        }
        assert_memory_equal(whole, parts, sizeof whole);
    }
}

/* Streams that differ in one part of their address are uncorrelated, at equal positions and one apart. */
static void test_addresses_are_independent(void **state)
{
    enum { N = 1 << 18 };
    static const zo_noise_at at[] = {
        {.seed = 42, .step = 0, .query = 0, .tensor = 0}, {.seed = 42, .step = 0, .query = 0, .tensor = 1},
        {.seed = 42, .step = 0, .query = 1, .tensor = 0}, {.seed = 42, .step = 1, .query = 0, .tensor = 0},
        {.seed = 43, .step = 0, .query = 0, .tensor = 0}, {.seed = 42 + (1ull << 32), .step = 0},
    };
    enum { STREAMS = sizeof at / sizeof at[0] };
    float *z = malloc((size_t)STREAMS * N * sizeof *z);
    (void)state;
    assert_non_null(z);
    for (int s = 0; s < STREAMS; s++)
        zo_normals(at[s], 0, N, z + s * N);
    for (int a = 0; a < STREAMS; a++)
        for (int b = a; b < STREAMS; b++)
            for (int lag = a == b; lag < 8; lag++) {
                double sum = 0, squares = 0;
                for (int i = 0; i + lag < N; i++) {
                    double x = z[a * N + i], y = z[b * N + i + lag];
                    sum += x * y;
                    squares += (x * x - 1) * (y * y - 1);
                }
                /* Variances of the terms: 1 and 4. 160 comparisons, 4.5 standard errors: 0.1 % to fail one. */
                ASSERT_BELOW(fabs(sum), 4.5 * sqrt(N), "correlation");
                ASSERT_BELOW(fabs(squares), 4.5 * 2 * sqrt(N), "correlation of squares");
            }
    free(z);
}

static void test_seeds_for_purposes_differ(void **state)
{
    static const char *const purposes[] = {"noise", "data order", "init", "adapter init",
                                           "",      "a",          "b",    "noise "};
    enum { PURPOSES = sizeof purposes / sizeof purposes[0], SEEDS = 64 };
    uint64_t seen[PURPOSES * SEEDS];
    int n = 0;
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (int p = 0; p < PURPOSES; p++) {
            uint64_t s = zo_seed_for(seed < 32 ? seed : seed << 40, purposes[p]);
            assert_int_equal(s, zo_seed_for(seed < 32 ? seed : seed << 40, purposes[p]));
            for (int i = 0; i < n; i++)
                assert_int_not_equal(s, seen[i]);
            seen[n++] = s;
        }
}

static void test_below(void **state)
{
    enum { N = 60000, SIDES = 6 };
    int count[SIDES] = {0};
    double chi2 = 0;
    (void)state;
    assert_int_equal(zo_below(0, 10), 0);
    assert_int_equal(zo_below(UINT64_MAX, 10), 9);
    assert_int_equal(zo_below(UINT64_MAX, 1), 0);
    assert_int_equal(zo_below(UINT64_MAX, UINT64_MAX), UINT64_MAX - 1);
    assert_int_equal(zo_below((uint64_t)1 << 63, 10), 5);
    for (uint32_t i = 0; i < N; i++)
        count[zo_below(zo_bits(1, 2, i), SIDES)]++;
    for (int i = 0; i < SIDES; i++)
        chi2 += pow(count[i] - (double)N / SIDES, 2) / ((double)N / SIDES);
    ASSERT_BELOW(chi2, 20.5, "chi-square of a die, 5 degrees of freedom, 0.1 % point");
}

static void test_shuffle_is_a_permutation(void **state)
{
    enum { N = 1000 };
    int32_t order[N], again[N];
    int fixed = 0;
    (void)state;
    zo_shuffle(5, 0, order, 0);
    zo_shuffle(5, 0, order, 1);
    assert_int_equal(order[0], 0);
    for (uint64_t epoch = 0; epoch < 20; epoch++) {
        char seen[N] = {0};
        zo_shuffle(5, epoch, order, N);
        zo_shuffle(5, epoch, again, N);
        assert_memory_equal(order, again, sizeof order);
        for (int i = 0; i < N; i++) {
            assert_in_range(order[i], 0, N - 1);
            assert_int_equal(seen[order[i]]++, 0);
            fixed += order[i] == i;
        }
    }
    /* Fixed points of a random permutation: mean 1, variance 1; of 20 of them 20 +- sqrt(20). */
    ASSERT_BELOW(abs(fixed - 20), 4 * sqrt(20), "fixed points of 20 shuffles");
}

/* All 24 orders of four things, equally often. */
static void test_shuffle_is_uniform(void **state)
{
    enum { N = 24000 };
    int count[256] = {0};
    double chi2 = 0;
    int orders = 0;
    (void)state;
    for (uint64_t epoch = 0; epoch < N; epoch++) {
        int32_t o[4];
        zo_shuffle(11, epoch, o, 4);
        count[o[0] | o[1] << 2 | o[2] << 4 | o[3] << 6]++;
    }
    for (int i = 0; i < 256; i++)
        if (count[i]) {
            chi2 += pow(count[i] - N / 24.0, 2) / (N / 24.0);
            orders++;
        }
    assert_int_equal(orders, 24);
    ASSERT_BELOW(chi2, 49.7, "chi-square of 24 orders, 23 degrees of freedom, 0.1 % point");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_kernels_agree_bit_for_bit),
        cmocka_unit_test(test_recorded_checksum),
        cmocka_unit_test(test_logarithm_accuracy),
        cmocka_unit_test(test_sine_cosine_accuracy),
        cmocka_unit_test(test_normals_follow_the_documented_formula),
        cmocka_unit_test(test_distribution),
        cmocka_unit_test(test_any_split_gives_the_same_values),
        cmocka_unit_test(test_addresses_are_independent),
        cmocka_unit_test(test_seeds_for_purposes_differ),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_shuffle_is_a_permutation),
        cmocka_unit_test(test_shuffle_is_uniform),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
