/* junit_merge.c - report: JUnit XML files into one, in little memory.
 *
 * Each test case is read with libxml2's reader and spooled to a file as it is; in memory 16 bytes a case stay, and as
 * much again at most for the table that finds duplicates. When all files are read the counters are known, and the cases
 * are copied out suite by suite (junit_join.c).
 *
 * A document type declaration is refused: nothing good is declared there, and entities are what hostile files are made of.
 */
#include "junit_spool.h"

#include <libxml/xmlreader.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_TABLE = 1024 };

/* -- records -------------------------------------------------------------------------------------- */

static int
spool_bytes(yagot_spool *s, const void *bytes, size_t size)
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
    bool same = name != NULL && yagot_spool_flush(s) == 0
                && pread(s->file, name, head.identity, (off_t)(record->offset + sizeof head)) >= 0
                && memcmp(name, yagot_text_get(identity), head.identity) == 0;
    PyMem_RawFree(name);
    return same;
}

/* Where a case with this identity is in the table, or where it may go. */
static uint32_t *
find_place(yagot_spool *s, uint32_t hash, const yagot_text *identity)
{
    uint32_t i = hash & s->table_mask;
    for (; s->table[i] != 0; i = (i + 1) & s->table_mask) {
        const yagot_record *record = &s->records[s->table[i] - 1];
        if ((record->meta & YAGOT_HASH_MASK) == hash && (identity == NULL || is_same(s, record, identity))) {
            break;
        }
    }
    return &s->table[i];
}

