/* export.c - findings as Python objects. See findings.h. */
#include "explain/findings.h"

#include "base/keys.h"

#include <string.h>

/* -- keys ------------------------------------------------------------------------------------------- */

typedef enum {
    KEY_KIND, KEY_CONCRETE, KEY_CAUSE, KEY_SUBJECT, KEY_OBJECTS, KEY_COUNT, KEY_HELD_BYTES, KEY_REFERENCES,
    KEY_UNTRACKED, KEY_WINDOW, KEY_ORIGIN, KEY_CYCLE_LENGTH, KEY_WHY, KEY_TYPES, KEY_KNOWN, KEY_HOPS, KEY_PARTS,
    KEY_MAKERS, KEY_STEPS, KEY_OBJECT, KEY_PATH, KEY_CONTENTS, KEY_GENERAL, KEY_DEFINED, KEY_MADE, KEY_MAKER,
    KEY_MODULE, KEY_QUALNAME, KEY_LINE, KEY_EDGES, KEY_LEFT_OUT, KEY_CYCLIC, KEY_CYCLES,
} key_number;

_Static_assert(KEY_CYCLES + 1 == YAGOT_KEYS, "each key has a place among the findings' keys");

static const char *const key_names[YAGOT_KEYS] = {
    [KEY_KIND] = "kind", [KEY_CONCRETE] = "concrete", [KEY_CAUSE] = "cause", [KEY_SUBJECT] = "subject",
    [KEY_OBJECTS] = "objects", [KEY_COUNT] = "count", [KEY_HELD_BYTES] = "held_bytes",
    [KEY_REFERENCES] = "references", [KEY_UNTRACKED] = "untracked", [KEY_WINDOW] = "window", [KEY_ORIGIN] = "origin",
    [KEY_CYCLE_LENGTH] = "cycle_length", [KEY_WHY] = "why", [KEY_TYPES] = "types", [KEY_KNOWN] = "known",
    [KEY_HOPS] = "hops", [KEY_PARTS] = "parts", [KEY_MAKERS] = "makers", [KEY_STEPS] = "steps",
    [KEY_OBJECT] = "object", [KEY_PATH] = "path", [KEY_CONTENTS] = "contents", [KEY_GENERAL] = "general",
    [KEY_DEFINED] = "defined", [KEY_MADE] = "made", [KEY_MAKER] = "maker", [KEY_MODULE] = "module",
    [KEY_QUALNAME] = "qualname", [KEY_LINE] = "line", [KEY_EDGES] = "edges", [KEY_LEFT_OUT] = "left_out",
    [KEY_CYCLIC] = "cyclic", [KEY_CYCLES] = "cycles",
};

/* Steals the value, which may be NULL with an exception set. */
static int
set_item(PyObject *const *keys, PyObject *dict, key_number name, PyObject *value)
{
    return yagot_keys_set(dict, keys[name], value);
}

/* -- parts ------------------------------------------------------------------------------------------ */

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
export_step(PyObject *const *keys, const yagot_step_text *step)
{
    const struct { key_number key; const char *text; } fields[] = {
        {KEY_OBJECT, step->text[0]}, {KEY_PATH, step->text[1]}, {KEY_CONTENTS, step->text[2]},
        {KEY_GENERAL, step->general}, {KEY_DEFINED, step->defined}, {KEY_MADE, step->made},
        {KEY_KIND, step->identity.kind}, {KEY_MAKER, step->maker}, {KEY_MODULE, step->identity.module},
        {KEY_QUALNAME, step->identity.qualname},
    };
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict != NULL && i < sizeof fields / sizeof *fields; i++) {
        if (set_item(keys, dict, fields[i].key, new_text(fields[i].text)) < 0) {
            Py_CLEAR(dict);
        }
    }
    if (dict != NULL && set_item(keys, dict, KEY_LINE, PyLong_FromLong(step->identity.line)) < 0) {
        Py_CLEAR(dict);
    }
    if (dict != NULL && set_item(keys, dict, KEY_EDGES, export_edges(step)) < 0) {
        Py_CLEAR(dict);
    }
    return dict;
}

