/* junit_time.c - report: see junit_time.h. No locale has a say here. */
#include "report/junit_time.h"

#include "base/text.h"

#include <stddef.h>
#include <string.h>

/* A time in ASCII, without white space around it; separators of other alphabets are space and apostrophe. */
typedef struct {
    char text[YAGOT_LONGEST_TIME];
    size_t size;
} plain_text;

/* -- characters ----------------------------------------------------------------------------------- */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t
count_digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* The separator that begins here, as ASCII; its size in bytes is stored. '\0' if there is none. */
static char
foreign_separator(const char *text, size_t size, size_t *length)
{
    static const struct {
        const char *bytes;
        char ascii;
    } known[] = {{"\xC2\xA0", ' '}, {"\xE2\x80\xAF", ' '}, {"\xE2\x80\x89", ' '}, {"\xE2\x80\x99", '\''}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        *length = strlen(known[i].bytes);
        if (size >= *length && memcmp(text, known[i].bytes, *length) == 0) {
            return known[i].ascii;
        }
    }
    return '\0';
}

/* False if the text is too long, or has other characters than ASCII's. */
static bool
simplify(plain_text *to, const char *text, size_t size)
{
    to->size = 0;
    for (size_t i = 0, length = 1; i < size; i += length) {
        length = 1;
        char c = (unsigned char)text[i] < 0x80 ? text[i] : foreign_separator(text + i, size - i, &length);
        if (c == '\0' || to->size == sizeof to->text - 1) {
            return false;
        }
        if (strchr(" \t\r\n", c) == NULL || to->size > 0) {
            to->text[to->size++] = c;
        }
    }
    while (to->size > 0 && strchr(" \t\r\n", to->text[to->size - 1]) != NULL) {
        to->size--;
    }
    to->text[to->size] = '\0';
    return true;
}

/* -- numbers -------------------------------------------------------------------------------------- */

/* Is it what every reader takes for a number? */
static bool
is_plain(const char *text)
{
    text += *text == '-' || *text == '+';
    size_t digits = count_digits(text);
    text += digits;
    if (*text == '.') {
        size_t decimals = count_digits(text + 1);
        digits += decimals;
        text += decimals + 1;
    }
    if (digits > 0 && (*text == 'e' || *text == 'E')) {
        text += text[1] == '-' || text[1] == '+' ? 2 : 1;
        return count_digits(text) > 0 && text[count_digits(text)] == '\0';
    }
    return digits > 0 && *text == '\0';
}

/* Most times are short: 0.012. -1: this one is not. */
static int64_t
short_milliseconds(const char *plain)
{
    size_t whole = count_digits(plain), decimals = plain[whole] == '.' ? count_digits(plain + whole + 1) : 0;
    int64_t number = 0;
    if (whole == 0 || whole > 9 || plain[whole + (plain[whole] == '.') + decimals] != '\0') {
        return -1;
    }
    for (size_t i = 0; i < whole; i++) {
        number = number * 10 + (plain[i] - '0');
    }
    for (size_t i = 1; i <= 3; i++) {
        number = number * 10 + (i <= decimals ? plain[whole + i] - '0' : 0);
    }
    return number + (decimals > 3 && plain[whole + 4] >= '5');
}

static int64_t
to_milliseconds(const char *plain, double factor)
{
    int64_t milliseconds = factor >= 1 ? short_milliseconds(plain) : -1;
    if (milliseconds >= 0) {
        return milliseconds;
    }
    double seconds = PyOS_string_to_double(plain, NULL, NULL) * factor;
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    return seconds > 0 && seconds < 1e12 ? (int64_t)(seconds * 1000 + 0.5) : 0;
}

/* A number's digits in groups, and what is between them. */
typedef struct {
    const char *end;            /* behind the last group */
    size_t groups, sizes[YAGOT_LONGEST_TIME];
    char separators[YAGOT_LONGEST_TIME];    /* before each group but the first */
} grouping;

