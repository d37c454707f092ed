/* junit_spool.h - what several JUnit files hold, on its way into one: a file with all texts, and little in memory.
 *
 * In:  two descriptors of empty files, which the spool owns from then on, and JUnit files.
 * Out: records and suites in the order of writing (junit_output.h).
 * Functions that return int give -1 with an exception set when they fail, unless they say otherwise.
 */
#ifndef YAGOT_JUNIT_SPOOL_H
#define YAGOT_JUNIT_SPOOL_H

#include "core.h"
#include "base/text.h"

enum { YAGOT_SPOOL_BUFFER = 1 << 18, YAGOT_SPOOL_UNIT = 16, YAGOT_HASH_BITS = 28 };
#define YAGOT_HASH_MASK ((1u << YAGOT_HASH_BITS) - 1)

/* What a record is: first the outcomes of test cases, from good to bad. */
typedef enum {
    YAGOT_PASSED, YAGOT_DISABLED, YAGOT_SKIPPED, YAGOT_FAILURE, YAGOT_ERROR, YAGOT_OUTCOMES,
    YAGOT_PROPERTY = YAGOT_OUTCOMES, YAGOT_OUTPUT, YAGOT_OTHER, YAGOT_ATTRIBUTES,
} yagot_kind;

/* Of test cases in several files. */
typedef enum { YAGOT_KEEP, YAGOT_LAST, YAGOT_WORST } yagot_policy;

/* What is kept of a test case in memory, or of something else in a suite. */
typedef struct {
    uint32_t offset;            /* in the spool, in units of YAGOT_SPOOL_UNIT bytes */
    uint32_t meta;              /* its kind, and its identity's hash */
} yagot_record;

/* Records of a suite, one behind the other. */
typedef struct {
    uint32_t first, count, next;    /* next: the suite's next run, or YAGOT_NONE */
} yagot_run;

/* The number of the run that a suite has itself; those behind it are in an array. */
#define YAGOT_OWN_RUN (YAGOT_NONE - 1)

/* The beginning of a test case's identity; its class and its name follow, each with a NUL. A property's has a number
 * that is no case's, and its attributes. */
typedef struct {
    uint32_t suite, number;     /* number: of those in one file that are the same but for it, from 0 */
} yagot_identity;

/* A record in the spool: this, then its identity, then its XML. */
typedef struct {
    uint64_t size;              /* of the XML in bytes */
    int64_t milliseconds;
    uint32_t identity;          /* bytes */
    uint32_t file, repeats;     /* the last file that had it, and how many more of its identity that had before */
} yagot_spooled;

/* Test cases by outcome. */
typedef struct {
    int64_t outcomes[YAGOT_OUTCOMES], milliseconds;
} yagot_sums;

enum { YAGOT_TESTS, YAGOT_FAILURES, YAGOT_ERRORS, YAGOT_SKIPS, YAGOT_DISABLEDS, YAGOT_COUNTERS };

static inline void
yagot_sums_add(yagot_sums *sums, yagot_kind kind, int64_t milliseconds, int times)
{
    sums->outcomes[kind] += times;
    sums->milliseconds += milliseconds * times;
}

/* A counter of a suite. Where no file counts disabled test cases, they are skipped ones. */
static inline int64_t
yagot_sums_counter(const yagot_sums *sums, int counter, bool counts_disabled)
{
    const int64_t *outcomes = sums->outcomes;
    switch (counter) {
    case YAGOT_FAILURES:
        return outcomes[YAGOT_FAILURE];
    case YAGOT_ERRORS:
        return outcomes[YAGOT_ERROR];
    case YAGOT_SKIPS:
        return outcomes[YAGOT_SKIPPED] + (counts_disabled ? 0 : outcomes[YAGOT_DISABLED]);
    case YAGOT_DISABLEDS:
        return counts_disabled ? outcomes[YAGOT_DISABLED] : 0;
    default:
        return outcomes[YAGOT_PASSED] + outcomes[YAGOT_DISABLED] + outcomes[YAGOT_SKIPPED] + outcomes[YAGOT_FAILURE]
               + outcomes[YAGOT_ERROR];
    }
}

/* What suites say they have, beyond the test cases that are there. */
typedef struct {
    int64_t counters[YAGOT_COUNTERS], milliseconds;
} yagot_surplus;

/* A suite; the first is the root, of which all others are parts. */
typedef struct {
    uint32_t parent, child, last_child, sibling;    /* suites, or YAGOT_NONE */
    yagot_run run;              /* its first; has no records if the suite has none */
    uint32_t last_run;
    uint32_t offset;            /* in the spool: its identity, and its attributes as XML */
    uint32_t whole;             /* the hash of its attributes */
    uint32_t file, distinct;    /* the last file that had it, and the hash of what it had there beside its identity */
    bool has_disabled, counts_skipped;              /* a file has such a counter */
    bool counts_disabled;       /* and a number there */
    int64_t assertions;         /* as the files count them; -1: they do not */
    yagot_sums sums;            /* of its test cases, and of the suites in it */
    yagot_surplus surplus;      /* also with theirs */
} yagot_suite;

/* Things to warn of, and the first of them. */
typedef struct {
    Py_ssize_t count, shown;
    yagot_text examples;        /* a line each */
} yagot_notes;

typedef struct {
    yagot_notes duplicates, missing, times;
} yagot_warnings;

