/* junit_reading.c - report: suites of a JUnit file that is read: who they are, and what they say of themselves. */
#include "report/junit_reading.h"

#include <string.h>
#include <unistd.h>

/* The names of counters, in the order of YAGOT_TESTS and so on. */
static const char *const counter_names[YAGOT_COUNTERS] = {"tests", "failures", "errors", "skipped", "disabled"};

/* -- errors and small things ---------------------------------------------------------------------- */

void
yagot_reading_stop(yagot_reading *r)
{
    if (!PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    yagot_xmlin_stop(&r->in);
}

void
yagot_add_prefixed(yagot_text *text, const char *prefix, const char *name, size_t size)
{
    if (*prefix != '\0') {
        yagot_text_add(text, prefix);
        yagot_text_add(text, size > 0 ? "." : "");
    }
    yagot_text_add_bytes(text, name, size);
}

/* -- times ---------------------------------------------------------------------------------------- */

static void
learn_start(yagot_xmlin *in, const char *Py_UNUSED(name), const yagot_attribute *all, int count)
{
    const yagot_attributes attributes = {.all = all, .count = count};
    const yagot_attribute *time = yagot_attribute_find(&attributes, "time");
    (void)yagot_time_read(yagot_attribute_value(time), yagot_attribute_size(time), in->context);
}

static void
ignore_end(yagot_xmlin *Py_UNUSED(in), const char *Py_UNUSED(name))
{
}

static void
ignore_text(yagot_xmlin *Py_UNUSED(in), const char *Py_UNUSED(text), size_t Py_UNUSED(size))
{
}

/* Reads the file once more, from its beginning: what are commas in the times of its elements? Tells nothing of a file
 * that can be read only once. */
static void
learn_commas(yagot_reading *r)
{
    static const yagot_xml_events events = {learn_start, ignore_end, ignore_text};
    off_t at = lseek(r->in.file, 0, SEEK_CUR);
    yagot_xmlin *in = at < 0 ? NULL : PyMem_RawCalloc(1, sizeof *in);
    if (in == NULL) {
        return;
    }
    in->context = &r->commas;
    in->events = &events;
    in->file = r->in.file;
    if (lseek(in->file, 0, SEEK_SET) == 0) {
        (void)yagot_xmlin_read(in);         /* whatever is wrong with the file is told once it is reached */
        PyErr_Clear();
    }
    (void)lseek(in->file, at, SEEK_SET);
    PyMem_RawFree(in);
}

yagot_time
yagot_reading_time(yagot_reading *r, const yagot_attribute *attribute, const char *whose)
{
    const char *value = yagot_attribute_value(attribute);
    size_t size = yagot_attribute_size(attribute);
    yagot_time time = yagot_time_read(value, size, &r->commas);
    if (time.kind == YAGOT_TIME_UNCLEAR && !r->scanned) {
        r->scanned = true;
        learn_commas(r);
        time = yagot_time_read(value, size, &r->commas);
    }
    if (time.kind == YAGOT_TIME_UNCLEAR) {
        yagot_text shown = {0};
        yagot_text_add(&shown, " of ");
        yagot_text_add(&shown, whose);
        yagot_text quoted = {0};
        yagot_text_add_bytes(&quoted, value, size < 40 ? size : 40);
        yagot_note(&r->spool->notes.times, yagot_text_get(&quoted), yagot_text_get(&shown));
        yagot_text_fini(&quoted);
        yagot_text_fini(&shown);
    }
    return time;
}

/* -- suites --------------------------------------------------------------------------------------- */

static void
read_counters(yagot_reading *r, yagot_opened *o, const yagot_attributes *attributes, const char *name)
{
    yagot_suite *suite = &r->spool->suites.items[o->suite];
    for (int i = 0; i < YAGOT_COUNTERS; i++) {
        o->said[i] = yagot_attribute_number(yagot_attribute_find(attributes, counter_names[i]));
    }
    suite->counts_skipped |= o->said[YAGOT_SKIPS] >= 0;
    suite->has_disabled |= o->said[YAGOT_DISABLEDS] >= 0;
    suite->counts_disabled |= o->said[YAGOT_DISABLEDS] > 0;
    int64_t assertions = yagot_attribute_number(yagot_attribute_find(attributes, "assertions"));
    if (assertions >= 0) {
        suite->assertions = (suite->assertions > 0 ? suite->assertions : 0) + assertions;
    }
    const yagot_attribute *time = yagot_attribute_find(attributes, "time");
    if (time != NULL) {
        o->said_milliseconds = yagot_reading_time(r, time, name).milliseconds;
    }
}

/* What distinguishes suites of one name, after the number of the suite around. */
static void
identify_suite(yagot_reading *r, uint32_t parent, const yagot_attributes *attributes, const char *name)
{
    static const char *const parts[] = {"package", "hostname", "id", "file", NULL};
    yagot_text *identity = &r->spool->identity;
    yagot_text_empty(identity);
    yagot_text_add_bytes(identity, (const char *)&parent, sizeof parent);
    yagot_text_add_bytes(identity, name, strlen(name) + 1);
    for (const char *const *part = parts; *part != NULL; part++) {
        const yagot_attribute *found = yagot_attribute_find(attributes, *part);
        yagot_text_add_bytes(identity, yagot_attribute_value(found), yagot_attribute_size(found));
        yagot_text_add_bytes(identity, "", 1);
    }
}

/* The suite of this name and these attributes. YAGOT_NONE with an exception set. */
static uint32_t
find_suite(yagot_reading *r, uint32_t parent, const yagot_attributes *attributes, const char *name)
{
    static const char *const not_written[] = {"name", "tests", "failures", "errors", "skipped", "disabled", "time",
                                              "assertions", NULL};
    static const char *const not_distinct[] = {"name", "tests", "failures", "errors", "skipped", "disabled", "time",
                                               "assertions", "package", "hostname", "id", "file", NULL};
    yagot_xml written = {.bytes = r->attributes}, others = {.bytes = r->others};
    yagot_text_empty(&written.bytes);
    yagot_text_empty(&others.bytes);
    yagot_xml_attribute(&written, "name", name);
    yagot_attributes_write(&written, attributes, not_written);
    yagot_attributes_write(&others, attributes, not_distinct);
    r->attributes = written.bytes;
    r->others = others.bytes;
    identify_suite(r, parent, attributes, name);
    return yagot_spool_suite(r->spool, parent, &r->attributes, &r->others);
}

bool
yagot_accept_root(yagot_reading *r)
{
    if (!r->any && yagot_suite_attributes(r->spool, 0, &r->root.bytes) < 0) {
        yagot_reading_stop(r);
        return false;
    }
    r->any = true;
    return true;
}

void
yagot_enter_suite(yagot_reading *r, const yagot_attributes *attributes)
{
    const yagot_attribute *own = yagot_attribute_find(attributes, "name");
    yagot_opened *around = yagot_innermost(r);
    if (r->depth == YAGOT_DEEPEST_SUITE) {
        yagot_xmlin_fail(&r->in, "test suites are nested too deeply");
        return;
    }
    if (!yagot_accept_root(r)) {
        return;
    }
    size_t path = r->path.size;
    yagot_text_add(&r->path, r->depth > 0 ? " / " : "");
    size_t from = r->path.size;
    yagot_add_prefixed(&r->path, r->prefix, own != NULL ? yagot_attribute_value(own) : "tests",
                 own != NULL ? yagot_attribute_size(own) : strlen("tests"));
    const char *name = yagot_text_get(&r->path) + (r->path.failed ? 0 : from);
    uint32_t suite = r->path.failed ? YAGOT_NONE : find_suite(r, around->suite, attributes, name);
    if (suite == YAGOT_NONE) {
        yagot_reading_stop(r);
        return;
    }
    yagot_opened *o = &r->open[++r->depth];
    *o = (yagot_opened){.suite = suite, .path = path, .name = from, .said_milliseconds = -1};
    read_counters(r, o, attributes, name);
}

/* What the suite says it has, beyond what is there. */
static bool
find_surplus(const yagot_opened *o, bool counts_disabled, yagot_surplus *more)
{
    int64_t failed = o->results + o->surplus.counters[YAGOT_FAILURES] + o->surplus.counters[YAGOT_ERRORS];
    for (int i = 0; i < YAGOT_COUNTERS; i++) {
        int64_t there = yagot_sums_counter(&o->sums, i, counts_disabled) + o->surplus.counters[i];
        more->counters[i] = o->said[i] > there ? o->said[i] - there : 0;
    }
    int64_t there = o->sums.milliseconds + o->surplus.milliseconds;
    more->milliseconds = o->said_milliseconds > there ? o->said_milliseconds - there : 0;
    /* a test case may have a failure and an error, or several of each */
    bool failures = more->counters[YAGOT_FAILURES] + more->counters[YAGOT_ERRORS] > 0;
    return more->counters[YAGOT_TESTS] > 0 || more->counters[YAGOT_SKIPS] > 0 || more->counters[YAGOT_DISABLEDS] > 0
           || (failures && o->said[YAGOT_FAILURES] + o->said[YAGOT_ERRORS] > failed);
}

/* "2 tests, 1 error": more than there are. */
static void
note_surplus(yagot_reading *r, const yagot_surplus *more)
{
    static const char *const nouns[] = {"test", "failure", "error", "skipped", "disabled"};
    yagot_text counts = {0};
    yagot_text_add(&counts, " (");
    for (int i = 0; i < YAGOT_COUNTERS; i++) {
        if (more->counters[i] > 0) {
            yagot_text_addf(&counts, "%s%lld %s%s", counts.size > 2 ? ", " : "", (long long)more->counters[i], nouns[i],
                            i < YAGOT_SKIPS && more->counters[i] > 1 ? "s" : "");
        }
    }
    yagot_text_add(&counts, ")");
    yagot_note(&r->spool->notes.missing, r->path.size > 0 ? yagot_text_get(&r->path) : "the whole report",
               yagot_text_get(&counts));
    yagot_text_fini(&counts);
}

/* Leaves the yagot_innermost suite, or the root: its counters are compared with what there was. */
void
yagot_leave_suite(yagot_reading *r)
{
    yagot_opened *o = yagot_innermost(r);
    yagot_surplus more;
    if (find_surplus(o, r->spool->suites.items[o->suite].counts_disabled, &more)) {
        note_surplus(r, &more);
    }
    yagot_suite_surplus(r->spool, o->suite, &more);
    if (r->depth == 0) {
        return;
    }
    yagot_opened *around = &r->open[--r->depth];
    for (int i = 0; i < YAGOT_COUNTERS; i++) {
        around->surplus.counters[i] += o->surplus.counters[i] + more.counters[i];
    }
    for (int i = 0; i < YAGOT_OUTCOMES; i++) {
        around->sums.outcomes[i] += o->sums.outcomes[i];
    }
    around->surplus.milliseconds += o->surplus.milliseconds + more.milliseconds;
    around->sums.milliseconds += o->sums.milliseconds;
    around->results += o->results;
    r->path.size = o->path;
    r->path.data[o->path] = '\0';
}

/* -- the root ------------------------------------------------------------------------------------- */

/* Does the root have this name already? Its names are separated by commas. */
static bool
has_name(const yagot_text *names, const char *name, size_t size)
{
    const char *at = yagot_text_get(names), *end = at + names->size;
    while (at < end) {
        const char *comma = strstr(at, ", ");
        const char *stop = comma != NULL ? comma : end;
        if ((size_t)(stop - at) == size && memcmp(at, name, size) == 0) {
            return true;
        }
        at = stop + 2;
    }
    return false;
}

/* The names of several roots stand one behind the other, as far as somebody may want to read them. */
static void
add_root_name(yagot_text *names, const yagot_attribute *name)
{
    enum { LONGEST = 4000 };
    size_t size = yagot_attribute_size(name);
    const char *value = yagot_attribute_value(name);
    if (size > 0 && !has_name(names, value, size) && (names->size == 0 || names->size + size < LONGEST)) {
        yagot_text_add(names, names->size > 0 ? ", " : "");
        yagot_text_add_bytes(names, value, size);
    }
}

void
yagot_enter_root(yagot_reading *r, const yagot_attributes *attributes)
{
    static const char *const not_written[] = {"name", "tests", "failures", "errors", "skipped", "disabled", "time",
                                              "assertions", NULL};
    const yagot_attribute *name = yagot_attribute_find(attributes, "name");
    size_t size = yagot_attribute_size(name);
    yagot_add_prefixed(&r->loose_name, r->prefix, size > 0 ? yagot_attribute_value(name) : "tests",
                       size > 0 ? size : strlen("tests"));
    add_root_name(&r->spool->root_name, name);
    yagot_attributes_write(&r->root, attributes, not_written);
    read_counters(r, &r->open[0], attributes, "the whole report");
}

uint32_t
yagot_loose_suite(yagot_reading *r)
{
    static const yagot_attributes none = {0};
    if (r->loose == 0) {
        uint32_t suite = r->loose_name.failed ? YAGOT_NONE : find_suite(r, 0, &none, yagot_text_get(&r->loose_name));
        r->loose = suite != YAGOT_NONE ? suite : 0;
    }
    return r->loose;
}
