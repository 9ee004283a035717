/* Adapters in the folder form of the Hugging Face PEFT library: adapter_config.json and
 * adapter_model.safetensors, so that a result can be taken away and loaded there.
 *
 * Keys: base_model.model.model.layers.N.<self_attn|mlp>.<target>.lora_A.weight (R, in) and .lora_B.weight (out, R),
 * F32. The configuration holds the few keys that every PEFT version reads (an older one refuses unknown keys).
 */
#ifndef ZO_ADAPTER_FILE_H
#define ZO_ADAPTER_FILE_H

#include "core/model/lora.h"

/* Writes l to the folder dir (made if missing, with its parents), each file to a temporary name, fsynced, renamed.
 * base: what goes into base_model_name_or_path. Fails: ZO_ERR_IO, ZO_ERR_MEMORY. */
zo_status zo_adapter_file_save(const zo_lora *l, const char *dir, const char *base, zo_error *err);

/* Reads dir into a new adapter for a model of shape c; F32, F16 and BF16 tensors are accepted. train_a as given
 * (the files do not say what was trained). target_modules and exclude_modules may be names, paths or a pattern,
 * layers_to_transform may choose layers; the tensors must be those that they call for, and no other. With use_rslora the scale
 * alpha / sqrt(R) is kept as an alpha of alpha * sqrt(R). What is not computed (DoRA, patterns of ranks, other peft_types) is
 * refused by name. Fails: ZO_ERR_IO, ZO_ERR_FORMAT (missing or misshapen tensor, bad configuration), ZO_ERR_UNSUPPORTED,
 * ZO_ERR_NUMERIC (a value is NaN or infinite), ZO_ERR_MEMORY. */
zo_status zo_adapter_file_load(const char *dir, const zo_config *c, bool train_a, zo_mem *mem, zo_lora **out,
                               zo_error *err);

#endif
