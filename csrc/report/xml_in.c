/* xml_in.c - see xml_in.h. */
#include "report/xml_in.h"

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
        PyOS_snprintf(in->error, sizeof in->error, "%.290s", message);
        in->error[strcspn(in->error, "\r\n")] = '\0';
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

static bool
says_one_of(const char *message, const char *const *words)
{
    while (*words != NULL && strstr(message, *words) == NULL) {
        words++;
    }
    return *words != NULL;
}

/* Versions of libxml2 say this or that of a document that ends before its root does, and of its limits. */
static void
explain_error(yagot_xmlin *in)
{
    static const char *const endings[] = {"Extra content", "is empty", "Premature end", "EndTag", "end tag", NULL};
    static const char *const limits[] = {"Huge input", "too big", "too long", "size limit", NULL};
    if (says_one_of(in->error, endings) && !ends_well(in->file)) {
        strcpy(in->error, "the file ends too early");
    }
    else if (says_one_of(in->error, limits)) {
        strcpy(in->error, "an attribute, a comment or a CDATA section of more than 10 MB");
    }
}

/* -- events --------------------------------------------------------------------------------------- */

#if LIBXML_VERSION >= 21200
typedef const xmlError *parse_error;
#else
typedef xmlErrorPtr parse_error;
#endif

static void
on_error(void *context, parse_error error)
{
    if (error->level >= XML_ERR_ERROR && error->message != NULL) {
        note_error(context, error->line, error->message);
    }
}

/* Nothing good is declared in a report, and entities are what hostile files are made of. */
static void
on_document_type(void *context, const xmlChar *Py_UNUSED(name), const xmlChar *Py_UNUSED(external),
                 const xmlChar *Py_UNUSED(system))
{
    yagot_xmlin_fail(context, "a document type declaration is not accepted");
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

/* Gives the parser more of the file. -1 with an exception set. */
static int
on_read(void *context, char *bytes, int size)
{
    yagot_xmlin *in = context;
    if (in->at == in->got) {
        ssize_t got;
        do {
            got = read(in->file, in->chunk, YAGOT_CHUNK);
        } while (got < 0 && errno == EINTR);
        if (got < 0) {
            in->stopped = true;
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
        in->at = 0;
        in->got = (size_t)got;
    }
    size_t part = in->got - in->at < (size_t)size ? in->got - in->at : (size_t)size;
    memcpy(bytes, in->chunk + in->at, part);
    in->at += part;
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
    /* NOENT gives &amp; in attributes as it is meant; without a declaration there are no other entities */
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
        note_error(in, 1, "not well-formed");
        explain_error(in);
    }
    return good ? 0 : -1;
}
