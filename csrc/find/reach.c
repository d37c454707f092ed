/* reach.c - see reach.h.
 *
 * An object that does not show what it holds keeps it in its body, in memory of malloc's that its body leads to, in
 * what that leads to, and so on. A word there that is the address of a wanted object counts as a reference: at worst
 * something stale is believed, and a leak is not reported.
 */
#include "find/reach.h"

#include "base/array.h"

#include "base/describe.h"

#include "find/memory_scan.h"

#include <stddef.h>
#include <string.h>

enum { PIECE = 1 << 14, MOST_OF_A_BLOCK = 1 << 25, MOST_IN_ALL = 1 << 28 };

/* -- what is not to be searched --------------------------------------------------------------------- */

static bool
is_walked(const yagot_reach *r, uintptr_t address)
{
    return yagot_idtable_get(&r->h->walk.seen, (void *)address) != YAGOT_NONE;
}

int
yagot_reach_pass_over(yagot_reach *r, const void *address)
{
    yagot_block block;
    if (!yagot_memory_block(r->memory, (uintptr_t)address, &block)) {
        return 0;
    }
    return yagot_idtable_put(&r->visited, (void *)block.start, 0);
}

/* They know what is no longer in use. */
static int
pass_over_interpreter(yagot_reach *r)
{
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    int result = yagot_reach_pass_over(r, interpreter);
    for (PyThreadState *t = PyInterpreterState_ThreadHead(interpreter); t != NULL && result == 0;
         t = PyThreadState_Next(t)) {
        result = yagot_reach_pass_over(r, t);
    }
    return result;
}

/* Where objects that show all they hold keep it: it was counted, and stale words lead there from anywhere. Attributes
 * of an instance with a managed dict are behind words in front of it; in front of another is somebody else's block. */
