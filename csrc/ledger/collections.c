/* collections.c - a collection that is not ours: looks before it hides anything. See ledger.h.
 *
 * In a window, what it is about to release is the test's. Between windows it is what the framework, a fixture or a
 * setUpClass has made since. A full collection also releases what earlier tests have left.
 */
#include "base/describe.h"
#include "ledger/suspects.h"

enum { FIRST_LIMIT = 10000 };   /* objects that may grow old before the first full collection */

static bool
is_full(const yagot_ledger *self, PyObject *info)
{
    return !self->state->generations || yagot_gc_read_number(info, "generation") >= 2;
}

/* -- in a window ---------------------------------------------------------------------------------- */

static int
look_in_window(yagot_ledger *self, int generation, yagot_gc_search *promoted)
{
    yagot_window *w = &self->window;
    yagot_snapshot snapshot;
    yagot_found found;
    if (yagot_forget_reused(self) < 0) {
        return -1;
    }
    int result = yagot_take_births(self, &snapshot, generation, promoted);
    if (result == 0) {
        yagot_note_freezing(self);
        result = yagot_look_at_births(self, &snapshot, &found);
    }
    if (result == 0) {
        w->counts.born += found.garbage;
        w->counts.garbage += found.garbage;
        if (generation > 0 && self->state->generations) {
            result = yagot_remember_promoted(&w->promoted, &snapshot);
        }
    }
    if (result == 0) {
        yagot_describe(self);
    }
    yagot_snapshot_fini(&snapshot);
    return result;
}

/* -- between windows ------------------------------------------------------------------------------ */

static int
look_between(yagot_ledger *self, PyObject *info)
{
    if (!self->labels.on) {
        return 0;
    }
    /* what grows old unlabelled would pass for what had its address before */
    if (yagot_labels_put_young(&self->labels, &self->gc, yagot_label_between(&self->labels)) < 0) {
        return -1;
    }
    int found = is_full(self, info) ? yagot_look_at_labelled(self, NULL)
                : yagot_look_at_young(self, (int)yagot_gc_read_number(info, "generation"));
    return found < 0 ? -1 : 0;
}

/* -- both ----------------------------------------------------------------------------------------- */

static int
look(yagot_ledger *self, int generation, PyObject *info)
{
    const bool in_window = self->window.open;
    if (yagot_imports_settle(&self->imports, &self->labels, &self->gc, in_window) < 0
        || yagot_sort_out_young(self) < 0) {
        return -1;
    }
    if (!in_window) {
        return look_between(self, info);
    }
    yagot_gc_search promoted = {.table = &self->window.promoted.table};
    const bool labelled = self->window.label != 0;
    int result = labelled && generation > 0 ? yagot_labels_unlabel_births(&self->labels, &self->gc) : 0;
    if (result == 0 && labelled && generation >= 2 && self->state->generations) {
        result = yagot_look_for_freezing(self) < 0
                 || yagot_look_at_labelled(self, self->window.promoted.count > 0 ? &promoted : NULL) < 0 ? -1 : 0;
    }
    result = result == 0 ? look_in_window(self, generation, &promoted) : result;
    yagot_objects_fini(&promoted.found);
    return result;
}

int
yagot_before_collection(yagot_ledger *self, PyObject *info)
{
    int generation = (int)yagot_gc_read_number(info, "generation");
    yagot_be_gentle(generation > 0);        /* the test will see how many objects are collected */
    int result = look(self, generation, info);
    yagot_be_gentle(false);
    self->window.collecting = true;
    return result;
}

int
yagot_after_collection(yagot_ledger *self, PyObject *info)
{
    self->window.collecting = false;
    if (self->window.marker != NULL) {
        yagot_gc_rejuvenate(self->window.marker);       /* what is made from now on is where it is */
    }
    if (!self->window.open) {
        return self->labels.on ? yagot_gc_remember_made_meanwhile(&self->gc) : 0;
    }
    int saves_all = yagot_gc_saves_all(&self->gc);
    if (saves_all < 0) {
        return -1;
    }
    if (saves_all) {
        return yagot_expect_saved(self);
    }
    const Py_ssize_t generation = yagot_gc_read_number(info, "generation");
    self->predictions.partial = !self->state->generations && !YAGOT_FREE_THREADED && generation < 2;
    return yagot_check_predictions(self, generation >= 1 ? 2 : 1, true);
}

/* -- our own -------------------------------------------------------------------------------------- */

/* The size of the heap, in blocks: Python's own allocator knows it without going through them. Where another one is in
 * use, in tracked objects: behind a window hardly any are young. */
static Py_ssize_t
size_of_heap(yagot_ledger *self)
{
    Py_ssize_t size = yagot_gc_number(self->state->allocated_blocks);
    return size != 0 ? size : yagot_gc_count_all(&self->gc);
}

void
yagot_gather_garbage(yagot_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (snapshot->flags[i] & YAGOT_GARBAGE) {
            yagot_gc_rejuvenate(snapshot->objects[i]);
        }
    }
}

int
yagot_collect_fully(yagot_ledger *self)
{
    self->heap.grown = 0;
    if (yagot_gc_collect(&self->gc, 2) < 0) {
        return -1;
    }
    self->heap.old = size_of_heap(self);
    return self->heap.old < 0 ? -1 : 0;
}

/* Survivors mostly die soon after their window: they only say when to look at the size. */
int
yagot_heap_has_grown(yagot_ledger *self)
{
    yagot_growth_of_heap *heap = &self->heap;
    if (!self->state->generations || heap->grown < FIRST_LIMIT || heap->grown * 4 < heap->old) {
        return 0;
    }
    Py_ssize_t size = size_of_heap(self);
    if (size < 0) {
        return -1;
    }
    if (heap->old == 0) {
        heap->old = size > heap->grown ? size - heap->grown : 1;
    }
    if (size < heap->old || (size - heap->old) * 4 < heap->old) {
        heap->grown = 0;
        return 0;
    }
    return 1;
}

int
yagot_limit_growth(yagot_ledger *self)
{
    int grown = yagot_heap_has_grown(self);
    return grown <= 0 ? grown : yagot_look_at_labelled(self, NULL) < 0 ? -1 : yagot_collect_fully(self);
}
