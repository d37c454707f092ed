/* put_off.c - references that nobody holds: looks that are made later than their window ends. See unheld.h.
 *
 * What a test has left is best asked about when its garbage, its instance and its fixtures are gone. What is kept for
 * a moment is held by a list; what waits for a boundary must not live longer for that, and is known by its address and
 * the number of its window: an address that is used again has another label.
 */
#include "ledger/unheld.h"

bool
yagot_is_put_off(yagot_ledger *self, PyObject *object, uint32_t number)
{
    return number != 0 && number % 2 == 0 && number != YAGOT_TOLD && self->put_off_count > 0
           && yagot_idtable_get(&self->put_off, object) + 1 == number;
}

static int
put_off(yagot_ledger *self, PyObject *object, uint32_t number)
{
    uint32_t *slot = yagot_idtable_slot(&self->put_off, object);
    if (slot == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *slot = number;
    self->put_off_count++;
    return 0;
}

static int
put_off_list(yagot_ledger *self, PyObject *list)
{
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *object = PyList_GET_ITEM(list, i);
        uint32_t label = yagot_idtable_get(&self->labels, object) + 1;
        uint32_t number = PyObject_IS_GC(object) || label != 0 ? label : self->number;
        if (number != 0 && put_off(self, object, number) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Nobody has looked at what was kept, nor at the window's untracked objects. */
static int
put_off_kept(yagot_ledger *self)
{
    int result = put_off_list(self, self->kept);
    for (size_t i = 0; result == 0 && i < self->tracer.count; i++) {
        const yagot_made *made = &self->tracer.made[i];
        if (made->window == self->number && self->number != 0 && yagot_tracer_wants(made)) {
            result = put_off(self, made->object, self->number);
        }
    }
    return result;
}

int
yagot_put_off(yagot_ledger *self)
{
    int result = self->kept != NULL ? put_off_kept(self) : put_off_list(self, self->suspects);
    result = result == 0 ? put_off_list(self, self->earlier) : result;
    Py_CLEAR(self->kept);
    yagot_forget_suspects(self);
    return result;
}

int
yagot_put_off_again(yagot_ledger *self)
{
    yagot_idtable_fini(&self->put_off);
    self->put_off_count = 0;
    if (yagot_idtable_init(&self->put_off) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return put_off_list(self, self->suspects);
}

static int
visit_any(PyObject *Py_UNUSED(child), void *Py_UNUSED(arg))
{
    return 1;
}

/* Is it the dict of an instance whose attributes lie in the instance itself? Early releases of 3.13 show neither the
 * dict in the instance nor the attributes in the dict. It goes with the instance; if it were held, it would take the
 * attributes over and keep them alive. */
static bool
hides_items(PyObject *object)
{
    return PyDict_CheckExact(object) && PyDict_GET_SIZE(object) > 0
           && PyDict_Type.tp_traverse(object, visit_any, NULL) == 0;
}

int
yagot_keep_held(yagot_ledger *self, const yagot_snapshot *births)
{
    Py_XSETREF(self->kept, PyList_New(0));
    for (uint32_t i = 0; self->kept != NULL && i < births->count; i++) {
        const uint8_t flags = births->flags[i];
        bool alive = flags & YAGOT_REACHABLE && !(flags & (YAGOT_OWNER | YAGOT_OWNED | YAGOT_LATER));
        PyObject *object = births->objects[i];
        if (alive && object != self->arguments && !hides_items(object) && PyList_Append(self->kept, object) < 0) {
            return -1;
        }
    }
    return self->kept != NULL ? 0 : -1;
}

static int
look_at_kept(yagot_ledger *self, yagot_snapshot *births)
{
    yagot_found found;
    PyObject *kept = self->kept;
    self->kept = NULL;
    PyObject_GC_UnTrack(kept);          /* the lists of a snapshot are hidden, and counted apart */
    if (yagot_snapshot_add_list(births, kept) < 0 || yagot_find_garbage(births, &found) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return yagot_find_unexplained(self, births, true);
}

int
yagot_look_at_kept(yagot_ledger *self)
{
    yagot_snapshot births;
    if (self->kept == NULL) {
        return 0;
    }
    if (yagot_snapshot_init(&births) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    int result = look_at_kept(self, &births);
    yagot_snapshot_fini(&births);
    return result;
}

PyObject *
yagot_late_references(yagot_ledger *self)
{
    if (yagot_findings_clear(&self->findings) < 0) {
        return PyErr_NoMemory();
    }
    int gc_was_enabled = PyGC_Disable();
    int result = yagot_look_at_kept(self);
    if (gc_was_enabled) {
        PyGC_Enable();
    }
    return result == 0 ? yagot_findings_export(&self->findings) : NULL;
}
