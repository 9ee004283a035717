/* What a reader may leave unread of a model or an adapter: the names that cannot change what is computed, each with the
 * reason. A reader marks what it takes; whatever else a file holds goes through zo_unread_check, and so is either in this list
 * or an error that names it. A file is never computed with in part.
 */
#ifndef ZO_UNREAD_H
#define ZO_UNREAD_H

#include <stddef.h>

#include "core/base/error.h"

typedef enum zo_unread {
    ZO_UNREAD_TENSOR,  /* of GGUF and safetensors files */
    ZO_UNREAD_GGUF,    /* keys of the architecture's namespace ("llama.", which the patterns leave out) */
    ZO_UNREAD_TOKENS,  /* keys tokenizer.* of GGUF */
    ZO_UNREAD_CONFIG,  /* keys of config.json */
    ZO_UNREAD_ROPE,    /* keys of its rope_scaling or rope_parameters */
    ZO_UNREAD_ADAPTER, /* keys of adapter_config.json */
} zo_unread;

/* Why a name that was left unread is harmless, or NULL. n bytes at name. value: of a key that holds a number, or a boolean as 0
 * or 1; else NaN. */
const char *zo_unread_reason(zo_unread kind, const char *name, size_t n, double value);
/* Fails with ZO_ERR_UNSUPPORTED, naming it, unless it is harmless. */
zo_status zo_unread_check(zo_unread kind, const char *name, size_t n, double value, zo_error *err);

#endif
