/* The bare zobench: where one is. The machine and whether it is fit to measure on, the suites at hand with what they cost, the
 * claims and the last run, and what to do next. Reads ./experiments and ./results and measures nothing.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/machine/build.h"
#include "bench/results/claim.h"
#include "bench/cmd/commands.h"
#include "bench/launch/doctor.h"
#include "bench/base/exit.h"
#include "bench/base/folder.h"
#include "bench/machine/machine.h"
#include "bench/base/paths.h"
#include "bench/launch/progress.h"
#include "bench/record/record.h"

#define MOST_FOLDERS  64
#define MOST_BYTES    (16 << 20) /* of records that are read here, so that the screen comes at once */
#define MOST_FINDINGS 3

/* One folder of results. */
typedef struct folder {
    char path[300];
    bench_results *r;  /* owned; NULL: trouble says why */
    char trouble[400]; /* "" */
    bool kept;         /* under results/kept: no run of here */
    bool run;          /* has records */
    time_t when;       /* of the latest record */
    int64_t done, failed, wanted;
    double seconds; /* a repetition takes on average; NaN: none is ok */
} folder;

typedef struct screen {
    const char *program; /* as it was called */
    json_t *machine, *build, *findings;
    folder folders[MOST_FOLDERS];
    int count, left_out;
    int64_t bytes; /* of records read */
    int suites;
    char first[300];        /* a suite that can run as things are: the cheapest known, else the first; "" */
    double first_s;         /* NaN: unknown */
    char missing_name[256]; /* a model that some suite needs; "" */
    bool guess, bare;       /* some suite's time is from kept records; is not known */
} screen;

/* ---- results ---- */

static void count_runs(folder *f)
{
    double sum = 0;
    int64_t n = 0;
    for (int32_t i = 0; i < f->r->cell_count; i++) {
        const bench_result *c = &f->r->cells[i];
        const int64_t wanted = f->r->manifest->measure.min_runs;
        f->wanted += wanted;
        f->done += c->ok_count < wanted ? c->ok_count : wanted;
        f->failed += c->run_count - c->ok_count;
        for (int32_t k = 0; k < c->run_count; k++) {
            if (!bench_record_ok(c->runs[k]))
                continue;
            sum += json_number_value(json_object_get(c->runs[k], "wall_ns"));
            n++;
        }
    }
    f->seconds = n ? sum / 1e9 / (double)n : NAN;
}

/* The first line of a message that may be long. */
static void say_trouble(folder *f, const char *text)
{
    snprintf(f->trouble, sizeof f->trouble, "%.*s", (int)strcspn(text, "\n"), text);
}

static void load_folder(screen *s, folder *f, int64_t bytes)
{
    zo_error err = {0};
    if (s->bytes + bytes > MOST_BYTES) {
        snprintf(f->trouble, sizeof f->trouble, "%.0f MiB of records, too many to read here",
                 (double)bytes / (1 << 20));
        return;
    }
    s->bytes += bytes;
    if (bench_results_load(f->path, NULL, &f->r, &err))
        say_trouble(f, err.text);
    else
        count_runs(f);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

/* Every folder below dir that has records or the manifest of a run. */
static void find_folders(screen *s, const char *dir, bool kept)
{
    struct dirent **list = NULL;
    int n = scandir(dir, &list, visible, by_name);
    for (int i = 0; i < n; i++) {
        char *records = bench_folder_path("%s/%s/cells.jsonl", dir, list[i]->d_name);
        char *manifest = bench_folder_path("%s/%s/manifest.json", dir, list[i]->d_name);
        struct stat of_records, of_manifest;
        const bool run = records && stat(records, &of_records) == 0;
        if (run || (manifest && stat(manifest, &of_manifest) == 0)) {
            if (s->count < MOST_FOLDERS) {
                folder *f = &s->folders[s->count++];
                *f =
                    (folder){.kept = kept, .run = run, .when = run ? of_records.st_mtime : 0, .seconds = NAN};
                snprintf(f->path, sizeof f->path, "%s/%s", dir, list[i]->d_name);
                load_folder(s, f, run ? of_records.st_size : 0);
            } else {
                s->left_out++;
            }
        }
        free(records);
        free(manifest);
        free(list[i]);
    }
    free(list);
}

/* ---- machine ---- */

static const char *text_of(const json_t *o, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : otherwise;
}

static void print_machine(const screen *s)
{
    const json_t *m = s->machine;
    const double gib = 1 << 30, free_bytes = json_number_value(json_object_get(m, "memory_available_bytes"));
    const int threads = m ? bench_machine_threads(m) : 0;
    printf("machine    ");
    if (!m) {
        puts("cannot be described: zobench doctor says why");
        return;
    }
    printf("%s, %d core%s, %.1f GiB of memory", text_of(m, "cpu", "a processor without a name"), threads,
           threads == 1 ? "" : "s", json_number_value(json_object_get(m, "memory_bytes")) / gib);
    if (free_bytes > 0)
        printf(" (%.1f free)", free_bytes / gib);
    printf(", %s kernels\n", text_of(m, "kernels", "portable"));
}

static void print_readiness(const screen *s)
{
    size_t i;
    const json_t *f;
    const size_t n = json_array_size(s->findings);
    printf("readiness  %s", n ? "" : "nothing found that is wrong for measuring\n");
    json_array_foreach(s->findings, i, f)
    {
        if (i == MOST_FINDINGS)
            break;
        printf("%s%s\n", i ? "           " : "", text_of(f, "what", ""));
    }
    if (n > MOST_FINDINGS)
        printf("           and %zu more\n", n - MOST_FINDINGS);
    if (n)
        printf("           %s doctor says more, and what helps\n", s->program);
}

/* ---- suites ---- */

/* Results of this suite with a time: its own, else kept ones. */
static const folder *timed(const screen *s, const char *name)
{
    for (int i = 0; i < s->count; i++)
        if (s->folders[i].r && strcmp(s->folders[i].r->manifest->name, name) == 0 &&
            !isnan(s->folders[i].seconds))
            return &s->folders[i]; /* results/ was looked through first */
    return NULL;
}

/* Is nothing of the suite missing in results/? */
static bool complete(const screen *s, const char *name)
{
    for (int i = 0; i < s->count; i++) {
        const folder *f = &s->folders[i];
        if (f->r && !f->kept && strcmp(f->r->manifest->name, name) == 0 && f->done >= f->wanted)
            return true;
    }
    return false;
}

/* The first model that is not there; "" where all are. */
static const char *missing_model(const bench_manifest *m)
{
    char path[4096];
    const char *before = "";
    for (int32_t i = 0; i < m->cell_count; i++) {
        const char *model = m->cells[i].params.model;
        if (strcmp(model, before) && bench_model_path(model, path, sizeof path, NULL))
            return model;
        before = model;
    }
    return "";
}

/* A title, on a terminal cut to what is left of its line between so many columns. */
static void put_title(const char *title, int before, size_t after)
{
    struct winsize w;
    size_t n = strlen(title), used = (size_t)before + after + 3;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || w.ws_col <= used + 16 || n + used - 3 <= w.ws_col) {
        fputs(title, stdout);
        return;
    }
    n = w.ws_col - used;
    while (n && ((title[n] & 0xC0) == 0x80 || title[n - 1] == ' '))
        n--; /* not within a letter of UTF-8 */
    printf("%.*s...", (int)n, title);
}

