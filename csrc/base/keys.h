/* keys.h - base: dicts with the same keys each time.
 *
 * In:  the names of the keys, and an array of as many objects, NULL at first, which the caller keeps.
 * Out: interned strings, one of each name for all dicts. The caller owns them until yagot_keys_fini().
 * Functions that return int give -1 with an exception set when they fail.
 */
#ifndef YAGOT_KEYS_H
#define YAGOT_KEYS_H

#include "core.h"

/* Makes those that are not there yet. */
int yagot_keys_init(PyObject **keys, const char *const *names, size_t count);
void yagot_keys_fini(PyObject **keys, size_t count);
/* Steals the value, which may be NULL with an exception set. */
int yagot_keys_set(PyObject *dict, PyObject *key, PyObject *value);

#endif
