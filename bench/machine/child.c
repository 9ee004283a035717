/* See child.h. */
#include "bench/machine/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/machine/cgroup.h"
#include "bench/base/clock.h"

#define MESSAGE_LIMIT ((size_t)1 << 30) /* bytes of one message; a record of a million steps has some 60 MB */

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};

const char *bench_signal_name(int signal)
{
    static const char *const names[] = {
        [SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT", [SIGILL] = "SIGILL",
        [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",
        [SIGKILL] = "SIGKILL", [SIGSEGV] = "SIGSEGV", [SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM",
        [SIGTERM] = "SIGTERM", [SIGXCPU] = "SIGXCPU", [SIGXFSZ] = "SIGXFSZ", [SIGSYS] = "SIGSYS",
    };
    const size_t n = sizeof names / sizeof *names;
    return signal > 0 && (size_t)signal < n && names[signal] ? names[signal] : "an unusual signal";
}

zo_status bench_signals_open(bench_signals *s, zo_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
        sigaddset(&set, ending[i]);
    s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->fd < 0)
        return zo_fail(err, ZO_ERR_IO, "signalfd: %s", strerror(errno));
    sigprocmask(SIG_BLOCK, &set, &s->before);
    return ZO_OK;
}

/* The signals that have come: true where the child may have ended; *asked counts requests to end, *urgent those that
 * are no SIGINT. */
static bool read_signals(const bench_signals *s, int *asked, int *urgent)
{
    bool child = false;
    struct signalfd_siginfo info;
    while (read(s->fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            child = true;
        else
            ++*asked;
        *urgent += info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP;
    }
    return child;
}

bool bench_signals_asked(const bench_signals *s)
{
    int asked = 0, urgent = 0;
    read_signals(s, &asked, &urgent);
    return asked > 0;
}

void bench_signals_close(bench_signals *s)
{
    int asked = 0, urgent = 0;
    if (s->fd < 0)
        return;
    read_signals(s, &asked, &urgent);
    close(s->fd);
    s->fd = -1;
    sigprocmask(SIG_SETMASK, &s->before, NULL);
}

/* ---- starting ---- */

/* The job as a file in memory, ready to be read: unlike a pipe it can be any size. */
static zo_status job_file(const json_t *job, int *fd, zo_error *err)
{
    *fd = memfd_create("job", MFD_CLOEXEC);
    if (*fd < 0 || json_dumpfd(job, *fd, JSON_COMPACT) || lseek(*fd, 0, SEEK_SET) != 0)
        return zo_fail(err, ZO_ERR_IO, "hand the job to a child: %s", strerror(errno));
    return ZO_OK;
}

/* Does the environment's `variable` have the name that `setting`, "NAME=value", sets? */
static bool same_name(const char *variable, const char *setting)
{
    return strncmp(variable, setting, strcspn(setting, "=") + 1) == 0;
}

static bool sets(const char *const *settings, const char *variable)
{
    bool same = false;
    for (size_t i = 0; settings && settings[i]; i++)
        same |= same_name(variable, settings[i]);
    return same;
}

/* This environment with two lists of settings in it, each ended by NULL, or NULL. The array is to be freed; NULL: out of
 * memory. */
static char **environment(const char *const *a, const char *const *b)
{
    const char *const *const lists[] = {a, b};
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; lists[k] && lists[k][i]; i++)
            n++;
    char **env = calloc(n + 1, sizeof *env);
    for (size_t i = 0; env && environ[i]; i++)
        if (!sets(a, environ[i]) && !sets(b, environ[i]))
            env[kept++] = environ[i];
    for (size_t k = 0; env && k < 2; k++)
        for (size_t i = 0; lists[k] && lists[k][i]; i++)
            env[kept++] = (char *)lists[k][i];
    return env;
}

/* Prefers this process over its neighbours when memory runs out: the launcher is to live and tell. */
static void volunteer_for_oom(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (write(fd, "500", 3) != 3) { /* no such file, or no right: the kernel then chooses by size alone */
        }
        close(fd);
    }
}

static void limit_memory(uint64_t bytes)
{
    struct rlimit now, wanted = {bytes, bytes};
    if (getrlimit(RLIMIT_DATA, &now))
        return;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < wanted.rlim_max)
        wanted.rlim_cur = wanted.rlim_max = now.rlim_max;
    setrlimit(RLIMIT_DATA, &wanted);
}