static void print_suite(screen *s, const char *path)
{
    bench_manifest *m = NULL;
    zo_error err = {0};
    char time[BENCH_DURATION + 1] = "?";
    if (bench_manifest_load(path, &m, &err)) {
        printf("  %s\n", err.text); /* begins with file:line:column */
        return;
    }
    const int64_t runs = m->cell_count * m->measure.min_runs;
    const folder *f = timed(s, m->name);
    const double seconds = f ? (double)runs * f->seconds : NAN;
    const char *missing = missing_model(m);
    const bool done = complete(s, m->name);
    s->suites++;
    if (f) {
        time[0] = '~';
        bench_progress_duration(1e9 * seconds, f->kept ? time + 1 : time);
    }
    s->guess = s->guess || (f && f->kept);
    s->bare = s->bare || !f;
    const int before = printf("  %-34s %5d %6lld %9s  ", path, m->cell_count, (long long)runs, time);
    put_title(m->title, before,
              *missing ? strlen(" [needs model ]") + strlen(missing)
              : done   ? strlen(" [done]")
                       : 0);
    if (*missing) {
        printf(" [needs model %s]", missing);
        snprintf(s->missing_name, sizeof s->missing_name, "%s", missing);
    }
    puts(done ? " [done]" : "");
    if (!*missing && !done &&
        (!*s->first || seconds < s->first_s || (isnan(s->first_s) && !isnan(seconds)))) {
        snprintf(s->first, sizeof s->first, "%s", path);
        s->first_s = seconds;
    }
    bench_manifest_free(m);
}

static int is_manifest(const struct dirent *e)
{
    const size_t n = strlen(e->d_name);
    return visible(e) && n > 5 && strcmp(e->d_name + n - 5, ".json") == 0;
}

static void print_suites(screen *s)
{
    struct dirent **list = NULL;
    int n = scandir("experiments", &list, is_manifest, by_name);
    printf("\nsuites%s\n", n > 0 ? "" : "     none: there is no manifest in ./experiments");
    if (n > 0)
        printf("  %-34s %5s %6s %9s\n", "", "cells", "runs", "time");
    for (int i = 0; i < n; i++) {
        char *path = bench_folder_path("experiments/%s", list[i]->d_name);
        if (path)
            print_suite(s, path);
        free(path);
        free(list[i]);
    }
    free(list);
    if (s->guess)
        puts("  ~: what its kept records took, on the machine that they are from");
    if (s->bare)
        printf("  ?: %s plan MANIFEST predicts it\n", s->program);
}

/* ---- claims ---- */