static int
pass_over_items(yagot_reach *r, PyObject *object)
{
    enum { IN_FRONT = 4 };
    bool instance = yagot_c_type_of(r->h, object) == &PyBaseObject_Type && yagot_has_managed_dict(Py_TYPE(object));
    if (yagot_body_size(r->h, object) > 0 || !yagot_can_traverse(object)) {
        return 0;
    }
    void *in_front[IN_FRONT] = {0};
    void *const *words = instance ? in_front : (void *const *)object;
    size_t count = instance ? IN_FRONT : (size_t)Py_TYPE(object)->tp_basicsize / sizeof *words;
    if (instance) {
        (void)yagot_memory_read(r->memory, (uintptr_t)object - sizeof in_front, in_front, sizeof in_front);
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_walked(r, (uintptr_t)words[i]) && yagot_reach_pass_over(r, words[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

int
yagot_reach_pass_over_shown(yagot_reach *r, const yagot_snapshot *births)
{
    const void *arrays[] = {r->h->wanted->objects, births->objects, r->h->walk.pending.items, r->h->opaque.items,
                            r->h->tracked.items};
    int result = 0;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays && result == 0; i++) {
        result = yagot_reach_pass_over(r, arrays[i]);
    }
    for (size_t i = 0; i < 3 && births->lists[i] != NULL && result == 0; i++) {
        result = yagot_reach_pass_over(r, ((PyListObject *)births->lists[i])->ob_item);
    }
    for (size_t i = 0; i < r->h->tracked.count && result == 0; i++) {
        result = pass_over_items(r, r->h->tracked.items[i]);
    }
    return result;
}

int
yagot_reach_init(yagot_reach *r, yagot_holders *h)
{
    *r = (yagot_reach){.h = h, .budget = MOST_IN_ALL};
    if (yagot_idtable_init(&r->visited) < 0) {
        return -1;
    }
    for (size_t i = 0; i < h->tracked.count; i++) {
        uint32_t *slot = yagot_idtable_slot(&h->walk.seen, h->tracked.items[i]);
        if (slot == NULL) {
            return -1;
        }
        *slot = 1;
    }
    r->memory = yagot_memory_open();
    h->stacks |= r->memory == NULL || !yagot_memory_knows_malloc(r->memory);
    return r->memory == NULL ? 1 : pass_over_interpreter(r);
}

void
yagot_reach_fini(yagot_reach *r)
{
    if (r->memory != NULL) {
        yagot_memory_close(r->memory);
    }
    yagot_idtable_fini(&r->visited);
    PyMem_RawFree(r->pending);
    PyMem_RawFree(r->hits);
}

/* -- blocks --------------------------------------------------------------------------------------- */

/* From 3.11 on the object of a running frame has room for the frame's variables, which are elsewhere: what is in there
 * is of what the memory was used for before. The collector does not know such an object. */
static void
leave_out_room(yagot_block *block, PyTypeObject *const *head)
{
    enum { OWN_WORDS = PY_VERSION_HEX >= 0x030D0000 ? 10 : 8 };
    bool running = PY_VERSION_HEX >= 0x030B0000 && head[0] == NULL && head[3] == &PyFrame_Type;
    if (running && block->size > OWN_WORDS * sizeof *head) {
        block->size = OWN_WORDS * sizeof *head;
    }
}

/* Strings and numbers lead nowhere. Nor do the frames without references that code keeps of its last call before 3.11:
 * what is in them is of then. */
static bool
is_leaf(yagot_reach *r, yagot_block *block)
{
    enum { HEAD = 2, HEAD_OF_COLLECTORS = 4 };
    PyTypeObject *head[HEAD_OF_COLLECTORS] = {0};
    size_t size = block->size < sizeof head ? block->size : sizeof head;
    if (size < HEAD * sizeof *head || yagot_memory_read(r->memory, block->start, head, size) < size) {
        return true;
    }
    leave_out_room(block, head);
    bool idle_frame = PY_VERSION_HEX < 0x030B0000 && head[HEAD] == NULL && head[HEAD + 1] == &PyFrame_Type;
    return idle_frame || head[1] == &PyUnicode_Type || head[1] == &PyBytes_Type || head[1] == &PyLong_Type
           || head[1] == &PyFloat_Type;
}

/* Objects of the collector's begin with its own words, since 3.12 maybe with those of their dict, too. */
static bool
is_known(yagot_reach *r, yagot_block *block)
{
    enum { HEAD = 16, HEAD_AND_DICT = 32 };
    return is_walked(r, block->start) || (block->size > HEAD && is_walked(r, block->start + HEAD))
           || (block->size > HEAD_AND_DICT && is_walked(r, block->start + HEAD_AND_DICT)) || is_leaf(r, block);
}

static void
push(yagot_reach *r, yagot_block block)
{
    yagot_block *grown = yagot_array_grow(r->pending, r->depth, &r->room, sizeof *grown);
    if (grown == NULL) {
        r->failed = true;
        return;
    }
    r->pending = grown;
    r->pending[r->depth++] = block;
}

/* Is this the first time that something with this address is met? */
static bool
is_new(yagot_reach *r, uintptr_t address)
{
    uint32_t *slot = yagot_idtable_slot(&r->visited, (void *)address);
    if (slot == NULL) {
        r->failed = true;
        return false;
    }
    bool new = *slot == 0;
    *slot += new;
    return new;
}

/* Does a word lead to something that is to be searched, and has not been yet? That is the block then. */
static bool
leads_on(yagot_reach *r, uintptr_t word, yagot_block *block)
{
    if (word < 1 << 16 || word >> 47 != 0 || is_walked(r, word) || !yagot_memory_block(r->memory, word, block)) {
        return false;
    }
    return is_new(r, block->start) && !is_known(r, block);
}

/* Has the block that a word leads to searched later. */
static void
follow(yagot_reach *r, uintptr_t word)
{
    yagot_block block;
    if (leads_on(r, word & ~(uintptr_t)7, &block)) {    /* the lowest bits may be marks */
        push(r, block);
    }
}

/* -- stacks of frames ------------------------------------------------------------------------------ */

#if PY_VERSION_HEX >= 0x030B0000
enum { HEAD_OF_CHUNK = offsetof(_PyStackChunk, data), CHUNK_PAGE = 4096, LARGEST_CHUNK = 1 << 26 };

/* Is this the newest chunk of a thread's frames? They are searched by themselves. */
static bool
is_of_a_thread(uintptr_t start)
{
    PyThreadState *t = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    while (t != NULL && (uintptr_t)t->datastack_chunk != start) {
        t = PyThreadState_Next(t);
    }
    return t != NULL;
}

/* Reads the head of a chunk, if one can be there. */
static bool
read_chunk(yagot_reach *r, uintptr_t start, _PyStackChunk *chunk)
{
    return start != 0 && start % CHUNK_PAGE == 0
           && yagot_memory_read(r->memory, start, chunk, HEAD_OF_CHUNK) == HEAD_OF_CHUNK
           && chunk->size % CHUNK_PAGE == 0 && chunk->size < LARGEST_CHUNK;
}

/* Code that is suspended, as in a greenlet, has its variables in a stack that no object shows. It is known by what is
 * kept of it, as in a thread's state: its newest chunk, and the ends of what is used of that and of it. */
static void
follow_frames(yagot_reach *r, const uintptr_t *words)
{
    _PyStackChunk chunk;
    uintptr_t start = words[0];
    size_t used = words[1] - start, size = words[2] - start;
    bool fits = size % CHUNK_PAGE == 0 && size < LARGEST_CHUNK && !is_of_a_thread(start)
                && read_chunk(r, start, &chunk) && chunk.size == size;
    bool newest = true;
    while (fits && used >= HEAD_OF_CHUNK && used <= chunk.size && is_new(r, start)) {
        r->frames += newest;
        newest = false;
        push(r, (yagot_block){start + HEAD_OF_CHUNK, used - HEAD_OF_CHUNK});
        start = (uintptr_t)chunk.previous;
        fits = read_chunk(r, start, &chunk);
        used = fits ? HEAD_OF_CHUNK + chunk.top * sizeof *chunk.data : 0;
    }
}
#else
static void
follow_frames(yagot_reach *r, const uintptr_t *words)
{
    (void)r;
    (void)words;
}
#endif

/* -- what is found in them ------------------------------------------------------------------------- */

static void
add_hit(yagot_reach *r, uint32_t index)
{
    for (size_t i = 0; i < r->hit_count; i++) {
        if (r->hits[i].index == index) {
            r->hits[i].count++;
            return;
        }
    }
    yagot_hit *grown = yagot_array_grow(r->hits, r->hit_count, &r->hit_room, sizeof *grown);
    if (grown == NULL) {
        r->failed = true;
        return;
    }
    r->hits = grown;
    r->hits[r->hit_count++] = (yagot_hit){index, 1};
}

static bool
is_hit(yagot_reach *r, uintptr_t word)
{
    uint32_t index = yagot_holders_find(r->h, (PyObject *)(word & ~(uintptr_t)3));
    bool hit = index != YAGOT_NONE && r->h->wanted->refs[index] > 0;
    if (hit) {
        add_hit(r, index);
    }
    return hit;
}

/* Records of packed fields have addresses between two words, too. */
static void
search_words(yagot_reach *r, const uintptr_t *words, size_t count, bool onwards)
{
    enum { HALF = 32 };
    for (size_t i = 0; i < count; i++) {
        if (!is_hit(r, words[i]) && onwards) {
            follow(r, words[i]);
            if (i + 2 < count) {
                follow_frames(r, words + i);
            }
        }
        if (i + 1 < count) {
            (void)is_hit(r, words[i] >> HALF | words[i + 1] << HALF);
        }
    }
}

static size_t
search(yagot_reach *r, yagot_block block, bool onwards)
{
    uintptr_t piece[PIECE / sizeof(uintptr_t)];
    size_t done = 0, size = block.size < MOST_OF_A_BLOCK ? block.size : MOST_OF_A_BLOCK;
    while (done < size && r->budget > 0) {
        size_t part = size - done < PIECE ? size - done : PIECE;
        size_t got = yagot_memory_read(r->memory, block.start + done, piece, part);
        search_words(r, piece, got / sizeof *piece, onwards);
        r->budget -= got < r->budget ? got : r->budget;
        done += got;
        if (got < part) {
            break;
        }
    }
    return done;
}

static void
search_pending(yagot_reach *r)
{
    while (r->depth > 0 && r->budget > 0 && !r->failed) {
        (void)search(r, r->pending[--r->depth], true);
    }
    r->depth = 0;
    if (r->budget == 0 || r->failed) {
        r->h->stacks = true;        /* there is more than was searched */
    }
}

/* Subtracts what was found, less what `holder` shows anyway. */
static void
settle(yagot_reach *r, PyObject *holder)
{
    yagot_snapshot *wanted = r->h->wanted;
    for (size_t i = 0; i < r->hit_count; i++) {
        const yagot_hit *hit = &r->hits[i];
        Py_ssize_t shown = holder != NULL ? yagot_count_shown_of_body(r->h, holder, wanted->objects[hit->index]) : 0;
        Py_ssize_t hidden = hit->count > shown ? hit->count - shown : 0;
        wanted->refs[hit->index] -= hidden < wanted->refs[hit->index] ? hidden : wanted->refs[hit->index];
    }
    r->hit_count = 0;
}

void
yagot_reach_range(yagot_reach *r, const void *memory, size_t size, bool onwards)
{
    (void)yagot_reach_unsafe(r, (uintptr_t)memory, size, onwards);
}

size_t
yagot_reach_unsafe(yagot_reach *r, uintptr_t memory, size_t size, bool onwards)
{
    size_t done = search(r, (yagot_block){memory, size}, onwards);
    search_pending(r);
    settle(r, NULL);
    return done;
}

void
yagot_reach_buffers(yagot_reach *r, const uintptr_t *words, size_t count)
{
    enum { SMALL = 512 };       /* from Python's own allocator, which objects come from */
    yagot_block block;
    for (size_t i = 0; i < count; i++) {
        if (yagot_memory_block(r->memory, words[i], &block) && block.start == words[i] && block.size > SMALL
            && leads_on(r, words[i], &block)) {
            yagot_reach_range(r, (const void *)block.start, block.size, false);
        }
    }
}

/* What it leads to are buffers of bytes, and behind these whatever the memory was used for before. */
static bool
is_stream(const PyTypeObject *type)
{
    return strncmp(type->tp_name, "_io.", 4) == 0;
}

/* The words of the body itself are counted elsewhere; what lies beyond it in the same block is counted here. */
void
yagot_reach_object(yagot_reach *r, PyObject *object)
{
    yagot_block block;
    size_t body = is_stream(yagot_c_type_of(r->h, object)) ? 0 : yagot_body_size(r->h, object);
    const uintptr_t *words = (const uintptr_t *)object;
    for (size_t i = sizeof(PyObject) / sizeof *words; i < body / sizeof *words; i++) {
        if (yagot_holders_find(r->h, (PyObject *)words[i]) == YAGOT_NONE) {
            follow(r, words[i]);
        }
    }
    bool longer = body > 0 && !yagot_can_traverse(object) && Py_TYPE(object)->tp_itemsize > 0;
    if (longer && yagot_memory_block(r->memory, (uintptr_t)object, &block)) {
        uintptr_t end = block.start + block.size, start = ((uintptr_t)object + body + 7) & ~(uintptr_t)7;
        (void)search(r, (yagot_block){start, end > start ? end - start : 0}, true);
    }
    search_pending(r);
    settle(r, object);
}
