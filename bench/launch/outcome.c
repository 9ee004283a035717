/* See outcome.h. */
#include "bench/launch/outcome.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bench/base/memory_limit.h"
#include "bench/record/record.h"

void bench_heard_message(void *self, json_t *message)
{
    bench_heard *e = self;
    const json_t *progress = json_object_get(message, "progress"), *step = json_object_get(progress, "step");
    const char *phase = json_string_value(json_object_get(progress, "phase"));
    json_t *record = json_object_get(message, "record");
    if (step) {
        e->step = json_integer_value(step);
        e->steps = json_integer_value(json_object_get(progress, "steps"));
    }
    if (phase)
        snprintf(e->phase, sizeof e->phase, "%s", phase);
    if (progress)
        bench_progress_update(e->progress, progress);
    json_object_update(e->parts, json_object_get(message, "partial"));
    if (json_is_object(record)) {
        json_decref(e->record);
        e->record = json_incref(record);
    }
}

void bench_heard_wish(void *self, bool now)
{
    bench_progress_note(((bench_heard *)self)->progress,
                        now ? "stopping after the step that is running; asked again, at once"
                            : "stopping after this repetition; asked again, after the step that is running");
}

static const char *judge(const bench_heard *e, const bench_child_result *r, const bench_limits *l,
                         char *reason, size_t cap)
{
    char limit[BENCH_DURATION], where[96] = "";
    const char *tail = *r->tail ? r->tail : "it printed nothing";
    if (e->steps)
        snprintf(where, sizeof where, ", at step %lld of %lld", e->step, e->steps);
    else if (*e->phase)
        snprintf(where, sizeof where, ", in phase %s", e->phase);
    if (r->timed_out && !(bench_record_ok(e->record) && !r->signal && r->code == 0)) {
        snprintf(reason, cap, "stopped at the time limit of %s%s",
                 bench_progress_duration(l->timeout_s * 1e9, limit), where);
        return "timeout";
    }
    if (r->out_of_memory) {
        snprintf(reason, cap, "killed by the kernel for want of memory%s", where);
        return "oom";
    }
    if (l->memory_bytes && (r->signal || r->code || !e->record) && bench_memory_limit_hit(tail)) {
        snprintf(reason, cap, "wanted more than its %.1f MiB of memory%s: %s",
                 (double)l->memory_bytes / 1048576, where, tail);
        return "oom";
    }
    if (r->signal == SIGKILL) {
        snprintf(reason, cap, "killed (SIGKILL), possibly out of memory%s", where);
        return "crashed";
    }
    if (r->signal) {
        snprintf(reason, cap, "ended by %s%s: %s", bench_signal_name(r->signal), where, tail);
        return "crashed";
    }
    if (*r->garbage) {
        snprintf(reason, cap, "sent what is no message: %s", r->garbage);
        return "failed";
    }
    if (r->code || !e->record) {
        snprintf(reason, cap, "ended with exit code %d%s%s: %s", r->code, e->record ? "" : " and no record",
                 where, tail);
        return "failed";
    }
    return NULL;
}

static bool is_status(const char *status)
{
    static const char *const all[] = {"ok", "failed", "timeout", "oom", "crashed", "nan", "skipped"};
    bool known = false;
    for (size_t i = 0; status && i < sizeof all / sizeof *all; i++)
        known |= strcmp(status, all[i]) == 0;
    return known;
}

const char *bench_outcome_judge(const bench_heard *e, const bench_child_result *r, const bench_limits *l,
                                char *reason, size_t cap)
{
    const char *status = judge(e, r, l, reason, cap),
               *told = json_string_value(json_object_get(e->record, "status"));
    if (status || is_status(told))
        return status;
    snprintf(reason, cap, "its record has status %.64s", told ? told : "(none)");
    return "failed";
}

void bench_outcome_limits(json_t *record, const bench_limits *l)
{
    json_t *o = json_pack("{s:f}", "timeout_s", l->timeout_s);
    bench_record_set(o, "memory_bytes", l->memory_bytes ? json_integer((json_int_t)l->memory_bytes) : NULL,
                     l->why_not);
    json_object_set_new(record, "limits", o);
}

void bench_outcome_fill(json_t *record)
{
    static const char *const parts[] = {"time",     "memory", "roofline", "counters", "accuracy", "loss",
                                        "numerics", "build",  "binding",  "inputs",   "seeds"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!json_object_get(record, parts[i]))
            bench_record_unknown(record, parts[i], "the cell did not come to it");
}
