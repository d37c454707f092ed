/* forms.c - see forms.h.
 *
 * No type is kept alive: a type is known again by its address and its version tag, which no other type ever gets, and
 * which changes with the type or one of its bases, but not always with their names. A form is only as good as it is
 * complete: of each object, all references within the component must have been read by name, else there is none.
 */
#include "explain/forms.h"

#include "base/array.h"
#include "base/describe.h"
#include "explain/general.h"
#include "explain/makers.h"

#include <string.h>

enum { BUCKETS = 1 << 12, MOST_FORMS = 5000, MOST_MEMBERS = 48, LONGEST_NAME = 120 };

#define OUTSIDE UINTPTR_MAX     /* instead of a rank */

/* What the next words are of. */
enum { CHARACTERS = 1, INSIDE, CLASS, DICT_OF_ITS_OWN, ITEM, KEYED, KEY, SLOT };

/* -- words ---------------------------------------------------------------------------------------- */

static bool
add(yagot_form_reader *r, uintptr_t word)
{
    if (r->count == YAGOT_FORM_WORDS) {
        return false;
    }
    r->words[r->count++] = word;
    r->hash = yagot_mix(r->hash, word);
    return true;
}

/* What a string consists of. */
static bool
add_characters(yagot_form_reader *r, PyObject *string)
{
    const char *bytes = PyUnicode_IS_COMPACT_ASCII(string) ? (const char *)PyUnicode_1BYTE_DATA(string) : NULL;
    size_t size = (size_t)PyUnicode_GET_LENGTH(string);
    bool added = bytes != NULL && size <= LONGEST_NAME && add(r, CHARACTERS) && add(r, size);
    for (size_t i = 0; added && i < size; i += sizeof(uintptr_t)) {
        uintptr_t word = 0;
        memcpy(&word, bytes + i, size - i < sizeof word ? size - i : sizeof word);
        added = add(r, word);
    }
    return added;
}

/* An interned string is known by its address, others by what they consist of. NULL stands for no name. */
static bool
add_name(yagot_form_reader *r, PyObject *name)
{
    if (name == NULL) {
        return add(r, 0);
    }
    if (!PyUnicode_CheckExact(name) || !PyUnicode_CHECK_INTERNED(name)) {
        return PyUnicode_CheckExact(name) && add_characters(r, name);
    }
    if (r->name_count == YAGOT_FORM_NAMES) {
        return false;
    }
    r->names[r->name_count++] = name;
    return add(r, (uintptr_t)name);
}

/* The node of an object of the component, or YAGOT_NONE. */
static uint32_t
node_of(const yagot_form_reader *r, PyObject *object)
{
    uint32_t index = object != NULL ? yagot_snapshot_find(r->snapshot, object) : YAGOT_NONE;
    if (index == YAGOT_NONE || !(r->snapshot->flags[index] & YAGOT_GARBAGE)) {
        return YAGOT_NONE;
    }
    uint32_t node = (uint32_t)r->snapshot->refs[index];
    return r->graph->component[node] == r->component ? node : YAGOT_NONE;
}

/* What a type and its bases are called now, once for each type of a component. */
static bool
add_names_of_type(yagot_form_reader *r, PyTypeObject *type)
{
    PyObject *mro = type->tp_mro;
    for (uint32_t i = 0; i < r->type_count; i++) {
        if (r->types[i] == type) {
            return true;
        }
    }
    if (r->type_count == YAGOT_FORM_TYPES) {
        return false;
    }
    r->types[r->type_count++] = type;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);
        PyHeapTypeObject *named = PyType_Check(base) && yagot_is_python_class(base) ? (PyHeapTypeObject *)base : NULL;
        if (named != NULL && (!add_name(r, named->ht_qualname) || !add_name(r, named->ht_name))) {
            return false;
        }
    }
    return true;
}

/* The address of a type, for one of Python's with the tag that it alone has, and with names. */
static bool
add_identity(yagot_form_reader *r, PyTypeObject *type)
{
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        return add(r, (uintptr_t)type);
    }
    return type->tp_version_tag != 0 && add(r, (uintptr_t)type) && add(r, type->tp_version_tag)
           && add_names_of_type(r, type);
}

