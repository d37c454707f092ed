/* xml_sections.c - report: see xml_sections.h. */
#include "report/xml_sections.h"

#include <string.h>
#include <strings.h>

enum { CONTENT, OPENING, COMMENT, INSTRUCTION, SECTION };

static const char SECTION_START[] = "<![CDATA[", COMMENT_START[] = "<!--", INSTRUCTION_START[] = "<?";

/* -- the encoding --------------------------------------------------------------------------------- */

/* Is it one in which the bytes of ASCII characters are nothing else? */
static bool
is_like_ascii(const char *name, size_t size)
{
    static const char *const known[] = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859", "windows-125", "latin", NULL};
    for (const char *const *each = known; *each != NULL; each++) {
        if (size >= strlen(*each) && strncasecmp(name, *each, strlen(*each)) == 0) {
            return true;
        }
    }
    return false;
}

void
yagot_sections_begin(yagot_sections *s, const char *bytes, size_t size)
{
    *s = (yagot_sections){.where = CONTENT};
    size_t start = size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    if (size < start + 4 || bytes[start] != '<' || memchr(bytes, '\0', 4) != NULL) {
        s->off = size >= 2 && ((unsigned char)bytes[start] >= 0x80 || memchr(bytes, '\0', size < 4 ? size : 4) != NULL);
        return;
    }
    const char *end = memmem(bytes, size, "?>", 2);
    if (end == NULL || memcmp(bytes + start, "<?xml", 5 < size - start ? 5 : size - start) != 0) {
        return;
    }
    const char *name = memmem(bytes, (size_t)(end - bytes), "encoding", 8);
    if (name != NULL) {
        name += 8 + strspn(name + 8, " \t\r\n=\"'");
        s->off = name < end && !is_like_ascii(name, (size_t)(end - name));
    }
}

/* -- passing on ----------------------------------------------------------------------------------- */

static char *
put(char *to, const char *bytes, size_t size)
{
    memcpy(to, bytes, size);
    return to + size;
}

static bool
begins(const yagot_sections *s, const char *start)
{
    return s->held_size <= strlen(start) && memcmp(s->held, start, s->held_size) == 0;
}

/* Takes a byte that may belong to the start of a section; false if it does not belong to what is held. */
static bool
take_opening(yagot_sections *s, char c, char **to)
{
    s->held[s->held_size++] = c;
    if (!begins(s, SECTION_START) && !begins(s, COMMENT_START) && !begins(s, INSTRUCTION_START)) {
        *to = put(*to, s->held, s->held_size - 1);
        s->where = CONTENT;
        s->held_size = 0;
        return false;
    }
    if (s->held_size == strlen(SECTION_START)) {
        s->where = SECTION;
    }
    else if (begins(s, INSTRUCTION_START) && s->held_size == 2) {
        s->where = INSTRUCTION;
    }
    else if (begins(s, COMMENT_START) && s->held_size == 4) {
        s->where = COMMENT;
    }
    if (s->where != OPENING) {
        *to = put(*to, s->held, s->where == SECTION ? 0 : s->held_size);
        s->held_size = s->run = 0;
    }
    return true;
}

/* A byte of a section: brackets are counted, for they may be its end. */
static char *
pass_section(yagot_sections *s, char c, char *to)
{
    if (c == ']') {
        to = put(to, "]", s->run == 2);
        s->run += s->run < 2;
        return to;
    }
    if (c == '>' && s->run == 2) {
        s->where = CONTENT;
        s->run = 0;
        return to;
    }
    to = put(to, "]]", s->run);
    s->run = 0;
    switch (c) {
    case '&':
        return put(to, "&amp;", 5);
    case '<':
        return put(to, "&lt;", 4);
    case '>':
        return put(to, "&gt;", 4);
    default:
        return put(to, &c, 1);
    }
}

/* A byte of a comment or an instruction; `mark` so many times before a > is its end. */
static char *
pass_aside(yagot_sections *s, char c, char mark, size_t times, char *to)
{
    if (c == '>' && s->run >= times) {
        s->where = CONTENT;
    }
    s->run = c == mark ? s->run + 1 : 0;
    return put(to, &c, 1);
}

/* How many bytes stay as they are, at least. */
static size_t
count_unchanged(const yagot_sections *s, const char *bytes, size_t size)
{
    static const bool special[256] = {['&'] = true, ['<'] = true, ['>'] = true, [']'] = true};
    size_t count = 0;
    if (s->where == CONTENT) {
        const char *found = memchr(bytes, '<', size);
        return found != NULL ? (size_t)(found - bytes) : size;
    }
    while (s->where == SECTION && s->run == 0 && count < size && !special[(unsigned char)bytes[count]]) {
        count++;
    }
    return count;
}

size_t
yagot_sections_pass(yagot_sections *s, const char *bytes, size_t size, char *to)
{
    char *from = to;
    if (s->off) {
        memcpy(to, bytes, size);
        return size;
    }
    for (size_t i = 0; i < size;) {
        size_t unchanged = count_unchanged(s, bytes + i, size - i);
        to = put(to, bytes + i, unchanged);
        i += unchanged;
        if (i == size) {
            break;
        }
        if (s->where == CONTENT) {
            s->where = OPENING;
            s->held[0] = '<';
            s->held_size = 1;
        }
        else if (s->where == OPENING) {
            i -= !take_opening(s, bytes[i], &to);
        }
        else if (s->where == SECTION) {
            to = pass_section(s, bytes[i], to);
        }
        else {
            to = s->where == COMMENT ? pass_aside(s, bytes[i], '-', 2, to) : pass_aside(s, bytes[i], '?', 1, to);
        }
        i++;
    }
    return (size_t)(to - from);
}

size_t
yagot_sections_end(yagot_sections *s, char *to)
{
    size_t size = s->where == OPENING ? s->held_size : 0;
    memcpy(to, s->held, size);
    s->held_size = 0;
    return size;
}
