/* See warmup.h. */
#include "bench/cell/warmup.h"

#include "bench/manifest/manifest.h"

enum { EVEN_STEPS = 2 }; /* that end it */

void bench_warmup_init(bench_warmup *w, int64_t asked, int64_t steps)
{
    *w = (bench_warmup){.asked = asked, .most = asked == BENCH_WARMUP_AUTO ? steps / 2 : asked};
    w->over = w->most <= 0;
}

bool bench_warmup_step(bench_warmup *w, int64_t ns)
{
    if (w->over)
        return false;
    const bool faster = w->taken == 0 || (double)ns < 0.98 * (double)w->best_ns;
    w->even = faster ? 0 : w->even + 1;
    w->best_ns = w->taken == 0 || ns < w->best_ns ? ns : w->best_ns;
    w->taken++;
    w->over = w->taken >= w->most || (w->asked == BENCH_WARMUP_AUTO && w->even >= EVEN_STEPS);
    return true;
}

json_t *bench_warmup_to_json(const bench_warmup *w)
{
    const bool is_auto = w->asked == BENCH_WARMUP_AUTO;
    json_t *o = json_pack("{s:s, s:I}", "rule", is_auto ? "auto" : "fixed", "steps", (json_int_t)w->taken);
    if (is_auto)
        json_object_set_new(o, "flat", json_boolean(w->even >= EVEN_STEPS));
    return o;
}
