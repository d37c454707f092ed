/* garbage.c - trial deletion in a side table.
 *
 * The algorithm is the collector's own (CPython, InternalDocs/garbage_collector.md): subtract from each
 * object's reference count the references that come from inside the set; what is left over comes from
 * outside, and everything it leads to is alive. The rest is garbage. The collector keeps the counts in
 * the objects' headers; here they are kept aside, so that a test's objects stay as the test left them.
 *
 * Owners (the test instance) are alive while we look, but only because the runner holds them. Their
 * references from outside that existed when the window began are not counted as roots; then their release
 * is simulated by reference counting, and what survives that is what the collector would have to do.
 */
#include "find/garbage.h"
#include "base/attributes.h"
#include "base/describe.h"
#include "find/memory_scan.h"

#include <string.h>

typedef struct {
    yagot_snapshot *snapshot;
    uint32_t *stack, depth;     /* each object is pushed at most once */
    uint32_t *seen, visitor;    /* the visitor that saw an object last, where frames borrow */
    uint8_t set;                /* flag to set */
    uint32_t left;              /* so many objects may still be marked: with none, there is nowhere to go */
    uint32_t passed;            /* what is marked before this index is not met any more: it goes on the stack */
} walk;

static int
walk_init(walk *w, yagot_snapshot *snapshot)
{
    *w = (walk){.snapshot = snapshot};
    w->stack = PyMem_RawMalloc((snapshot->count + 1u) * sizeof *w->stack);
    if (w->stack == NULL) {
        return -1;
    }
#if YAGOT_BORROWING_FRAMES
    w->seen = PyMem_RawCalloc(snapshot->count + 1u, sizeof *w->seen);
    if (w->seen == NULL) {
        PyMem_RawFree(w->stack);
        return -1;
    }
#endif
    return 0;
}

static void
walk_fini(walk *w)
{
    PyMem_RawFree(w->stack);
    PyMem_RawFree(w->seen);
}

/* A suspended frame of 3.14+, which its generator shows, may have a borrowed reference beside an owned one: count a
 * referent once. That can only make an object look alive. The object of a frame that is over owns what it shows, and
 * any other shows no variables. */
static inline bool
already_counted(walk *w, uint32_t index)
{
    if (w->visitor == 0) {
        return false;
    }
    if (w->seen[index] == w->visitor) {
        return true;
    }
    w->seen[index] = w->visitor;
    return false;
}

static inline void
traverse_counting(walk *w, uint32_t index, visitproc visit)
{
    PyObject *object = w->snapshot->objects[index];
#if YAGOT_BORROWING_FRAMES
    bool borrows = PyGen_Check(object) || PyCoro_CheckExact(object) || PyAsyncGen_CheckExact(object);
    w->visitor = borrows ? index + 1 : 0;
#endif
    yagot_traverse(object, visit, w);
}

static int
visit_subtract(PyObject *child, void *arg)
{
    walk *w = arg;
    uint32_t index = yagot_snapshot_find(w->snapshot, child);
    if (index != YAGOT_NONE && !already_counted(w, index)) {
        w->snapshot->refs[index]--;
    }
    return 0;
}

/* Follows references to unmarked objects of the set, and marks them with w->set. */
static int
visit_mark(PyObject *child, void *arg)
{
    walk *w = arg;
    yagot_snapshot *s = w->snapshot;
    uint32_t index = yagot_snapshot_find(s, child);
    if (index != YAGOT_NONE && !(s->flags[index] & (YAGOT_REACHABLE | w->set))) {
        s->flags[index] |= w->set;
        w->left--;
        if (index < w->passed) {
            w->stack[w->depth++] = index;
        }
    }
    return 0;
}

static void
mark_from_stack(walk *w)
{
    while (w->depth > 0 && w->left > 0) {
        yagot_traverse(w->snapshot->objects[w->stack[--w->depth]], visit_mark, w);
    }
    w->depth = 0;
}

/* Marks what is held from outside; some is marked already. */
static void
mark_roots(walk *w)
{
    yagot_snapshot *s = w->snapshot;
    w->left = s->count;
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->refs[i] > 0) {
            s->flags[i] |= YAGOT_REACHABLE;
        }
        w->left -= (s->flags[i] & YAGOT_REACHABLE) != 0;
    }
}

