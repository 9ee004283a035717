/* See paths.h. */
#include "bench/base/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *setting(const char *variable, const char *otherwise)
{
    const char *value = getenv(variable);
    return value && *value ? value : otherwise;
}

static int ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

zo_status bench_model_path(const char *name, char *out, size_t cap, zo_error *err)
{
    if (strchr(name, '/') || strncmp(name, "synth:", 6) == 0 || ends_with(name, ".gguf") ||
        ends_with(name, ".json")) {
        if ((size_t)snprintf(out, cap, "%s", name) >= cap)
            return zo_fail(err, ZO_ERR_INVALID, "model path is too long: %s", name);
        return ZO_OK;
    }
    const char *dir = setting("ZOBENCH_MODELS", "models");
    for (int folder = 0; folder < 2; folder++) {
        int n = snprintf(out, cap, "%s/%s%s", dir, name, folder ? "" : ".gguf");
        if (n > 0 && (size_t)n < cap && access(out, R_OK) == 0)
            return ZO_OK;
    }
    return zo_fail(
        err, ZO_ERR_IO,
        "find model %s: neither %s/%s.gguf nor %s/%s/ is there; fetch it with scripts/fetch-model %s", name,
        dir, name, dir, name, name);
}

const char *bench_data_dir(const char *value)
{
    return value && *value ? value : setting("ZOBENCH_DATA", "data");
}