/* With whose its classes are. */
static bool
add_type(yagot_form_reader *r, PyTypeObject *type)
{
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        return add_identity(r, type);
    }
    uint32_t whose = yagot_idtable_get(&r->classes, type);
    if (whose == YAGOT_NONE) {
        whose = yagot_whose_classes(r->modules, type);
        if (whose == YAGOT_NONE || yagot_idtable_put(&r->classes, type, whose) < 0) {
            return false;
        }
    }
    return add_identity(r, type) && add(r, whose);
}

/* A type that may be in the component: it is read there. */
static bool
add_type_or_rank(yagot_form_reader *r, PyTypeObject *type, bool (*add_outside)(yagot_form_reader *, PyTypeObject *))
{
    uint32_t node = node_of(r, (PyObject *)type);
    return node == YAGOT_NONE ? add_outside(r, type) : add(r, INSIDE) && add(r, r->rank[node]);
}

/* A reference within the component, if the object is in it; counts it. */
static bool
add_reference(yagot_form_reader *r, uintptr_t kind, PyObject *object, uint32_t *found)
{
    uint32_t node = node_of(r, object);
    if (node == YAGOT_NONE) {
        return true;
    }
    ++*found;
    return add(r, kind) && add(r, r->rank[node]);
}

/* The same of several, each known by its place. */
static bool
add_fields(yagot_form_reader *r, PyObject *const *fields, size_t count, uint32_t *found)
{
    for (size_t i = 0; i < count; i++) {
        if (!add_reference(r, SLOT + i, fields[i], found)) {
            return false;
        }
    }
    return true;
}

/* -- objects -------------------------------------------------------------------------------------- */

/* Are the class and its bases made by class statements, but for one that holds no objects: object, int, str? */
static bool
is_plain_class(PyTypeObject *type)
{
    PyTypeObject *base = yagot_c_base_of(type);
    return base != type && !PyType_IS_GC(base);
}

static bool
has_slots(PyTypeObject *type)
{
    while (yagot_is_python_class(type) && (type->tp_members == NULL || type->tp_members->name == NULL)) {
        type = type->tp_base;
    }
    return yagot_is_python_class(type);
}

static bool
read_items(yagot_form_reader *r, PyObject *dict, uint32_t *found)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        bool inside = PyObject_IS_GC(value) && node_of(r, value) != YAGOT_NONE;
        if (inside && PyUnicode_CheckExact(key)) {
            if (!add_name(r, key) || !add_reference(r, KEYED, value, found)) {
                return false;
            }
        }
        else if (inside && !add_reference(r, ITEM, value, found)) {
            return false;
        }
        if (PyObject_IS_GC(key) && !add_reference(r, KEY, key, found)) {
            return false;
        }
    }
    return true;
}

static bool
read_slots(yagot_form_reader *r, PyObject *object, uint32_t *found)
{
    for (PyTypeObject *type = Py_TYPE(object); type != NULL; type = type->tp_base) {
        for (PyMemberDef *m = type->tp_members; m != NULL && m->name != NULL; m++) {
            PyObject *value = yagot_is_object_member(m) ? *(PyObject **)((char *)object + m->offset) : NULL;
            if (value != NULL && !add_reference(r, SLOT + (uintptr_t)m->offset, value, found)) {
                return false;
            }
        }
    }
    return true;
}

static bool
read_instance(yagot_form_reader *r, PyObject *object, uint32_t *found)
{
    if (!read_slots(r, object, found)) {
        return false;
    }
    PyObject *dict = yagot_existing_dict(object);
    if (dict != NULL && node_of(r, dict) != YAGOT_NONE) {
        return add_reference(r, DICT_OF_ITS_OWN, dict, found);
    }
    dict = yagot_instance_dict(object);
    return dict == NULL || !PyDict_CheckExact(dict) || read_items(r, dict, found);
}

static bool
read_closure(yagot_form_reader *r, PyObject *function)
{
    PyObject *closure = PyFunction_GET_CLOSURE(function);
    for (Py_ssize_t i = 0; closure != NULL && i < PyTuple_GET_SIZE(closure); i++) {
        PyObject *cell = PyTuple_GET_ITEM(closure, i);
        PyObject *variable = node_of(r, cell) != YAGOT_NONE ? yagot_closure_variable(function, closure, cell) : NULL;
        bool added = variable == NULL || add_name(r, variable);
        Py_XDECREF(variable);           /* the code keeps it */
        if (!added) {
            return false;
        }
    }
    return true;
}