static int
grow_table(yagot_spool *s)
{
    uint32_t size = s->table == NULL ? FIRST_TABLE : (s->table_mask + 1) * 2;
    uint32_t *table = PyMem_RawCalloc(size, sizeof *table);
    if (table == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    PyMem_RawFree(s->table);
    s->table = table;
    s->table_mask = size - 1;
    for (uint32_t r = 0; r < s->count; r++) {
        uint32_t i = s->records[r].meta & YAGOT_HASH_MASK & s->table_mask;
        while (s->table[i] != 0) {
            i = (i + 1) & s->table_mask;
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
    return s->table == NULL || s->count * 10 >= (uint64_t)(s->table_mask + 1) * 8 ? grow_table(s) : 0;
}

/* Of two cases with one identity the worse is kept. */
static int
add_record(yagot_spool *s, uint32_t suite, yagot_record record, const yagot_text *identity)
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

/* -- suites --------------------------------------------------------------------------------------- */

static char *
attribute(xmlTextReaderPtr reader, const char *name)
{
    xmlChar *value = xmlTextReaderGetAttribute(reader, (const xmlChar *)name);
    char *copy = value != NULL ? PyMem_RawMalloc(strlen((char *)value) + 1) : NULL;
    if (copy != NULL) {
        strcpy(copy, (char *)value);
    }
    xmlFree(value);
    return copy;
}

/* The suite of a name (stolen), made if it is new; YAGOT_NONE with an exception set. */
static uint32_t
find_suite(yagot_spool *s, char *name, xmlTextReaderPtr reader)
{
    uintptr_t found = (uintptr_t)xmlHashLookup(s->by_name, (xmlChar *)name);
    if (found != 0) {
        PyMem_RawFree(name);
        return (uint32_t)found - 1;
    }
    if ((s->suite_count & (s->suite_count - 1)) == 0) {
        yagot_suite *grown = PyMem_RawRealloc(s->suites, (s->suite_count * 2u + 1u) * sizeof *grown);
        if (grown == NULL) {
            PyMem_RawFree(name);
            PyErr_NoMemory();
            return YAGOT_NONE;
        }
        s->suites = grown;
    }
    yagot_suite *suite = &s->suites[s->suite_count];
    *suite = (yagot_suite){.name = name, .first = YAGOT_NONE, .timestamp = attribute(reader, "timestamp"),
                           .hostname = attribute(reader, "hostname"), .file = attribute(reader, "file")};
    if (xmlHashAddEntry(s->by_name, (xmlChar *)name, (void *)(uintptr_t)(s->suite_count + 1)) != 0) {
        yagot_suite_fini(suite);
        PyErr_NoMemory();
        return YAGOT_NONE;
    }
    return s->suite_count++;
}

static uint32_t
enter_suite(yagot_spool *s, xmlTextReaderPtr reader, const char *prefix)
{
    char *own = attribute(reader, "name");
    yagot_text name = {0};
    if (*prefix != '\0') {
        yagot_text_add(&name, prefix);
        yagot_text_add(&name, ".");
    }
    yagot_text_add(&name, own != NULL ? own : "tests");
    PyMem_RawFree(own);
    char *taken = yagot_text_take(&name);
    return taken != NULL ? find_suite(s, taken, reader) : (PyErr_NoMemory(), YAGOT_NONE);
}

/* -- test cases ----------------------------------------------------------------------------------- */

/* Milliseconds of "0.012", "1,234.5" or "1e-3"; 0 if it is none of these. */
static int64_t
read_time(xmlNodePtr node)
{
    xmlChar *text = xmlGetNoNsProp(node, (const xmlChar *)"time");
    yagot_text plain = {0};
    for (const char *c = (const char *)text; c != NULL && *c != '\0'; c++) {
        yagot_text_addf(&plain, *c != ',' ? "%c" : "", *c);
    }
    double seconds = PyOS_string_to_double(yagot_text_get(&plain), NULL, NULL);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        seconds = 0;
    }
    yagot_text_fini(&plain);
    xmlFree(text);
    return seconds > 0 && seconds < 1e12 ? (int64_t)(seconds * 1000 + 0.5) : 0;
}

static uint32_t
severity_of(xmlNodePtr node)
{
    static const char *const names[] = {"skipped", "failure", "error"};
    uint32_t worst = 0;
    for (xmlNodePtr child = node->children; child != NULL; child = child->next) {
        for (uint32_t i = 0; child->type == XML_ELEMENT_NODE && i < 3; i++) {
            if (strcmp((const char *)child->name, names[i]) == 0 && i + 1 > worst) {
                worst = i + 1;
            }
        }
    }
    return worst;
}

static void
add_property_text(yagot_text *text, xmlNodePtr node, const char *name)
{
    xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
    yagot_text_add(text, value != NULL ? (char *)value : "");
    xmlFree(value);
}

static int
prefix_classname(xmlNodePtr node, const char *prefix)
{
    yagot_text name = {0};
    yagot_text_add(&name, prefix);
    yagot_text_add(&name, ".");
    add_property_text(&name, node, "classname");
    const xmlChar *value = (const xmlChar *)yagot_text_get(&name);
    bool done = !name.failed && xmlSetProp(node, (const xmlChar *)"classname", value) != NULL;
    yagot_text_fini(&name);
    return done ? 0 : -1;
}

static int
spool_node(yagot_spool *s, uint32_t suite, xmlNodePtr node, const yagot_text *identity)
{
    yagot_record record = {.offset = s->end, .meta = severity_of(node) << YAGOT_HASH_BITS};
    xmlBufferPtr buffer = xmlBufferCreate();
    int size = buffer != NULL ? xmlNodeDump(buffer, node->doc, node, 0, 0) : -1;
    int result = -1;
    if (size < 0) {
        PyErr_NoMemory();
    }
    else {
        yagot_spooled head = {.identity = (uint32_t)identity->size, .size = (uint32_t)size, .milliseconds = read_time(node)};
        result = spool_bytes(s, &head, sizeof head) < 0 || spool_bytes(s, yagot_text_get(identity), identity->size) < 0
                         || spool_bytes(s, xmlBufferContent(buffer), (size_t)size) < 0
                     ? -1
                     : add_record(s, suite, record, identity);
    }
    if (buffer != NULL) {
        xmlBufferFree(buffer);
    }
    return result;
}

static int
take_case(yagot_spool *s, uint32_t suite, xmlNodePtr node, const char *prefix)
{
    yagot_text identity = {0};
    if (*prefix != '\0' && prefix_classname(node, prefix) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    yagot_text_add(&identity, s->suites[suite].name);
    yagot_text_add(&identity, "\n");
    add_property_text(&identity, node, "classname");
    yagot_text_add(&identity, "\n");
    add_property_text(&identity, node, "name");
    int result = identity.failed ? (PyErr_NoMemory(), -1) : spool_node(s, suite, node, &identity);
    yagot_text_fini(&identity);
    return result;
}

/* The suite's properties and output: kept as they are, the properties of its first file only. */
static int
take_extra(yagot_suite *suite, xmlNodePtr node, bool properties)
{
    if (properties && suite->properties.size > 0) {
        return 0;
    }
    xmlBufferPtr buffer = xmlBufferCreate();
    yagot_text *target = properties ? &suite->properties : &suite->output;
    if (buffer != NULL && xmlNodeDump(buffer, node->doc, node, 0, 0) >= 0) {
        yagot_text_add(target, (const char *)xmlBufferContent(buffer));
        yagot_text_add(target, "\n");
    }
    else {
        target->failed = true;
    }
    if (buffer != NULL) {
        xmlBufferFree(buffer);
    }
    if (target->failed) {
        PyErr_NoMemory();
    }
    return target->failed ? -1 : 0;
}

/* -- reading a file ------------------------------------------------------------------------------- */

typedef struct {
    yagot_spool *spool;
    xmlTextReaderPtr reader;
    const char *prefix;
    int file;                               /* borrowed */
    uint32_t open[YAGOT_DEEPEST_SUITE];     /* the suites around the place that is read */
    uint32_t depth;
    char error[300];                        /* the first one, with its line; empty if there is none */
} reading;

static void
note_error(reading *r, int line, const char *message)
{
    if (r->error[0] == '\0') {
        PyOS_snprintf(r->error, sizeof r->error, "line %d: %.250s", line, message);
        r->error[strcspn(r->error, "\r\n")] = '\0';
    }
}

static void
on_error(void *arg, const char *message, xmlParserSeverities severity, xmlTextReaderLocatorPtr locator)
{
    if (severity == XML_PARSER_SEVERITY_ERROR || severity == XML_PARSER_SEVERITY_VALIDITY_ERROR) {
        note_error(arg, xmlTextReaderLocatorLineNumber(locator), message);
    }
}

static int
fail(reading *r, const char *message)
{
    note_error(r, xmlTextReaderGetParserLineNumber(r->reader), message);
    return -1;
}

/* Takes an element with all that is in it. The reader then goes on behind it. */
static int
take_element(reading *r, const char *name, bool *skip)
{
    bool is_case = strcmp(name, "testcase") == 0, properties = strcmp(name, "properties") == 0;
    bool output = strcmp(name, "system-out") == 0 || strcmp(name, "system-err") == 0;
    *skip = true;
    if (!is_case && !properties && !output) {
        return 0;
    }
    if (r->depth == 0) {
        return is_case ? fail(r, "a test case outside of a test suite") : 0;
    }
    xmlNodePtr node = xmlTextReaderExpand(r->reader);
    if (node == NULL) {
        return fail(r, "cannot be read");
    }
    uint32_t suite = r->open[r->depth - 1];
    return is_case ? take_case(r->spool, suite, node, r->prefix)
                   : take_extra(&r->spool->suites[suite], node, properties);
}

static int
enter_element(reading *r, const char *name, bool *skip)
{
    int depth = xmlTextReaderDepth(r->reader);
    *skip = false;
    if (depth == 0 && strcmp(name, "testsuites") == 0) {
        return 0;
    }
    if (strcmp(name, "testsuite") == 0) {
        if (r->depth == YAGOT_DEEPEST_SUITE) {
            return fail(r, "test suites are nested too deeply");
        }
        uint32_t suite = enter_suite(r->spool, r->reader, r->prefix);
        if (suite == YAGOT_NONE) {
            return -1;
        }
        if (!xmlTextReaderIsEmptyElement(r->reader)) {
            r->open[r->depth++] = suite;
        }
        return 0;
    }
    return depth == 0 ? fail(r, "not a JUnit report: the root is neither testsuites nor testsuite")
                      : take_element(r, name, skip);
}

static int
take_node(reading *r, bool *skip)
{
    int type = xmlTextReaderNodeType(r->reader);
    const char *name = (const char *)xmlTextReaderConstLocalName(r->reader);
    *skip = false;
    if (type == XML_READER_TYPE_DOCUMENT_TYPE) {
        return fail(r, "a document type declaration is not accepted");
    }
    if (type == XML_READER_TYPE_ELEMENT) {
        return enter_element(r, name, skip);
    }
    if (type == XML_READER_TYPE_END_ELEMENT && strcmp(name, "testsuite") == 0) {
        r->depth--;
    }
    return 0;
}

/* Does the file end with a tag? */
static bool
ends_well(int file)
{
    char tail[64];
    off_t size = lseek(file, 0, SEEK_END);
    off_t from = size > (off_t)sizeof tail ? size - (off_t)sizeof tail : 0;
    ssize_t got = size > 0 ? pread(file, tail, sizeof tail, from) : 0;
    while (got > 0 && strchr(" \t\r\n", tail[got - 1]) != NULL) {
        got--;
    }
    return got > 2 && (memcmp(&tail[got - 2], "s>", 2) == 0 || memcmp(&tail[got - 2], "/>", 2) == 0);
}

/* Versions of libxml2 say this or that of a document that ends before its root does. */
static int
fail_to_read(reading *r)
{
    static const char *const endings[] = {"Extra content", "is empty", "Premature end", "EndTag", "end tag"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (strstr(r->error, endings[i]) != NULL && !ends_well(r->file)) {
            r->error[0] = '\0';
            return fail(r, "the file ends too early");
        }
    }
    return fail(r, "not well-formed");
}

/* 0, or -1 with an exception, or with r->error. */
static int
read_all(reading *r)
{
    bool skip = false;
    for (;;) {
        int got = skip ? xmlTextReaderNext(r->reader) : xmlTextReaderRead(r->reader);
        if (got == 0 && r->error[0] == '\0') {
            return 0;
        }
        if (got != 1) {
            return fail_to_read(r);
        }
        if (take_node(r, &skip) < 0) {
            return -1;
        }
    }
}

int
yagot_spool_read(yagot_spool *s, int file, const char *prefix, char *error, size_t error_size)
{
    reading *r = PyMem_RawCalloc(1, sizeof *r);
    xmlTextReaderPtr reader = r != NULL ? xmlReaderForFd(file, NULL, NULL, XML_PARSE_NONET | XML_PARSE_COMPACT) : NULL;
    *error = '\0';
    if (reader == NULL) {
        PyMem_RawFree(r);
        PyErr_NoMemory();
        return -1;
    }
    *r = (reading){.spool = s, .reader = reader, .prefix = prefix, .file = file};
    xmlTextReaderSetErrorHandler(reader, on_error, r);
    int result = read_all(r);
    PyOS_snprintf(error, error_size, "%s", r->error);
    xmlFreeTextReader(reader);
    PyMem_RawFree(r);
    return result;
}
