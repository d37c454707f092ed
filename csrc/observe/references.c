/* references.c - observe: reference counts of old objects, before and after runs of a test.
 *
 * A count that rises with every run although nobody who can be seen has more references is a reference that was never
 * given back. Objects are distinguished by address and type: none of them is kept alive between the two looks.
 */
#include "observe/growth.h"

static const char capsule_name[] = "yagot._core.references";

/* -- all objects: those that the collector tracks, and what they refer to ------------------------- */

typedef struct {
    yagot_snapshot all;
    uint32_t *seen;             /* references by index, or NULL where they do not matter */
    uint32_t watched;           /* the first so many objects are counted */
    PyTypeObject *type;         /* of the object that is traversed */
    bool has_shown_type, failed;
} everything;

static int
visit_child(PyObject *child, void *arg)
{
    everything *e = arg;
    uint32_t index = yagot_snapshot_find(&e->all, child);
    e->has_shown_type |= child == (PyObject *)e->type;
    if (index == YAGOT_NONE) {
        e->failed |= yagot_snapshot_add(&e->all, child, Py_REFCNT(child), 0) == YAGOT_NONE;
    }
    else if (index < e->watched) {
        e->seen[index]++;
    }
    return 0;
}

/* A dict all of whose keys are strings does not show them. */
static void
add_keys(everything *e, PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        if (PyUnicode_CheckExact(key)) {
            (void)visit_child(key, e);
        }
    }
}

