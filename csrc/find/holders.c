/* holders.c - see holders.h. */
#include "find/holders.h"

/* Exact types that never refer to a tracked object. */
static bool
is_leaf(PyTypeObject *type)
{
    return type == &PyUnicode_Type || type == &PyLong_Type || type == &PyBytes_Type || type == &PyFloat_Type
           || type == &PyBool_Type || type == Py_TYPE(Py_None) || type == &PyComplex_Type;
}

/* Multiplying by 2^64 / golden ratio spreads addresses that lie close together. */
static uint32_t
filter_bit(const PyObject *object)
{
    return (uint32_t)(((uintptr_t)object >> 4) * 0x9E3779B97F4A7C15u >> 32) % YAGOT_FILTER_BITS;
}

void
yagot_holders_push(yagot_holders *h, PyObject *object)
{
    uint32_t *slot = yagot_idtable_slot(&h->walk.seen, object);
    if (slot == NULL) {
        h->failed = true;
    }
    else if (*slot == 0) {
        *slot = 1;
        h->failed |= yagot_objects_add(&h->walk.pending, object) < 0;
    }
}

bool
yagot_holders_wanted(yagot_holders *h)
{
    const yagot_snapshot *wanted = h->wanted;
    while (h->settled < wanted->count && wanted->refs[h->settled] <= 0) {
        h->settled++;
    }
    return h->settled < wanted->count;
}

void
yagot_holders_note_opaque(yagot_holders *h, PyObject *object)
{
    h->failed |= yagot_objects_add(&h->opaque, object) < 0;
}

uint32_t
yagot_holders_find(const yagot_holders *h, PyObject *object)
{
    uint32_t bit = filter_bit(object);
    bool maybe = h->filter.bits[bit / 64] >> bit % 64 & 1;
    uint32_t index = maybe ? yagot_snapshot_find(h->wanted, object) : YAGOT_NONE;
    return index != YAGOT_NONE && h->wanted->objects[index] == object ? index : YAGOT_NONE;    /* it may be any word */
}

static void
examine(yagot_holders *h, PyObject *child)
{
    if (!is_leaf(Py_TYPE(child)) && (h->frozen || !yagot_is_tracked(child))) {
        yagot_holders_push(h, child);
    }
}

/* An object's type is in its own memory, which is read some visits later, when it has been fetched. */
static void
examine_later(yagot_holders *h, PyObject *child)
{
    PyObject *earlier = h->walk.lately[h->walk.turn];
    __builtin_prefetch(child);
    h->walk.lately[h->walk.turn] = child;
    h->walk.turn = (h->walk.turn + 1) % YAGOT_LATELY;
    if (earlier != NULL) {
        examine(h, earlier);
    }
}

int
yagot_holders_visit(PyObject *child, void *arg)
{
    yagot_holders *h = arg;
    uint32_t index = yagot_holders_find(h, child);
    if (index != YAGOT_NONE) {
        h->wanted->refs[index]--;
    }
    if (index == YAGOT_NONE || h->untracked) {  /* else it is tracked, and walked in its turn */
        examine_later(h, child);
    }
    return 0;
}

PyObject *
yagot_holders_next(yagot_holders *h)
{
    for (size_t i = 0; h->walk.pending.count == 0 && i < YAGOT_LATELY; i++) {
        PyObject *object = h->walk.lately[i];
        h->walk.lately[i] = NULL;
        if (object != NULL) {
            examine(h, object);
        }
    }
    yagot_objects *pending = &h->walk.pending;
    return pending->count > 0 && !h->failed ? pending->items[--pending->count] : NULL;
}

int
yagot_holders_init(yagot_holders *h)
{
    if (yagot_idtable_init(&h->walk.seen) < 0) {
        return -1;
    }
    for (uint32_t i = 0; i < h->wanted->count; i++) {
        uint32_t bit = filter_bit(h->wanted->objects[i]);
        h->filter.bits[bit / 64] |= (uint64_t)1 << bit % 64;
        h->filter.types |= PyType_Check(h->wanted->objects[i]);
    }
    /* where tracked objects are followed too, none may be walked twice */
    for (size_t i = 0; i < h->tracked.count; i++) {
        PyObject *object = h->tracked.items[i];
        bool suspended = yagot_is_suspended(object);
        uint32_t *slot = h->frozen || suspended ? yagot_idtable_slot(&h->walk.seen, object) : NULL;
        if (slot == NULL && !h->frozen && !suspended) {
            continue;
        }
        if (slot == NULL) {
            return -1;
        }
        *slot = 1;
    }
    return 0;
}

void
yagot_holders_fini(yagot_holders *h)
{
    yagot_objects_fini(&h->tracked);
    yagot_idtable_fini(&h->walk.seen);
    yagot_objects_fini(&h->walk.pending);
    yagot_objects_fini(&h->opaque);
}
