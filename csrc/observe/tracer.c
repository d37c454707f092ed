/* tracer.c - observe: objects that the collector does not track. See tracer.h.
 *
 * CPython reports every object that is made and destroyed to a tracer. In 3.13.0 some destructions go unreported, and
 * what is left over would be addresses of dead objects: so only from 3.14 on, and only if a check at the start finds
 * that the reports add up. There is one tracer at a time: we call the one before us, and one that comes after us
 * silences us. The callback runs inside of the allocator: it makes no objects.
 */
#include "observe/tracer.h"

#include "base/array.h"

#include "base/snapshot.h"

bool
yagot_tracer_wants(const yagot_made *made)
{
    PyObject *object = made->object;
    return object != NULL && Py_REFCNT(object) <= YAGOT_IMMORTAL
           && !(PyUnicode_CheckExact(object) && PyUnicode_CHECK_INTERNED(object));
}

#if YAGOT_HAS_TRACER

/* -- what is alive -------------------------------------------------------------------------------- */

static int
reserve(yagot_tracer *t)
{
    yagot_made *grown = yagot_array_grow(t->made, t->count, &t->room, sizeof *grown);
    t->made = grown != NULL ? grown : t->made;
    return grown != NULL ? 0 : -1;
}

/* When memory is short, nobody will ask about the object. */
static void
note_made(yagot_tracer *t, PyObject *object)
{
    uint32_t *slot = yagot_idtable_slot(&t->places, object);
    if (slot == NULL || (t->free == YAGOT_NONE && reserve(t) < 0)) {
        return;
    }
    uint32_t place = t->free;
    if (place != YAGOT_NONE) {
        t->free = t->made[place].next;
    }
    else {
        place = (uint32_t)t->count++;
    }
    t->made[place] = (yagot_made){.object = object, .window = t->window};
    t->alive++;
    *slot = place + 1;
}

static void
free_place(yagot_tracer *t, uint32_t place)
{
    *yagot_idtable_slot(&t->places, t->made[place].object) = 0;
    t->made[place] = (yagot_made){.next = t->free};
    t->free = place;
    t->alive--;
}

static void
note_destroyed(yagot_tracer *t, PyObject *object)
{
    uint32_t place = t->alive > 0 ? yagot_idtable_get(&t->places, object) : YAGOT_NONE;
    if (place != YAGOT_NONE && t->made[place].object == object) {
        free_place(t, place);
    }
}

static void
forget_all(yagot_tracer *t)
{
    yagot_idtable_fini(&t->places);
    PyMem_RawFree(t->made);
    t->made = NULL;
    t->count = t->room = t->alive = 0;
    t->free = YAGOT_NONE;
}

void
yagot_tracer_keep(yagot_tracer *t, yagot_idtable *wanted)
{
    for (uint32_t place = 0; place < t->count; place++) {
        PyObject *object = t->made[place].object;
        if (object != NULL && yagot_idtable_get(wanted, object) == YAGOT_NONE) {
            free_place(t, place);
        }
    }
}

/* -- the tracer ----------------------------------------------------------------------------------- */

static int
on_event(PyObject *object, PyRefTracerEvent event, void *data)
{
    yagot_tracer *t = data;
    if (event != PyRefTracer_CREATE && event != PyRefTracer_DESTROY) {
        return 0;               /* 3.15 calls an outgoing tracer; the one before us has had that call */
    }
    PyThreadState *thread = PyThreadState_GetUnchecked();       /* NULL late at exit */
    bool ours = thread != NULL && PyThreadState_GetInterpreter(thread) == t->interpreter;
    if (ours && event == PyRefTracer_DESTROY) {
        note_destroyed(t, object);
    }
    else if (ours && t->recording && !PyObject_IS_GC(object)) {
        note_made(t, object);
    }
    return t->before != NULL ? t->before(object, event, t->before_data) : 0;
}

static bool
listens(const yagot_tracer *t)
{
    void *data;
    return PyRefTracer_GetTracer(&data) == on_event && data == t;
}

/* Another ledger's tracer is replaced, and not called by us: it may go before we do. */
static int
install(yagot_tracer *t)
{
    t->interpreter = PyInterpreterState_Get();
    t->before = PyRefTracer_GetTracer(&t->before_data);
    if (t->before == on_event) {
        const yagot_tracer *other = t->before_data;
        t->before_data = other->before_data;
        t->before = other->before;
    }
    return PyRefTracer_SetTracer(on_event, t);
}

bool
yagot_tracer_pause(yagot_tracer *t)
{
    bool listening = listens(t), lost = t->recording && !listening;
    t->recording = false;
    if (!listening) {
        forget_all(t);
    }
    return !lost;
}

int
yagot_tracer_resume(yagot_tracer *t, uint32_t window)
{
    (void)yagot_tracer_pause(t);
    if (t->alive == 0) {
        forget_all(t);          /* the table keeps the room of addresses that were in use */
    }
    if (t->places.pages == NULL && yagot_idtable_init(&t->places) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    t->window = window;
    t->recording = true;
    return listens(t) ? 0 : install(t);
}

void
yagot_tracer_fini(yagot_tracer *t)
{
    if (listens(t)) {
        (void)PyRefTracer_SetTracer(t->before, t->before_data);
    }
    forget_all(t);
    *t = (yagot_tracer){0};
}

/* Does the number of objects that are made and destroyed add up? */
int
yagot_tracer_check(void)
{
    yagot_tracer t = {0};
    if (yagot_tracer_resume(&t, 0) < 0) {
        yagot_tracer_fini(&t);
        return -1;
    }
    PyObject *objects[] = {
        PyLong_FromLongLong(1LL << 60), PyFloat_FromDouble(1.5), PyBytes_FromString("two bytes"),
        PyUnicode_FromString("some text"), PyComplex_FromDoubles(1, 2),
    };
    size_t made = 0, all = sizeof objects / sizeof *objects;
    for (size_t i = 0; i < all; i++) {
        made += yagot_idtable_get(&t.places, objects[i]) != YAGOT_NONE;
    }
    for (size_t i = 0; i < all; i++) {
        Py_XDECREF(objects[i]);
    }
    bool complete = made == all && t.alive == 0;
    yagot_tracer_fini(&t);
    if (!complete) {
        PyErr_SetString(PyExc_RuntimeError, "this Python does not report all objects that are made and destroyed");
    }
    return complete ? 0 : -1;
}

#else

int
yagot_tracer_resume(yagot_tracer *t, uint32_t window)
{
    (void)t;
    (void)window;
    return 0;
}

bool
yagot_tracer_pause(yagot_tracer *t)
{
    (void)t;
    return true;
}

void
yagot_tracer_keep(yagot_tracer *t, yagot_idtable *wanted)
{
    (void)t;
    (void)wanted;
}

void
yagot_tracer_fini(yagot_tracer *t)
{
    (void)t;
}

int
yagot_tracer_check(void)
{
    PyErr_SetString(PyExc_RuntimeError, "needs CPython 3.14 or newer");
    return -1;
}

#endif