static void
split_groups(grouping *g, const char *text)
{
    memset(g, 0, sizeof *g);
    for (;;) {
        g->sizes[g->groups++] = count_digits(text);
        text += count_digits(text);
        if (*text == '\0' || strchr(",.' ", *text) == NULL || !is_digit(text[1])) {
            break;
        }
        g->separators[g->groups] = *text++;
    }
    g->end = text;
}

/* Are the first groups, so many, thousands between one kind of separator? */
static bool
are_thousands(const grouping *g, size_t count)
{
    bool good = g->sizes[0] >= 1 && g->sizes[0] <= 3;
    for (size_t i = 1; i < count; i++) {
        good &= g->sizes[i] == 3 && g->separators[i] == g->separators[1];
    }
    return good;
}

/* The index of the group that is decimals; the number of groups if none is; 0 if nobody can say. */
static size_t
find_decimals(const grouping *g, const char *text, unsigned *commas)
{
    size_t last = g->groups - 1;
    char separator = g->separators[last];
    bool grouped = are_thousands(g, g->groups) && *text != '0';
    if (last > 1) {
        bool decimals = strchr(",.", separator) != NULL && separator != g->separators[1] && are_thousands(g, last);
        return decimals ? last : grouped ? g->groups : 0;
    }
    if (separator != ',') {
        return separator == '.' ? last : grouped ? g->groups : 0;
    }
    if (!grouped) {
        return last;
    }
    return *commas == YAGOT_COMMA_DECIMAL ? last : *commas == YAGOT_COMMA_GROUPS ? g->groups : 0;
}

/* Reads a number with separators and a unit. */
static bool
read_number(const char *text, yagot_time *time, unsigned *commas)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"sec", 1}, {"secs", 1}, {"seconds", 1}, {"ms", 0.001}};
    grouping g;
    split_groups(&g, text);
    size_t decimals = g.groups > 1 ? find_decimals(&g, text, commas) : g.groups;
    if (decimals == 0 || g.sizes[0] == 0) {
        return false;
    }
    char digits[YAGOT_LONGEST_TIME], *to = digits;
    for (size_t i = 0; i < g.groups; i++) {
        if (i > 0 && g.separators[i] == ',') {
            *commas |= i == decimals ? YAGOT_COMMA_DECIMAL : YAGOT_COMMA_GROUPS;
        }
        text += i > 0;
        if (i == decimals) {
            *to++ = '.';
        }
        memcpy(to, text, g.sizes[i]);
        to += g.sizes[i];
        text += g.sizes[i];
    }
    *to = '\0';
    text += strspn(g.end, " ");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(text, units[i].name) == 0) {
            time->milliseconds = to_milliseconds(digits, units[i].seconds);
            if (units[i].seconds < 1) {
                *yagot_put_seconds(time->plain, time->milliseconds, 1) = '\0';
            }
            else {
                memcpy(time->plain, digits, sizeof digits);
            }
            return true;
        }
    }
    return false;
}

/* With a sign or without: a clock that was set back makes -0,001. What is less than nothing does not count. */
static bool
read_signed(const char *text, yagot_time *time, unsigned *commas)
{
    bool negative = *text == '-';
    text += negative || *text == '+';
    if (!is_digit(*text) || !read_number(text, time, commas)) {
        return false;
    }
    if (negative) {
        size_t size = strlen(time->plain);
        if (size + 1 == sizeof time->plain) {
            return false;
        }
        memmove(time->plain + 1, time->plain, size + 1);
        time->plain[0] = '-';
        time->milliseconds = 0;
    }
    return true;
}

/* -- other forms ---------------------------------------------------------------------------------- */

