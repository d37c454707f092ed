/* edge_names.c - see edge_names.h. */
#include "explain/edge_names.h"

#include "base/describe.h"

void
yagot_edge_name_fini(yagot_edge_name *name)
{
    yagot_text_fini(&name->shown);
    yagot_text_fini(&name->general);
}

/* Notes the kind of the reference just appended; what names it are the bytes of the shown text from `start` on, less
 * those at the end. */
static bool
note(yagot_edge_name *name, yagot_edge_kind kind, size_t start, size_t less)
{
    size_t end = name->shown.size - less;
    if (name->count < YAGOT_MOST_EDGES && !name->shown.failed && start <= end) {
        name->edges[name->count++] = (yagot_edge){kind, (uint32_t)start, (uint32_t)end};
    }
    return true;
}

static void
add_both(yagot_edge_name *name, const char *label)
{
    yagot_text_add(&name->shown, label);
    yagot_text_add(&name->general, label);
}

static void
add_both_str(yagot_edge_name *name, PyObject *string, Py_ssize_t limit)
{
    yagot_text_add_str(&name->shown, string, limit);
    yagot_text_add_str(&name->general, string, limit);
}

bool
yagot_name_field(yagot_edge_name *name, const char *label)
{
    size_t start = name->shown.size;
    add_both(name, label);
    return note(name, YAGOT_EDGE_FIELD, start + 1, 0);
}

static bool
name_behind_dot(yagot_edge_name *name, yagot_edge_kind kind, const char *text)
{
    add_both(name, ".");
    size_t start = name->shown.size;
    add_both(name, text);
    return note(name, kind, start, 0);
}

bool
yagot_name_member(yagot_edge_name *name, const char *member)
{
    return name_behind_dot(name, YAGOT_EDGE_ATTRIBUTE, member);
}

bool
yagot_name_role(yagot_edge_name *name, yagot_edge_kind kind, const char *label)
{
    add_both(name, label);
    return note(name, kind, name->shown.size, 0);
}

bool
yagot_name_index(yagot_edge_name *name, Py_ssize_t index)
{
    size_t start = name->shown.size;
    yagot_text_addf(&name->shown, "[%zd]", index);
    yagot_text_add(&name->general, "[]");
    return note(name, YAGOT_EDGE_ITEM, start + 1, 1);
}

bool
yagot_name_item(yagot_edge_name *name, const char *field)
{
    return name_behind_dot(name, YAGOT_EDGE_ITEM, field);
}

bool
yagot_name_attribute(yagot_edge_name *name, PyObject *attribute)
{
    add_both(name, ".");
    size_t start = name->shown.size;
    add_both_str(name, attribute, YAGOT_NAME_LIMIT);
    return note(name, YAGOT_EDGE_ATTRIBUTE, start, 0);
}

/* A variable between two texts; where it begins. */
static size_t
add_variable(yagot_edge_name *name, const char *before, PyObject *variable, const char *behind)
{
    add_both(name, before);
    size_t start = name->shown.size;
    add_both_str(name, variable, YAGOT_NAME_LIMIT);
    add_both(name, behind);
    return start;
}

bool
yagot_name_local(yagot_edge_name *name, PyObject *variable)
{
    return note(name, YAGOT_EDGE_LOCAL, add_variable(name, " local '", variable, "'"), 1);
}

void
yagot_name_variable(yagot_edge_name *name, PyObject *variable)
{
    size_t start = add_variable(name, " (", variable, ")");
    if (name->count > 0 && name->edges[name->count - 1].kind == YAGOT_EDGE_FIELD) {
        name->count--;          /* of the cell's one field we now know more */
        note(name, YAGOT_EDGE_CELL, start, 1);
    }
}

/* A key that a programmer wrote, rather than data: letters and underscores. */
static bool
is_word(PyObject *key)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(key);
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(key, i);
        if (c != '_' && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')) {
            return false;
        }
    }
    return length > 0 && length <= 40;
}

static bool
name_string_key(yagot_edge_name *name, PyObject *key)
{
    size_t start = name->shown.size;
    yagot_text_add(&name->shown, "['");
    yagot_text_add_str(&name->shown, key, YAGOT_VALUE_LIMIT);
    yagot_text_add(&name->shown, "']");
    if (is_word(key)) {
        yagot_text_add(&name->general, "['");
        yagot_text_add_str(&name->general, key, YAGOT_VALUE_LIMIT);
        yagot_text_add(&name->general, "']");
    }
    else {
        yagot_text_add(&name->general, "[]");
    }
    return note(name, YAGOT_EDGE_ITEM, start + 2, 2);
}

bool
yagot_name_key(yagot_edge_name *name, PyObject *key, bool attributes)
{
    if (PyUnicode_CheckExact(key)) {
        return attributes ? yagot_name_attribute(name, key) : name_string_key(name, key);
    }
    size_t start = name->shown.size;
    if (PyLong_CheckExact(key)) {
        int overflow;
        yagot_text_addf(&name->shown, "[%lld]", PyLong_AsLongLongAndOverflow(key, &overflow));
    }
    else {
        yagot_text_add(&name->shown, "[");
        yagot_add_object(&name->shown, key);
        yagot_text_add(&name->shown, "]");
    }
    yagot_text_add(&name->general, "[]");
    return note(name, YAGOT_EDGE_ITEM, start + 1, 1);
}