/* In the child: never returns. fds: standard input, output and messages. */
static void become(const char *program, char *const *argv, char *const *env, const int fds[3], pid_t parent,
                   const sigset_t *mask, uint64_t memory_bytes)
{
    int high[3];
    for (int i = 0; i < 3; i++) /* out of the way of 0 .. 3 */
        high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    volunteer_for_oom();
    if (memory_bytes)
        limit_memory(memory_bytes);
    if (high[0] < 0 || high[1] < 0 || high[2] < 0 || dup2(high[0], 0) < 0 || dup2(high[1], 1) < 0 ||
        dup2(high[1], 2) < 0 || dup2(high[2], BENCH_CHILD_FD) < 0)
        _exit(127);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execve(program, argv, env);
    dprintf(2, "exec %s: %s\n", program, strerror(errno));
    _exit(127);
}

/* ---- hearing ---- */

typedef struct listener {
    int fd; /* -1: at its end */
    char *buffer;
    size_t bytes, cap;
} listener;

/* The first line that is no JSON object is remembered. */
static void hear_line(const char *line, size_t bytes, const bench_child_options *o, bench_child_result *out)
{
    json_t *message = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(message))
        o->message(o->self, message);
    else if (!*out->garbage)
        for (size_t i = 0; i < bytes && i + 1 < sizeof out->garbage; i++)
            out->garbage[i] = line[i] >= ' ' && line[i] < 127 ? line[i] : '?';
    json_decref(message);
}

/* Reads what is there; false at the end of the pipe. */
static bool read_some(listener *l)
{
    if (l->cap - l->bytes < 65536) {
        size_t cap = l->cap ? 2 * l->cap : 131072;
        char *bigger = cap <= 2 * MESSAGE_LIMIT ? realloc(l->buffer, cap) : NULL;
        if (!bigger)
            return false;
        l->buffer = bigger;
        l->cap = cap;
    }
    ssize_t n = read(l->fd, l->buffer + l->bytes, l->cap - l->bytes);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    l->bytes += (size_t)n;
    return n > 0;
}

static void hear_messages(listener *l, const bench_child_options *o, bench_child_result *out)
{
    size_t seen = l->bytes, start = 0;
    bool open = read_some(l);
    for (size_t i = seen; i < l->bytes; i++) {
        if (l->buffer[i] != '\n')
            continue;
        hear_line(l->buffer + start, i - start, o, out);
        start = i + 1;
    }
    if (!open && l->bytes > start) /* half a line, or one beyond all bounds */
        hear_line(l->buffer + start, l->bytes - start, o, out);
    if (start)
        memmove(l->buffer, l->buffer + start, l->bytes - start);
    l->bytes -= start;
    if (!open) {
        close(l->fd);
        l->fd = -1;
    }
}

/* Keeps the last of the output. */
static void hear_output(listener *l)
{
    const size_t keep = 4096;
    if (!read_some(l)) {
        close(l->fd);
        l->fd = -1;
    }
    if (l->bytes > keep) {
        memmove(l->buffer, l->buffer + l->bytes - keep, keep);
        l->bytes = keep;
    }
}

/* The end of the output as one line of ASCII: lines joined by "; ", from the beginning of one where that fits. */
static void make_tail(const listener *l, char *tail, size_t cap)
{
    char text[2 * 4096 + 1];
    size_t n = 0, from = 0;
    for (size_t i = 0; i < l->bytes && n + 2 < sizeof text; i++) {
        char c = l->buffer[i];
        if (c == '\n') {
            if (n && text[n - 1] != ' ') {
                text[n++] = ';';
                text[n++] = ' ';
            }
        } else {
            text[n++] = (c < ' ' && c != '\t') || c == 127 ? '?' : c;
        }
    }
    while (n && (text[n - 1] == ' ' || text[n - 1] == ';'))
        n--;
    text[n] = '\0';
    if (n >= cap) {
        const char *line = strstr(text + n - cap + 1, "; ");
        from = line ? (size_t)(line - text) + 2 : n - cap + 1;
    }
    snprintf(tail, cap, "%.*s", (int)(n - from), text + from);
    for (char *c = tail; *c; c++) /* bytes that may not be UTF-8 when cut */
        *c = (unsigned char)*c < 128 ? *c : '?';
}