static PyObject *
export_steps(PyObject *const *keys, const yagot_finding *finding)
{
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list != NULL && i < finding->step_count; i++) {
        append(&list, export_step(keys, &finding->steps[i]));
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
export_description(PyObject *const *keys, PyObject *dict, const yagot_finding *finding, bool uncollectable)
{
    return set_item(keys, dict, KEY_HOPS, yagot_hops_export(finding->hops, uncollectable ? 0 : finding->hop_count)) < 0
           || set_item(keys, dict, KEY_PARTS, export_parts(finding->cause.parts)) < 0
           || set_item(keys, dict, KEY_MAKERS, export_parts(finding->makers)) < 0
           || set_item(keys, dict, KEY_LEFT_OUT, export_parts(finding->left_out)) < 0
           || set_item(keys, dict, KEY_STEPS, export_steps(keys, finding)) < 0 ? -1 : 0;
}

static PyObject *
export_finding(PyObject *const *keys, const yagot_finding *finding, bool uncollectable)
{
    PyObject *dict = PyDict_New();
    const yagot_amounts *a = &finding->amounts;
    Py_ssize_t objects = uncollectable ? a->survivors : a->objects - a->survivors;
    const char *cause = finding->cause.text != NULL ? finding->cause.text : finding->concrete;
    bool whole = a->survivors == 0 || a->survivors == a->objects;
    if (dict == NULL
        || set_item(keys, dict, KEY_KIND, PyUnicode_FromString(finding->kind != NULL ? finding->kind
                                                      : uncollectable ? "uncollectable" : "collected")) < 0
        || set_item(keys, dict, KEY_CONCRETE, new_text(finding->concrete)) < 0
        || set_item(keys, dict, KEY_CAUSE, new_text(cause)) < 0
        || set_item(keys, dict, KEY_SUBJECT, new_part(finding->concrete, finding->subject)) < 0
        || set_item(keys, dict, KEY_OBJECTS, PyLong_FromSsize_t(objects)) < 0
        || set_item(keys, dict, KEY_COUNT, PyLong_FromSsize_t(a->count)) < 0
        || set_item(keys, dict, KEY_CYCLIC, PyLong_FromSsize_t(whole ? a->cyclic : 0)) < 0
        || set_item(keys, dict, KEY_CYCLES, PyLong_FromSsize_t(whole && a->entangled == 0 ? a->count : 0)) < 0
        || set_item(keys, dict, KEY_HELD_BYTES, PyLong_FromSize_t(whole || uncollectable ? a->bytes : 0)) < 0
        || set_item(keys, dict, KEY_REFERENCES, PyLong_FromSsize_t(a->unheld)) < 0
        || set_item(keys, dict, KEY_UNTRACKED, PyBool_FromLong(finding->untracked)) < 0
        || set_item(keys, dict, KEY_WINDOW, PyLong_FromUnsignedLong(yagot_label_window(finding->label))) < 0
        || set_item(keys, dict, KEY_ORIGIN, PyUnicode_FromString(origin_of(finding))) < 0
        || set_item(keys, dict, KEY_CYCLE_LENGTH, PyLong_FromLong((long)finding->cycle_length)) < 0
        || set_item(keys, dict, KEY_WHY, new_text(uncollectable ? finding->why : NULL)) < 0
        || set_item(keys, dict, KEY_TYPES, export_types(finding, uncollectable)) < 0
        || set_item(keys, dict, KEY_KNOWN, PyBool_FromLong(finding->known)) < 0
        || (!finding->known && export_description(keys, dict, finding, uncollectable) < 0)) {
        Py_CLEAR(dict);
    }
    return dict;
}

PyObject *
yagot_findings_export(yagot_findings *findings)
{
    PyObject *list = yagot_keys_init(findings->keys, key_names, YAGOT_KEYS) == 0 ? PyList_New(0) : NULL;
    for (uint32_t i = 0; list != NULL && i < findings->count; i++) {
        const yagot_finding *finding = &findings->items[i];
        const bool wanted[] = {finding->amounts.objects > finding->amounts.survivors, finding->amounts.survivors > 0};
        for (int uncollectable = 0; uncollectable < 2 && list != NULL; uncollectable++) {
            if (!wanted[uncollectable]) {
                continue;
            }
            PyObject *item = export_finding(findings->keys, finding, uncollectable == 1);
            if (item == NULL || PyList_Append(list, item) < 0) {
                Py_CLEAR(list);
            }
            Py_XDECREF(item);
        }
        if (list != NULL && (wanted[0] || wanted[1])) {     /* else nobody has got the description */
            yagot_findings_add_known(findings, finding);
        }
    }
    return list;
}
