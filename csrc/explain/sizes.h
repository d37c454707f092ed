/* sizes.h - the memory that is released with a finding, untracked objects included. */
#ifndef YAGOT_HELD_H
#define YAGOT_HELD_H

#include "explain/graph.h"

enum { YAGOT_SIZERS = 64 };     /* a power of two */

typedef struct {
    yagot_snapshot *snapshot;   /* the garbage */
    yagot_snapshot shared;      /* untracked objects met; refs: references not yet met */
    PyObject **pending;         /* owned; untracked containers to look into */
    uint32_t depth, room;
    struct {                    /* a small cache; borrowed */
        PyTypeObject *type;
        PyObject *sizer;        /* the type's C-level __sizeof__; NULL: object's, which needs no call */
    } sizers[YAGOT_SIZERS];
    bool failed;
} yagot_held;

int yagot_held_init(yagot_held *held, yagot_snapshot *snapshot);
void yagot_held_fini(yagot_held *held);
/* Bytes of an object and of the untracked objects that go with it. No Python-level __sizeof__ is run. */
int yagot_held_add(yagot_held *held, PyObject *object, size_t *bytes);

#endif