/* An instance holds a reference to a class that was made at run time, whether its traverse function shows it or not. */
static void
add_type_of(everything *e, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (!e->has_shown_type && (type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        (void)visit_child((PyObject *)type, e);
    }
}

/* Fills the snapshot, behind what is in it already. */
static int
find_everything(everything *e, PyObject *module)
{
    yagot_state *state = PyModule_GetState(module);
    PyObject *tracked = PyObject_CallNoArgs(state->gc_get_objects);
    if (tracked == NULL) {
        return -1;
    }
    PyObject_GC_UnTrack(tracked);
    int result = yagot_snapshot_add_list(&e->all, tracked);
    for (uint32_t i = 0; result == 0 && i < e->all.count; i++) {
        PyObject *object = e->all.objects[i];
        e->type = Py_TYPE(object);
        e->has_shown_type = false;
        yagot_traverse(object, visit_child, e);
        add_type_of(e, object);
        if (PyDict_CheckExact(object)) {
            add_keys(e, object);
        }
        result = e->failed ? -1 : 0;
    }
    if (result < 0) {
        PyErr_NoMemory();
    }
    return result;
}

/* -- counts --------------------------------------------------------------------------------------- */

typedef struct {
    PyObject *object;           /* borrowed; perhaps dead by now */
    PyTypeObject *type;         /* the same */
    Py_ssize_t count;
} counted;

typedef struct {
    counted *items;             /* owned */
    yagot_idtable places;
} counts;

static void
free_counts(counts *c)
{
    if (c != NULL) {
        yagot_idtable_fini(&c->places);
        PyMem_RawFree(c->items);
        PyMem_RawFree(c);
    }
}

static void
free_capsule(PyObject *capsule)
{
    free_counts(PyCapsule_GetPointer(capsule, capsule_name));
}

/* The counts of a snapshot's objects; takes over its table. NULL when memory is short. */
static counts *
take_counts(yagot_snapshot *all)
{
    counts *c = PyMem_RawCalloc(1, sizeof *c);
    if (c == NULL || (c->items = PyMem_RawMalloc((all->count + 1u) * sizeof *c->items)) == NULL) {
        PyMem_RawFree(c);
        return NULL;
    }
    for (uint32_t i = 0; i < all->count; i++) {
        c->items[i] = (counted){all->objects[i], Py_TYPE(all->objects[i]), all->refs[i]};
    }
    c->places = all->table;
    all->table = (yagot_idtable){0};
    return c;
}

PyObject *
yagot_note_references(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    everything e = {0};
    counts *c = NULL;
    PyObject *capsule = NULL;
    if (yagot_snapshot_init(&e.all) < 0) {
        return PyErr_NoMemory();
    }
    if (find_everything(&e, module) == 0) {
        c = take_counts(&e.all);
        capsule = c != NULL ? PyCapsule_New(c, capsule_name, free_capsule) : PyErr_NoMemory();
    }
    if (capsule == NULL) {
        free_counts(c);
    }
    yagot_snapshot_fini(&e.all);
    return capsule;
}

/* -- what has risen ------------------------------------------------------------------------------- */

/* By how much an object's count has risen; 0 if it is another object. */
static Py_ssize_t
rise_of(counts *before, PyObject *object, Py_ssize_t count)
{
    uint32_t index = yagot_idtable_get(&before->places, object);
    const counted *old = index != YAGOT_NONE ? &before->items[index] : NULL;
    bool same = old != NULL && old->object == object && old->type == Py_TYPE(object);
    return same && count < YAGOT_IMMORTAL ? count - old->count : 0;
}

/* Appending collects nothing, so what the snapshot does not own stays alive. */
static int
list_risen(PyObject *list, counts *before, yagot_snapshot *all, Py_ssize_t runs)
{
    for (uint32_t i = 0; i < all->count; i++) {
        Py_ssize_t rise = rise_of(before, all->objects[i], all->refs[i]);
        if (rise >= runs && rise % runs == 0 && PyList_Append(list, all->objects[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

PyObject *
yagot_risen_references(PyObject *module, PyObject *args)
{
    PyObject *capsule, *list;
    Py_ssize_t runs;
    if (!PyArg_ParseTuple(args, "On:risen_references", &capsule, &runs)) {
        return NULL;
    }
    counts *before = PyCapsule_GetPointer(capsule, capsule_name);
    if (before == NULL || runs < 1) {
        return before == NULL ? NULL : PyErr_Format(PyExc_ValueError, "at least one run");
    }
    everything e = {0};
    if ((list = PyList_New(0)) == NULL || yagot_snapshot_init(&e.all) < 0) {
        Py_XDECREF(list);
        return PyErr_NoMemory();
    }
    if (find_everything(&e, module) < 0 || list_risen(list, before, &e.all, runs) < 0) {
        Py_CLEAR(list);
    }
    yagot_snapshot_fini(&e.all);
    return list;
}

/* -- what cannot be seen -------------------------------------------------------------------------- */

static int
list_unseen(PyObject *list, const everything *e)
{
    for (uint32_t i = 0; i < e->watched; i++) {
        PyObject *number = PyLong_FromSsize_t(e->all.refs[i] - (Py_ssize_t)e->seen[i]);
        if (number == NULL || PyList_Append(list, number) < 0) {
            Py_XDECREF(number);
            return -1;
        }
        Py_DECREF(number);
    }
    return 0;
}

/* The objects first, each once, so that their index is that of the list. */
static int
watch(everything *e, PyObject *objects)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(objects); i++) {
        PyObject *object = PyList_GET_ITEM(objects, i);
        if (yagot_snapshot_add(&e->all, object, Py_REFCNT(object), 0) != (uint32_t)i) {
            PyErr_SetString(PyExc_ValueError, "an object is twice in the list");
            return -1;
        }
    }
    e->watched = (uint32_t)PyList_GET_SIZE(objects);
    e->seen = PyMem_RawCalloc(e->watched + 1u, sizeof *e->seen);
    if (e->seen == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

PyObject *
yagot_unseen_references(PyObject *module, PyObject *objects)
{
    if (!PyList_CheckExact(objects)) {
        return PyErr_Format(PyExc_TypeError, "a list expected");
    }
    everything e = {0};
    PyObject *list = PyList_New(0);
    if (list == NULL || yagot_snapshot_init(&e.all) < 0) {
        Py_XDECREF(list);
        return PyErr_NoMemory();
    }
    if (watch(&e, objects) < 0 || find_everything(&e, module) < 0 || list_unseen(list, &e) < 0) {
        Py_CLEAR(list);
    }
    PyMem_RawFree(e.seen);
    yagot_snapshot_fini(&e.all);
    return list;
}
