/* junit_spool.h - the test cases of several JUnit files on their way into one. */
#ifndef YAGOT_JUNIT_SPOOL_H
#define YAGOT_JUNIT_SPOOL_H

#include "core.h"
#include "base/text.h"

#include <libxml/hash.h>

enum { YAGOT_SPOOL_BUFFER = 1 << 18, YAGOT_SPOOL_UNIT = 16, YAGOT_HASH_BITS = 29 };
#define YAGOT_HASH_MASK ((1u << YAGOT_HASH_BITS) - 1)

/* What is kept of a case in memory. */
typedef struct {
    uint32_t offset;            /* in the spool, in units of YAGOT_SPOOL_UNIT bytes */
    uint32_t next;              /* of its suite, or YAGOT_NONE */
    uint32_t meta;              /* severity (0 passed, 1 skipped, 2 failure, 3 error), and its identity's hash */
} yagot_record;

/* A case in the spool: this, then its identity (suite, class, name: a line each), then its XML. */
typedef struct {
    uint32_t identity, size;    /* bytes */
    int64_t milliseconds;
} yagot_spooled;

typedef struct {
    char *name, *timestamp, *hostname, *file;   /* owned; all but the name may be NULL */
    yagot_text properties, output;              /* XML */
    uint32_t first, last;                       /* records; first: YAGOT_NONE if there is none */
} yagot_suite;

typedef struct {
    int file;                   /* owned descriptor */
    uint64_t end, written;      /* what is behind `written` is still in the buffer */
    char *buffer;               /* owned */
    const char *map;            /* the whole file in memory, once it is written out again; NULL before */
    uint32_t looks;             /* into it */
    yagot_record *records;      /* owned */
    uint32_t count, room;
    uint32_t *table, table_size;        /* owned; record + 1; open addressing */
    yagot_suite *suites;        /* owned */
    uint32_t suite_count;
    xmlHashTablePtr by_name;    /* owned; suite + 1 */
    Py_ssize_t duplicates;
} yagot_spool;

void yagot_suite_fini(yagot_suite *suite);
void yagot_spool_fini(yagot_spool *spool);
/* Begins a case at the end. -1 with an exception set. */
int yagot_spool_begin(yagot_spool *spool, yagot_record *record);
/* Adds bytes at the end. -1 with an exception set. */
int yagot_spool_bytes(yagot_spool *spool, const void *bytes, size_t size);
/* The suite of a name, made of this one if it is new; what that owns is stolen. YAGOT_NONE with an exception set. */
uint32_t yagot_spool_suite(yagot_spool *spool, yagot_suite suite);
/* Adds the record of a case that was spooled; of two with one identity the worse is kept. -1 with an exception set. */
int yagot_spool_add(yagot_spool *spool, uint32_t suite, yagot_record record, const yagot_text *identity);
/* The whole spool in memory; the system keeps of it what it likes. -1 with an exception set. */
int yagot_spool_map(yagot_spool *spool);
void yagot_spool_unmap(yagot_spool *spool);
/* Writes out what is in the buffer. -1 with an exception set. */
int yagot_spool_flush(yagot_spool *spool);
/* Where a case begins in the spool, in bytes. */
static inline uint64_t
yagot_spool_place(const yagot_record *record)
{
    return (uint64_t)record->offset * YAGOT_SPOOL_UNIT;
}

/* A record's head. -1 with an exception set. */
int yagot_spool_head(yagot_spool *spool, const yagot_record *record, yagot_spooled *head);
/* junit_reader.c: adds the cases of a JUnit file (a descriptor, left open). -1 with an exception set, or with `error`
 * filled: what was read until then is in the spool. */
int yagot_spool_read(yagot_spool *spool, int file, const char *prefix, char *error, size_t error_size);

#endif
