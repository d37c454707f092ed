/* parts.c - see parts.h.
 *
 * The same leak must have the same number of objects on every run. Some objects depend on what else has
 * happened: the dict of an instance and the frame of a generator, which are made when somebody asks for them; tuples
 * and dicts that lead nowhere, which a collection hides from the next one; what isinstance() has cached about an
 * abstract class; and the tree that a context is made of.
 */
#include "explain/parts.h"

#include "base/describe.h"

#include <string.h>

enum { MOST_PASSES = 8 };       /* a container is mostly younger than what is in it: one pass finds nearly all */

typedef struct {
    const yagot_graph *graph;
    yagot_snapshot *snapshot;
    bool *part;                 /* [nodes] */
} marking;

/* The node of an object, or YAGOT_NONE. The snapshot's refs hold node numbers. */
static uint32_t
node_of(const marking *m, PyObject *object)
{
    uint32_t index = yagot_snapshot_find(m->snapshot, object);
    bool garbage = index != YAGOT_NONE && m->snapshot->flags[index] & YAGOT_GARBAGE;
    return garbage ? (uint32_t)m->snapshot->refs[index] : YAGOT_NONE;
}

/* -- dicts and frames ----------------------------------------------------------------------------- */

static void
mark_belongings(const marking *m, uint32_t node)
{
    const yagot_graph *g = m->graph;
    PyObject *whole = g->objects[node], *dict = NULL;
    bool asked = false;
    for (uint32_t e = g->start[node]; e < g->start[node + 1]; e++) {
        PyObject *part = g->objects[g->target[e]];
        if (PyDict_CheckExact(part) && !asked) {
            bool always = PyType_Check(whole) || PyModule_Check(whole);
            dict = always ? NULL : yagot_existing_dict(whole);
            asked = true;
        }
        if (part == dict || (PyFrame_Check(part) && yagot_is_part(whole, part))) {
            m->part[g->target[e]] = true;
        }
    }
}

/* -- containers that lead nowhere ----------------------------------------------------------------- */

/* As the collector sees it: could the object ever be a part of a cycle? */
static bool
leads_somewhere(const marking *m, PyObject *object)
{
    uint32_t node = node_of(m, object);
    return PyObject_IS_GC(object) && !(node != YAGOT_NONE && m->part[node])
           && !(PyTuple_CheckExact(object) && !yagot_is_tracked(object));
}

static bool
is_bare(const marking *m, PyObject *object)
{
    if (PyTuple_CheckExact(object)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(object); i++) {
            PyObject *item = PyTuple_GET_ITEM(object, i);
            if (item == NULL || leads_somewhere(m, item)) {
                return false;
            }
        }
        return true;
    }
    PyObject *key, *value;
    Py_ssize_t position = 0;
    bool bare = PyDict_CheckExact(object);
    while (bare && PyDict_Next(object, &position, &key, &value)) {
        bare = !leads_somewhere(m, key) && !leads_somewhere(m, value);
    }
    return bare;
}

static void
mark_bare(const marking *m)
{
    bool changed = true;
    for (int pass = 0; pass < MOST_PASSES && changed; pass++) {
        changed = false;
        for (uint32_t i = 0; i < m->graph->nodes; i++) {
            if (!m->part[i] && is_bare(m, m->graph->objects[i])) {
                m->part[i] = changed = true;
            }
        }
    }
}

/* -- what abstract classes have cached ------------------------------------------------------------ */

static bool
is_data_of_abstract_class(PyObject *object)
{
    const char *name = Py_TYPE(object)->tp_name;
    return name[0] == '_' && strcmp(name, "_abc._abc_data") == 0;
}

/* Sets of weak references with callbacks: nothing else hangs off the data of an abstract class. */
static void
mark_caches(const marking *m, uint32_t data, uint32_t *stack)
{
    const yagot_graph *g = m->graph;
    uint32_t depth = 0;
    stack[depth++] = data;
    while (depth > 0) {
        uint32_t node = stack[--depth];
        for (uint32_t e = g->start[node]; e < g->start[node + 1]; e++) {
            uint32_t child = g->target[e];
            if (!m->part[child]) {
                m->part[child] = true;
                stack[depth++] = child;
            }
        }
    }
}

bool *
yagot_parts_mark(const yagot_graph *graph, yagot_snapshot *snapshot)
{
    marking m = {graph, snapshot, PyMem_RawCalloc(graph->nodes + 1u, sizeof *m.part)};
    uint32_t *stack = PyMem_RawMalloc((graph->nodes + 1u) * sizeof *stack);
    for (uint32_t i = 0; m.part != NULL && stack != NULL && i < graph->nodes; i++) {
        mark_belongings(&m, i);
        if (yagot_is_context_piece(graph->objects[i])) {
            m.part[i] = true;
        }
        if (is_data_of_abstract_class(graph->objects[i])) {
            mark_caches(&m, i, stack);
        }
    }
    if (m.part != NULL && stack != NULL) {
        mark_bare(&m);
    }
    else {
        PyMem_RawFree(m.part);
        m.part = NULL;
    }
    PyMem_RawFree(stack);
    return m.part;
}
