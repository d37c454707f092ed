/* put_off.c - references that nobody holds: looks that are made later than their window ends. See suspects.h.
 *
 * What a test has left is best asked about when its garbage, its instance and its fixtures are gone. What is kept for
 * a moment is held by a list; what waits for a boundary must not live longer for that, and is known by its address and
 * the number of its window: an address that is used again has another label.
 */
#include "ledger/suspects.h"

bool
yagot_is_put_off(yagot_put_off *put_off, PyObject *object, uint32_t label)
{
    return yagot_label_origin(label) == YAGOT_TEST && put_off->count > 0
           && yagot_idtable_number(&put_off->table, object) == label;
}

static int
add(yagot_put_off *put_off, PyObject *object, uint32_t label)
{
    if (yagot_idtable_set_number(&put_off->table, object, label) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    put_off->count++;
    return 0;
}

int
yagot_forget_put_off(yagot_put_off *put_off)
{
    yagot_idtable_fini(&put_off->table);
    put_off->count = 0;
    if (yagot_idtable_init(&put_off->table) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* It is not put off any more, if it was. */
static int
take_off(yagot_put_off *put_off, PyObject *object)
{
    if (yagot_idtable_number(&put_off->table, object) == 0) {
        return 0;
    }
    put_off->count--;
    return yagot_idtable_set_number(&put_off->table, object, 0);
}

int
yagot_sort_out_young(yagot_ledger *self)
{
    if (self->state->generations || self->put_off.count == 0) {
        return 0;
    }
    PyObject *young = yagot_gc_generation(&self->gc, 0);
    int result = young != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(young); i++) {
        result = take_off(&self->put_off, PyList_GET_ITEM(young, i));
    }
    Py_XDECREF(young);
    return result;
}

static int
add_list(yagot_ledger *self, PyObject *list)
{
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *object = PyList_GET_ITEM(list, i);
        uint32_t label = yagot_labels_get(&self->labels, object);
        if (label == 0 && !PyObject_IS_GC(object)) {
            label = self->window.label;
        }
        if (label != 0 && add(&self->put_off, object, label) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Nobody has looked at what was kept, nor at the window's untracked objects. */
static int
add_kept(yagot_ledger *self)
{
    const uint32_t label = self->window.label;
    int result = add_list(self, self->suspects.kept);
    for (size_t i = 0; result == 0 && i < self->tracer.count; i++) {
        const yagot_made *made = &self->tracer.made[i];
        if (made->window == label && label != 0 && yagot_tracer_wants(made)) {
            result = add(&self->put_off, made->object, label);
        }
    }
    return result;
}

int
yagot_put_off_suspects(yagot_ledger *self)
{
    yagot_suspects *s = &self->suspects;
    const bool ages = !self->state->generations && !self->window.open;
    int result = yagot_sort_out_young(self);
    self->put_off.label = s->kept != NULL ? self->window.label : self->put_off.label;
    if (result == 0) {
        result = s->kept != NULL ? add_kept(self) : add_list(self, s->found);
    }
    result = result == 0 ? add_list(self, s->earlier) : result;
    Py_CLEAR(s->kept);
    yagot_forget_suspects(self);
    return result == 0 && ages && self->put_off.count > 0 ? yagot_gc_let_age(&self->gc) : result;
}

int
yagot_put_off_again(yagot_ledger *self)
{
    return yagot_forget_put_off(&self->put_off) < 0 ? -1 : add_list(self, self->suspects.found);
}

int
yagot_keep_survivors(yagot_suspects *suspects, const yagot_snapshot *births)
{
    Py_XSETREF(suspects->kept, PyList_New(0));
    for (uint32_t i = 0; suspects->kept != NULL && i < births->count; i++) {
        const uint8_t flags = births->flags[i];
        PyObject *object = births->objects[i];
        bool alive = flags & YAGOT_REACHABLE && !(flags & (YAGOT_DROPPED | YAGOT_BY_DROPPED | YAGOT_LATER));
        if (alive && PyList_Append(suspects->kept, object) < 0) {
            return -1;
        }
    }
    return suspects->kept != NULL ? 0 : -1;
}

static int
look_at_kept(yagot_ledger *self, yagot_snapshot *births, PyObject **recurring)
{
    yagot_found found;
    PyObject *kept = self->suspects.kept;
    self->suspects.kept = NULL;
    PyObject_GC_UnTrack(kept);          /* the lists of a snapshot are hidden, and counted apart */
    if (yagot_snapshot_add_list(births, kept) < 0 || yagot_find_garbage(births, &found) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return yagot_find_suspects(self, births, &(yagot_question){.report = true, .recurring = recurring});
}

int
yagot_look_at_kept(yagot_ledger *self, PyObject **recurring)
{
    yagot_snapshot births;
    if (self->suspects.kept == NULL) {
        return 0;
    }
    if (yagot_snapshot_init(&births) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    int result = look_at_kept(self, &births, recurring);
    yagot_snapshot_fini(&births);
    return result;
}

/* Keeps what was put off of the last test's window, for which no boundary is to wait then. */
static int
keep_put_off(yagot_ledger *self)
{
    const uint32_t label = self->put_off.label;
    if (yagot_label_young(self) < 0 || yagot_sort_out_young(self) < 0) {
        return -1;
    }
    PyObject *list = yagot_gc_objects_in(&self->gc, &self->put_off.table);
    PyObject *kept = list != NULL ? PyList_New(0) : NULL;
    int result = kept != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
        PyObject *object = PyList_GET_ITEM(list, i);
        if (yagot_labels_get(&self->labels, object) == label && yagot_is_put_off(&self->put_off, object, label)) {
            result = PyList_Append(kept, object) < 0 ? -1 : take_off(&self->put_off, object);
        }
    }
    for (size_t i = 0; result == 0 && i < self->tracer.count && label == self->window.label; i++) {
        const yagot_made *made = &self->tracer.made[i];
        result = made->window == label ? take_off(&self->put_off, made->object) : 0;
    }
    if (result == 0) {
        self->suspects.kept = Py_NewRef(kept);
    }
    Py_XDECREF(kept);
    Py_XDECREF(list);
    return result == 0 && !self->state->generations ? yagot_forget_put_off(&self->put_off) : result;
}

PyObject *
yagot_late_references(yagot_ledger *self)
{
    if (yagot_findings_clear(&self->findings) < 0) {
        return PyErr_NoMemory();
    }
    bool gc_was_enabled = yagot_begin_look(self);
    bool resumes = self->suspects.kept == NULL && self->put_off.count > 0;
    int result = resumes ? keep_put_off(self) : 0;
    result = result == 0 ? yagot_look_at_kept(self, NULL) : result;
    yagot_end_look(self, gc_was_enabled);
    return result == 0 ? yagot_findings_export(&self->findings) : NULL;
}