/* A number at the text's start, with a decimal point or comma; what is behind it is stored. -1 if there is none. */
static double
take_number(const char *text, const char **end)
{
    char digits[YAGOT_LONGEST_TIME];
    size_t size = strspn(text, "0123456789.,");
    memcpy(digits, text, size);
    digits[size] = '\0';
    char *comma = strchr(digits, ',');
    if (comma != NULL) {
        *comma = '.';
    }
    *end = text + size;
    return is_digit(digits[0]) && is_plain(digits) ? (double)to_milliseconds(digits, 1) : -1;
}

/* ISO 8601: P1DT2H3M4.5S. Years and months have no length. */
static bool
read_duration(const char *text, yagot_time *time)
{
    static const char units[] = "WDHMS";
    static const double seconds[] = {604800, 86400, 3600, 60, 1};
    double total = 0;
    bool any = false, in_day = false;
    for (text++; *text != '\0';) {
        if (*text == 'T' && !in_day) {
            in_day = true;
            text++;
            continue;
        }
        double number = take_number(text, &text);
        const char *unit = *text != '\0' ? strchr(units, *text) : NULL;
        if (number < 0 || unit == NULL || in_day != (unit - units >= 2)) {
            return false;
        }
        total += number * seconds[unit - units];
        any = true;
        text++;
    }
    if (!any || total >= 1e15) {
        return false;
    }
    time->milliseconds = (int64_t)(total + 0.5);
    return true;
}

/* Hours, minutes and seconds: 00:00:03.14. */
static bool
read_clock(const char *text, yagot_time *time)
{
    double hours = take_number(text, &text);
    double minutes = *text == ':' ? take_number(text + 1, &text) : -1;
    double rest = *text == ':' ? take_number(text + 1, &text) : -1;
    double total = hours * 3600 + minutes * 60 + rest;
    if (*text != '\0' || hours < 0 || minutes < 0 || rest < 0 || total >= 1e15) {
        return false;
    }
    time->milliseconds = (int64_t)(total + 0.5);
    return true;
}

/* Before an exponent there are no groups of thousands: the comma is a decimal one, as in 1,5e-05. */
static bool
read_exponent(char *text, yagot_time *time, unsigned *commas)
{
    char *comma = strchr(text, ',');
    if (comma == NULL || strpbrk(comma, "eE") == NULL) {
        return false;
    }
    *comma = '.';
    if (!is_plain(text)) {
        *comma = ',';
        return false;
    }
    *commas |= YAGOT_COMMA_DECIMAL;
    time->milliseconds = to_milliseconds(text, 1);
    memcpy(time->plain, text, strlen(text) + 1);
    return true;
}

static bool
is_no_number(const char *text)
{
    static const char *const names[] = {"nan", "inf", "infinity", "null", "undefined", "none", "-", NULL};
    text += (*text == '-' || *text == '+') && text[1] != '\0';
    for (const char *const *name = names; *name != NULL; name++) {
        if (PyOS_stricmp(text, *name) == 0) {
            return true;
        }
    }
    return *text == '\0';
}

yagot_time
yagot_time_read(const char *text, size_t size, unsigned *commas)
{
    yagot_time time = {.kind = YAGOT_TIME_UNCLEAR};
    plain_text plain;
    if (!simplify(&plain, text, size)) {
        return time;
    }
    if (is_plain(plain.text)) {
        time.kind = YAGOT_TIME_PLAIN;
        time.milliseconds = to_milliseconds(plain.text, 1);
    }
    else if (is_no_number(plain.text)) {
        time.kind = YAGOT_TIME_NONE;
    }
    else if (plain.text[0] == 'P' ? read_duration(plain.text, &time)
             : strchr(plain.text, ':') != NULL && read_clock(plain.text, &time)) {
        time.kind = YAGOT_TIME_OTHER;
        *yagot_put_seconds(time.plain, time.milliseconds, 1) = '\0';
    }
    else if (read_exponent(plain.text, &time, commas) || read_signed(plain.text, &time, commas)) {
        time.kind = YAGOT_TIME_OTHER;
    }
    return time;
}
