/* paths.c - explain: why an object is alive. See paths.h. */
#include "explain/paths.h"

#include "base/describe.h"
#include "explain/edges.h"
#include "base/snapshot.h"

#include <string.h>

enum { LONGEST_PATH = 40 };

typedef struct {
    yagot_snapshot all;
    uint32_t *parent;           /* owned; index + 1; 0: not reached */
    uint32_t *queue, length, at;        /* owned */
    uint32_t room;              /* of both */
    bool failed;
} search;

/* Makes room for all objects of the snapshot. */
static int
reserve(search *s)
{
    if (s->all.count <= s->room) {
        return 0;
    }
    uint32_t room = s->all.count + s->all.count / 4 + 64;
    uint32_t *parent = PyMem_RawRealloc(s->parent, room * sizeof *parent);
    s->parent = parent != NULL ? parent : s->parent;
    uint32_t *queue = PyMem_RawRealloc(s->queue, room * sizeof *queue);
    s->queue = queue != NULL ? queue : s->queue;
    if (parent == NULL || queue == NULL) {
        return -1;
    }
    memset(parent + s->room, 0, (room - s->room) * sizeof *parent);
    s->room = room;
    return 0;
}

/* The collector stops tracking tuples and dicts of strings and numbers: these join when they are met. */
static uint32_t
find_or_add(search *s, PyObject *object)
{
    uint32_t index = yagot_snapshot_find(&s->all, object);
    if (index == YAGOT_NONE && PyObject_IS_GC(object)) {
        index = yagot_snapshot_add(&s->all, object, 0, 0);
        if (index == YAGOT_NONE || reserve(s) < 0) {
            s->failed = true;
            return YAGOT_NONE;
        }
    }
    return index;
}

static int
visit_next(PyObject *child, void *arg)
{
    search *s = arg;
    uint32_t index = find_or_add(s, child);
    if (index != YAGOT_NONE && s->parent[index] == 0) {
        s->parent[index] = s->at + 1;
        s->queue[s->length++] = index;
    }
    return 0;
}

/* Modules of Python's make better reading than those of C. */
static bool
is_source(PyObject *module)
{
    PyObject *file = yagot_module_str(module, "__file__");
    const char *text = file != NULL ? PyUnicode_AsUTF8(file) : NULL;
    size_t length = text != NULL ? strlen(text) : 0;
    PyErr_Clear();
    return length > 3 && strcmp(text + length - 3, ".py") == 0;
}

static void
start_at_modules(search *s, bool source)
{
    PyObject *modules = PyImport_GetModuleDict(), *name, *module;
    Py_ssize_t position = 0;
    while (modules != NULL && PyDict_CheckExact(modules) && PyDict_Next(modules, &position, &name, &module)) {
        uint32_t index = PyModule_Check(module) ? yagot_snapshot_find(&s->all, module) : YAGOT_NONE;
        if (index != YAGOT_NONE && s->parent[index] == 0 && is_source(module) == source) {
            s->parent[index] = index + 1;       /* its own: a root */
            s->queue[s->length++] = index;
        }
    }
}

/* What is reached already leads nowhere. */
static void
close_ways(search *s, PyObject *around)
{
    for (Py_ssize_t i = 0; around != NULL && i < PyList_GET_SIZE(around); i++) {
        uint32_t index = find_or_add(s, PyList_GET_ITEM(around, i));
        if (index != YAGOT_NONE) {
            s->parent[index] = index + 1;
        }
    }
}

/* A dict all of whose keys are strings does not show them. */
static void
visit_keys(search *s, PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        (void)visit_next(key, s);
    }
}

/* Breadth first, so that the path is a shortest one. */
static bool
reach(search *s, uint32_t target)
{
    bool wants_str = PyUnicode_CheckExact(s->all.objects[target]);
    for (uint32_t i = 0, source = 2; source-- > 0 && s->parent[target] == 0;) {
        start_at_modules(s, source == 1);
        for (; i < s->length && s->parent[target] == 0; i++) {
            s->at = s->queue[i];
            PyObject *object = s->all.objects[s->at];
            yagot_traverse(object, visit_next, s);
            if (wants_str && PyDict_CheckExact(object)) {
                visit_keys(s, object);
            }
        }
    }
    return s->parent[target] != 0;
}

static void
add_module_name(yagot_text *text, PyObject *module)
{
    yagot_text_add_str(text, yagot_module_str(module, "__name__"), YAGOT_NAME_LIMIT);
}

/* The indices from the target back to the root; returns their number. */
static uint32_t
find_way(const search *s, uint32_t target, uint32_t path[LONGEST_PATH])
{
    uint32_t length = 1;
    path[0] = target;
    while (length < LONGEST_PATH && s->parent[path[length - 1]] != path[length - 1] + 1) {
        path[length] = s->parent[path[length - 1]] - 1;
        length++;
    }
    return length;
}

static int
list_holders(const search *s, uint32_t target, PyObject *holders)
{
    uint32_t path[LONGEST_PATH], length = find_way(s, target, path);
    for (uint32_t i = length - 1; i > 0; i--) {
        if (PyList_Append(holders, s->all.objects[path[i]]) < 0) {
            PyErr_Clear();
            return -1;
        }
    }
    return 0;
}

static char *
write_path(search *s, uint32_t target)
{
    uint32_t path[LONGEST_PATH], length = find_way(s, target, path);
    yagot_edge_name name = {0};
    PyObject *root = s->all.objects[path[length - 1]];
    if (PyModule_Check(root)) {
        add_module_name(&name.shown, root);
    }
    else {
        yagot_text_add(&name.shown, "\xE2\x80\xA6");    /* too deep: the beginning is left out */
    }
    bool is_part = false;
    for (uint32_t i = length - 1; i > 0; i--) {
        PyObject *from = s->all.objects[path[i]], *to = s->all.objects[path[i - 1]];
        if (PyModule_Check(from) && PyModule_GetDict(from) == to) {
            is_part = true;
        }
        else {
            is_part = yagot_add_edge(&name, from, to, is_part);
        }
    }
    yagot_text_fini(&name.general);
    return yagot_text_take(&name.shown);
}

char *
yagot_path_to(PyObject *object, PyObject *tracked, PyObject *around, PyObject *holders)
{
    search s = {0};
    char *path = NULL;
    int result = yagot_snapshot_init(&s.all);
    if (result == 0) {
        result = yagot_snapshot_add_list(&s.all, tracked);
    }
    else {
        Py_DECREF(tracked);
    }
    uint32_t target = result == 0 ? yagot_snapshot_add(&s.all, object, 0, 0) : YAGOT_NONE;
    if (target != YAGOT_NONE && reserve(&s) == 0) {
        yagot_text nothing = {0};
        close_ways(&s, around);
        s.parent[target] = 0;
        bool reached = reach(&s, target);
        if (!s.failed && (!reached || list_holders(&s, target, holders) == 0)) {
            path = reached ? write_path(&s, target) : yagot_text_take(&nothing);
        }
    }
    PyMem_RawFree(s.parent);
    PyMem_RawFree(s.queue);
    yagot_snapshot_fini(&s.all);
    return path;
}
