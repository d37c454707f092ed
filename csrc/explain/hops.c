/* hops.c - see hops.h. */
#include "explain/hops.h"

#include "base/describe.h"
#include "base/identity.h"
#include "explain/edges.h"
#include "explain/makers.h"
#include "explain/simulate.h"

#include <string.h>

enum { MOST_HOPS = 40, MOST_HOPS_OF_TWO = 12, MOST_STATE = 12, LONGEST_STATE = 20 };

/* -- one object ----------------------------------------------------------------------------------- */

static bool
can_be_weak(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    bool weak = type->tp_weaklistoffset != 0;
#ifdef Py_TPFLAGS_MANAGED_WEAKREF
    weak |= (type->tp_flags & Py_TPFLAGS_MANAGED_WEAKREF) != 0;
#endif
    return weak && yagot_is_python_class(type) && !PyType_Check(object);
}

static const char *
container_kind(PyObject *object)
{
    return PyList_CheckExact(object) ? "list" : PyDict_CheckExact(object) ? "dict"
         : PyTuple_CheckExact(object) ? "tuple" : PyAnySet_CheckExact(object) ? "set"
         : PyCell_Check(object) ? "cell" : NULL;
}

static const char *
kind_of(PyObject *object)
{
    const char *container = container_kind(object);
    return container != NULL ? container
         : PyExceptionInstance_Check(object) ? "exception"
         : PyTraceBack_Check(object) ? "traceback"
         : PyFrame_Check(object) ? "frame"
         : yagot_is_generator(object) ? "generator"
         : PyFunction_Check(object) ? "function"
         : PyMethod_Check(object) ? "method"
         : PyType_Check(object) ? "class"
         : yagot_is_python_class(Py_TYPE(object)) ? "instance" : "object";
}

/* The attributes that say whether it has served: flags, and short strings by the name of a state. */
static void
add_state(yagot_text *text, PyObject *object)
{
    PyObject *dict = yagot_instance_dict(object), *key, *value;
    Py_ssize_t position = 0;
    int shown = 0;
    while (dict != NULL && PyDict_Check(dict) && shown < MOST_STATE && PyDict_Next(dict, &position, &key, &value)) {
        const char *name = PyUnicode_CheckExact(key) ? PyUnicode_AsUTF8(key) : NULL;
        bool is_text = name != NULL && PyUnicode_CheckExact(value) && strstr(name, "stat") != NULL
                       && PyUnicode_GET_LENGTH(value) <= LONGEST_STATE;
        if (name != NULL && (PyBool_Check(value) || is_text)) {
            yagot_text_add(text, shown++ > 0 ? ", " : "");
            yagot_text_add_str(text, key, YAGOT_VALUE_LIMIT);
            yagot_text_add(text, "=");
            yagot_text_add_str(text, is_text ? value : NULL, YAGOT_VALUE_LIMIT);
            yagot_text_add(text, is_text ? "" : value == Py_True ? "True" : "False");
        }
    }
    PyErr_Clear();
}

/* A cell of a closure is named by its variable. */
static int
name_cell(yagot_hop *hop, PyObject *function, PyObject *closure, PyObject *cell)
{
    yagot_text text = {0};
    PyObject *variable = yagot_closure_variable(function, closure, cell);
    yagot_text_add_str(&text, variable, YAGOT_NAME_LIMIT);
    Py_XDECREF(variable);
    PyMem_RawFree(hop->name);
    hop->name = yagot_text_take(&text);
    return hop->name != NULL ? 0 : -1;
}

static char *
text_of(void (*add)(yagot_text *, PyObject *), PyObject *object)
{
    yagot_text text = {0};
    add(&text, object);
    return yagot_text_take(&text);
}

static int
describe_object(yagot_hop *hop, PyObject *object)
{
    yagot_identity identity;
    hop->kind = kind_of(object);
    hop->weak = can_be_weak(object);
    hop->what = text_of(yagot_add_object, object);
    hop->defined = text_of(yagot_add_definition, object);
    hop->state = text_of(add_state, object);
    if (yagot_identify(object, &identity) < 0) {
        return -1;
    }
    hop->module = identity.module;
    hop->name = identity.qualname;
    hop->line = identity.line;
    return hop->what != NULL && hop->defined != NULL && hop->state != NULL ? 0 : -1;
}