/* Goes through the objects in their order, which is mostly that of their addresses, and back only where it has to. */
static void
mark_reachable(walk *w)
{
    yagot_snapshot *s = w->snapshot;
    w->set = YAGOT_REACHABLE;
    mark_roots(w);
    for (uint32_t i = 0; i < s->count && w->left > 0; i++) {
        yagot_snapshot_prefetch(s, i);
        if (s->flags[i] & YAGOT_REACHABLE) {
            w->passed = i + 1;
            w->stack[w->depth++] = i;
            mark_from_stack(w);
        }
    }
}

/* -- the simulated release of dropped objects ----------------------------------------------------- */

static int
visit_add(PyObject *child, void *arg)
{
    walk *w = arg;
    uint32_t index = yagot_snapshot_find(w->snapshot, child);
    if (index != YAGOT_NONE && !already_counted(w, index)) {
        w->snapshot->refs[index]++;
    }
    return 0;
}

static int
visit_release(PyObject *child, void *arg)
{
    walk *w = arg;
    yagot_snapshot *s = w->snapshot;
    uint32_t index = yagot_snapshot_find(s, child);
    if (index == YAGOT_NONE || s->flags[index] & (YAGOT_REACHABLE | YAGOT_RELEASED)
        || already_counted(w, index)) {
        return 0;
    }
    if (--s->refs[index] == 0) {
        s->flags[index] |= YAGOT_RELEASED;
        w->stack[w->depth++] = index;
    }
    return 0;
}

/* A new pass: no visitor has seen anything. */
static void
forget_seen(walk *w)
{
    if (w->seen != NULL) {
        memset(w->seen, 0, w->snapshot->count * sizeof *w->seen);
    }
}

static bool
is_unreachable_dropped(const yagot_snapshot *s, uint32_t index)
{
    return (s->flags[index] & (YAGOT_DROPPED | YAGOT_REACHABLE)) == YAGOT_DROPPED;
}

/* Counts the references among the unreachable and lets go of the dropped objects that none of them holds. */
static void
release_dropped(walk *w)
{
    yagot_snapshot *s = w->snapshot;
    for (uint32_t i = 0; i < s->count; i++) {
        if (!(s->flags[i] & YAGOT_REACHABLE)) {
            s->refs[i] = 0;
        }
    }
    forget_seen(w);
    for (uint32_t i = 0; i < s->count; i++) {
        if (!(s->flags[i] & YAGOT_REACHABLE)) {
            traverse_counting(w, i, visit_add);
        }
    }
    for (uint32_t i = 0; i < s->count; i++) {
        if (is_unreachable_dropped(s, i) && s->refs[i] == 0 && !(s->flags[i] & YAGOT_RELEASED)) {
            s->flags[i] |= YAGOT_RELEASED;
            w->stack[w->depth++] = i;
        }
    }
    forget_seen(w);
    while (w->depth > 0) {
        traverse_counting(w, w->stack[--w->depth], visit_release);
    }
}

/* What an unreachable dropped object leads to becomes garbage when that really goes. */
static void
mark_later(walk *w)
{
    yagot_snapshot *s = w->snapshot;
    w->set = YAGOT_LATER;
    w->left = w->passed = s->count;
    for (uint32_t i = 0; i < s->count; i++) {
        if (is_unreachable_dropped(s, i) && !(s->flags[i] & YAGOT_LATER)) {
            s->flags[i] |= YAGOT_LATER;
            w->stack[w->depth++] = i;
        }
    }
    mark_from_stack(w);
}

/* Traversals may not show the dict that an instance or a class has for itself. One of what is alive is held by it; that
 * of anything else goes with it, and nobody is to keep it, for it holds what the instance holds. */
static void
settle_dicts(yagot_snapshot *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        yagot_snapshot_prefetch(s, i);
        PyObject *owner = s->objects[i];
        PyObject *dict = PyType_Check(owner) ? yagot_subclasses_dict((PyTypeObject *)owner) : yagot_inline_dict(owner);
        uint32_t index = dict != NULL ? yagot_snapshot_find(s, dict) : YAGOT_NONE;
        if (index == YAGOT_NONE || !(s->flags[index] & YAGOT_REACHABLE)) {
            continue;
        }
        if (s->flags[i] & YAGOT_REACHABLE) {
            s->refs[index] -= yagot_count_shown(owner, dict) == 0;
        }
        else if (s->refs[index] == 1) {
            s->flags[index] |= YAGOT_LATER;
        }
    }
}

