/* xml_errors.h - errors of libxml2's parser in words for people: the character, and what is wrong with it.
 *
 * In:  an error and its parser, borrowed.
 * Out: a line in the caller's memory, cut where that ends.
 */
#ifndef YAGOT_XML_ERRORS_H
#define YAGOT_XML_ERRORS_H

#include "core.h"

#include <libxml/parser.h>

#if LIBXML_VERSION >= 21200
typedef const xmlError *yagot_parse_error;
#else
typedef xmlErrorPtr yagot_parse_error;
#endif

/* Writes what is wrong, as a line without an end. `at_end`: the parser has come to the end of the file. */
void yagot_explain_error(char *text, size_t size, yagot_parse_error error, xmlParserCtxtPtr parser, bool at_end);
/* Copies a text, cut at a character if it must be, up to the end of its first line. */
void yagot_cut_line(char *text, size_t size, const char *from);

#endif
