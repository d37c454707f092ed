/* tracer.h - observe: objects that the collector does not track, made in a window and alive after it. */
#ifndef YAGOT_TRACER_H
#define YAGOT_TRACER_H

#include "idtable.h"

#define YAGOT_HAS_TRACER (PY_VERSION_HEX >= 0x030E0000 && !YAGOT_FREE_THREADED)

typedef struct {
    PyObject *object;           /* borrowed; NULL: a free place */
    uint32_t next;              /* of the free places */
} yagot_made;

typedef struct {
    yagot_idtable places;       /* address -> place in made */
    yagot_made *made;           /* owned */
    size_t count, room;
    uint32_t free;              /* the first free place, or YAGOT_NONE */
    bool running, failed;
} yagot_tracer;

/* -1 with an exception set. */
int yagot_tracer_check(void);
int yagot_tracer_start(yagot_tracer *tracer);
/* What was found stays until yagot_tracer_fini. */
int yagot_tracer_stop(yagot_tracer *tracer);
void yagot_tracer_fini(yagot_tracer *tracer);

#endif
