/* export.c - findings as Python objects. See findings.h. */
#include "explain/findings.h"

#include <string.h>

static int
set_item(PyObject *dict, const char *key, PyObject *value)
{
    int result = value != NULL ? PyDict_SetItemString(dict, key, value) : -1;
    Py_XDECREF(value);
    return result;
}

static PyObject *
new_text(const char *text)
{
    return PyUnicode_DecodeUTF8(text != NULL ? text : "", (Py_ssize_t)strlen(text != NULL ? text : ""), "replace");
}

static PyObject *
new_part(const char *text, size_t size)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)size, "replace");
}

/* Appends a new reference, NULL if it could not be made; drops the list on errors. */
static void
append(PyObject **list, PyObject *item)
{
    if (*list != NULL && (item == NULL || PyList_Append(*list, item) < 0)) {
        Py_CLEAR(*list);
    }
    Py_XDECREF(item);
}

static const char *const edge_kinds[] = {
    [YAGOT_EDGE_UNKNOWN] = "unknown", [YAGOT_EDGE_ATTRIBUTE] = "attribute", [YAGOT_EDGE_FIELD] = "field",
    [YAGOT_EDGE_ITEM] = "item", [YAGOT_EDGE_KEY] = "key", [YAGOT_EDGE_MEMBER] = "member",
    [YAGOT_EDGE_LOCAL] = "local", [YAGOT_EDGE_CELL] = "cell", [YAGOT_EDGE_ITERATED] = "iterated",
};

static PyObject *
export_edges(const yagot_step_text *step)
{
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list != NULL && i < step->edge_count; i++) {
        const yagot_edge *edge = &step->edges[i];
        append(&list, Py_BuildValue("(sN)", edge_kinds[edge->kind],
                                    new_part(step->text[1] + edge->start, edge->end - edge->start)));
    }
    return list;
}

static PyObject *
export_step(const yagot_step_text *step)
{
    const struct { const char *key, *text; } fields[] = {
        {"object", step->text[0]}, {"path", step->text[1]}, {"contents", step->text[2]}, {"general", step->general},
        {"defined", step->defined}, {"made", step->made}, {"kind", step->identity.kind},
        {"maker", step->maker}, {"module", step->identity.module}, {"qualname", step->identity.qualname},
    };
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict != NULL && i < sizeof fields / sizeof *fields; i++) {
        if (set_item(dict, fields[i].key, new_text(fields[i].text)) < 0) {
            Py_CLEAR(dict);
        }
    }
    if (dict != NULL && set_item(dict, "line", PyLong_FromLong(step->identity.line)) < 0) {
        Py_CLEAR(dict);
    }
    if (dict != NULL && set_item(dict, "edges", export_edges(step)) < 0) {
        Py_CLEAR(dict);
    }
    return dict;
}

static PyObject *
export_steps(const yagot_finding *finding)
{
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list != NULL && i < finding->step_count; i++) {
        append(&list, export_step(&finding->steps[i]));
    }
    return list;
}

/* The lines of a text; none of NULL. */
static PyObject *
export_parts(const char *text)
{
    PyObject *list = PyList_New(0);
    while (list != NULL && text != NULL && *text != '\0') {
        size_t size = strcspn(text, "\n");
        append(&list, new_part(text, size));
        text = text[size] == '\n' ? text + size + 1 : NULL;
    }
    return list;
}

static Py_ssize_t
survivors_of_type(const yagot_finding *finding, const char *name)
{
    const yagot_type_counts *types = &finding->amounts.survivor_types;
    for (size_t i = 0; i < types->count; i++) {
        if (types->items[i].name == name) {
            return types->items[i].count;
        }
    }
    return 0;
}

