/* handwritten.c - the least that writes such a report: for bench_junit.py. */
#include <stdio.h>
#include <stdlib.h>

static void
escape(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<': fputs("&lt;", file); break;
        case '>': fputs("&gt;", file); break;
        case '&': fputs("&amp;", file); break;
        case '"': fputs("&quot;", file); break;
        default: putc(*text, file);
        }
    }
}

int
main(int argc, char **argv)
{
    FILE *file = argc == 3 ? fopen(argv[1], "w") : NULL;
    if (file == NULL) {
        return 2;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", file);
    for (int n = 0; n < atoi(argv[2]); n++) {
        if (n % 1000 == 0) {
            fprintf(file, "%s<testsuite name=\"suite%d\">\n", n > 0 ? "</testsuite>\n" : "", n / 1000);
        }
        fprintf(file, "<testcase classname=\"");
        escape(file, "pkg.module.TestClass");
        fprintf(file, "\" name=\"test_%d\" time=\"0.001\">", n);
        if (n % 10 == 0) {
            fputs("<failure type=\"failure\" message=\"no\">Traceback (most recent call last):\n", file);
            for (int line = 0; line < 6; line++) {
                escape(file, "  File \"x.py\", line 1, in <test> & more\n");
            }
            fputs("</failure>", file);
        }
        fputs("</testcase>\n", file);
    }
    fputs("</testsuite>\n</testsuites>\n", file);
    return fclose(file) == 0 ? 0 : 1;
}
