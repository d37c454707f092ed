/* junit_suites.c - report: the tree of suites that are merged, and what is in each. See junit_spool.h. */
#include "report/junit_spool.h"

#include "base/array.h"
#include "base/files.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* -- the file --------------------------------------------------------------------------------------- */

enum { RELEASED_AT_ONCE = 4096 };

void
yagot_suites_release(yagot_spool *s)
{
    if (s->suites.items != NULL) {
        (void)madvise(s->suites.items, s->suites.room * sizeof *s->suites.items, MADV_DONTNEED);
    }
}

void
yagot_suites_fini(yagot_spool *s)
{
    if (s->suites.items != NULL) {
        (void)munmap(s->suites.items, s->suites.room * sizeof *s->suites.items);
        s->suites.items = NULL;
    }
    if (s->suites.file >= 0) {
        (void)close(s->suites.file);
    }
}

/* Makes the file larger by bytes that are really there: a full disk is an error here, not a signal later. */
static int
extend_file(int file, uint64_t from, uint64_t to)
{
    static const char zeros[1 << 12];
    while (from < to) {
        size_t part = to - from < sizeof zeros ? (size_t)(to - from) : sizeof zeros;
        if (yagot_write_at(file, zeros, part, (off_t)from) < 0) {
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
        from += part;
    }
    return 0;
}

/* Room for one more suite. */
static int
reserve_suite(yagot_spool *s)
{
    if (s->suites.count % RELEASED_AT_ONCE == 0) {
        yagot_suites_release(s);
    }
    if (s->suites.count < s->suites.room) {
        return 0;
    }
    uint64_t room = (uint64_t)s->suites.room * 3 / 2 + 64, size = room * sizeof *s->suites.items;
    if (room >= YAGOT_OWN_RUN) {
        PyErr_NoMemory();
        return -1;
    }
    if (extend_file(s->suites.file, s->suites.room * sizeof *s->suites.items, size) < 0) {
        return -1;
    }
    void *map = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, s->suites.file, 0);
    if (map == MAP_FAILED) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    if (s->suites.items != NULL) {
        (void)munmap(s->suites.items, s->suites.room * sizeof *s->suites.items);
    }
    s->suites.items = map;
    s->suites.room = (uint32_t)room;
    return 0;
}

/* -- finding -------------------------------------------------------------------------------------- */

/* Where the suite with the spool's identity is in the table, or where it may go. NULL with an exception set. */
static uint32_t *
find_place(yagot_spool *s, uint32_t hash)
{
    uint32_t i = hash % s->suites.table_size;
    for (; s->suites.table[i] != 0; i = i + 1 < s->suites.table_size ? i + 1 : 0) {
        uint32_t suite = s->suites.table[i] - 1;
        yagot_spooled head;
        int same = s->suites.hashes[suite] != hash ? 0
                   : yagot_spool_is(s, s->suites.items[suite].offset, &s->identity, &head);
        if (same != 0) {
            return same < 0 ? NULL : &s->suites.table[i];
        }
    }
    return &s->suites.table[i];
}

