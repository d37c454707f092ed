/* describe.h - names of types and objects, without running any code of theirs.
 *
 * In:  living objects, which stay the caller's.
 * Out: text behind what a yagot_text has already, and borrowed parts of the objects unless a new reference is named.
 * Nothing fails loudly: short memory marks the text, and no exception is left behind.
 */
#ifndef YAGOT_DESCRIBE_H
#define YAGOT_DESCRIBE_H

#include "base/attributes.h"
#include "base/text.h"

#include <string.h>

/* The dict of a type, borrowed; NULL if it has none. */
PyObject *yagot_type_dict(PyTypeObject *type);
/* An attribute of a type, found along its MRO without running descriptors; borrowed, or NULL. */
PyObject *yagot_type_lookup(PyTypeObject *type, const char *name);
/* A str of a module's, such as "__name__", borrowed; NULL if there is none, or no dict (3.10, before __init__). */
PyObject *yagot_module_str(PyObject *module, const char *name);
/* What a class says it is from (its __module__, of whatever type); borrowed, NULL if it says nothing. */
PyObject *yagot_class_module(PyTypeObject *type);
/* Does a class say that it is from the module with this name (a str; else no class is)? */
bool yagot_is_class_of(PyTypeObject *type, PyObject *name);
/* Appends "module.qualname", without "builtins.". */
void yagot_add_type_name(yagot_text *text, PyTypeObject *type);
/* Appends what an object is: its type, for code and classes their kind and name. */
void yagot_add_object(yagot_text *text, PyObject *object);
/* Appends what is in it: lengths, keys, attributes, primitive values; bounded. */
void yagot_add_contents(yagot_text *text, PyObject *object);
/* Appends "file:line" where a function, frame or class was defined; nothing if unknown. */
void yagot_add_definition(yagot_text *text, PyObject *object);
/* Do instances of the type keep their attributes without a dict until somebody asks for it (from 3.11 on)? */
bool yagot_has_managed_dict(PyTypeObject *type);
/* The instance's __dict__ (borrowed), or NULL if it has none. */
PyObject *yagot_instance_dict(PyObject *object);
/* From 3.13 on a managed dict that has been made has one place, before the object. */
#define YAGOT_MANAGED_DICTS_IN_PLACE (PY_VERSION_HEX >= 0x030D0000 && !YAGOT_FREE_THREADED)
/* 3.13+: the dict that has been made of an instance's inline values (borrowed), or NULL. Before 3.13.3 traversals show
 * the values, but not the dict. */
PyObject *yagot_inline_dict(PyObject *object);
/* The dict of a class's subclasses (borrowed), which no traversal shows, or NULL. */
PyObject *yagot_subclasses_dict(PyTypeObject *type);
/* Is an object shown as a part of another: an instance's __dict__, a generator's frame? Newer Pythons often have
 * no such objects. */
bool yagot_is_part(PyObject *whole, PyObject *part);
/* Lists, dicts, tuples, sets and cells are shown as part of the path that leads through them. */
bool yagot_is_plain_container(PyObject *object);
/* The frame of a generator, coroutine or async generator (new reference), or NULL. */
PyObject *yagot_suspended_frame(PyObject *object);
/* The code of a function, frame or generator (borrowed), or NULL. */
PyCodeObject *yagot_code_of(PyObject *object);

/* Was the type made by a class statement? Others are not the user's to change. */
static inline bool
yagot_is_python_class(PyTypeObject *type)
{
    return type->tp_flags & Py_TPFLAGS_HEAPTYPE && ((PyHeapTypeObject *)type)->ht_module == NULL;
}

/* The first of a type and its bases that is not made by a class statement. */
static inline PyTypeObject *
yagot_c_base_of(PyTypeObject *type)
{
    while (yagot_is_python_class(type) && type->tp_base != NULL) {
        type = type->tp_base;
    }
    return type;
}

static inline bool
yagot_is_generator(PyObject *object)
{
    return PyGen_CheckExact(object) || PyCoro_CheckExact(object) || PyAsyncGen_CheckExact(object);
}

/* Is it a piece of a context: of the tree that has its variables? How many there are depends on addresses. */
static inline bool
yagot_is_context_piece(PyObject *object)
{
    const char *name = Py_TYPE(object)->tp_name;
    return name[0] == 'h' && strncmp(name, "hamt", 4) == 0;
}

/* Is it a function, frame or generator? */
static inline bool
yagot_has_code(PyObject *object)
{
    return PyFunction_Check(object) || PyFrame_Check(object) || yagot_is_generator(object);
}

#endif