/* -- all of them ---------------------------------------------------------------------------------- */

void
yagot_hops_free(yagot_hop *hops, uint32_t count)
{
    for (uint32_t i = 0; hops != NULL && i < count; i++) {
        char *texts[] = {hops[i].what, hops[i].module, hops[i].name, hops[i].defined, hops[i].state, hops[i].edge,
                         hops[i].cut};
        for (size_t j = 0; j < sizeof texts / sizeof *texts; j++) {
            PyMem_RawFree(texts[j]);
        }
        yagot_hops_free(hops[i].rest, hops[i].rest_count);      /* which has no rests itself */
    }
    PyMem_RawFree(hops);
}

static int
describe_objects(yagot_hop *hops, yagot_graph *graph, const yagot_cycle *cycle)
{
    for (uint32_t i = 0; i < cycle->length; i++) {
        PyObject *object = graph->objects[cycle->nodes[i]];
        if (describe_object(&hops[i], object) < 0) {
            return -1;
        }
        uint32_t before = i + 2 * cycle->length;
        if (PyCell_Check(object)
            && name_cell(&hops[i], graph->objects[cycle->nodes[(before - 2) % cycle->length]],
                         graph->objects[cycle->nodes[(before - 1) % cycle->length]], object) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Without the kind `without`, if it is not NULL. */
static int
describe_edges(yagot_hop *hops, yagot_plan *plan, const yagot_cycle *cycle, const char *without)
{
    bool is_part = false;
    for (uint32_t i = 0; i < cycle->length; i++) {
        uint32_t from = cycle->nodes[i], to = cycle->nodes[(i + 1) % cycle->length];
        yagot_edge_name name = {0};
        const char *kind = yagot_plan_kind(plan, from, to, without, &name.skip);
        if (PyTuple_Check(plan->graph->objects[from])
            && yagot_is_item(plan->graph->objects[from], plan->graph->objects[to])) {
            hops[i].kind = "tuple";         /* a named one has no attributes to set */
        }
        is_part = yagot_add_edge(&name, plan->graph->objects[from], plan->graph->objects[to], is_part);
        yagot_text_fini(&name.shown);
        hops[i].edge = yagot_text_take(&name.general);
        hops[i].cut = yagot_text_copy(kind != NULL ? kind : "");
        hops[i].breaks = kind != NULL && !is_part && yagot_plan_breaks(plan, kind, without);
        hops[i].apart = without == NULL && yagot_plan_falls_apart(plan, from);
        if (hops[i].edge == NULL || hops[i].cut == NULL) {
            return -1;
        }
    }
    return 0;
}

/* Whose reference is a hop's? Of containers, that of the object that has them. */
static PyObject *
holder_at(const yagot_graph *graph, const yagot_cycle *cycle, uint32_t index)
{
    for (uint32_t i = 0; i < cycle->length; i++) {
        uint32_t before = (index + cycle->length - i) % cycle->length;
        PyObject *object = graph->objects[cycle->nodes[before]];
        if (!yagot_is_plain_container(object)) {
            return object;
        }
    }
    return graph->objects[cycle->nodes[index]];
}

/* Is a reference that can go of the project's making? Nobody can change what a traceback or a tuple refers to, and a
 * raised exception gets its traceback again. */
static bool
any_breaks(const yagot_hop *hops, const yagot_graph *graph, const yagot_cycle *cycle, PyObject *modules)
{
    for (uint32_t i = 0; i < cycle->length; i++) {
        bool is_fixed = strcmp(hops[i].kind, "traceback") == 0 || strcmp(hops[i].kind, "tuple") == 0
                        || (strcmp(hops[i].kind, "exception") == 0 && strcmp(hops[i].edge, ".__traceback__") == 0);
        PyObject *holder = holder_at(graph, cycle, i);
        if (hops[i].breaks && !is_fixed
            && (yagot_is_plain_container(holder) || yagot_may_be_projects(modules, holder))) {
            return true;
        }
    }
    return false;
}

/* Is no object of the component that may be the project's on a cycle that is left without a kind? */
static bool
leaves_others(yagot_plan *plan, const char *kind, PyObject *modules)
{
    const uint32_t *members = &plan->graph->members[plan->first];
    for (uint32_t i = 0; i < plan->size; i++) {
        if (yagot_may_be_projects(modules, plan->graph->objects[members[i]])
            && yagot_plan_is_on_rest(plan, kind, members[i])) {
            return false;
        }
    }
    return true;
}

/* Finds what is left without a hop's kind. */
static int
add_rest(yagot_hop *hop, yagot_plan *plan, PyObject *modules)
{
    uint32_t nodes[MOST_HOPS_OF_TWO];
    uint32_t length = hop->cut[0] != '\0' ? yagot_plan_rest(plan, hop->cut, nodes, MOST_HOPS_OF_TWO) : 0;
    if (length == 0) {
        return 0;
    }
    yagot_cycle cycle = {.nodes = nodes, .length = length};
    yagot_hop *rest = PyMem_RawCalloc(length, sizeof *rest);
    int result = rest == NULL || describe_objects(rest, plan->graph, &cycle) < 0
                 || describe_edges(rest, plan, &cycle, hop->cut) < 0 ? -1 : 0;
    if (result < 0) {
        yagot_hops_free(rest, rest != NULL ? length : 0);
        return result;
    }
    hop->others = leaves_others(plan, hop->cut, modules);
    hop->rest = rest;
    hop->rest_count = length;
    return 0;
}

/* If no single kind of the project's takes the component apart: which two do? */
static int
add_rests(yagot_hop *hops, yagot_plan *plan, const yagot_cycle *cycle, PyObject *modules)
{
    int result = 0;
    bool needed = cycle->length <= MOST_HOPS_OF_TWO && !any_breaks(hops, plan->graph, cycle, modules);
    for (uint32_t i = 0; i < cycle->length && needed && result == 0; i++) {
        result = add_rest(&hops[i], plan, modules);
    }
    return result;
}

/* Is it the cycle that every class is in with its MRO? There is nothing to cut in it. */
static bool
is_of_mro(const yagot_graph *graph, const yagot_cycle *cycle)
{
    for (uint32_t i = 0; i < 2 && cycle->length == 2; i++) {
        PyObject *one = graph->objects[cycle->nodes[i]], *other = graph->objects[cycle->nodes[1 - i]];
        if (PyType_Check(one) && ((PyTypeObject *)one)->tp_mro == other) {
            return true;
        }
    }
    return false;
}

yagot_hop *
yagot_hops(yagot_graph *graph, uint32_t component, const yagot_cycle *cycle, PyObject *modules, uint32_t *count)
{
    yagot_plan plan;
    yagot_hop *hops = PyMem_RawCalloc(cycle->length + 1u, sizeof *hops);
    *count = 0;
    bool advised = cycle->length <= MOST_HOPS && !is_of_mro(graph, cycle);
    int planned = advised ? yagot_plan_init(&plan, graph, component) : 0;
    if (hops == NULL || planned < 0) {
        PyMem_RawFree(hops);
        return NULL;
    }
    if (planned == 0) {
        return hops;
    }
    int result = describe_objects(hops, graph, cycle) < 0 || describe_edges(hops, &plan, cycle, NULL) < 0
                 || add_rests(hops, &plan, cycle, modules) < 0 ? -1 : 0;
    yagot_plan_fini(&plan);
    if (result < 0) {
        yagot_hops_free(hops, cycle->length);
        return NULL;
    }
    *count = cycle->length;
    return hops;
}

PyObject *
yagot_hops_export(const yagot_hop *hops, uint32_t count)
{
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        const yagot_hop *hop = &hops[i];
        PyObject *item = Py_BuildValue("{ss ss ss ss ss ss ss ss si sO sO sO sO}", "kind", hop->kind, "what", hop->what,
            "module", hop->module, "name", hop->name, "defined", hop->defined, "state", hop->state, "edge", hop->edge,
            "cut", hop->cut, "line", hop->line, "weak", hop->weak ? Py_True : Py_False,
            "breaks", hop->breaks ? Py_True : Py_False,
            "apart", hop->apart ? Py_True : Py_False, "others", hop->others ? Py_True : Py_False);
        PyObject *rest = item != NULL ? yagot_hops_export(hop->rest, hop->rest_count) : NULL;
        if (rest == NULL || PyDict_SetItemString(item, "rest", rest) < 0 || PyList_Append(list, item) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(rest);
        Py_XDECREF(item);
    }
    return list;
}
