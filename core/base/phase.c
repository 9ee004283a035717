/* See phase.h. */
#include "core/base/phase.h"

const char *zo_phase_name(zo_phase phase)
{
    static const char *const names[] = {
#define X(name, text) [ZO_PHASE_##name] = text,
        ZO_PHASE_MAP(X)
#undef X
    };
    return (unsigned)phase < ZO_PHASE_COUNT ? names[phase] : "unknown";
}
