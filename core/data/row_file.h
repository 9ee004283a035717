/* Files of rows: JSON lines, and tab-separated values with a header line. One line, one row.
 *
 * Both forms come as a JSON object from field name to value; the fields of a .tsv are strings, exactly the bytes
 * between two tabs (GLUE's files know no quoting). Lines may end in CR LF, a byte-order mark at the start of the
 * file is skipped, and so are lines of white space. Refused, with the line's number: a line that is not a JSON
 * object, a key given twice, text that is not UTF-8, a NUL (as a byte or as \u0000), a .tsv line with more or fewer
 * columns than the header, a line longer than ZO_ROW_FILE_MAX_LINE.
 */
#ifndef ZO_ROW_FILE_H
#define ZO_ROW_FILE_H

#include <stdint.h>

#include <jansson.h>

#include "core/base/error.h"
#include "core/base/mem.h"

#define ZO_ROW_FILE_MAX_LINE (1 << 20) /* bytes; the longest row of the tasks' data sets has about 12,000 */

/* What is done with a row; the row is borrowed. A failure stops the reading. */
typedef zo_status (*zo_row_file_visit)(void *context, const json_t *row, zo_error *err);

/* Calls visit for the first `limit` rows of path (0: all). The name's ending, .tsv or another, tells the form. What
 * fails, visit included, says "path:line: ..." first. Lines after the last row wanted are not looked at.
 * skipped: NULL, or .tsv lines with more or fewer columns than the header are left out and counted there.
 * Fails: ZO_ERR_IO, ZO_ERR_FORMAT, ZO_ERR_MEMORY, and as visit does. */
zo_status zo_row_file_read(const char *path, int32_t limit, zo_row_file_visit visit, void *context,
                           int32_t *skipped, zo_mem *mem, zo_error *err);

#endif
