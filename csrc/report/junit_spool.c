/* junit_spool.c - report: the file of what is merged, and which of it was there before. See junit_spool.h. */
#include "report/junit_spool.h"

#include "base/array.h"
#include "base/files.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FIRST_TABLE = 1024, KEPT_PAGES = 1 << 20, EXAMPLES = 5, LONGEST_EXAMPLE = 200 };

/* -- the file ------------------------------------------------------------------------------------- */

static int
checked(int result)
{
    if (result < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
    }
    return result;
}

static int
flush(yagot_spool *s)
{
    size_t size = (size_t)(s->file.end - s->file.written);
    if (size > 0 && checked(yagot_write_at(s->file.descriptor, s->file.buffer, size, (off_t)s->file.written)) < 0) {
        return -1;
    }
    s->file.written = s->file.end;
    return 0;
}

int
yagot_spool_map(yagot_spool *s)
{
    if (s->file.map != NULL || s->file.end == 0) {
        return 0;
    }
    if (flush(s) < 0) {
        return -1;
    }
    void *map = mmap(NULL, s->file.end, PROT_READ, MAP_PRIVATE, s->file.descriptor, 0);
    if (map == MAP_FAILED) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    s->file.map = map;
    s->file.mapped = s->file.end;
    return 0;
}

void
yagot_spool_unmap(yagot_spool *s)
{
    if (s->file.map != NULL) {
        (void)munmap((void *)(uintptr_t)s->file.map, s->file.mapped);
        s->file.map = NULL;
    }
}

void
yagot_spool_looked(yagot_spool *s, uint64_t bytes)
{
    s->file.looks += bytes;
    if (s->file.looks > KEPT_PAGES) {
        s->file.looks = 0;
        (void)madvise((void *)(uintptr_t)s->file.map, s->file.mapped, MADV_DONTNEED);
        yagot_suites_release(s);
    }
}

/* Is this part still in the buffer? What is there in part only is written out first. */
static bool
is_buffered(yagot_spool *s, uint64_t at, size_t size, int *result)
{
    *result = at < s->file.written && at + size > s->file.written ? flush(s) : 0;
    return at >= s->file.written;
}

static int
read_spool(yagot_spool *s, void *bytes, size_t size, uint64_t at)
{
    int result;
    if (s->file.map != NULL) {
        memcpy(bytes, s->file.map + at, size);
        return 0;
    }
    if (is_buffered(s, at, size, &result)) {
        memcpy(bytes, s->file.buffer + (at - s->file.written), size);
        return result;
    }
    return result < 0 ? -1 : checked(yagot_read_at(s->file.descriptor, bytes, size, (off_t)at));
}

static int
write_over(yagot_spool *s, const void *bytes, size_t size, uint64_t at)
{
    int result;
    if (is_buffered(s, at, size, &result)) {
        memcpy(s->file.buffer + (at - s->file.written), bytes, size);
        return result;
    }
    return result < 0 ? -1 : checked(yagot_write_at(s->file.descriptor, bytes, size, (off_t)at));
}

int
yagot_spool_head(yagot_spool *s, uint32_t offset, yagot_spooled *head)
{
    return read_spool(s, head, sizeof *head, (uint64_t)offset * YAGOT_SPOOL_UNIT);
}

const char *
yagot_spool_xml(yagot_spool *s, uint32_t offset, const yagot_spooled *head)
{
    return s->file.map + (uint64_t)offset * YAGOT_SPOOL_UNIT + sizeof *head + head->identity;
}

/* -- records in it -------------------------------------------------------------------------------- */

int
yagot_spool_bytes(yagot_spool *s, const void *bytes, size_t size)
{
    if (s->file.buffer == NULL && (s->file.buffer = PyMem_RawMalloc(YAGOT_SPOOL_BUFFER)) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (const char *from = bytes; size > 0;) {
        size_t used = (size_t)(s->file.end - s->file.written), part = YAGOT_SPOOL_BUFFER - used;
        part = part < size ? part : size;
        memcpy(s->file.buffer + used, from, part);
        from += part;
        size -= part;
        s->file.end += part;
        if (used + part == YAGOT_SPOOL_BUFFER && flush(s) < 0) {
            return -1;
        }
    }
    return 0;
}

int
yagot_spool_begin(yagot_spool *s)
{
    const yagot_text *identity = &s->identity;
    static const char padding[YAGOT_SPOOL_UNIT];
    size_t rest = (size_t)(s->file.end % YAGOT_SPOOL_UNIT);
    if (rest > 0 && yagot_spool_bytes(s, padding, YAGOT_SPOOL_UNIT - rest) < 0) {
        return -1;
    }
    if (s->file.end / YAGOT_SPOOL_UNIT > UINT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "more than 64 GB of test cases");
        return -1;
    }
    if (identity->failed) {
        PyErr_NoMemory();
        return -1;
    }
    s->file.open = s->file.end;
    yagot_spooled head = {.identity = (uint32_t)identity->size, .file = s->file_number};
    if (yagot_spool_bytes(s, &head, sizeof head) < 0) {
        return -1;
    }
    return yagot_spool_bytes(s, yagot_text_get(identity), identity->size);
}

