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
    PyTypeObject *type;         /* borrowed */
    PyObject *sizer;            /* owned; the type's C-level __sizeof__; NULL: object's, which needs no call */
    bool same;                  /* all its objects have one size: */
    size_t size;                /* 0 before one of them was asked */
} yagot_sizer;

typedef yagot_sizer yagot_sizers[YAGOT_SIZERS];         /* a small cache */

typedef struct {
    yagot_snapshot *snapshot;   /* the garbage */
    yagot_snapshot shared;      /* untracked objects met; refs: references not yet met */
    yagot_objects pending;      /* untracked containers to look into */
    yagot_sizers sizers;        /* of classes */
    yagot_sizers *lasting;      /* of static types; the caller's */
    bool failed;
} yagot_sizes;

/* `lasting`: kept from one look to the next, as static types live as long as the interpreter. */
int yagot_sizes_init(yagot_sizes *sizes, yagot_snapshot *snapshot, yagot_sizers *lasting);
void yagot_sizes_fini(yagot_sizes *sizes);
void yagot_sizers_fini(yagot_sizers *sizers);
/* Bytes of an object and of the untracked objects that go with it. No Python-level __sizeof__ is run. */
int yagot_sizes_add(yagot_sizes *sizes, PyObject *object, size_t *bytes);

#endif