static bool
read_function(yagot_form_reader *r, PyObject *object, uint32_t *found)
{
    PyFunctionObject *function = (PyFunctionObject *)object;
    PyObject *globals = function->func_globals;
    PyObject *module = PyDict_CheckExact(globals) ? PyDict_GetItemString(globals, "__name__") : NULL;
    PyObject *const fields[] = {function->func_closure, function->func_defaults, function->func_kwdefaults,
                                function->func_annotations, function->func_dict};
    if (!add_name(r, function->func_qualname) || !add_name(r, yagot_code_of(object)->co_name) || !add_name(r, module)
        || !add(r, yagot_whose_code(r->modules, object)) || !read_closure(r, object)) {
        return false;
    }
    return add_fields(r, fields, sizeof fields / sizeof *fields, found);
}

static bool
read_method(yagot_form_reader *r, PyObject *object, uint32_t *found)
{
    PyObject *function = PyMethod_GET_FUNCTION(object), *self = PyMethod_GET_SELF(object);
    return PyFunction_Check(function) && add_name(r, ((PyFunctionObject *)function)->func_qualname)
           && add_type_or_rank(r, Py_TYPE(self), add_type) && add_reference(r, SLOT, self, found)
           && add_reference(r, SLOT + 1, function, found);
}

/* What a class is called, by itself and in general, and what its instances are. Whose it is plays no part in what is
 * said of classes. One with slots has no form: their names are not read. */
static bool
read_class(yagot_form_reader *r, PyObject *object, uint32_t *found)
{
    PyTypeObject *type = (PyTypeObject *)object;
    PyObject *const fields[] = {yagot_type_dict(type), type->tp_mro, type->tp_bases, (PyObject *)type->tp_base};
    r->has_class = true;
    if (!yagot_is_python_class(type) || has_slots(type)) {
        return false;
    }
    if (!add(r, CLASS) || !add_name(r, yagot_class_module(type))
        || !add_name(r, ((PyHeapTypeObject *)type)->ht_qualname) || !add_identity(r, yagot_c_base_of(type))
        || !add_type_or_rank(r, yagot_named_class(type), add_identity)) {
        return false;
    }
    return add_fields(r, fields, sizeof fields / sizeof *fields, found);
}

/* Has it one reference at most, whose name its type alone decides? */
static bool
is_descriptor_of_class(PyObject *object)
{
    return Py_IS_TYPE(object, &PyGetSetDescr_Type) || Py_IS_TYPE(object, &PyMemberDescr_Type);
}

/* The names of an object's references; `found`: how many there were. False if it has no form. */
static bool
read_names(yagot_form_reader *r, PyObject *object, uint32_t references, uint32_t *found)
{
    if (PyList_CheckExact(object) || PyTuple_CheckExact(object) || PyAnySet_CheckExact(object)
        || PyCell_Check(object) || is_descriptor_of_class(object)) {
        *found = references;            /* they need no names */
        return true;
    }
    return PyDict_CheckExact(object) ? read_items(r, object, found)
           : PyFunction_Check(object) ? read_function(r, object, found)
           : PyMethod_Check(object) ? read_method(r, object, found)
           : PyType_Check(object) ? read_class(r, object, found)
           : is_plain_class(Py_TYPE(object)) && read_instance(r, object, found);
}

static bool
read_object(yagot_form_reader *r, uint32_t node)
{
    const yagot_graph *g = r->graph;
    PyObject *object = g->objects[node];
    uint32_t references = 0, found = node_of(r, (PyObject *)Py_TYPE(object)) != YAGOT_NONE;    /* an instance's class */
    if (!add_type_or_rank(r, Py_TYPE(object), add_type)) {
        return false;
    }
    for (uint32_t e = g->start[node]; e < g->start[node + 1]; e++) {
        if (g->component[g->target[e]] == r->component) {
            references++;
            if (!add(r, r->rank[g->target[e]])) {
                return false;
            }
        }
    }
    return add(r, OUTSIDE) && read_names(r, object, references, &found) && found == references && add(r, OUTSIDE);
}

/* -- one form ------------------------------------------------------------------------------------- */

int
yagot_form_reader_init(yagot_form_reader *reader, const yagot_graph *graph, yagot_snapshot *snapshot,
                       const uint32_t *rank, PyObject *modules)
{
    reader->graph = graph;
    reader->snapshot = snapshot;
    reader->rank = rank;
    reader->modules = modules;
    reader->count = reader->name_count = reader->type_count = 0;
    return yagot_idtable_init(&reader->classes);
}

