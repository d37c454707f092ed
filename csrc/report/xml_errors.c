/* xml_errors.c - report: see xml_errors.h. */
#include "report/xml_errors.h"

#include <string.h>

void
yagot_cut_line(char *text, size_t size, const char *from)
{
    size_t length = strcspn(from, "\r\n");
    if (length >= size) {
        for (length = size - 1; length > 0 && ((unsigned char)from[length] & 0xC0) == 0x80; length--) {
        }
    }
    memcpy(text, from, length);
    text[length] = '\0';
}

/* -- what the parser looks at --------------------------------------------------------------------- */

static size_t
count_ahead(xmlParserCtxtPtr parser)
{
    return parser->input != NULL ? (size_t)(parser->input->end - parser->input->cur) : 0;
}

static unsigned
next_byte(xmlParserCtxtPtr parser)
{
    return count_ahead(parser) > 0 ? *parser->input->cur : 0;
}

static void
explain_encoding(char *text, size_t size, xmlParserCtxtPtr parser)
{
    unsigned next = next_byte(parser);
    if (next >= 0x80) {
        PyOS_snprintf(text, size, "the byte 0x%02X, which is not UTF-8 here", next);
    }
    else {
        PyOS_snprintf(text, size, "bytes that are not what the file's encoding has");
    }
}

/* U+FFFE or U+FFFF, if the parser looks at it; else 0. */
static unsigned
next_noncharacter(xmlParserCtxtPtr parser)
{
    const unsigned char *next = count_ahead(parser) >= 3 ? parser->input->cur : NULL;
    bool is_one = next != NULL && next[0] == 0xEF && next[1] == 0xBF && next[2] >= 0xBE;
    return is_one ? 0xFFC0u + (next[2] & 0x3Fu) : 0;
}

/* Some errors give the character, others leave the parser at it. */
static void
explain_character(char *text, size_t size, yagot_parse_error error, xmlParserCtxtPtr parser)
{
    unsigned next = next_byte(parser), noncharacter = next_noncharacter(parser);
    unsigned c = error->int1 > 0 ? (unsigned)error->int1 : noncharacter != 0 ? noncharacter : next;
    if (error->int1 <= 0 && noncharacter == 0 && next >= 0x20) {
        explain_encoding(text, size, parser);
    }
    else {
        PyOS_snprintf(text, size, "the character U+%04X, which XML cannot hold", c);
    }
}

/* -- words ---------------------------------------------------------------------------------------- */

/* libxml2's error numbers, and what they mean here; messages with a name begin with it. */
static const struct {
    int code;
    const char *words, *named;
} explanations[] = {
    {XML_ERR_UNSUPPORTED_ENCODING, "an encoding that is not known", NULL},
    {XML_ERR_UNKNOWN_ENCODING, "an encoding that is not known", NULL},
    {XML_ERR_DOCUMENT_EMPTY, "something before the first tag", NULL},
    {XML_ERR_DOCUMENT_END, "something behind the end of the report (several reports in one file?)", NULL},
    {XML_ERR_ATTRIBUTE_REDEFINED, "an attribute twice in one tag", "the attribute '%s' twice in one tag"},
    {XML_ERR_LT_IN_ATTRIBUTE, "the character < in an attribute", NULL},
    {XML_ERR_ENTITYREF_SEMICOL_MISSING, "the character & that begins no entity", NULL},
    {XML_ERR_UNDECLARED_ENTITY, "an entity that is not defined", "the entity &%s;, which is not defined"},
    {XML_WAR_UNDECLARED_ENTITY, "an entity that is not defined", "the entity &%s;, which is not defined"},
    {XML_ERR_MISPLACED_CDATA_END, "the characters ]]> in a text", NULL},
    {XML_NS_ERR_UNDEFINED_NAMESPACE, "a prefix that is not declared", "the prefix '%s', which is not declared"},
    {XML_ERR_ATTRIBUTE_NOT_STARTED, "an attribute without quotes", NULL},
    {XML_ERR_ATTRIBUTE_WITHOUT_VALUE, "an attribute without a value", "the attribute '%s' without a value"},
    {XML_ERR_SPACE_REQUIRED, "two attributes without a space between them", NULL},
    {XML_ERR_ATTRIBUTE_NOT_FINISHED, "an attribute without an end", NULL},
    {XML_ERR_COMMENT_NOT_FINISHED, "a comment without an end", NULL},
    {XML_ERR_GT_REQUIRED, "a tag without an end", NULL},
    {XML_ERR_RESERVED_XML_NAME, "an XML declaration that is not at the beginning", NULL},
};

static bool
says_one_of(const char *message, const char *const *words)
{
    while (*words != NULL && strstr(message, *words) == NULL) {
        words++;
    }
    return *words != NULL;
}

static bool
is_limit(const char *message)
{
    static const char *const limits[] = {"Huge input", "too big", "too long", "size limit", NULL};
    return says_one_of(message, limits);
}

/* These have no number of their own in all versions. */
static const char *
explain_message(const char *message)
{
    static const char *const entities[] = {"EntityRef", "entity", NULL};
    static const char *const elements[] = {"element name", "StartTag", NULL};
    return is_limit(message) ? "an attribute or a comment of more than 10 MB"
           : says_one_of(message, entities) ? "the character & that begins no entity"
           : says_one_of(message, elements) ? "the character < that begins no tag" : "this is not XML";
}

static void
explain_other(char *text, size_t size, yagot_parse_error error)
{
    for (size_t i = 0; i < sizeof explanations / sizeof *explanations; i++) {
        if (explanations[i].code != error->code || is_limit(error->message)) {
            continue;
        }
        char name[61] = "";
        yagot_cut_line(name, sizeof name, error->str1 != NULL ? error->str1 : "");
        if (explanations[i].named != NULL && name[0] != '\0') {
            PyOS_snprintf(text, size, explanations[i].named, name);
        }
        else {
            PyOS_snprintf(text, size, "%s", explanations[i].words);
        }
        return;
    }
    PyOS_snprintf(text, size, "%s", explain_message(error->message));
}

void
yagot_explain_error(char *text, size_t size, yagot_parse_error error, xmlParserCtxtPtr parser, bool at_end)
{
    char opened[61], closed[61];
    if (at_end && count_ahead(parser) == 0 && error->code != XML_ERR_TAG_NAME_MISMATCH) {
        PyOS_snprintf(text, size, "the file ends too early");
        return;
    }
    switch (error->code) {
    case XML_ERR_INVALID_CHAR:
    case XML_ERR_INVALID_CHARREF:
        explain_character(text, size, error, parser);
        break;
    case XML_ERR_INVALID_ENCODING:
    case XML_I18N_CONV_FAILED:
        explain_encoding(text, size, parser);
        break;
    case XML_ERR_TAG_NAME_MISMATCH:
        yagot_cut_line(opened, sizeof opened, error->str1 != NULL ? error->str1 : "?");
        yagot_cut_line(closed, sizeof closed, error->str2 != NULL ? error->str2 : "?");
        PyOS_snprintf(text, size, "<%s> of line %d is closed by </%s>", opened, error->int1, closed);
        break;
    default:
        explain_other(text, size, error);
    }
}
