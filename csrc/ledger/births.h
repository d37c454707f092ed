/* births.h - what the look for references asks of a ledger. */
#ifndef YAGOT_BIRTHS_H
#define YAGOT_BIRTHS_H

#include "ledger/ledger.h"

static inline PyObject *
yagot_get_all_objects(yagot_ledger *self)
{
    return yagot_gc_all_objects(&self->gc);
}

static inline int
yagot_show_old(yagot_ledger *self)
{
    return yagot_gc_show_old(&self->gc);
}

static inline Py_ssize_t
yagot_call_number(PyObject *function)
{
    return yagot_gc_number(function);
}

#endif
