/* xml_in.h - reading XML, as events: the one place that sees libxml2's parser.
 *
 * For files from anywhere: no document type declarations, no entities, no network; at most 256 elements within each
 * other, and libxml2's limit of 10 MB for attributes and comments. CDATA sections of any size come as text. Names of
 * elements come without prefixes; comments and processing instructions do not come.
 *
 * In:  a descriptor and a receiver, both borrowed.
 * Out: calls of the receiver with names and texts that are valid until it returns. Errors are exceptions, or a line.
 */
#ifndef YAGOT_XMLIN_H
#define YAGOT_XMLIN_H

#include "core.h"
#include "report/xml_sections.h"

#include <libxml/parser.h>

/* What SAX gives of an attribute: five pointers. */
typedef struct {
    const xmlChar *name, *prefix, *uri, *value, *end;
} yagot_attribute;

typedef struct yagot_xmlin yagot_xmlin;

typedef struct {
    void (*start)(yagot_xmlin *in, const char *name, const yagot_attribute *attributes, int count);
    void (*end)(yagot_xmlin *in, const char *name);
    void (*text)(yagot_xmlin *in, const char *text, size_t size);
} yagot_xml_events;

enum {
    YAGOT_CHUNK = 1 << 15, YAGOT_PIECE = 1 << 12,
    YAGOT_PASSED_PIECE = YAGOT_PIECE * YAGOT_SECTIONS_GROWTH + YAGOT_SECTIONS_HELD,
};

struct yagot_xmlin {
    void *context;                  /* borrowed: the receiver's */
    const yagot_xml_events *events; /* borrowed */
    int file;                       /* borrowed: a descriptor */
    uint32_t level;                 /* of the element that starts or ends; the root's is 1 */
    char error[300];                /* the first one, a line; empty if there is none */
    int line;                       /* where it is, from 1 */
    bool damaged;                   /* the error is one of XML, not the receiver's */
    bool stopped;                   /* by yagot_xmlin_stop() */
    bool ended;                     /* all of the file was read */
    xmlParserCtxtPtr parser;        /* owned */
    yagot_sections sections;
    size_t at, got;                 /* what was taken of the chunk, and its size */
    size_t given, passed;           /* what the parser has taken of the piece, and its size */
    char chunk[YAGOT_CHUNK], piece[YAGOT_PASSED_PIECE];
};

/* Reads the file. -1 with an exception set, or with `error`. */
int yagot_xmlin_read(yagot_xmlin *in);
/* From an event: no more events come. With a message, or with an exception set. */
void yagot_xmlin_fail(yagot_xmlin *in, const char *message);
void yagot_xmlin_stop(yagot_xmlin *in);

#endif
