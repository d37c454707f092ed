/* sizes.c - see sizes.h. An untracked object (str, bytes, an array's buffer) goes with the garbage when all its
 * references come from there; it is counted where the last of them is met. */
#include "explain/sizes.h"

#include "base/describe.h"

#include <string.h>

int
yagot_sizes_init(yagot_sizes *sizes, yagot_snapshot *snapshot, yagot_sizers *lasting)
{
    *sizes = (yagot_sizes){.snapshot = snapshot, .lasting = lasting};
    return yagot_snapshot_init(&sizes->shared);
}

void
yagot_sizers_fini(yagot_sizers *sizers)
{
    for (size_t i = 0; i < YAGOT_SIZERS; i++) {
        Py_CLEAR((*sizers)[i].sizer);
    }
}

void
yagot_sizes_fini(yagot_sizes *sizes)
{
    yagot_sizers_fini(&sizes->sizers);
    yagot_objects_fini(&sizes->pending);
    yagot_snapshot_fini(&sizes->shared);
}

/* May the __sizeof__ of this C type be asked of any object of it? Those of other types may follow pointers that only
 * __init__ sets. */
static bool
is_safe_to_ask(const PyTypeObject *type)
{
    const PyTypeObject *const types[] = {
        &PyDict_Type, &PyList_Type, &PySet_Type, &PyFrozenSet_Type, &PyUnicode_Type, &PyBytes_Type, &PyByteArray_Type,
        &PyLong_Type, &PyType_Type, &PyCode_Type, &PyFrame_Type, &PyODict_Type,
        &PyGen_Type, &PyCoro_Type, &PyAsyncGen_Type,    /* they have items and no ob_size */
    };
    static const char *const names[] = {"collections.deque", "array.array", "numpy.ndarray"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (type == types[i]) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(type->tp_name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* On 3.13 and later attributes lie in the body of an instance: only object.__sizeof__ knows how many there may be. */
static bool
has_attributes_within(PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030D0000
    return type->tp_flags & Py_TPFLAGS_INLINE_VALUES;
#else
    (void)type;
    return false;
#endif
}

/* The __sizeof__ of a type if it is written in C and can be asked; NULL: count the body and the items. */
static void
find_sizer(PyTypeObject *type, yagot_sizer *found)
{
    PyObject *sizer = yagot_type_lookup(type, "__sizeof__");
    bool is_safe = sizer != NULL && Py_IS_TYPE(sizer, &PyMethodDescr_Type) && is_safe_to_ask(PyDescr_TYPE(sizer));
    bool within = !is_safe && has_attributes_within(type);
    sizer = is_safe ? sizer : within ? yagot_type_lookup(&PyBaseObject_Type, "__sizeof__") : NULL;
    found->type = type;
    found->same = within && type->tp_itemsize == 0;
    found->size = 0;
    Py_XSETREF(found->sizer, Py_XNewRef(sizer));
}

static yagot_sizer *
sizer_of(yagot_sizes *sizes, PyTypeObject *type)
{
    size_t place = ((uintptr_t)type >> 5) & (YAGOT_SIZERS - 1);
    yagot_sizer *found = type->tp_flags & Py_TPFLAGS_HEAPTYPE ? &sizes->sizers[place] : &(*sizes->lasting)[place];
    if (found->type != type) {
        find_sizer(type, found);
    }
    return found;
}

static size_t
ask(PyObject *sizer, PyObject *object)
{
    PyObject *result = PyObject_CallOneArg(sizer, object);
    size_t size = result != NULL && PyLong_Check(result) ? PyLong_AsSize_t(result) : 0;
    Py_XDECREF(result);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        size = (size_t)Py_TYPE(object)->tp_basicsize;
    }
    return size;
}

static size_t
size_of(yagot_sizes *sizes, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    size_t header = PyObject_IS_GC(object) ? 2 * sizeof(void *) : 0;
    yagot_sizer *found = sizer_of(sizes, type);
    if (found->sizer == NULL) {
        Py_ssize_t items = type->tp_itemsize > 0 ? Py_SIZE(object) : 0;
        return header + (size_t)type->tp_basicsize + (size_t)type->tp_itemsize * (size_t)(items < 0 ? -items : items);
    }
    size_t size = found->same && found->size > 0 ? found->size : ask(found->sizer, object);
    found->size = size;
    return size + header;
}

static int
visit_untracked(PyObject *child, void *arg)
{
    yagot_sizes *sizes = arg;
    if (yagot_is_tracked(child) || PyType_Check(child)
        || yagot_snapshot_find(sizes->snapshot, child) != YAGOT_NONE) {
        return 0;
    }
    if (PyUnicode_CheckExact(child) && PyUnicode_CHECK_INTERNED(child)) {
        return 0;               /* a name: others use it too */
    }
    Py_ssize_t refs = Py_REFCNT(child);
    if (refs > 1) {
        if (refs > INT32_MAX / 2) {
            return 0;           /* immortal */
        }
        uint32_t index = yagot_snapshot_add(&sizes->shared, child, refs, 0);
        if (index == YAGOT_NONE) {
            sizes->failed = true;
            return 1;
        }
        if (--sizes->shared.refs[index] != 0) {
            return 0;
        }
    }
    sizes->failed |= yagot_objects_add(&sizes->pending, child) < 0;
    return 0;
}

int
yagot_sizes_add(yagot_sizes *sizes, PyObject *object, size_t *bytes)
{
    *bytes = size_of(sizes, object);
    yagot_traverse(object, visit_untracked, sizes);
    while (sizes->pending.count > 0) {
        PyObject *child = sizes->pending.items[--sizes->pending.count];
        *bytes += size_of(sizes, child);
        if (PyObject_IS_GC(child)) {
            yagot_traverse(child, visit_untracked, sizes);
        }
    }
    return sizes->failed ? -1 : 0;
}
