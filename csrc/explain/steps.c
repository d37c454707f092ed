/* steps.c - see steps.h. */
#include "explain/steps.h"

#include "base/describe.h"
#include "explain/edges.h"

#include <string.h>

enum { LONGEST_SHOWN = 400 };

typedef struct {
    yagot_graph *graph;
    yagot_cycle *cycle;
    bool all_heads;         /* nothing but plain containers: each is a step of its own */
} writer;

static PyObject *
object_at(writer *t, uint32_t position)
{
    return t->graph->objects[t->cycle->nodes[position % t->cycle->length]];
}

static bool
is_head(writer *t, uint32_t position)
{
    if (t->all_heads) {
        return true;
    }
    PyObject *object = object_at(t, position);
    return !yagot_is_plain_container(object) && !yagot_is_item(object, object_at(t, position + 1))
           && !yagot_is_part(object_at(t, position + t->cycle->length - 1), object);
}

/* A frame's cell has the name of the variable already. */
static bool
is_named(writer *t, uint32_t position)
{
    PyObject *before = position > 0 ? object_at(t, position - 1) : NULL;
    return before != NULL && PyCell_Check(object_at(t, position))
           && (PyFrame_Check(before) || yagot_is_generator(before));
}

/* Appends the path from a head to the next one; returns the next head's position. */
static uint32_t
add_path(writer *t, uint32_t position, yagot_edge_name *name)
{
    bool is_part = false;
    for (;;) {
        PyObject *from = object_at(t, position), *to = object_at(t, position + 1);
        is_part = is_named(t, position) ? false : yagot_add_edge(name, from, to, is_part);
        if (PyCell_Check(from) && position >= 2) {
            PyObject *variable = yagot_closure_variable(object_at(t, position - 2),
                                                         object_at(t, position - 1), from);
            if (variable != NULL) {
                yagot_name_variable(name, variable);
            }
            Py_XDECREF(variable);
        }
        position++;
        if (is_head(t, position)) {
            return position;
        }
        if (t->cycle->cut && position >= LONGEST_SHOWN) {
            return position;
        }
    }
}

static int
finish_step(yagot_step *step, yagot_edge_name *name)
{
    yagot_text object = {0}, general = {0};
    yagot_add_object(&object, step->head);
    yagot_text_add(&general, yagot_text_get(&object));
    yagot_text_add(&general, yagot_text_get(&name->general));
    step->object = yagot_text_take(&object);
    step->path = yagot_text_take(&name->shown);
    step->general = yagot_text_take(&general);
    memcpy(step->edges, name->edges, sizeof step->edges);
    step->edge_count = name->count;
    yagot_edge_name_fini(name);
    return step->object != NULL && step->path != NULL && step->general != NULL ? 0 : -1;
}

static int
write_all(writer *t, uint32_t first, uint32_t end)
{
    yagot_cycle *cycle = t->cycle;
    for (uint32_t position = first; position < end;) {
        yagot_edge_name name = {0};
        yagot_step *step = &cycle->steps[cycle->count++];
        *step = (yagot_step){.head = object_at(t, position)};
        position = add_path(t, position, &name);
        if (finish_step(step, &name) < 0) {
            return -1;
        }
    }
    return 0;
}

/* -- cause ---------------------------------------------------------------------------------------- */

/* Drops repeats of a step that follow each other (a chain's length is no part of its cause), then
 * repeats of the whole sequence (a ring of two is a ring of ten). Returns the number of steps left. */
static uint32_t
condense(const char **steps, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || strcmp(steps[kept - 1], steps[i]) != 0) {
            steps[kept++] = steps[i];
        }
    }
    while (kept > 1 && strcmp(steps[0], steps[kept - 1]) == 0) {
        kept--;
    }
    for (uint32_t period = 1; period <= kept / 2; period++) {
        bool repeats = kept % period == 0;
        for (uint32_t i = period; i < kept && repeats; i++) {
            repeats = strcmp(steps[i], steps[i - period]) == 0;
        }
        if (repeats) {
            return period;
        }
    }
    return kept;
}