/* The file with the records. (junit_spool.c) */
typedef struct {
    int descriptor;             /* owned */
    uint64_t end, written;      /* what is behind `written` is still in the buffer */
    uint64_t open;              /* where the record that is being written begins */
    char *buffer;               /* owned */
    const char *map;            /* the whole file in memory, once it is written out again; NULL before */
    uint64_t mapped, looks;     /* its size; bytes that were looked at */
} yagot_spool_file;

/* The tree of suites. (junit_suites.c) */
typedef struct {
    int file;                   /* owned descriptor: the suites lie there; the system keeps in memory what is used */
    yagot_suite *items;         /* owned: mapped */
    uint32_t count, room;
    uint32_t *hashes;           /* owned; of their identities: the file is looked at less */
    size_t hash_room;
    uint32_t *table, table_size;        /* owned; suite + 1 */
    yagot_run *runs;            /* owned */
    uint32_t run_count;
    size_t run_room;
} yagot_suites;

typedef struct {
    yagot_policy policy;
    yagot_spool_file file;
    yagot_suites suites;
    yagot_record *records;      /* owned */
    uint32_t count, cases;
    size_t room;
    uint32_t *table, table_size;        /* owned; record + 1; open addressing */
    uint32_t file_number;       /* of the file that is read, from 1 */
    yagot_text identity;        /* of the record that is being written */
    yagot_text root_name;       /* the names of the files' roots */
    yagot_warnings notes;
} yagot_spool;

/* Takes over descriptors of two empty files, also on errors. -1 with an exception set. */
int yagot_spool_init(yagot_spool *spool, int file, int table_file, yagot_policy policy);
void yagot_spool_fini(yagot_spool *spool);

/* Begins a record at the end; `identity` is its identity until it is finished. -1 with an exception set. */
int yagot_spool_begin(yagot_spool *spool);
/* Adds to its XML. -1 with an exception set. */
int yagot_spool_bytes(yagot_spool *spool, const void *bytes, size_t size);
/* Ends the record. A test case that was in another file is treated as the policy says, a property that is known is left
 * out. -1 with an exception set. */
int yagot_spool_finish(yagot_spool *spool, uint32_t suite, yagot_kind kind, int64_t milliseconds);
/* Ends the record as one that is not listed; its offset is stored. -1 with an exception set. */
int yagot_spool_store(yagot_spool *spool, uint32_t *offset);

/* The whole spool in memory; the system keeps of it what it likes. -1 with an exception set. */
int yagot_spool_map(yagot_spool *spool);
void yagot_spool_unmap(yagot_spool *spool);
/* The head of a record; its XML, when the spool is mapped. -1 with an exception set. */
int yagot_spool_head(yagot_spool *spool, uint32_t offset, yagot_spooled *head);
const char *yagot_spool_xml(yagot_spool *spool, uint32_t offset, const yagot_spooled *head);
/* So many bytes of the map were looked at: now and then the system gets its pages back. */
void yagot_spool_looked(yagot_spool *spool, uint64_t bytes);
/* Has the record in the spool this identity? -1 with an exception set. */
int yagot_spool_is(yagot_spool *spool, uint32_t offset, const yagot_text *identity, yagot_spooled *head);

static inline yagot_kind
yagot_record_kind(const yagot_record *record)
{
    return (yagot_kind)(record->meta >> YAGOT_HASH_BITS);
}

/* Adds a line to what is warned of; the first few are kept as examples. */
void yagot_note(yagot_notes *notes, const char *first, const char *second);

/* junit_suites.c: makes the root. -1 with an exception set. */
int yagot_suites_init(yagot_spool *spool);
void yagot_suites_fini(yagot_spool *spool);
/* The system gets the pages of the suites back, which are in the file. */
void yagot_suites_release(yagot_spool *spool);
/* A run of a suite by its number. */
yagot_run *yagot_suite_run(yagot_spool *spool, uint32_t suite, uint32_t run);
/* The suite of a parent with the spool's identity and these attributes (XML), made if it is new. `others` are those
 * that distinguish suites of one identity in one file. YAGOT_NONE with an exception set. */
uint32_t yagot_spool_suite(yagot_spool *spool, uint32_t parent, const yagot_text *attributes, const yagot_text *others);
/* More attributes of a suite, from another file. -1 with an exception set. */
int yagot_suite_attributes(yagot_spool *spool, uint32_t suite, const yagot_text *attributes);
/* The next record will be one of this suite. -1 with an exception set. */
int yagot_suite_record(yagot_spool *spool, uint32_t suite);
/* Counts a test case, `times` times, in a suite and in those around it. */
void yagot_suite_count(yagot_spool *spool, uint32_t suite, yagot_kind kind, int64_t milliseconds, int times);
/* Counts a surplus there. */
void yagot_suite_surplus(yagot_spool *spool, uint32_t suite, const yagot_surplus *surplus);
/* The suite behind this one, when those in it come before those beside it; YAGOT_NONE behind the last. */
uint32_t yagot_suite_next(const yagot_spool *spool, uint32_t suite);
/* 28 bits of a hash that nobody can aim at. -1 with an exception set. */
int yagot_hash(const yagot_text *text, uint32_t *hash);

/* junit_reader.c: adds what a JUnit file holds (a descriptor, left open). -1 with an exception set, or with `error`
 * filled: what was read until then is in the spool. */
typedef struct {
    char text[360];
    bool damaged;               /* the file is no good XML: there is hope for a repair */
} yagot_read_error;
int yagot_spool_read(yagot_spool *spool, int file, const char *prefix, yagot_read_error *error);

#endif