static int
grow_table(yagot_spool *s)
{
    uint64_t size = (uint64_t)s->suites.count * 3 / 2 + 64;
    PyMem_RawFree(s->suites.table);
    s->suites.table = size < UINT32_MAX ? PyMem_RawCalloc((size_t)size, sizeof *s->suites.table) : NULL;
    s->suites.table_size = s->suites.table != NULL ? (uint32_t)size : 0;
    if (s->suites.table == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (uint32_t suite = 0; suite < s->suites.count; suite++) {
        uint32_t i = s->suites.hashes[suite] % s->suites.table_size;
        while (s->suites.table[i] != 0) {
            i = i + 1 < s->suites.table_size ? i + 1 : 0;
        }
        s->suites.table[i] = suite + 1;
    }
    return 0;
}

/* -- making --------------------------------------------------------------------------------------- */

/* Puts a suite behind those of its parent. */
static void
attach(yagot_spool *s, uint32_t suite, uint32_t parent)
{
    yagot_suite *around = &s->suites.items[parent];
    if (around->child == YAGOT_NONE) {
        around->child = suite;
    }
    else {
        s->suites.items[around->last_child].sibling = suite;
    }
    around->last_child = suite;
}

static int
reserve_hash(yagot_spool *s)
{
    uint32_t *hashes = yagot_array_grow(s->suites.hashes, s->suites.count, &s->suites.hash_room, sizeof *hashes);
    if (hashes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    s->suites.hashes = hashes;
    return 0;
}

/* A suite with the spool's identity. YAGOT_NONE with an exception set. */
static uint32_t
add_suite(yagot_spool *s, uint32_t parent, uint32_t hash, const yagot_text *attributes)
{
    yagot_suite suite = {
        .parent = parent, .child = YAGOT_NONE, .last_child = YAGOT_NONE, .sibling = YAGOT_NONE,
        .run.next = YAGOT_NONE, .last_run = YAGOT_OWN_RUN, .file = s->file_number, .assertions = -1,
    };
    if (yagot_hash(attributes, &suite.whole) < 0 || yagot_spool_begin(s) < 0
        || yagot_spool_bytes(s, yagot_text_get(attributes), attributes->size) < 0
        || yagot_spool_store(s, &suite.offset) < 0
        || reserve_suite(s) < 0
        || reserve_hash(s) < 0
        || (s->suites.count * 10ULL >= s->suites.table_size * 8ULL && grow_table(s) < 0)) {
        return YAGOT_NONE;
    }
    uint32_t *place = find_place(s, hash);
    if (place == NULL) {
        return YAGOT_NONE;
    }
    uint32_t index = s->suites.count++;
    s->suites.items[index] = suite;
    s->suites.hashes[index] = hash;
    *place = index + 1;
    if (parent != YAGOT_NONE) {
        attach(s, index, parent);
    }
    return index;
}

int
yagot_suites_init(yagot_spool *s)
{
    static const yagot_text none = {0};
    uint32_t hash;
    return yagot_hash(&s->identity, &hash) < 0 || add_suite(s, YAGOT_NONE, hash, &none) == YAGOT_NONE ? -1 : 0;
}

int
yagot_suite_attributes(yagot_spool *s, uint32_t suite, const yagot_text *attributes)
{
    uint32_t hash;
    if (yagot_hash(attributes, &hash) < 0) {
        return -1;
    }
    if (hash == s->suites.items[suite].whole) {
        return 0;
    }
    yagot_text_empty(&s->identity);
    return yagot_spool_begin(s) < 0 || yagot_spool_bytes(s, yagot_text_get(attributes), attributes->size) < 0
           ? -1 : yagot_spool_finish(s, suite, YAGOT_ATTRIBUTES, 0);
}

/* The suite with this identity, made if it is new. */
static uint32_t
find_or_add(yagot_spool *s, uint32_t parent, const yagot_text *attributes, bool *known)
{
    uint32_t hash;
    uint32_t *place = yagot_hash(&s->identity, &hash) < 0 ? NULL : find_place(s, hash);
    if (place == NULL) {
        return YAGOT_NONE;
    }
    *known = *place != 0;
    return *known ? *place - 1 : add_suite(s, parent, hash, attributes);
}

/* Suites of one identity in one file that differ otherwise are two; of several files they are one. */
uint32_t
yagot_spool_suite(yagot_spool *s, uint32_t parent, const yagot_text *attributes, const yagot_text *others)
{
    uint32_t distinct;
    bool known;
    if (yagot_hash(others, &distinct) < 0) {
        return YAGOT_NONE;
    }
    uint32_t index = find_or_add(s, parent, attributes, &known);
    if (index != YAGOT_NONE && known && s->suites.items[index].file == s->file_number
        && s->suites.items[index].distinct != distinct) {
        yagot_text_add_bytes(&s->identity, yagot_text_get(others), others->size);
        index = find_or_add(s, parent, attributes, &known);
    }
    if (index == YAGOT_NONE) {
        return YAGOT_NONE;
    }
    s->suites.items[index].file = s->file_number;
    s->suites.items[index].distinct = distinct;
    return known && yagot_suite_attributes(s, index, attributes) < 0 ? YAGOT_NONE : index;
}

/* -- what is in them ------------------------------------------------------------------------------ */

yagot_run *
yagot_suite_run(yagot_spool *s, uint32_t suite, uint32_t run)
{
    return run == YAGOT_OWN_RUN ? &s->suites.items[suite].run : &s->suites.runs[run];
}

int
yagot_suite_record(yagot_spool *s, uint32_t suite)
{
    yagot_suite *merged = &s->suites.items[suite];
    yagot_run *last = yagot_suite_run(s, suite, merged->last_run);
    if (last->count == 0) {
        last->first = s->count;
    }
    if (last->first + last->count == s->count) {
        last->count++;
        return 0;
    }
    yagot_run *runs = yagot_array_grow(s->suites.runs, s->suites.run_count, &s->suites.run_room, sizeof *runs);
    if (runs == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    s->suites.runs = runs;
    yagot_suite_run(s, suite, merged->last_run)->next = s->suites.run_count;
    s->suites.runs[s->suites.run_count] = (yagot_run){.first = s->count, .count = 1, .next = YAGOT_NONE};
    merged->last_run = s->suites.run_count++;
    return 0;
}

void
yagot_suite_count(yagot_spool *s, uint32_t suite, yagot_kind kind, int64_t milliseconds, int times)
{
    for (; suite != YAGOT_NONE; suite = s->suites.items[suite].parent) {
        yagot_sums_add(&s->suites.items[suite].sums, kind, milliseconds, times);
    }
}

void
yagot_suite_surplus(yagot_spool *s, uint32_t suite, const yagot_surplus *more)
{
    for (; suite != YAGOT_NONE; suite = s->suites.items[suite].parent) {
        yagot_surplus *surplus = &s->suites.items[suite].surplus;
        for (int i = 0; i < YAGOT_COUNTERS; i++) {
            surplus->counters[i] += more->counters[i];
        }
        surplus->milliseconds += more->milliseconds;
    }
}

uint32_t
yagot_suite_next(const yagot_spool *s, uint32_t suite)
{
    if (s->suites.items[suite].child != YAGOT_NONE) {
        return s->suites.items[suite].child;
    }
    while (suite != YAGOT_NONE && s->suites.items[suite].sibling == YAGOT_NONE) {
        suite = s->suites.items[suite].parent;
    }
    return suite != YAGOT_NONE ? s->suites.items[suite].sibling : YAGOT_NONE;
}
