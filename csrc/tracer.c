/* tracer.c - observe: objects that the collector does not track. See tracer.h.
 *
 * CPython tells a tracer of every object that is made and destroyed. In 3.13.0 some destructions go untold, and
 * what is left over would be addresses of dead objects: so only from 3.14 on, and only if a check at the start finds
 * that what is told adds up. The callback runs inside of the allocator: it makes no objects.
 */
#include "tracer.h"

#if YAGOT_HAS_TRACER

static int
reserve(yagot_tracer *t)
{
    if (t->count < t->room) {
        return 0;
    }
    size_t room = t->room * 2 + 1024;
    yagot_made *grown = PyMem_RawRealloc(t->made, room * sizeof *grown);
    if (grown == NULL) {
        return -1;
    }
    t->made = grown;
    t->room = room;
    return 0;
}

static void
note_made(yagot_tracer *t, PyObject *object)
{
    uint32_t *slot = yagot_idtable_slot(&t->places, object);
    if (slot == NULL || (t->free == YAGOT_NONE && reserve(t) < 0)) {
        t->failed = true;
        return;
    }
    uint32_t place = t->free;
    if (place != YAGOT_NONE) {
        t->free = t->made[place].next;
    }
    else {
        place = (uint32_t)t->count++;
    }
    t->made[place] = (yagot_made){.object = object};
    *slot = place + 1;
}

static void
note_destroyed(yagot_tracer *t, PyObject *object)
{
    uint32_t place = yagot_idtable_get(&t->places, object);
    if (place != YAGOT_NONE && t->made[place].object == object) {
        t->made[place] = (yagot_made){.next = t->free};
        t->free = place;
        *yagot_idtable_slot(&t->places, object) = 0;
    }
}

static int
on_event(PyObject *object, PyRefTracerEvent event, void *data)
{
    yagot_tracer *t = data;
    if (t->running && event == PyRefTracer_DESTROY) {
        note_destroyed(t, object);
    }
    else if (t->running && event == PyRefTracer_CREATE && !PyObject_IS_GC(object)) {
        note_made(t, object);
    }
    return 0;
}

int
yagot_tracer_start(yagot_tracer *t)
{
    void *data;
    yagot_tracer_fini(t);
    t->free = YAGOT_NONE;
    if (PyRefTracer_GetTracer(&data) != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "another tracer of references is set");
        return -1;
    }
    if (yagot_idtable_init(&t->places) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    t->running = true;
    return PyRefTracer_SetTracer(on_event, t);
}

int
yagot_tracer_stop(yagot_tracer *t)
{
    if (!t->running) {
        return 0;
    }
    t->running = false;         /* 3.15 tells an outgoing tracer that it goes */
    return PyRefTracer_SetTracer(NULL, NULL);
}

/* Does the number of objects that are made and destroyed add up? -1 with an exception set. */
int
yagot_tracer_check(void)
{
    yagot_tracer t = {0};
    if (yagot_tracer_start(&t) < 0) {
        yagot_tracer_fini(&t);
        return -1;
    }
    PyObject *objects[] = {
        PyLong_FromLongLong(1LL << 60), PyFloat_FromDouble(1.5), PyBytes_FromString("two bytes"),
        PyUnicode_FromString("some text"), PyComplex_FromDoubles(1, 2),
    };
    size_t made = 0, left = 0, all = sizeof objects / sizeof *objects;
    for (size_t i = 0; i < all; i++) {
        made += yagot_idtable_get(&t.places, objects[i]) != YAGOT_NONE;
    }
    for (size_t i = 0; i < all; i++) {
        Py_XDECREF(objects[i]);
    }
    for (size_t i = 0; i < t.count; i++) {
        left += t.made[i].object != NULL;
    }
    int result = yagot_tracer_stop(&t);
    if (result == 0 && (made != all || left != 0)) {
        PyErr_SetString(PyExc_RuntimeError, "this Python does not tell of all objects that are made and destroyed");
        result = -1;
    }
    yagot_tracer_fini(&t);
    return result;
}

#else

int
yagot_tracer_start(yagot_tracer *t)
{
    (void)t;
    return 0;
}

int
yagot_tracer_stop(yagot_tracer *t)
{
    (void)t;
    return 0;
}

int
yagot_tracer_check(void)
{
    PyErr_SetString(PyExc_RuntimeError, "needs CPython 3.14 or newer");
    return -1;
}

#endif

void
yagot_tracer_fini(yagot_tracer *t)
{
    yagot_idtable_fini(&t->places);
    PyMem_RawFree(t->made);
    *t = (yagot_tracer){0};
}
