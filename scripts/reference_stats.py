#!/usr/bin/env python3
"""Records what SciPy and statsmodels make of fixed samples: the values that bench/base/stats_test.c replays.

    pip install scipy statsmodels
    python3 scripts/reference_stats.py > bench/base/stats_expected.h

Samples come from NumPy's PCG64 with a fixed seed, some rounded so that values tie. Bootstrap intervals depend on the
resamples drawn; with each goes what its ends may be: the range between the quantiles of the bootstrap distribution at
four standard errors of 10000 resamples' share beyond the end, to either side.
"""
import numpy
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

RESAMPLES = 10000  # of bench/base/stats.h
rng = numpy.random.default_rng(20240915)


def number(v):
    v = float(v)
    return "NAN" if v != v else "INFINITY" if v == numpy.inf else repr(v)


def row(*fields):
    def text(f):
        if isinstance(f, str):
            return '"%s"' % f
        if isinstance(f, (list, tuple, numpy.ndarray)):
            return "{" + ", ".join(text(x) for x in f) + "}"
        return str(int(f)) if isinstance(f, (bool, int, numpy.integer)) else number(f + 0.0)  # -0.0 becomes 0.0

    print("    {" + ", ".join(text(f) for f in fields) + "},")


def table(declaration, rows):
    print(f"static const struct {{\n{declaration}}} {rows[0]}[] = {{")
    for r in rows[1]:
        row(*r)
    print("};")


def quantiles():
    out = []
    for n in (1, 2, 5, 11, 24):
        x = rng.lognormal(size=n)
        for p in (0, 0.025, 0.25, 0.5, 0.9, 0.975, 1):
            out.append((n, x, p, numpy.quantile(x, p, method="linear")))
    return out


def two_samples():
    for na, nb, shift, digits in [
        (3, 3, 0.5, 9), (5, 5, 2, 9), (8, 6, 0, 9), (10, 10, 1, 9), (12, 20, 0.7, 9), (24, 24, 0.5, 9),
        (5, 5, 1, 0), (6, 4, 1, 0), (7, 7, 0, 0), (24, 24, 0, 0),
    ]:  # fmt: skip
        yield numpy.round(rng.normal(shift, 1, na), digits), numpy.round(rng.normal(0, 1, nb), digits)


def tied(x):
    return len(numpy.unique(x)) < len(x)


def mann_whitney_counted():
    """SciPy counts only without ties; with them its permutation test goes through all choices."""
    out = []
    for a, b in two_samples():
        r = stats.mannwhitneyu(a, b, method="exact")
        p = r.pvalue
        if tied(numpy.concatenate([a, b])):
            if len(a) + len(b) > 16:
                continue
            def ranks(x, y, axis):
                return stats.rankdata(numpy.concatenate([x, y], axis), axis=axis)[..., : x.shape[axis]].sum(axis)
            p = stats.permutation_test((a, b), ranks, vectorized=True, n_resamples=numpy.inf).pvalue
        out.append((len(a), len(b), a, b, r.statistic, p))
    return out


def mann_whitney_normal():
    out = []
    for na, nb, shift, digits in [(40, 40, 0.4, 9), (48, 30, 0.2, 1), (48, 48, 0.7, 0), (31, 30, 0, 0), (48, 48, 0, 9)]:
        a, b = numpy.round(rng.normal(shift, 1, na), digits), numpy.round(rng.normal(0, 1, nb), digits)
        r = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=True)
        out.append((na, nb, a, b, r.statistic, r.pvalue))
    return out


def signed_ranks():
    out = []
    for n, shift, digits in [(4, 1, 9), (8, 0.6, 9), (12, 0, 9), (20, 0.8, 9), (40, 0.3, 9), (8, 0.8, 0), (12, 0.5, 0),
                             (120, 0.1, 9), (120, 0.2, 1)]:  # fmt: skip
        d = numpy.round(rng.normal(shift, 1, n), digits)
        kept = d[d != 0]
        ranks = stats.rankdata(abs(kept))
        if len(kept) > 100:
            p = stats.wilcoxon(kept, method="approx", correction=False).pvalue
        elif tied(abs(kept)):  # all signs: few enough where values are rounded
            assert len(kept) <= 12
            p = stats.permutation_test(
                (kept,), lambda x, axis: (ranks * (x > 0)).sum(axis), vectorized=True,
                permutation_type="samples", n_resamples=numpy.inf,
            ).pvalue  # fmt: skip
        else:
            p = stats.wilcoxon(kept, method="exact").pvalue
        out.append((n, d, ranks[kept > 0].sum(), p))
    return out


def signs():
    return [(a, b, stats.binomtest(b, a + b, 0.5).pvalue)
            for a, b in [(0, 1), (0, 6), (1, 7), (3, 9), (5, 5), (10, 25), (80, 120), (480, 520)]]  # fmt: skip


def mcnemars():
    out = []
    for a, b in [(0, 1), (3, 8), (25, 10), (40, 60), (700, 780)]:
        cells = [[50, a], [b, 7]]
        c = mcnemar(cells, exact=False, correction=True)
        out.append((a, b, mcnemar(cells, exact=True).pvalue, c.statistic, c.pvalue))
    return out