/* ---- watching ---- */

typedef struct watch {
    pid_t pid;
    int64_t deadline_ns; /* of what comes next: SIGTERM, then SIGKILL; 0: nothing does */
    int64_t asked_ns;    /* when this process was asked to end; 0: it was not */
} watch;

static int64_t in_seconds(double s)
{
    return bench_clock_ns() + (int64_t)(s * 1e9);
}

static void kill_group(watch *w, bench_child_result *out)
{
    out->killed = true;
    kill(-w->pid, SIGKILL);
    w->deadline_ns = 0;
}

static void at_deadline(watch *w, const bench_child_options *o, bench_child_result *out)
{
    if (out->timed_out || out->stopped) {
        kill_group(w, out);
        return;
    }
    out->timed_out = true;
    kill(w->pid, SIGTERM);
    w->deadline_ns = in_seconds(o->grace_s);
}

/* A first SIGINT, with finish: the child may end by itself. Another, or any other signal: it is told to end, and is killed where it does
 * not. One more: it is killed. What comes within a fifth of a second is one wish, which may come as several signals. */
static void when_asked(watch *w, const bench_child_options *o, bool urgent, bench_child_result *out)
{
    int64_t now = bench_clock_ns();
    urgent |= !o->finish;
    if (out->interrupted && now - w->asked_ns < 200000000 && !(urgent && !out->stopped))
        return;
    if (out->stopped) {
        kill_group(w, out);
        return;
    }
    out->stopped = out->interrupted || urgent;
    out->interrupted = true;
    w->asked_ns = now;
    if (out->stopped) {
        kill(w->pid, SIGTERM);
        w->deadline_ns = in_seconds(o->grace_s);
    }
    if (o->asked)
        o->asked(o->self, out->stopped);
}

static int poll_ms(const watch *w)
{
    if (!w->deadline_ns)
        return -1;
    int64_t left = w->deadline_ns - bench_clock_ns();
    return left <= 0 ? 0 : left > (int64_t)3600 * 1000000000 ? 3600000 : (int)((left + 999999) / 1000000);
}

/* Until the child has ended. It is not reaped: its number still names its group. */
static zo_status watch_child(watch *w, const bench_signals *signals, const bench_child_options *o,
                             listener *messages, listener *output, bench_child_result *out, zo_error *err)
{
    bool ended = false;
    while (!ended) {
        struct pollfd fds[] = {{.fd = signals->fd, .events = POLLIN},
                               {.fd = messages->fd, .events = POLLIN},
                               {.fd = output->fd, .events = POLLIN}};
        int n = poll(fds, 3, poll_ms(w));
        if (n < 0 && errno != EINTR)
            return zo_fail(err, ZO_ERR_IO, "wait for a child: poll: %s", strerror(errno));
        int asked = 0, urgent = 0;
        if (n > 0 && fds[0].revents && read_signals(signals, &asked, &urgent)) {
            siginfo_t info = {0};
            if (waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG | WNOWAIT))
                return zo_fail(err, ZO_ERR_IO, "wait for a child: %s", strerror(errno));
            ended = info.si_pid == w->pid;
        }
        if (n > 0 && fds[1].revents)
            hear_messages(messages, o, out);
        if (n > 0 && fds[2].revents)
            hear_output(output);
        if (asked && !ended)
            when_asked(w, o, urgent > 0, out);
        else if (asked) /* just too late for the child */
            out->interrupted = true;
        if (ended)
            break;
        if (w->deadline_ns && bench_clock_ns() >= w->deadline_ns)
            at_deadline(w, o, out);
    }
    return ZO_OK;
}

