/* See kernel_choice.h. */
#include "bench/backend/kernel_choice.h"

#include <stdio.h>
#include <string.h>

#include "bench/backend/blas.h"
#include "bench/backend/model.h"
#include "bench/record/record.h"

void bench_kernel_choice_deinit(bench_kernel_choice *c)
{
    json_decref(c->compared);
    c->compared = NULL;
}

static const char *text(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* The comparison, made where there is none. *trouble: the model cannot be read. c->compared stays NULL then, and where this
 * process was asked to end. */
static zo_status compare(bench_kernel_choice *c, const bench_params *p, int threads, zo_error *trouble,
                         zo_error *err)
{
    zo_config config;
    if (c->compared || bench_model_config(p->model, &config, trouble))
        return ZO_OK;
    const bench_blas_options o = {
        .machine = c->machine, .model = p->model, .config = &config, .threads = threads, .argv = c->argv};
    return bench_blas_compare(c->signals, &o, &c->compared, err);
}

static void set_fastest(json_t *made, const json_t *compared)
{
    const json_t *kernels = json_object_get(compared, "kernels"), *kernel;
    char how[64], reason[400];
    size_t i;
    int right = 0;
    json_array_foreach(kernels, i, kernel) right += json_is_true(json_object_get(kernel, "correct"));
    snprintf(how, sizeof how, right == 1 ? "the only one that is right" : "the fastest of %d that are right",
             right);
    const char *why = text(json_array_get(kernels, 0), "reason"), *fastest = bench_blas_fastest(compared);
    snprintf(reason, sizeof reason, "no kernels of OpenBLAS are right; its own choice: %s",
             why ? why : "unknown");
    json_object_set_new(made, "core_type", fastest ? json_string(fastest) : json_null());
    bench_record_set(made, "how", right ? json_string(how) : NULL, reason);
    json_object_set(made, "compared", (json_t *)compared);
}

zo_status bench_kernel_choice_make(bench_kernel_choice *c, const bench_params *p, int threads, json_t **out,
                                   zo_error *err)
{
    zo_error trouble = {0};
    *out = NULL;
    if (!*p->blas_kernel) {
        *out = json_null();
        return ZO_OK;
    }
    if (strcmp(p->blas_kernel, BENCH_KERNEL_CHOICE_AUTO) != 0) {
        *out = json_pack("{s:s, s:s, s:s}", "asked", p->blas_kernel, "core_type", p->blas_kernel, "how",
                         "named by the cell");
        return *out ? ZO_OK : zo_fail(err, ZO_ERR_MEMORY, "choose OpenBLAS's kernels: out of memory");
    }
    zo_status st = compare(c, p, threads, &trouble, err);
    if (st || (!c->compared && !trouble.status))
        return st;
    *out = json_pack("{s:s, s:n}", "asked", p->blas_kernel, "core_type");
    if (!*out)
        return zo_fail(err, ZO_ERR_MEMORY, "choose OpenBLAS's kernels: out of memory");
    if (c->compared)
        set_fastest(*out, c->compared);
    else
        bench_record_unknown(*out, "how", trouble.text);
    return ZO_OK;
}

const char *bench_kernel_choice_core_type(const json_t *made)
{
    return text(made, "core_type");
}

bool bench_kernel_choice_holds(const json_t *made, const char *running, char *reason, size_t cap)
{
    const char *asked = text(made, "asked"), *core = text(made, "core_type");
    if (!asked)
        return true;
    if (!text(made, "how")) {
        const char *why = text(made, "how_reason");
        snprintf(reason, cap, "blas_kernel \"%s\": %s", asked, why ? why : "nothing was chosen");
        return false;
    }
    if (!core || bench_blas_is(running, core))
        return true;
    const char *near = bench_blas_nearest(core);
    const bool misspelt = near && !bench_blas_is(near, core);
    snprintf(reason, cap,
             "blas_kernel \"%s\": this OpenBLAS does not have such kernels%s%s%s; it runs %s instead", asked,
             misspelt ? " (did you mean \"" : "", misspelt ? near : "", misspelt ? "\"?)" : "", running);
    return false;
}
