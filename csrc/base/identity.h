/* identity.h - what an object is, as data: its kind, module and qualified name.
 *
 * In:  an object, borrowed; none of its code is run.
 * Out: strings that the yagot_identity owns. -1 without an exception when memory is short.
 */
#ifndef YAGOT_IDENTITY_H
#define YAGOT_IDENTITY_H

#include "base/text.h"

typedef struct {
    const char *kind;           /* static: "instance", "class", "function", "frame", … */
    char *module, *qualname;    /* owned; of instances those of the class; empty if unknown */
    int line;                   /* where a frame or traceback is; else 0 */
} yagot_identity;

/* Fills in all fields; -1 when memory is short. */
int yagot_identify(PyObject *object, yagot_identity *identity);
void yagot_identity_fini(yagot_identity *identity);

#endif
