/* See gnuplot.h. */
#include "bench/report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GNUPLOT_SECONDS = 120 };

const char *const bench_gnuplot_endings[] = {"svg", "png", "pdf", NULL};

/* In single quotes nothing but the quote itself is special. */
void bench_gnuplot_put_setting(FILE *f, const char *name, int index, const char *text)
{
    fputs(name, f);
    if (index >= 0)
        fprintf(f, "%d", index);
    fputs(" = '", f);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', f);
        fputc(strchr("\n\r\t", *text) ? ' ' : *text, f);
    }
    fputs("'\n", f);
}

void bench_gnuplot_put_number(FILE *f, double v, const char *end)
{
    if (isfinite(v))
        fprintf(f, "%.10g%s", v, end);
    else
        fprintf(f, "?%s", end);
}

/* Only what gnuplot needs to be found and to find its fonts: GNUTERM and the like would change what it draws. Of PATH, folders with
 * a whole path: it is run in the report's folder, where a program of that name may lie. */
static void clean_environment(void)
{
    static const char *const kept[] = {"HOME", "TMPDIR", "XDG_CACHE_HOME", "FONTCONFIG_FILE"};
    enum { KEPT = sizeof kept / sizeof *kept };
    const char *path = getenv("PATH");
    char *value[KEPT], *list = strdup(path ? path : "/usr/bin:/bin"), whole[4096] = "";
    for (int i = 0; i < KEPT; i++) {
        const char *now = getenv(kept[i]);
        value[i] = now ? strdup(now) : NULL;
    }
    for (char *save = NULL, *p = list ? strtok_r(list, ":", &save) : NULL; p;
         p = strtok_r(NULL, ":", &save)) {
        const size_t n = strlen(whole);
        if (*p == '/')
            snprintf(whole + n, sizeof whole - n, "%s%s", n ? ":" : "", p);
    }
    clearenv();
    setenv("PATH", whole, 1);
    for (int i = 0; i < KEPT; i++)
        if (value[i])
            setenv(kept[i], value[i], 1);
}

/* The child's side: gnuplot in dir, its words to `out`. */
static void exec_gnuplot(const char *dir, const char *script, int out)
{
    clean_environment();
    alarm(GNUPLOT_SECONDS); /* survives exec */
    if (chdir(dir) == 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0)
        execlp("gnuplot", "gnuplot", "-d", "-e", "suffix='.tmp'", script, (char *)NULL);
    _exit(127);
}

/* Everything a descriptor gives, of which the first cap - 1 bytes are kept. */
static void read_all(int fd, char *out, size_t cap)
{
    size_t used = 0;
    char chunk[512];
    for (ssize_t n; (n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR);) {
        size_t keep = n < 0 ? 0 : (size_t)n < cap - 1 - used ? (size_t)n : cap - 1 - used;
        memcpy(out + used, chunk, keep);
        used += keep;
    }
    out[used] = 0;
}

/* The line of gnuplot's words that says what is wrong: the last that is not empty. */
static const char *last_line(char *words)
{
    char *line = words;
    for (char *save = NULL, *p = strtok_r(words, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
        if (p[strspn(p, " \t^")])
            line = p;
    return line + strspn(line, " \t");
}

/* Puts an image in its place, or (keep false) takes away what is half done and what was drawn from older data. */
static zo_status rename_image(const char *dir, const char *name, const char *ending, bool keep, zo_error *err)
{
    char from[4096], to[4096];
    snprintf(to, sizeof to, "%s/%s.%s", dir, name, ending);
    snprintf(from, sizeof from, "%s/%s.%s.tmp", dir, name, ending);
    if (!keep) {
        unlink(from);
        unlink(to);
        return ZO_OK;
    }
    if (rename(from, to) != 0)
        return zo_fail(err, ZO_ERR_IO, "rename %s: %s", from, strerror(errno));
    return ZO_OK;
}

zo_status bench_gnuplot_draw(const char *dir, const char *name, zo_error *err)
{
    char script[64], words[2048] = "";
    int ends[2], status = 0;
    snprintf(script, sizeof script, "%s.gp", name);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return zo_fail(err, ZO_ERR_IO, "run gnuplot: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        exec_gnuplot(dir, script, ends[1]);
    }
    close(ends[1]);
    if (child > 0)
        read_all(ends[0], words, sizeof words);
    close(ends[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    bool ok = child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    zo_status st = ZO_OK;
    for (const char *const *ending = bench_gnuplot_endings; *ending; ending++) {
        zo_status renamed = rename_image(dir, name, *ending, ok, err);
        st = st ? st : renamed;
    }
    if (child < 0)
        return zo_fail(err, ZO_ERR_IO, "run gnuplot: cannot start a process");
    if (!ok && WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return zo_fail(err, ZO_ERR_IO, "gnuplot is not installed");
    if (!ok)
        return zo_fail(err, ZO_ERR_IO, "gnuplot %s/%s: %s", dir, script,
                       WIFSIGNALED(status) ? "took too long or crashed" : last_line(words));
    return st;
}