/* What is left in the pipes; a descendant may hold them open, so only what is there now. */
static void hear_the_rest(const bench_child_options *o, listener *messages, listener *output,
                          bench_child_result *out)
{
    struct pollfd fds[2];
    const int64_t deadline_ns = in_seconds(1.0);
    do {
        fds[0] = (struct pollfd){.fd = messages->fd, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = output->fd, .events = POLLIN};
        if (poll(fds, 2, 0) <= 0)
            break;
        if (fds[0].revents)
            hear_messages(messages, o, out);
        if (fds[1].revents)
            hear_output(output);
    } while ((messages->fd >= 0 || output->fd >= 0) && bench_clock_ns() < deadline_ns);
}

static zo_status reap(const watch *w, bench_child_result *out, zo_error *err)
{
    int status;
    while (waitpid(w->pid, &status, 0) < 0)
        if (errno != EINTR)
            return zo_fail(err, ZO_ERR_IO, "wait for a child: %s", strerror(errno));
    out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    out->code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    out->killed = out->killed && out->signal == SIGKILL;
    return ZO_OK;
}

static void close_all(int *fds, int n)
{
    for (int i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

zo_status bench_child_run(const bench_signals *signals, const bench_child_options *o, bench_child_result *out,
                          zo_error *err)
{
    zo_status st = ZO_OK;
    int fds[5] = {-1, -1, -1, -1, -1}; /* job; output: read, write; messages: read, write */
    char threads[40], blas[80], **env = NULL;
    const char *const own[] = {threads, o->blas_core ? blas : NULL, NULL};
    listener messages = {.fd = -1}, output = {.fd = -1};
    watch w = {0};
    uint64_t kills_before = 0, kills_after = 0;
    const bool counted = bench_cgroup_oom_kills(BENCH_CGROUPS, &kills_before);
    const pid_t self = getpid();
    *out = (bench_child_result){0};
    st = job_file(o->job, &fds[0], err);
    if (st)
        goto cleanup;
    snprintf(threads, sizeof threads, "OMP_NUM_THREADS=%d", o->threads);
    snprintf(blas, sizeof blas, "OPENBLAS_CORETYPE=%s", o->blas_core ? o->blas_core : "");
    env = environment(own, o->settings);
    if (!env || pipe2(fds + 1, O_CLOEXEC) || pipe2(fds + 3, O_CLOEXEC)) {
        st = zo_fail(err, ZO_ERR_IO, "start a child: %s", strerror(errno));
        goto cleanup;
    }
    int64_t begin_ns = bench_clock_ns();
    out->began = bench_processor_ticks("/proc");
    w.deadline_ns = o->timeout_s > 0 ? in_seconds(o->timeout_s) : 0;
    w.pid = fork();
    if (w.pid < 0) {
        st = zo_fail(err, ZO_ERR_IO, "start a child: fork: %s", strerror(errno));
        goto cleanup;
    }
    if (w.pid == 0)
        become(o->program ? o->program : "/proc/self/exe", (char *const *)o->argv, env,
               (const int[]){fds[0], fds[2], fds[4]}, self, &signals->before, o->memory_bytes);
    setpgid(w.pid, w.pid); /* whoever is first; it fails where the child has executed already */
    close_all(fds + 2, 1);
    close_all(fds + 4, 1);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    fcntl(fds[3], F_SETFL, O_NONBLOCK);
    output.fd = fds[1];
    messages.fd = fds[3];
    fds[1] = fds[2] = fds[3] = fds[4] = -1;
    st = watch_child(&w, signals, o, &messages, &output, out, err);
    out->wall_ns = bench_clock_ns() - begin_ns;
    out->ended = bench_processor_ticks("/proc");
    kill(-w.pid, SIGKILL); /* whoever it left behind */
    hear_the_rest(o, &messages, &output, out);
    if (reap(&w, out, err))
        st = err ? err->status : ZO_ERR_IO;
    make_tail(&output, out->tail, sizeof out->tail);
    out->out_of_memory = out->signal == SIGKILL && !out->killed && counted &&
                         bench_cgroup_oom_kills(BENCH_CGROUPS, &kills_after) && kills_after > kills_before;
cleanup:
    close_all(fds, 5);
    close_all(&output.fd, 1);
    close_all(&messages.fd, 1);
    free(output.buffer);
    free(messages.buffer);
    free(env);
    return st;
}
