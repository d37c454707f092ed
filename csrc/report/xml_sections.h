/* xml_sections.h - CDATA sections become text on their way to the parser, which would hold each of them as a whole.
 *
 * In:  the bytes of a file, piece by piece.
 * Out: bytes without sections, in the caller's memory. Nothing fails.
 */
#ifndef YAGOT_XML_SECTIONS_H
#define YAGOT_XML_SECTIONS_H

#include "core.h"

typedef struct {
    int where;                  /* in what of the file */
    char held[12];              /* bytes of the file that are not given out yet */
    size_t held_size, run;      /* run: of the characters that may end where we are */
    bool off;                   /* this encoding is not one whose markup is ASCII */
} yagot_sections;

/* No byte of the file becomes more than so many; and what is held may come with the first. */
enum { YAGOT_SECTIONS_GROWTH = 5, YAGOT_SECTIONS_HELD = 16 };

/* Looks at the file's first bytes, with its declaration. */
void yagot_sections_begin(yagot_sections *sections, const char *bytes, size_t size);
/* Passes bytes on to `to`; returns how many they are there. */
size_t yagot_sections_pass(yagot_sections *sections, const char *bytes, size_t size, char *to);
/* What is held when the file has ended. */
size_t yagot_sections_end(yagot_sections *sections, char *to);

#endif