static PyObject *
export_types(const yagot_finding *finding, bool uncollectable)
{
    PyObject *types = PyDict_New();
    const yagot_type_counts *counts = &finding->amounts.types;
    for (size_t i = 0; types != NULL && i < counts->count; i++) {
        const char *name = counts->items[i].name;
        Py_ssize_t survivors = survivors_of_type(finding, name);
        Py_ssize_t count = uncollectable ? survivors : counts->items[i].count - survivors;
        PyObject *key = count > 0 ? new_text(name) : NULL;
        if (count > 0) {
            PyObject *value = PyLong_FromSsize_t(count);
            if (key == NULL || value == NULL || PyDict_SetItem(types, key, value) < 0) {
                Py_CLEAR(types);
            }
            Py_XDECREF(value);
        }
        Py_XDECREF(key);
    }
    return types;
}

static const char *
origin_of(const yagot_finding *finding)
{
    return yagot_label_is_import(finding->label) ? "import"
           : yagot_label_origin(finding->label) == YAGOT_BEFORE ? "before" : "test";
}

/* What is the same for all findings of a cause. */
static int
export_description(PyObject *dict, const yagot_finding *finding, bool uncollectable)
{
    return set_item(dict, "hops", yagot_hops_export(finding->hops, uncollectable ? 0 : finding->hop_count)) < 0
           || set_item(dict, "parts", export_parts(finding->cause.parts)) < 0
           || set_item(dict, "makers", export_parts(finding->makers)) < 0
           || set_item(dict, "steps", export_steps(finding)) < 0 ? -1 : 0;
}

static PyObject *
export_finding(const yagot_finding *finding, bool uncollectable)
{
    PyObject *dict = PyDict_New();
    const yagot_amounts *a = &finding->amounts;
    Py_ssize_t objects = uncollectable ? a->survivors : a->objects - a->survivors;
    bool whole = a->survivors == 0 || a->survivors == a->objects;
    if (dict == NULL
        || set_item(dict, "kind", PyUnicode_FromString(finding->kind != NULL ? finding->kind
                                                      : uncollectable ? "uncollectable" : "collected")) < 0
        || set_item(dict, "concrete", new_text(finding->concrete)) < 0
        || set_item(dict, "cause", new_text(finding->cause.text != NULL ? finding->cause.text : finding->concrete)) < 0
        || set_item(dict, "subject", new_part(finding->concrete, finding->subject)) < 0
        || set_item(dict, "objects", PyLong_FromSsize_t(objects)) < 0
        || set_item(dict, "count", PyLong_FromSsize_t(a->count)) < 0
        || set_item(dict, "held_bytes", PyLong_FromSize_t(whole || uncollectable ? a->bytes : 0)) < 0
        || set_item(dict, "references", PyLong_FromSsize_t(a->unheld)) < 0
        || set_item(dict, "untracked", PyBool_FromLong(finding->untracked)) < 0
        || set_item(dict, "window", PyLong_FromUnsignedLong(yagot_label_window(finding->label))) < 0
        || set_item(dict, "origin", PyUnicode_FromString(origin_of(finding))) < 0
        || set_item(dict, "cycle_length", PyLong_FromLong((long)finding->cycle_length)) < 0
        || set_item(dict, "why", new_text(uncollectable ? finding->why : NULL)) < 0
        || set_item(dict, "types", export_types(finding, uncollectable)) < 0
        || set_item(dict, "known", PyBool_FromLong(finding->known)) < 0
        || (!finding->known && export_description(dict, finding, uncollectable) < 0)) {
        Py_CLEAR(dict);
    }
    return dict;
}

PyObject *
yagot_findings_export(yagot_findings *findings)
{
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; i < findings->count; i++) {
        const yagot_finding *finding = &findings->items[i];
        const bool wanted[] = {finding->amounts.objects > finding->amounts.survivors, finding->amounts.survivors > 0};
        for (int uncollectable = 0; uncollectable < 2 && list != NULL; uncollectable++) {
            if (!wanted[uncollectable]) {
                continue;
            }
            PyObject *item = export_finding(finding, uncollectable == 1);
            if (item == NULL || PyList_Append(list, item) < 0) {
                Py_CLEAR(list);
            }
            Py_XDECREF(item);
        }
        if (list != NULL) {
            yagot_findings_add_known(findings, finding);
        }
    }
    return list;
}