/* Returns whether it said anything. */
static bool print_claims_of(const folder *f)
{
    bench_claim *claims = NULL;
    zo_error err = {0};
    const int32_t n = f->r->manifest->claim_count;
    int32_t counts[BENCH_CLAIM_VERDICTS] = {0}, said = 0;
    if (!n || !f->run)
        return false;
    if (bench_claims_judge(f->r, &claims, &err)) {
        printf("  %s: %s\n", f->path, err.text);
        return true;
    }
    for (int32_t i = 0; i < n; i++)
        counts[claims[i].verdict]++;
    printf("  %s: ", f->path);
    for (int v = 0; v < BENCH_CLAIM_VERDICTS; v++)
        if (counts[v])
            printf("%s%d %s", said++ ? ", " : "", counts[v], bench_claim_verdict_text(v));
    for (int32_t i = 0, named = 0; i < n; i++)
        if (claims[i].verdict == BENCH_CLAIM_CONTRADICTED)
            printf("%s%s", named++ ? ", " : ": ", claims[i].spec->id);
    putchar('\n');
    bench_claims_free(claims, n);
    return true;
}

static void print_claims(const screen *s)
{
    bool any = false;
    puts("\nclaims so far");
    for (int i = 0; i < s->count; i++)
        if (s->folders[i].r)
            any |= print_claims_of(&s->folders[i]);
    if (!any)
        puts("  none: no results hold claims yet");
    for (int i = 0; i < s->count; i++)
        if (*s->folders[i].trouble)
            printf("  %s cannot be read: %s\n", s->folders[i].path, s->folders[i].trouble);
    if (s->left_out)
        printf("  %d more folders of results are not looked at here\n", s->left_out);
}

/* ---- last run and next step ---- */

static const folder *last_run(const screen *s)
{
    const folder *last = NULL;
    for (int i = 0; i < s->count; i++) {
        const folder *f = &s->folders[i];
        if (!f->kept && f->run && (!last || f->when > last->when))
            last = f;
    }
    return last;
}

static void print_last(const folder *f)
{
    char when[32] = "";
    struct tm t;
    if (!f) {
        puts("\nlast run   none here yet");
        return;
    }
    if (localtime_r(&f->when, &t))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M", &t);
    printf("\nlast run   %s, %s", f->path, when);
    if (f->r)
        printf(": %lld of %lld repetitions done", (long long)f->done, (long long)f->wanted);
    if (f->failed)
        printf(", %lld not ok", (long long)f->failed);
    if (f->r && f->r->torn)
        printf(", %d torn line%s", f->r->torn, f->r->torn == 1 ? "" : "s");
    putchar('\n');
}

/* The manifest of a run, where it is at hand; else the copy in its folder. */
static void manifest_of(const folder *f, char *out, size_t cap)
{
    struct stat st;
    snprintf(out, cap, "experiments/%s.json", f->r->manifest->name);
    if (stat(out, &st))
        snprintf(out, cap, "%s/manifest.json", f->path);
}

static void print_next(const screen *s, const folder *last)
{
    char path[400];
    struct stat report;
    printf("next       ");
    if (last && last->r) {
        snprintf(path, sizeof path, "%s/report", last->path);
        const bool reported = stat(path, &report) == 0 && report.st_mtime >= last->when;
        if (last->done < last->wanted) {
            manifest_of(last, path, sizeof path);
            printf("%s run %s%s\n", s->program, path, last->failed ? " --retry" : "");
            return;
        }
        if (!reported) {
            printf("%s report %s\n", s->program, last->path);
            return;
        }
    }
    if (*s->first)
        printf("%s run %s\n", s->program, s->first);
    else if (*s->missing_name)
        printf("scripts/fetch-model %s, then %s run what needs it\n", s->missing_name, s->program);
    else if (s->suites)
        puts("a manifest of your own: README.md says how, all of these are done");
    else
        printf("%s eval model=synth:tiny task=polarity eval_rows=16, or start it where ./experiments is\n",
               s->program);
}

int bench_cmd_screen(int argc, char **argv)
{
    screen *s = calloc(1, sizeof *s);
    (void)argc;
    if (!s) {
        fputs("zobench: out of memory\n", stderr);
        return BENCH_EXIT_FAILED;
    }
    s->program = argv[0] && *argv[0] ? argv[0] : "zobench";
    s->build = bench_build_describe();
    if (bench_machine_describe(&s->machine, NULL) == ZO_OK)
        s->findings = bench_doctor_findings(s->machine, s->build, NULL, NULL);
    find_folders(s, "results", false);
    find_folders(s, "results/kept", true);
    puts("zobench fine-tunes language models without backpropagation and measures what that costs.\n");
    print_machine(s);
    print_readiness(s);
    print_suites(s);
    print_claims(s);
    const folder *last = last_run(s);
    print_last(last);
    print_next(s, last);
    printf("           %s help lists the commands\n", s->program);
    for (int i = 0; i < s->count; i++)
        bench_results_free(s->folders[i].r);
    json_decref(s->findings);
    json_decref(s->machine);
    json_decref(s->build);
    free(s);
    return BENCH_EXIT_OK;
}