void
yagot_form_reader_fini(yagot_form_reader *reader)
{
    yagot_idtable_fini(&reader->classes);
}

int
yagot_form_read(yagot_form_reader *reader, uint32_t component)
{
    const yagot_graph *g = reader->graph;
    const uint32_t *members = &g->members[g->member_start[component]];
    bool readable = g->own_size[component] <= MOST_MEMBERS && yagot_search_will_do(g, component) && !yagot_is_gentle();
    reader->component = component;
    reader->count = reader->name_count = reader->type_count = 0;
    reader->has_class = false;
    reader->hash = 0;
    for (uint32_t i = 0; readable && i < g->own_size[component]; i++) {
        readable = read_object(reader, members[i]);
    }
    return readable;
}

/* -- all forms ------------------------------------------------------------------------------------ */

static uint32_t
bucket_of(uint64_t hash)
{
    return (uint32_t)(hash >> 40) & (BUCKETS - 1);
}

const yagot_form *
yagot_forms_find(const yagot_forms *forms, const yagot_form_reader *reader)
{
    uint32_t place = forms->buckets != NULL ? forms->buckets[bucket_of(reader->hash)] : 0;
    while (place != 0) {
        const yagot_form *form = &forms->items[place - 1];
        if (form->hash == reader->hash && form->count == reader->count
            && memcmp(form->words, reader->words, form->count * sizeof *form->words) == 0) {
            return form;
        }
        place = form->next;
    }
    return NULL;
}

static void
form_fini(yagot_form *form)
{
    for (uint32_t i = 0; i < form->name_count; i++) {
        Py_DECREF(form->names[i]);
    }
    PyMem_RawFree(form->words);
    PyMem_RawFree(form->names);
    PyMem_RawFree(form->concrete);
    PyMem_RawFree(form->cause.text);
    PyMem_RawFree(form->cause.parts);
}

static void *
copy_of(const void *items, size_t size)
{
    void *copy = PyMem_RawMalloc(size + 1);
    return copy != NULL ? memcpy(copy, items, size) : NULL;
}

static int
form_init(yagot_form *form, const yagot_form_reader *reader, const char *concrete, const yagot_cause *cause)
{
    form->words = copy_of(reader->words, reader->count * sizeof *reader->words);
    form->names = copy_of(reader->names, reader->name_count * sizeof *reader->names);
    form->count = reader->count;
    form->hash = reader->hash;
    form->concrete = yagot_text_copy(concrete);
    form->cause = (yagot_cause){yagot_text_copy(cause->text), yagot_text_copy(cause->parts)};
    if (!form->words || !form->names || !form->concrete || !form->cause.text || !form->cause.parts) {
        form_fini(form);
        return -1;
    }
    form->name_count = reader->name_count;
    for (uint32_t i = 0; i < form->name_count; i++) {
        Py_INCREF(form->names[i]);
    }
    return 0;
}

int
yagot_forms_add(yagot_forms *forms, const yagot_form_reader *reader, const char *concrete, const yagot_cause *cause,
                uint32_t cycle_length)
{
    if (forms->count == MOST_FORMS) {
        return 0;               /* explained again: slower, not wrong */
    }
    if (forms->buckets == NULL && (forms->buckets = PyMem_RawCalloc(BUCKETS, sizeof *forms->buckets)) == NULL) {
        return -1;
    }
    yagot_form *grown = yagot_array_grow(forms->items, forms->count, &forms->room, sizeof *grown);
    if (grown == NULL) {
        return -1;
    }
    forms->items = grown;
    yagot_form form = {.cycle_length = cycle_length};
    if (form_init(&form, reader, concrete, cause) < 0) {
        return -1;
    }
    uint32_t *bucket = &forms->buckets[bucket_of(form.hash)];
    form.next = *bucket;
    forms->items[forms->count++] = form;
    *bucket = forms->count;
    return 0;
}

void
yagot_forms_fini(yagot_forms *forms)
{
    for (uint32_t i = 0; i < forms->count; i++) {
        form_fini(&forms->items[i]);
    }
    PyMem_RawFree(forms->items);
    PyMem_RawFree(forms->buckets);
    memset(forms, 0, sizeof *forms);
}
