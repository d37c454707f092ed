/* test_labels.c - see test_labels.h. */
#include "observe/test_labels.h"

int
yagot_labels_put(yagot_labels *labels, const void *address, uint32_t label)
{
    if (yagot_idtable_set_number(&labels->table, address, label) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

void
yagot_labels_forget(yagot_labels *labels, uint32_t except)
{
    yagot_idtable_keep(&labels->table, except);
}

/* Which labels stay as they are: those of some origins in one window, and maybe YAGOT_REPORTED. */
typedef struct {
    uint32_t window;
    unsigned origins;           /* a bit for each */
    bool reported;
} kept;

static bool
is_kept(const kept *except, uint32_t label)
{
    bool made = yagot_label_window(label) == except->window && except->origins >> yagot_label_origin(label) & 1;
    return label != 0 && (made || (except->reported && label == YAGOT_REPORTED));
}

/* What passes for old gets none: an address may have kept that of another object. */
static int
put_generation(yagot_labels *labels, yagot_gc *gc, int generation, uint32_t label, const kept *except)
{
    PyObject *list = yagot_gc_generation(gc, generation);
    int result = list != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
        PyObject *object = PyList_GET_ITEM(list, i);
        bool old = yagot_gc_passes_for_old(gc, object);
        if (old || !is_kept(except, yagot_labels_get(labels, object))) {
            result = yagot_labels_put(labels, object, old ? 0 : label);
        }
    }
    Py_XDECREF(list);
    return result;
}

static int
put_young(yagot_labels *labels, yagot_gc *gc, uint32_t label, const kept *except)
{
    int result = 0;
    for (int generation = 0; result == 0 && generation < (gc->state->generations ? 2 : 0); generation++) {
        result = put_generation(labels, gc, generation, label, except);
    }
    return result;
}

int
yagot_labels_put_young(yagot_labels *labels, yagot_gc *gc, uint32_t label)
{
    const unsigned imports = 1u << YAGOT_IMPORT | 1u << YAGOT_IMPORT_BEFORE;
    return put_young(labels, gc, label, &(kept){yagot_label_window(label), imports, false});
}

int
yagot_labels_unlabel_births(yagot_labels *labels, yagot_gc *gc)
{
    return put_young(labels, gc, 0, &(kept){labels->test, 1u << YAGOT_IMPORT, false});
}

int
yagot_labels_unlabel_young(yagot_labels *labels, yagot_gc *gc, uint32_t window)
{
    return put_young(labels, gc, 0, &(kept){window, 1u << YAGOT_TEST | 1u << YAGOT_IMPORT, true});
}
