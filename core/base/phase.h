/* Where a step is: the core says when it enters a phase, the harness may watch and take the time.
 * The core itself measures nothing.
 */
#ifndef ZO_PHASE_H
#define ZO_PHASE_H

#define ZO_PHASE_MAP(X)                                                                                      \
    X(DATA, "data")           /* building the batch */                                                       \
    X(PERTURB, "perturb")     /* noise, and replicas formed from it */                                       \
    X(LINEAR, "linear")       /* frozen maps; fused into them: Bw of the adapters, bias, SwiGLU, residual */ \
    X(LOWRANK, "lowrank")     /* A x of the adapters */                                                      \
    X(ATTENTION, "attention") /* scores, softmax, mix */                                                     \
    X(SMALL, "small")         /* embedding, norms, RoPE, packing of inputs */                                \
    X(HEAD, "head")           /* output head */                                                              \
    X(LOSS, "loss")           /* softmax and cross-entropy */                                                \
    X(UPDATE, "update")       /* the optimizer */                                                            \
    X(OTHER, "other")

typedef enum zo_phase {
#define X(name, text) ZO_PHASE_##name,
    ZO_PHASE_MAP(X)
#undef X
        ZO_PHASE_COUNT
} zo_phase;

typedef struct zo_phase_hook {
    void (*enter)(void *self, zo_phase phase); /* NULL: nobody watches */
    void *self;
} zo_phase_hook;

static inline void zo_phase_enter(zo_phase_hook hook, zo_phase phase)
{
    if (hook.enter)
        hook.enter(hook.self, phase);
}

const char *zo_phase_name(zo_phase phase);

#endif
