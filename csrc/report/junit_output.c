/* junit_output.c - report: see junit_output.h. Within a suite its properties come first, then test cases and what else
 * there is, then the suites in it, then its output. */
#include "report/junit_output.h"

#include "base/files.h"
#include "report/xml_out.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { WRITTEN_AT_ONCE = 1 << 16 };

typedef struct {
    yagot_spool *spool;         /* borrowed */
    int file;                   /* borrowed */
    off_t end;
    yagot_xml xml;              /* what is not written yet */
    yagot_text tag;             /* attributes of the suite that begins */
    yagot_cursor start, stop;   /* the part */
    yagot_sums *sums;           /* owned; of each suite in this part; NULL: of all that is there */
} output;

/* -- the part ------------------------------------------------------------------------------------- */

/* Behind a suite's records come the suites in it. */
static yagot_cursor
begin_suite_at(uint32_t suite)
{
    return (yagot_cursor){.suite = suite, .run = YAGOT_NONE, .done = 0, .begun = false};
}

/* Moves to the next record of the suite; NULL behind the last. The cursor is behind the record then. */
static const yagot_record *
next_record(yagot_spool *s, yagot_cursor *at)
{
    if (!at->begun) {
        at->begun = true;
        at->run = YAGOT_OWN_RUN;
        at->done = 0;
    }
    const yagot_run *run = yagot_suite_run(s, at->suite, at->run);
    while (at->done == run->count && run->next != YAGOT_NONE) {
        at->run = run->next;
        at->done = 0;
        run = yagot_suite_run(s, at->suite, at->run);
    }
    return at->done < run->count ? &s->records[run->first + at->done++] : NULL;
}

static bool
is_before(const yagot_cursor *at, const yagot_cursor *stop)
{
    return at->suite != stop->suite || at->begun != stop->begun || at->run != stop->run || at->done != stop->done;
}

/* How much a part may hold, and what it holds. */
typedef struct {
    long long cases, counted;
    unsigned long long bytes, size;
} limits;

/* Counts a suite's test cases that fit. Where one does not, the part stops: 1. */
static int
measure_suite(output *out, yagot_cursor at, limits *l)
{
    yagot_spool *s = out->spool;
    yagot_cursor before = at;
    for (const yagot_record *record; (record = next_record(s, &at)) != NULL;) {
        yagot_spooled head;
        yagot_kind kind = yagot_record_kind(record);
        if (kind >= YAGOT_OUTCOMES) {
            continue;
        }
        if (yagot_spool_head(s, record->offset, &head) < 0) {
            return -1;
        }
        if (l->counted > 0 && (l->counted >= l->cases || l->size + head.size > l->bytes)) {
            out->stop = before;
            return 1;
        }
        l->counted++;
        l->size += head.size + 1;
        yagot_spool_looked(s, sizeof head);
        for (uint32_t i = at.suite; i != YAGOT_NONE; i = s->suites.items[i].parent) {
            yagot_sums_add(&out->sums[i], kind, head.milliseconds, 1);
        }
        before = at;
    }
    return 0;
}