/* Where to begin so that the sequence of steps is the smallest of all its rotations. */
static uint32_t
smallest_rotation(const char **steps, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t candidate = 1; candidate < count; candidate++) {
        int order = 0;
        for (uint32_t i = 0; i < count && order == 0; i++) {
            order = strcmp(steps[(candidate + i) % count], steps[(best + i) % count]);
        }
        if (order < 0) {
            best = candidate;
        }
    }
    return best;
}

/* Begins the steps with the one that the cause begins with. */
static int
rotate_steps(yagot_cycle *cycle, const char *first)
{
    uint32_t shift = 0;
    while (shift < cycle->count && strcmp(cycle->steps[shift].general, first) != 0) {
        shift++;
    }
    yagot_step *rotated = PyMem_RawMalloc(cycle->count * sizeof *rotated);
    if (rotated == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < cycle->count; i++) {
        rotated[i] = cycle->steps[(shift + i) % cycle->count];
    }
    PyMem_RawFree(cycle->steps);
    cycle->steps = rotated;
    return 0;
}

/* Joins steps, without repeats and from the smallest rotation on; they are rearranged. Returns the first one, NULL when
 * memory is short. `lines`, a step each, are not wanted if NULL. */
static const char *
join(const char **steps, uint32_t count, char **whole, char **lines)
{
    yagot_text text = {0}, parts = {0};
    count = condense(steps, count);
    uint32_t first = smallest_rotation(steps, count);
    for (uint32_t i = 0; i < count; i++) {
        yagot_text_add(&text, i > 0 ? " \xE2\x86\x92 " : "");
        yagot_text_add(&text, steps[(first + i) % count]);
        if (lines != NULL) {
            yagot_text_add(&parts, i > 0 ? "\n" : "");
            yagot_text_add(&parts, steps[(first + i) % count]);
        }
    }
    *whole = yagot_text_take(&text);
    if (lines != NULL) {
        *lines = yagot_text_take(&parts);
    }
    return *whole != NULL && (lines == NULL || *lines != NULL) ? steps[first] : NULL;
}

static int
write_concrete(yagot_cycle *cycle)
{
    const char **steps = PyMem_RawMalloc(cycle->count * sizeof *steps);
    if (steps == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < cycle->count; i++) {
        steps[i] = cycle->steps[i].general;
    }
    const char *first = join(steps, cycle->count, &cycle->concrete, NULL);
    int result = first == NULL ? -1 : cycle->cut ? 0 : rotate_steps(cycle, first);
    PyMem_RawFree(steps);
    return result;
}

int
yagot_join_abstract(yagot_cycle *cycle)
{
    const char **steps = PyMem_RawMalloc(cycle->count * sizeof *steps);
    if (steps == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < cycle->count; i++) {
        steps[i] = cycle->steps[i].abstract;
    }
    const char *first = join(steps, cycle->count, &cycle->cause.text, &cycle->cause.parts);
    PyMem_RawFree(steps);
    return first != NULL ? 0 : -1;
}

int
yagot_write_steps(yagot_graph *graph, yagot_cycle *cycle)
{
    writer t = {.graph = graph, .cycle = cycle, .all_heads = true};
    uint32_t shown = cycle->length, first = 0;
    if (shown > LONGEST_SHOWN) {
        cycle->cut = true;
        shown = LONGEST_SHOWN;
    }
    for (uint32_t i = 0; i < shown && t.all_heads; i++) {
        PyObject *object = object_at(&t, i);
        t.all_heads = yagot_is_plain_container(object) || yagot_is_item(object, object_at(&t, i + 1));
    }
    while (first < shown - 1 && !is_head(&t, first)) {
        first++;
    }
    cycle->steps = PyMem_RawCalloc(shown + 1u, sizeof *cycle->steps);
    if (cycle->steps == NULL) {
        return -1;
    }
    return write_all(&t, first, cycle->cut ? shown : first + shown) < 0 ? -1 : write_concrete(cycle);
}
