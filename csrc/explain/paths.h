/* paths.h - why an object is alive.
 *
 * In:  the object, and all tracked objects.
 * Out: a path as text, which the caller owns.
 */
#ifndef YAGOT_PATHS_H
#define YAGOT_PATHS_H

#include "core.h"

/* A shortest path to an object from a module, as source would write it: "cache.module.CACHE['k']"; "" if there is none
 * through tracked objects. `tracked`: a list of all tracked objects (stolen). `around`: a list of objects that it must
 * not lead through, or NULL. `holders`: a list to which the objects on the way are added. Owned; NULL when memory is
 * short. */
char *yagot_path_to(PyObject *object, PyObject *tracked, PyObject *around, PyObject *holders);

#endif