def shares():
    """Agresti and Min's formula, with SciPy's normal quantile."""
    out = []
    for a, b, n, confidence in [(3, 8, 100, 0.95), (0, 0, 32, 0.95), (40, 10, 872, 0.99), (5, 0, 5, 0.95)]:
        N, x, y = n + 2, a + 0.5, b + 0.5
        half = stats.norm.ppf((1 + confidence) / 2) * numpy.sqrt(x + y - (x - y) ** 2 / N) / N
        out.append((a, b, n, confidence, max(-1, (y - x) / N - half), min(1, (y - x) / N + half)))
    return out


def holms():
    out = []
    for p in ([0.01, 0.04, 0.03, 0.005], [0.5], [0.2, 0.2, 0.2], [1e-9, 0.04, 0.9, 0.011, 0.012, 0.049, 0.5, 1.0]):
        out.append((len(p), p, multipletests(p, method="holm")[1]))
    return out


def ts():
    out = []
    for df in (1, 2, 3, 4.5, 9, 29, 200, 1e6, numpy.inf):
        for p in (1e-6, 0.025, 0.3, 0.5, 0.9, 0.975, 0.9995):
            q = stats.norm.ppf(p) if numpy.isinf(df) else stats.t.ppf(p, df)
            c = stats.norm.cdf(1.7) if numpy.isinf(df) else stats.t.cdf(1.7, df)
            out.append((df, p, q, c))
    return out


def slopes():
    out = []
    for n, slope, noise, offset in [(3, 1, 0.5, 0), (10, 0.2, 1, 5), (24, 0, 1, 1e6), (24, -3, 0.01, 0)]:
        x = numpy.arange(n) + rng.uniform(0, 0.5, n)
        y = offset + slope * x + rng.normal(0, noise, n)
        r = stats.linregress(x, y)
        half = stats.t.ppf(0.975, n - 2) * r.stderr
        out.append((n, x, y, r.slope, r.intercept, r.stderr, r.pvalue, r.slope - half, r.slope + half))
    return out


def ends(distribution, confidence):
    """Quantiles of the bootstrap distribution around both ends."""
    tail = (1 - confidence) / 2
    slack = 4 * numpy.sqrt(tail * (1 - tail) / RESAMPLES)
    q = [tail - slack, tail + slack, 1 - tail - slack, 1 - tail + slack]
    return [numpy.quantile(distribution, p, method=m) for p, m in zip(q, ["lower", "higher"] * 2)]


def bootstraps(samples, statistic):
    out = []
    for data, confidence in samples:
        r = stats.bootstrap(data, statistic, confidence_level=confidence, n_resamples=200000, method="percentile",
                            vectorized=True, batch=20000, rng=numpy.random.default_rng(1))  # fmt: skip
        out.append((confidence, *ends(r.bootstrap_distribution, confidence), *r.confidence_interval))
    return out


def main():
    print("/* What SciPy and statsmodels make of fixed samples. Printed by scripts/reference_stats.py")
    print(f" * with scipy {scipy.__version__}, statsmodels {statsmodels.__version__}, numpy {numpy.__version__};"
          " not edited by hand. */")  # fmt: skip
    print("/* clang-format off */")
    table("    size_t n;\n    double x[24], p, quantile;\n", ("expected_quantiles", quantiles()))
    two = "    size_t na, nb;\n    double a[48], b[48], u, p;\n"
    table(two, ("expected_mann_whitney", mann_whitney_counted()))
    table(two, ("expected_mann_whitney_normal", mann_whitney_normal()))
    table("    size_t n;\n    double d[120], w, p;\n", ("expected_signed_rank", signed_ranks()))
    table("    int64_t less, greater;\n    double p;\n", ("expected_sign_test", signs()))
    table("    int64_t only_a, only_b;\n    double p_exact, chi2, p_chi2;\n", ("expected_mcnemar", mcnemars()))
    table("    int64_t only_a, only_b, n;\n    double confidence, low, high;\n", ("expected_paired_share", shares()))
    table("    size_t n;\n    double p[8], adjusted[8];\n", ("expected_holm", holms()))
    table("    double df, p, quantile, cdf; /* cdf of 1.7 */\n", ("expected_t", ts()))
    table("    size_t n;\n    double x[24], y[24], slope, intercept, stderr_, p, low, high;\n",
          ("expected_slope", slopes()))  # fmt: skip
    medians = [(rng.lognormal(0, 0.3, n), c) for n, c in [(5, 0.95), (9, 0.95), (16, 0.95), (24, 0.99), (10, 0.9)]]
    pairs = [((rng.lognormal(0, 0.2, na), rng.lognormal(0.1, 0.2, nb)), c)
             for na, nb, c in [(6, 6, 0.95), (10, 7, 0.95), (20, 20, 0.99)]]  # fmt: skip
    ranges = "double confidence, low_least, low_most, high_least, high_most, low, high;\n"
    table(f"    size_t n;\n    double x[24];\n    {ranges}", ("expected_bootstrap_median", [
        (len(x), x, *b) for (x, _), b in zip(medians, bootstraps([((x,), c) for x, c in medians], numpy.median))]))

    def ratio(a, b, axis):
        return numpy.median(a, axis) / numpy.median(b, axis)

    table(f"    size_t na, nb;\n    double a[24], b[24];\n    {ranges}", ("expected_bootstrap_ratio", [
        (len(a), len(b), a, b, *r) for ((a, b), _), r in zip(pairs, bootstraps(pairs, ratio))]))
    print("/* clang-format on */")


if __name__ == "__main__":
    main()