static void
count_found(yagot_snapshot *s, yagot_found *found)
{
    *found = (yagot_found){0};
    for (uint32_t i = 0; i < s->count; i++) {
        bool is_birth = !(s->flags[i] & (YAGOT_DROPPED | YAGOT_BY_DROPPED));
        if (s->flags[i] & YAGOT_REACHABLE) {
            found->alive += is_birth;
            continue;
        }
        if (s->flags[i] & YAGOT_RELEASED) {
            continue;
        }
        s->flags[i] |= YAGOT_GARBAGE;
        found->garbage++;
    }
}

int
yagot_find_garbage(yagot_snapshot *s, yagot_found *found)
{
    walk w;
    if (walk_init(&w, s) < 0) {
        return -1;
    }
    bool dropped = false;
    for (uint32_t i = 0; i < s->count; i++) {
        yagot_snapshot_prefetch(s, i);
        traverse_counting(&w, i, visit_subtract);
        s->flags[i] |= PyObject_IS_GC(s->objects[i]) ? 0 : YAGOT_REACHABLE;     /* the collector passes over it, too */
    }
    mark_reachable(&w);
    for (uint32_t i = 0; i < s->count && !dropped; i++) {
        dropped = is_unreachable_dropped(s, i);
    }
    if (dropped) {
        release_dropped(&w);
        mark_later(&w);
    }
    settle_dicts(s);
    count_found(s, found);
    walk_fini(&w);
    return 0;
}

/* -- what only dropped objects hold --------------------------------------------------------------- */

typedef struct {
    yagot_snapshot *snapshot;
    yagot_snapshot seen;        /* referents met so far; refs: references not yet met */
    bool failed;
} closure;

static int
visit_owned(PyObject *child, void *arg)
{
    closure *c = arg;
    if (!yagot_is_tracked(child) || yagot_snapshot_find(c->snapshot, child) != YAGOT_NONE) {
        return 0;
    }
    uint32_t index = yagot_snapshot_add(&c->seen, child, Py_REFCNT(child), 0);
    if (index == YAGOT_NONE) {
        c->failed = true;
        return 0;
    }
    if (--c->seen.refs[index] == 0) {
        if (yagot_snapshot_add(c->snapshot, child, Py_REFCNT(child), YAGOT_BY_DROPPED) == YAGOT_NONE) {
            c->failed = true;
        }
        else {
            Py_INCREF(child);       /* until yagot_snapshot_fini; its count was taken before */
        }
    }
    return 0;
}

/* The dict of an older instance may have been made in the window, one of the first objects of the snapshot: what it
 * leads to is as old as the attributes are. An instance that does not show its dict has shown the values. */
static void
traverse_dict(PyObject *object, uint32_t first, closure *c)
{
    PyObject *dict = yagot_existing_dict(object);
    if (dict != NULL && yagot_snapshot_find(c->snapshot, dict) < first && yagot_count_shown(object, dict) > 0) {
        yagot_traverse(dict, visit_owned, c);
    }
}

int
yagot_add_dropped(yagot_snapshot *s, const yagot_dropped *dropped, size_t count)
{
    closure c = {.snapshot = s};
    if (count == 0) {
        return 0;
    }
    if (yagot_snapshot_init(&c.seen) < 0) {
        return -1;
    }
    uint32_t first = s->count;
    for (size_t i = 0; i < count; i++) {
        PyObject *object = dropped[i].object;
        uint32_t index = yagot_snapshot_add(s, object, Py_REFCNT(object), YAGOT_DROPPED);
        if (index == YAGOT_NONE) {
            c.failed = true;
            break;
        }
        s->refs[index] -= dropped[i].outside;
        if (index < first) {
            yagot_traverse(object, visit_owned, &c);
            traverse_dict(object, first, &c);
        }
    }
    for (uint32_t i = first; i < s->count && !c.failed; i++) {
        yagot_traverse(s->objects[i], visit_owned, &c);
        traverse_dict(s->objects[i], first, &c);
    }
    yagot_snapshot_fini(&c.seen);
    return c.failed ? -1 : 0;
}

int
yagot_measure_dropped(yagot_dropped *dropped)
{
    yagot_snapshot s;
    walk w;
    int result = -1;
    dropped->outside = 0;
    if (yagot_snapshot_init(&s) < 0) {
        return -1;
    }
    if (yagot_add_dropped(&s, dropped, 1) == 0 && walk_init(&w, &s) == 0) {
        for (uint32_t i = 0; i < s.count; i++) {
            traverse_counting(&w, i, visit_subtract);
        }
        dropped->outside = s.refs[0];
        walk_fini(&w);
        result = 0;
    }
    yagot_snapshot_fini(&s);
    return result;
}
