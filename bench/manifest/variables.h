/* Variables of a manifest: "variables": {"size": "135m"}, and "${size}" for the value anywhere else. */
#ifndef BENCH_VARIABLES_H
#define BENCH_VARIABLES_H

#include "bench/manifest/json_tree.h"

/* variables: the section, or NULL. Fails: ZO_ERR_FORMAT (names, values that hold variables). */
zo_status bench_variables_check(const bench_node *variables, zo_error *err);

/* Puts values in the place of variables in node and all below it, the section itself left out. A text that is one variable
 * becomes its value, of any type; others hold its text. "$${" becomes "${". Fails: ZO_ERR_FORMAT, with the place;
 * ZO_ERR_MEMORY. */
zo_status bench_variables_fill(bench_json_tree *t, const bench_node *variables, bench_node *node,
                               zo_error *err);

#endif