/* Completes the head of the record at the end. */
static int
complete_head(yagot_spool *s, int64_t milliseconds, yagot_spooled *head)
{
    if (read_spool(s, head, sizeof *head, s->file.open) < 0) {
        return -1;
    }
    head->size = s->file.end - s->file.open - sizeof *head - head->identity;
    head->milliseconds = milliseconds;
    return write_over(s, head, sizeof *head, s->file.open);
}

int
yagot_spool_store(yagot_spool *s, uint32_t *offset)
{
    yagot_spooled head;
    *offset = (uint32_t)(s->file.open / YAGOT_SPOOL_UNIT);
    return complete_head(s, 0, &head);
}

int
yagot_spool_is(yagot_spool *s, uint32_t offset, const yagot_text *identity, yagot_spooled *head)
{
    if (yagot_spool_head(s, offset, head) < 0) {
        return -1;
    }
    if (head->identity != identity->size) {
        return 0;
    }
    char *found = PyMem_RawMalloc(identity->size + 1);
    if (found == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    int result = read_spool(s, found, identity->size, (uint64_t)offset * YAGOT_SPOOL_UNIT + sizeof *head);
    result = result < 0 ? -1 : memcmp(found, yagot_text_get(identity), identity->size) == 0;
    PyMem_RawFree(found);
    return result;
}

/* -- the table of identities ---------------------------------------------------------------------- */

int
yagot_hash(const yagot_text *text, uint32_t *hash)
{
    if (text->failed) {
        PyErr_NoMemory();
        return -1;
    }
    PyObject *bytes = PyBytes_FromStringAndSize(yagot_text_get(text), (Py_ssize_t)text->size);
    Py_hash_t full = bytes != NULL ? PyObject_Hash(bytes) : -1;
    Py_XDECREF(bytes);
    *hash = (uint32_t)((uint64_t)full >> 16) & YAGOT_HASH_MASK;
    *hash += *hash == 0;
    return full == -1 ? -1 : 0;
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

/* Where a record with this identity is in the table, or where it may go. NULL with an exception set. */
static uint32_t *
find_place(yagot_spool *s, uint32_t hash, const yagot_text *identity, yagot_spooled *head)
{
    uint32_t i = first_place(s, hash);
    for (; s->table[i] != 0; i = next_place(s, hash, i)) {
        const yagot_record *record = &s->records[s->table[i] - 1];
        if ((record->meta & YAGOT_HASH_MASK) != hash) {
            continue;
        }
        int same = yagot_spool_is(s, record->offset, identity, head);
        if (same != 0) {
            return same < 0 ? NULL : &s->table[i];
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
    s->table_size = s->table != NULL ? (uint32_t)size : 0;
    if (s->table == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (uint32_t r = 0; r < s->count; r++) {
        uint32_t hash = s->records[r].meta & YAGOT_HASH_MASK, i = first_place(s, hash);
        while (hash != 0 && s->table[i] != 0) {
            i = next_place(s, hash, i);
        }
        if (hash != 0) {
            s->table[i] = r + 1;
        }
    }
    return 0;
}

static int
reserve_record(yagot_spool *s)
{
    yagot_record *records = s->count < UINT32_MAX - 1
                                ? yagot_array_grow(s->records, s->count, &s->room, sizeof *records) : NULL;
    if (records == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    s->records = records;
    return s->table == NULL || (uint64_t)s->count * 10 >= (uint64_t)s->table_size * 8 ? grow_table(s) : 0;
}

/* -- what was there before ------------------------------------------------------------------------ */

void
yagot_note(yagot_notes *notes, const char *first, const char *second)
{
    yagot_text *text = &notes->examples;
    notes->count++;
    if (notes->shown == EXAMPLES) {
        return;
    }
    notes->shown++;
    size_t from = text->size;
    yagot_text_add(text, first);
    yagot_text_add(text, second);
    if (text->size - from > LONGEST_EXAMPLE) {
        text->size = from + LONGEST_EXAMPLE;
        while (((unsigned char)text->data[text->size] & 0xC0) == 0x80) {
            text->size--;
        }
        yagot_text_add(text, "\xE2\x80\xA6");
    }
    for (size_t i = from; i < text->size; i++) {
        text->data[i] = (unsigned char)text->data[i] < 0x20 ? ' ' : text->data[i];
    }
    yagot_text_add(text, "\n");
}

static void
note_duplicate(yagot_spool *s)
{
    const char *class = s->identity.data + sizeof(yagot_identity), *name = class + strlen(class) + 1;
    yagot_text first = {0};
    yagot_text_add(&first, class);
    yagot_text_add(&first, *class != '\0' ? "." : "");
    yagot_note(&s->notes.duplicates, yagot_text_get(&first), name);
    yagot_text_fini(&first);
}

static int
append_record(yagot_spool *s, uint32_t suite, yagot_record record, uint32_t *place)
{
    if (yagot_suite_record(s, suite) < 0) {
        return -1;
    }
    s->records[s->count++] = record;
    if (place != NULL) {
        *place = s->count;
    }
    return 0;
}

static int
append_case(yagot_spool *s, uint32_t suite, yagot_record record, int64_t milliseconds, uint32_t *place)
{
    if (append_record(s, suite, record, place) < 0) {
        return -1;
    }
    s->cases++;
    yagot_suite_count(s, suite, yagot_record_kind(&record), milliseconds, 1);
    return 0;
}

/* A case that another file had. The record stays in its place; what it points to may become the new one. */
static int
resolve(yagot_spool *s, uint32_t suite, yagot_record *old, yagot_spooled *head, yagot_record record,
        int64_t milliseconds)
{
    yagot_kind was = yagot_record_kind(old), is = yagot_record_kind(&record);
    note_duplicate(s);
    if (s->policy == YAGOT_LAST || is > was) {
        yagot_suite_count(s, suite, was, head->milliseconds, -1);
        yagot_suite_count(s, suite, is, milliseconds, 1);
        *old = record;
        return 0;
    }
    head->file = s->file_number;
    head->repeats = 0;
    return write_over(s, head, sizeof *head, (uint64_t)old->offset * YAGOT_SPOOL_UNIT);
}

/* Is this record, with the identity in `identity`, in the table? Stores its place, or that where it may go. */
static int
look_up(yagot_spool *s, yagot_record *record, uint32_t **place, yagot_spooled *head)
{
    uint32_t hash;
    if (yagot_hash(&s->identity, &hash) < 0) {
        return -1;
    }
    record->meta = (record->meta & ~YAGOT_HASH_MASK) | hash;
    *place = find_place(s, hash, &s->identity, head);
    return *place == NULL ? -1 : **place != 0;
}

/* The file had a case of this identity before: a number distinguishes them. */
static int
number_case(yagot_spool *s, const yagot_record *first, yagot_spooled *head)
{
    const size_t at = offsetof(yagot_identity, number);
    head->repeats++;
    memcpy(s->identity.data + at, &head->repeats, sizeof head->repeats);
    if (write_over(s, head, sizeof *head, (uint64_t)first->offset * YAGOT_SPOOL_UNIT) < 0) {
        return -1;
    }
    return write_over(s, &head->repeats, sizeof head->repeats, s->file.open + sizeof *head + at);
}

static int
add_case(yagot_spool *s, uint32_t suite, yagot_record record, int64_t milliseconds)
{
    uint32_t *place;
    yagot_spooled head;
    if (s->policy == YAGOT_KEEP) {
        return append_case(s, suite, record, milliseconds, NULL);
    }
    int known = look_up(s, &record, &place, &head);
    if (known > 0 && head.file == s->file_number) {
        if (number_case(s, &s->records[*place - 1], &head) < 0) {
            return -1;
        }
        known = look_up(s, &record, &place, &head);
    }
    if (known <= 0) {
        return known < 0 ? -1 : append_case(s, suite, record, milliseconds, place);
    }
    return resolve(s, suite, &s->records[*place - 1], &head, record, milliseconds);
}

static int
add_property(yagot_spool *s, uint32_t suite, yagot_record record)
{
    uint32_t *place;
    yagot_spooled head;
    int known = look_up(s, &record, &place, &head);
    return known != 0 ? (known < 0 ? -1 : 0) : append_record(s, suite, record, place);
}

int
yagot_spool_finish(yagot_spool *s, uint32_t suite, yagot_kind kind, int64_t milliseconds)
{
    yagot_spooled head;
    const uint32_t offset = (uint32_t)(s->file.open / YAGOT_SPOOL_UNIT);
    yagot_record record = {.offset = offset, .meta = (uint32_t)kind << YAGOT_HASH_BITS};
    if (complete_head(s, milliseconds, &head) < 0 || reserve_record(s) < 0) {
        return -1;
    }
    if (kind > YAGOT_PROPERTY || head.identity == 0) {
        return append_record(s, suite, record, NULL);
    }
    return kind == YAGOT_PROPERTY ? add_property(s, suite, record) : add_case(s, suite, record, milliseconds);
}

int
yagot_spool_init(yagot_spool *s, int file, int table_file, yagot_policy policy)
{
    *s = (yagot_spool){.policy = policy, .file.descriptor = file, .suites.file = table_file};
    return yagot_suites_init(s);
}

void
yagot_spool_fini(yagot_spool *s)
{
    yagot_notes *notes[] = {&s->notes.duplicates, &s->notes.missing, &s->notes.times};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        yagot_text_fini(&notes[i]->examples);
    }
    yagot_spool_unmap(s);
    yagot_text_fini(&s->identity);
    yagot_text_fini(&s->root_name);
    yagot_suites_fini(s);
    PyMem_RawFree(s->suites.hashes);
    PyMem_RawFree(s->suites.table);
    PyMem_RawFree(s->suites.runs);
    PyMem_RawFree(s->records);
    PyMem_RawFree(s->table);
    PyMem_RawFree(s->file.buffer);
    if (s->file.descriptor >= 0) {
        (void)close(s->file.descriptor);
    }
    *s = (yagot_spool){.file.descriptor = -1, .suites.file = -1};
}
