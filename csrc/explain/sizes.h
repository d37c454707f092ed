/* sizes.h - the memory that is released with a finding, untracked objects included.
 *
 * In:  a snapshot, which stays the caller's, and its objects, one after the other.
 * Out: bytes; what two objects share counts once. -1 without an exception when memory is short.
 */
#ifndef YAGOT_SIZES_H
#define YAGOT_SIZES_H

#include "base/array.h"
#include "explain/graph.h"

enum { YAGOT_SIZERS = 64 };     /* a power of two */

typedef struct {
    yagot_snapshot *snapshot;   /* the garbage */
    yagot_snapshot shared;      /* untracked objects met; refs: references not yet met */
    yagot_objects pending;      /* untracked containers to look into */
    struct {                    /* a small cache; borrowed */
        PyTypeObject *type;
        PyObject *sizer;        /* the type's C-level __sizeof__; NULL: object's, which needs no call */
    } sizers[YAGOT_SIZERS];
    bool failed;
} yagot_sizes;

int yagot_sizes_init(yagot_sizes *sizes, yagot_snapshot *snapshot);
void yagot_sizes_fini(yagot_sizes *sizes);
/* Bytes of an object and of the untracked objects that go with it. No Python-level __sizeof__ is run. */
int yagot_sizes_add(yagot_sizes *sizes, PyObject *object, size_t *bytes);

#endif