/* Finds where the part stops, and what is in it. Without limits that is all there is, and counted already. */
static int
find_part(output *out, long long cases, long long bytes)
{
    yagot_spool *s = out->spool;
    limits l = {.cases = cases > 0 ? cases : INT64_MAX, .bytes = bytes > 0 ? (unsigned long long)bytes : UINT64_MAX};
    out->stop = begin_suite_at(YAGOT_NONE);
    if (cases <= 0 && bytes <= 0 && out->start.suite == 0) {
        return 0;
    }
    out->sums = PyMem_RawCalloc(s->suites.count, sizeof *out->sums);
    if (out->sums == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    int full = measure_suite(out, out->start, &l);
    for (uint32_t suite = yagot_suite_next(s, out->start.suite); suite != YAGOT_NONE && full == 0;) {
        full = measure_suite(out, begin_suite_at(suite), &l);
        suite = yagot_suite_next(s, suite);
    }
    return full < 0 ? -1 : 0;
}

/* -- writing -------------------------------------------------------------------------------------- */

static int
flush(output *out, size_t least)
{
    size_t size;
    const char *bytes = yagot_xml_bytes(&out->xml, &size);
    if (bytes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (size < least) {
        return 0;
    }
    if (yagot_write_at(out->file, bytes, size, out->end) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    out->end += (off_t)size;
    yagot_xml_reset(&out->xml);
    return 0;
}

/* Copies a record's XML, in slices if it is large. */
static int
copy_record(output *out, const yagot_record *record)
{
    yagot_spooled head;
    if (yagot_spool_head(out->spool, record->offset, &head) < 0) {
        return -1;
    }
    const char *xml = yagot_spool_xml(out->spool, record->offset, &head);
    for (uint64_t at = 0; at < head.size;) {
        size_t slice = head.size - at < WRITTEN_AT_ONCE ? (size_t)(head.size - at) : WRITTEN_AT_ONCE;
        yagot_xml_raw_bytes(&out->xml, xml + at, slice);
        at += slice;
        yagot_spool_looked(out->spool, slice + sizeof head);
        if (flush(out, WRITTEN_AT_ONCE) < 0) {
            return -1;
        }
    }
    yagot_xml_raw(&out->xml, "\n");
    return 0;
}

static int
copy_all(output *out, uint32_t suite, yagot_kind kind, const char *before, const char *after)
{
    yagot_cursor at = begin_suite_at(suite);
    bool any = false;
    for (const yagot_record *record; (record = next_record(out->spool, &at)) != NULL;) {
        if (yagot_record_kind(record) != kind) {
            continue;
        }
        yagot_xml_raw(&out->xml, any ? "" : before);
        any = true;
        if (copy_record(out, record) < 0) {
            return -1;
        }
    }
    yagot_xml_raw(&out->xml, any ? after : "");
    return 0;
}

/* -- start tags ----------------------------------------------------------------------------------- */

/* An attribute as it was written to the spool: a space, its name, and its value in quotes. */
typedef struct {
    const char *start, *quote, *end;
} written_attribute;

/* Takes the next one; false if there is none. */
static bool
take_attribute(const char **at, const char *end, written_attribute *taken)
{
    taken->start = *at;
    taken->quote = memchr(*at, '"', (size_t)(end - *at));
    const char *close = taken->quote != NULL ? memchr(taken->quote + 1, '"', (size_t)(end - taken->quote - 1)) : NULL;
    *at = taken->end = close != NULL ? close + 1 : end;
    return close != NULL;
}

static bool
has_attribute(const yagot_text *tag, const written_attribute *wanted)
{
    const char *at = yagot_text_get(tag), *end = at + tag->size;
    const ptrdiff_t size = wanted->quote - wanted->start;
    for (written_attribute each; at < end && take_attribute(&at, end, &each);) {
        if (each.quote - each.start == size && memcmp(each.start, wanted->start, (size_t)size) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds the attributes that the tag does not have yet. */
static void
add_attributes(yagot_text *tag, const char *xml, uint64_t size)
{
    const char *end = xml + size;
    for (written_attribute each; xml < end && take_attribute(&xml, end, &each);) {
        if (!has_attribute(tag, &each)) {
            yagot_text_add_bytes(tag, each.start, (size_t)(each.end - each.start));
        }
    }
}

static int
gather_attributes(output *out, uint32_t suite)
{
    yagot_spool *s = out->spool;
    yagot_spooled head;
    yagot_text_empty(&out->tag);
    if (yagot_spool_head(s, s->suites.items[suite].offset, &head) < 0) {
        return -1;
    }
    add_attributes(&out->tag, yagot_spool_xml(s, s->suites.items[suite].offset, &head), head.size);
    yagot_cursor at = begin_suite_at(suite);
    for (const yagot_record *record; (record = next_record(s, &at)) != NULL;) {
        if (yagot_record_kind(record) == YAGOT_ATTRIBUTES) {
            if (yagot_spool_head(s, record->offset, &head) < 0) {
                return -1;
            }
            add_attributes(&out->tag, yagot_spool_xml(s, record->offset, &head), head.size);
        }
    }
    out->xml.bytes.failed |= out->tag.failed;
    return 0;
}

/* The counters of a suite in this part. What it says it has beyond its test cases is counted in its first part. */
static void
add_counters(output *out, uint32_t index, bool first)
{
    static const char *const names[YAGOT_COUNTERS] = {"tests", "failures", "errors", "skipped", "disabled"};
    const yagot_suite *suite = &out->spool->suites.items[index];
    const yagot_sums *sums = out->sums != NULL ? &out->sums[index] : &suite->sums;
    for (int i = 0; i < YAGOT_COUNTERS; i++) {
        if ((i == YAGOT_DISABLEDS && !suite->has_disabled)
            || (i == YAGOT_SKIPS && index == 0 && !suite->counts_skipped)) {
            continue;
        }
        int64_t count = yagot_sums_counter(sums, i, suite->counts_disabled);
        yagot_xml_number(&out->xml, names[i], count + (first ? suite->surplus.counters[i] : 0));
    }
    if (suite->assertions >= 0) {
        yagot_xml_number(&out->xml, "assertions", suite->assertions);
    }
    yagot_xml_seconds(&out->xml, "time", sums->milliseconds + (first ? suite->surplus.milliseconds : 0));
}

static int
open_suite(output *out, uint32_t index, bool first, const char *name)
{
    yagot_xml *xml = &out->xml;
    if (gather_attributes(out, index) < 0) {
        return -1;
    }
    yagot_xml_start(xml, index == 0 ? "testsuites" : "testsuite");
    if (index == 0) {
        yagot_xml_attribute(xml, "name", name);
    }
    yagot_xml_attributes(xml, yagot_text_get(&out->tag));
    add_counters(out, index, first);
    yagot_xml_raw(xml, "\n");
    return copy_all(out, index, YAGOT_PROPERTY, "<properties>\n", "</properties>\n");
}

/* Closes it: with its output, if this is where the suite ends. */
static int
close_suite(output *out, uint32_t index, bool last)
{
    if (last && copy_all(out, index, YAGOT_OUTPUT, "", "") < 0) {
        return -1;
    }
    yagot_xml_raw(&out->xml, index == 0 ? "</testsuites>\n" : "</testsuite>\n");
    return flush(out, WRITTEN_AT_ONCE);
}

/* -- the walk ------------------------------------------------------------------------------------- */

/* Opens the suites around the place where the part starts: they were begun in an earlier part. */
static int
open_path(output *out, const char *name)
{
    const yagot_spool *s = out->spool;
    uint32_t path[256];
    int depth = 0;
    uint32_t suite = out->start.begun ? out->start.suite : s->suites.items[out->start.suite].parent;
    for (; suite != YAGOT_NONE; suite = s->suites.items[suite].parent) {
        path[depth++] = suite;
    }
    while (depth > 0) {
        if (open_suite(out, path[--depth], false, name) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Copies a suite's test cases and what else is among them, up to the end of the part. */
static int
copy_suite(output *out, yagot_cursor *at)
{
    while (is_before(at, &out->stop)) {
        const yagot_record *record = next_record(out->spool, at);
        if (record == NULL) {
            return 0;
        }
        yagot_kind kind = yagot_record_kind(record);
        if ((kind < YAGOT_OUTCOMES || kind == YAGOT_OTHER) && copy_record(out, record) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Closes the suites that are complete when the walk goes on with `next`. */
static int
close_up_to(output *out, uint32_t suite, uint32_t next)
{
    const yagot_suite *suites = out->spool->suites.items;
    uint32_t around = next != YAGOT_NONE ? suites[next].parent : YAGOT_NONE;
    for (; suite != around; suite = suites[suite].parent) {
        if (close_suite(out, suite, true) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Closes all suites around a place where the walk does not go on. */
static int
close_path(output *out, uint32_t suite)
{
    for (; suite != YAGOT_NONE; suite = out->spool->suites.items[suite].parent) {
        if (close_suite(out, suite, false) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
write_part(output *out, const char *name)
{
    const yagot_spool *s = out->spool;
    yagot_cursor at = out->start;
    if (open_path(out, name) < 0) {
        return -1;
    }
    for (;;) {
        if (!is_before(&at, &out->stop)) {
            return close_path(out, s->suites.items[at.suite].parent);
        }
        if (!at.begun && open_suite(out, at.suite, true, name) < 0) {
            return -1;
        }
        if (copy_suite(out, &at) < 0) {
            return -1;
        }
        if (at.suite == out->stop.suite) {
            return close_path(out, at.suite);
        }
        uint32_t next = yagot_suite_next(s, at.suite);
        if (close_up_to(out, at.suite, next) < 0 || next == YAGOT_NONE) {
            return next == YAGOT_NONE ? 0 : -1;
        }
        at = begin_suite_at(next);
    }
}

static int
sync_file(int file)
{
    if (fsync(file) < 0 && errno != EINVAL && errno != EROFS) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return 0;
}

int
yagot_write_report(yagot_spool *s, yagot_cursor *next, int file, const char *name, long long cases, long long bytes)
{
    output out = {.spool = s, .file = file, .start = *next};
    if (next->suite == YAGOT_NONE) {
        PyErr_SetString(PyExc_ValueError, "everything is written");
        return -1;
    }
    yagot_xml_raw(&out.xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    int result = yagot_spool_map(s) < 0 || find_part(&out, cases, bytes) < 0
                 || write_part(&out, s->root_name.size > 0 ? s->root_name.data : name) < 0
                 || flush(&out, 0) < 0 ? -1 : sync_file(file);
    yagot_xml_fini(&out.xml);
    yagot_text_fini(&out.tag);
    PyMem_RawFree(out.sums);
    *next = result == 0 ? out.stop : *next;
    return result;
}
