/* junit_spool.c - report: test cases on their way from several files into one. See junit_spool.h. */
#include "report/junit_spool.h"

#include "base/files.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FIRST_TABLE = 1024, LOOKS = 128 };

/* -- its file ------------------------------------------------------------------------------------- */

void
yagot_suite_fini(yagot_suite *suite)
{
    PyMem_RawFree(suite->name);
    PyMem_RawFree(suite->timestamp);
    PyMem_RawFree(suite->hostname);
    PyMem_RawFree(suite->file);
    yagot_text_fini(&suite->properties);
    yagot_text_fini(&suite->output);
}

int
yagot_spool_flush(yagot_spool *s)
{
    size_t size = (size_t)(s->end - s->written);
    if (size > 0 && yagot_write_at(s->file, s->buffer, size, (off_t)s->written) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    s->written = s->end;
    return 0;
}

int
yagot_spool_map(yagot_spool *s)
{
    if (s->map != NULL || s->end == 0) {
        return 0;
    }
    if (yagot_spool_flush(s) < 0) {
        return -1;
    }
    void *map = mmap(NULL, s->end, PROT_READ, MAP_PRIVATE, s->file, 0);
    if (map == MAP_FAILED) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    s->map = map;
    return 0;
}

void
yagot_spool_unmap(yagot_spool *s)
{
    if (s->map != NULL) {
        (void)munmap((void *)(uintptr_t)s->map, s->end);
        s->map = NULL;
    }
}

/* What was read is not needed again soon: the system takes its pages back, lest they count as the process's memory. */
static void
release_pages(yagot_spool *s)
{
    if (++s->looks % LOOKS == 0) {
        (void)madvise((void *)(uintptr_t)s->map, s->end, MADV_DONTNEED);
    }
}

static int
read_spool(yagot_spool *s, char *bytes, size_t size, uint64_t at)
{
    if (s->map != NULL) {
        release_pages(s);
        memcpy(bytes, s->map + at, size);
        return 0;
    }
    if (yagot_spool_flush(s) < 0) {
        return -1;
    }
    if (yagot_read_at(s->file, bytes, size, (off_t)at) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return 0;
}

int
yagot_spool_head(yagot_spool *s, const yagot_record *record, yagot_spooled *head)
{
    return read_spool(s, (char *)head, sizeof *head, yagot_spool_place(record));
}

void
yagot_spool_fini(yagot_spool *s)
{
    for (uint32_t i = 0; i < s->suite_count; i++) {
        yagot_suite_fini(&s->suites[i]);
    }
    PyMem_RawFree(s->suites);
    PyMem_RawFree(s->records);
    PyMem_RawFree(s->table);
    if (s->by_name != NULL) {
        xmlHashFree(s->by_name, NULL);
    }
    yagot_spool_unmap(s);
    PyMem_RawFree(s->buffer);
    if (s->file >= 0) {
        (void)close(s->file);
    }
    *s = (yagot_spool){.file = -1};
}

/* -- suites --------------------------------------------------------------------------------------- */

static uint32_t
add_suite(yagot_spool *s, const yagot_suite *suite)
{
    if ((s->suite_count & (s->suite_count - 1)) == 0) {
        yagot_suite *grown = PyMem_RawRealloc(s->suites, (s->suite_count * 2u + 1u) * sizeof *grown);
        if (grown == NULL) {
            return YAGOT_NONE;
        }
        s->suites = grown;
    }
    if (xmlHashAddEntry(s->by_name, (xmlChar *)suite->name, (void *)(uintptr_t)(s->suite_count + 1)) != 0) {
        return YAGOT_NONE;
    }
    s->suites[s->suite_count] = *suite;
    s->suites[s->suite_count].first = YAGOT_NONE;
    return s->suite_count++;
}

uint32_t
yagot_spool_suite(yagot_spool *s, yagot_suite suite)
{
    uintptr_t known = (uintptr_t)xmlHashLookup(s->by_name, (xmlChar *)suite.name);
    uint32_t index = known != 0 ? (uint32_t)known - 1 : add_suite(s, &suite);
    if (known != 0 || index == YAGOT_NONE) {
        yagot_suite_fini(&suite);
    }
    if (index == YAGOT_NONE) {
        PyErr_NoMemory();
    }
    return index;
}

/* -- records -------------------------------------------------------------------------------------- */

int
yagot_spool_bytes(yagot_spool *s, const void *bytes, size_t size)
{
    if (s->buffer == NULL && (s->buffer = PyMem_RawMalloc(YAGOT_SPOOL_BUFFER)) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (const char *from = bytes; size > 0;) {
        size_t used = (size_t)(s->end - s->written), part = YAGOT_SPOOL_BUFFER - used;
        part = part < size ? part : size;
        memcpy(s->buffer + used, from, part);
        from += part;
        size -= part;
        s->end += part;
        if (used + part == YAGOT_SPOOL_BUFFER && yagot_spool_flush(s) < 0) {
            return -1;
        }
    }
    return 0;
}

int
yagot_spool_begin(yagot_spool *s, yagot_record *record)
{
    static const char padding[YAGOT_SPOOL_UNIT];
    size_t rest = (size_t)(s->end % YAGOT_SPOOL_UNIT);
    if (rest > 0 && yagot_spool_bytes(s, padding, YAGOT_SPOOL_UNIT - rest) < 0) {
        return -1;
    }
    if (s->end / YAGOT_SPOOL_UNIT > UINT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "more than 64 GB of test cases");
        return -1;
    }
    record->offset = (uint32_t)(s->end / YAGOT_SPOOL_UNIT);
    return 0;
}

/* A bytes object's hash, so that nobody can aim at the table; 29 bits. */
static int
hash_identity(const yagot_text *identity, uint32_t *hash)
{
    PyObject *bytes = PyBytes_FromStringAndSize(yagot_text_get(identity), (Py_ssize_t)identity->size);
    Py_hash_t full = bytes != NULL ? PyObject_Hash(bytes) : -1;
    Py_XDECREF(bytes);
    *hash = (uint32_t)((uint64_t)full >> 16) & YAGOT_HASH_MASK;
    return full == -1 ? -1 : 0;
}

static bool
is_same(yagot_spool *s, const yagot_record *record, const yagot_text *identity)
{
    yagot_spooled head;
    if (yagot_spool_head(s, record, &head) < 0 || head.identity != identity->size) {
        PyErr_Clear();
        return false;
    }
    char *name = PyMem_RawMalloc(head.identity + 1);
    bool same = name != NULL && read_spool(s, name, head.identity, yagot_spool_place(record) + sizeof head) == 0
                && memcmp(name, yagot_text_get(identity), head.identity) == 0;
    PyErr_Clear();
    PyMem_RawFree(name);
    return same;
}

/* The places of a hash, one after the other: double hashing, so that neighbours do not crowd (each look at one costs a
 * look at its record). The table's size is odd and steps are powers of two: they come to every place. */
static uint32_t
first_place(const yagot_spool *s, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash * s->table_size >> YAGOT_HASH_BITS);
}

static uint32_t
next_place(const yagot_spool *s, uint32_t hash, uint32_t place)
{
    uint32_t step = 1u << (hash & 7);
    return step < s->table_size - place ? place + step : place + step - s->table_size;
}

/* Where a case with this identity is in the table, or where it may go. */
static uint32_t *
find_place(yagot_spool *s, uint32_t hash, const yagot_text *identity)
{
    uint32_t i = first_place(s, hash);
    for (; s->table[i] != 0; i = next_place(s, hash, i)) {
        const yagot_record *record = &s->records[s->table[i] - 1];
        if ((record->meta & YAGOT_HASH_MASK) == hash && is_same(s, record, identity)) {
            break;
        }
    }
    return &s->table[i];
}

/* A table of half as much again as there are records. The old one is not needed for it: records have their hashes. */
static int
grow_table(yagot_spool *s)
{
    uint64_t size = ((uint64_t)s->count * 3 / 2 + FIRST_TABLE) | 1;
    PyMem_RawFree(s->table);
    s->table = size <= UINT32_MAX ? PyMem_RawCalloc(size, sizeof *s->table) : NULL;
    if (s->table == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    s->table_size = (uint32_t)size;
    for (uint32_t r = 0; r < s->count; r++) {
        uint32_t hash = s->records[r].meta & YAGOT_HASH_MASK, i = first_place(s, hash);
        while (s->table[i] != 0) {
            i = next_place(s, hash, i);
        }
        s->table[i] = r + 1;
    }
    return 0;
}

static int
reserve_record(yagot_spool *s)
{
    if (s->count == s->room) {
        uint32_t room = s->room + s->room / 4 + 1024;
        yagot_record *grown = PyMem_RawRealloc(s->records, room * sizeof *grown);
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        s->records = grown;
        s->room = room;
    }
    return s->table == NULL || (uint64_t)s->count * 10 >= (uint64_t)s->table_size * 8 ? grow_table(s) : 0;
}

/* Of two cases with one identity the worse is kept. */
int
yagot_spool_add(yagot_spool *s, uint32_t suite, yagot_record record, const yagot_text *identity)
{
    uint32_t hash;
    if (hash_identity(identity, &hash) < 0 || reserve_record(s) < 0) {
        return -1;
    }
    record.meta |= hash;
    uint32_t *place = find_place(s, hash, identity);
    if (*place != 0) {
        yagot_record *old = &s->records[*place - 1];
        s->duplicates++;
        if ((record.meta & ~YAGOT_HASH_MASK) > (old->meta & ~YAGOT_HASH_MASK)) {
            old->offset = record.offset;
            old->meta = record.meta;
        }
        return 0;
    }
    yagot_suite *owner = &s->suites[suite];
    record.next = YAGOT_NONE;
    s->records[s->count] = record;
    if (owner->first == YAGOT_NONE) {
        owner->first = s->count;
    }
    else {
        s->records[owner->last].next = s->count;
    }
    owner->last = s->count++;
    *place = s->count;
    return 0;
}
