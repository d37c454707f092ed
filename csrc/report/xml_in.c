/* xml_in.c - see xml_in.h. */
#include "report/xml_in.h"

#include "report/xml_errors.h"

#include <errno.h>
#include <libxml/SAX2.h>
#include <string.h>
#include <unistd.h>

enum { DEEPEST_ELEMENT = 256 };

/* -- errors --------------------------------------------------------------------------------------- */

static void
note_error(yagot_xmlin *in, int line, const char *message)
{
    if (in->error[0] == '\0') {
        in->line = line;
        yagot_cut_line(in->error, sizeof in->error, message);
    }
}

void
yagot_xmlin_stop(yagot_xmlin *in)
{
    in->stopped = true;
    xmlStopParser(in->parser);
}

void
yagot_xmlin_fail(yagot_xmlin *in, const char *message)
{
    note_error(in, xmlSAX2GetLineNumber(in->parser), message);
    yagot_xmlin_stop(in);
}

/* -- events --------------------------------------------------------------------------------------- */

static void
on_error(void *context, yagot_parse_error error)
{
    yagot_xmlin *in = context;
    char text[sizeof in->error];
    if (error->level >= XML_ERR_ERROR && error->message != NULL && in->error[0] == '\0') {
        yagot_explain_error(text, sizeof text, error, in->parser, in->ended && in->given == in->passed);
        note_error(in, error->line, text);
        in->damaged = true;
    }
}

/* Nothing good is declared in a report, and entities are what hostile files are made of. */
static void
on_document_type(void *context, const xmlChar *Py_UNUSED(name), const xmlChar *Py_UNUSED(external),
                 const xmlChar *Py_UNUSED(system))
{
    yagot_xmlin *in = context;
    yagot_xmlin_fail(in, "a document type declaration is not accepted");
    in->damaged = true;
}

/* Some errors do not end the parser (of namespaces, for one); the events do. */
static bool
is_over(const yagot_xmlin *in)
{
    return in->stopped || in->error[0] != '\0';
}

static void
on_start(void *context, const xmlChar *name, const xmlChar *Py_UNUSED(prefix), const xmlChar *Py_UNUSED(uri),
         int Py_UNUSED(namespace_count), const xmlChar **Py_UNUSED(namespaces), int count, int Py_UNUSED(defaults),
         const xmlChar **attributes)
{
    yagot_xmlin *in = context;
    if (is_over(in)) {
        return;
    }
    if (++in->level > DEEPEST_ELEMENT) {
        yagot_xmlin_fail(in, "elements are nested too deeply");
        return;
    }
    in->events->start(in, (const char *)name, (const yagot_attribute *)(const void *)attributes, count);
}

static void
on_end(void *context, const xmlChar *name, const xmlChar *Py_UNUSED(prefix), const xmlChar *Py_UNUSED(uri))
{
    yagot_xmlin *in = context;
    if (!is_over(in)) {
        in->events->end(in, (const char *)name);
        in->level--;
    }
}

static void
on_text(void *context, const xmlChar *text, int size)
{
    yagot_xmlin *in = context;
    if (!is_over(in)) {
        in->events->text(in, (const char *)text, (size_t)size);
    }
}

/* -- reading -------------------------------------------------------------------------------------- */

/* Fills the chunk: the declaration is in the first, also of a pipe. -1 with an exception set. */
static int
fill_chunk(yagot_xmlin *in)
{
    bool first = in->got == 0;
    in->at = in->got = 0;
    while (!in->ended && in->got < YAGOT_CHUNK) {
        ssize_t got = read(in->file, in->chunk + in->got, YAGOT_CHUNK - in->got);
        if (got < 0 && errno != EINTR) {
            in->stopped = true;
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
        in->ended = got == 0;
        in->got += got > 0 ? (size_t)got : 0;
    }
    if (first) {
        yagot_sections_begin(&in->sections, in->chunk, in->got);
    }
    return 0;
}

/* The next piece for the parser; empty at the end. -1 with an exception set. */
static int
next_piece(yagot_xmlin *in)
{
    in->given = in->passed = 0;
    while (in->passed == 0) {
        if (in->at == in->got && !in->ended && fill_chunk(in) < 0) {
            return -1;
        }
        size_t part = in->got - in->at < YAGOT_PIECE ? in->got - in->at : YAGOT_PIECE;
        if (part == 0) {
            in->passed = yagot_sections_end(&in->sections, in->piece);
            return 0;
        }
        in->passed = yagot_sections_pass(&in->sections, in->chunk + in->at, part, in->piece);
        in->at += part;
    }
    return 0;
}

/* Gives the parser more of the file. -1 with an exception set. */
static int
on_read(void *context, char *bytes, int size)
{
    yagot_xmlin *in = context;
    if (in->given == in->passed && next_piece(in) < 0) {
        return -1;
    }
    size_t part = in->passed - in->given < (size_t)size ? in->passed - in->given : (size_t)size;
    memcpy(bytes, in->piece + in->given, part);
    in->given += part;
    return (int)part;
}

/* Some errors of the decoder go past the parser's handler to the process's, which prints them. */
static void XMLCDECL
discard(void *Py_UNUSED(context), const char *Py_UNUSED(format), ...)
{
}

static void
read_quietly(yagot_xmlin *in)
{
    xmlGenericErrorFunc handler = xmlGenericError;      /* this thread's; lxml may have its own */
    void *context = xmlGenericErrorContext;
    xmlSetGenericErrorFunc(NULL, discard);
    /* NOENT resolves &amp; in attributes; without a declaration there are no other entities */
    (void)xmlCtxtReadIO(in->parser, on_read, NULL, in, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOENT);
    xmlSetGenericErrorFunc(context, handler);
}

static xmlParserCtxtPtr
new_parser(yagot_xmlin *in)
{
    static const xmlSAXHandler events = {
        .initialized = XML_SAX2_MAGIC, .internalSubset = on_document_type, .startElementNs = on_start,
        .endElementNs = on_end, .characters = on_text, .ignorableWhitespace = on_text, .cdataBlock = on_text,
        .serror = on_error,
    };
#if LIBXML_VERSION >= 21100
    return xmlNewSAXParserCtxt(&events, in);
#else
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    if (parser != NULL) {
        *parser->sax = events;
        parser->userData = in;
    }
    return parser;
#endif
}

int
yagot_xmlin_read(yagot_xmlin *in)
{
    in->parser = new_parser(in);
    if (in->parser == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    read_quietly(in);
    bool good = in->error[0] == '\0' && in->parser->wellFormed && !in->stopped;
    xmlFreeParserCtxt(in->parser);
    if (!good && !in->stopped) {
        note_error(in, 1, "this is not XML");
        in->damaged = true;
    }
    return good ? 0 : -1;
}
