/* blocks.c - see blocks.h.
 *
 * A word in memory may be an address or any number. Nothing is read through it directly: the kernel copies, and says if
 * there is nothing. Blocks are known by what the allocators keep beside them, which is checked before it is believed:
 * a pool of Python's allocator begins with its own description, a chunk of glibc's malloc with its size, and the next
 * chunk says whether it is in use. Any number may look like a size, as bytecode does: in the heap a chunk is believed
 * only if the chunks before it, counted from the first one, lead to it.
 */
#include "find/blocks.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 1024, POOLS = 4096 };
enum { ALIGNMENT = 16, POOL_HEADER = 48, SMALL_SIZES = 32, MOST_BLOCKS = 1024 };

typedef struct {
    uintptr_t address;          /* 0: none */
    size_t block_size;          /* 0: this is no pool */
    uintptr_t end;              /* of the blocks that were ever used */
    uint64_t unused[MOST_BLOCKS / 64];  /* a bit for each free block */
} pool;

struct yagot_memory {
    int file;                   /* /proc/self/mem, or -1: process_vm_readv() is allowed */
    pid_t process;
    size_t pool_size;           /* 0: Python's allocator is not in use */
    bool chunks;                /* malloc is glibc's */
    uintptr_t heap, heap_end;
    uintptr_t walked;           /* the chunks before this one are known; 0: none can be */
    bool lost;                  /* from there on no chunk leads to the next */
    uint64_t *starts;           /* owned; a bit for each 16 bytes of the heap: a chunk begins there */
    uint64_t cached;            /* what malloc writes into the second word of a block that a thread keeps for later */
    uintptr_t tags[PAGES];      /* the pages' addresses + 1 if there is a copy, + 2 if they cannot be read */
    unsigned char (*pages)[PAGE];       /* owned */
    pool *pools;                /* owned; POOLS */
};

/* -- reading -------------------------------------------------------------------------------------- */

size_t
yagot_memory_read(yagot_memory *m, uintptr_t address, void *copy, size_t size)
{
    ssize_t done;
    if (m->file >= 0) {
        done = pread(m->file, copy, size, (off_t)address);
    }
    else {
        struct iovec to = {copy, size}, from = {(void *)address, size};
        done = process_vm_readv(m->process, &to, 1, &from, 1, 0);
    }
    return done > 0 ? (size_t)done : 0;
}

static bool
read_word(yagot_memory *m, uintptr_t address, uint64_t *word)
{
    uintptr_t page = address & ~(uintptr_t)(PAGE - 1);
    size_t slot = (page / PAGE) % PAGES;
    if ((m->tags[slot] & ~(uintptr_t)3) != page || m->tags[slot] == 0) {
        m->tags[slot] = page + (yagot_memory_read(m, page, m->pages[slot], PAGE) == PAGE ? 1 : 2);
    }
    if (m->tags[slot] != page + 1 || address % sizeof *word != 0) {
        return false;
    }
    memcpy(word, m->pages[slot] + (address - page), sizeof *word);
    return true;
}

/* -- Python's allocator ---------------------------------------------------------------------------- */

static void
note_free_blocks(yagot_memory *m, pool *p, uint64_t next)
{
    uintptr_t first = p->address + POOL_HEADER;
    for (int i = 0; i < MOST_BLOCKS && next >= first && next < p->end; i++) {
        size_t index = (next - first) / p->block_size;
        p->unused[index / 64] |= (uint64_t)1 << index % 64;
        if (!read_word(m, next, &next)) {
            return;
        }
    }
}

/* Fills in what a pool says of itself, if all of it fits together. */
static void
describe_pool(yagot_memory *m, pool *p)
{
    uint64_t count, next_free, sizes, offsets;
    if (!read_word(m, p->address, &count) || !read_word(m, p->address + 8, &next_free)
        || !read_word(m, p->address + 32, &sizes) || !read_word(m, p->address + 40, &offsets)) {
        return;
    }
    size_t class = (size_t)(sizes >> 32), size = (class + 1) * ALIGNMENT;
    size_t next = (size_t)(uint32_t)offsets, last = (size_t)(offsets >> 32);
    count = (uint32_t)count;
    if (class >= SMALL_SIZES || last != m->pool_size - size || next <= POOL_HEADER || next > m->pool_size
        || (next - POOL_HEADER) % size != 0 || count == 0 || count > (m->pool_size - POOL_HEADER) / size
        || (next_free != 0 && next_free - p->address >= m->pool_size)) {
        return;
    }
    p->block_size = size;
    p->end = p->address + next;
    note_free_blocks(m, p, next_free);
}

static const pool *
pool_of(yagot_memory *m, uintptr_t address)
{
    uintptr_t start = address & ~(m->pool_size - 1);
    pool *p = &m->pools[(start / m->pool_size) % POOLS];
    if (p->address != start) {
        *p = (pool){.address = start};
        describe_pool(m, p);
    }
    return p;
}

static bool
block_of_pool(const pool *p, uintptr_t address, yagot_block *block)
{
    uintptr_t first = p->address + POOL_HEADER;
    if (address < first || address >= p->end) {
        return false;
    }
    size_t index = (address - first) / p->block_size;
    *block = (yagot_block){first + index * p->block_size, p->block_size};
    return !(p->unused[index / 64] >> index % 64 & 1);
}

/* -- glibc's malloc -------------------------------------------------------------------------------- */

enum { IN_USE = 1, MAPPED = 2, OTHER_ARENA = 4, FLAGS = 7, PAIR = 16 };
static const uintptr_t MOST_OF_AN_ARENA = (uintptr_t)1 << 26;   /* 64 MB, and aligned to that */

/* Follows the chunks of the heap as far as an address. */
static void
walk_heap(yagot_memory *m, uintptr_t address)
{
    uint64_t head;
    while (!m->lost && m->walked <= address) {
        size_t index = (m->walked - m->heap) / ALIGNMENT;
        m->lost = !read_word(m, m->walked + sizeof head, &head);
        uint64_t size = head & ~(uint64_t)FLAGS;
        m->lost |= size < 2 * PAIR || size % ALIGNMENT != 0 || size > m->heap_end - m->walked;
        if (!m->lost) {
            m->starts[index / 64] |= (uint64_t)1 << index % 64;
            m->walked += size;
            m->lost = m->walked >= m->heap_end;
        }
    }
}

/* Where the walk got lost (a library has taken memory of the heap for itself), any chunk that looks like one is. */
static bool
is_chunk_of_heap(yagot_memory *m, uintptr_t chunk)
{
    if (m->starts == NULL) {
        return true;
    }
    walk_heap(m, chunk);
    size_t index = (chunk - m->heap) / ALIGNMENT;
    return chunk >= m->walked || (m->starts[index / 64] >> index % 64 & 1);
}

/* A free chunk's size is in the next one's header. */
static bool
agrees_with_previous(yagot_memory *m, uintptr_t address, uint64_t head)
{
    uint64_t size, before;
    return head & IN_USE
           || (read_word(m, address - PAIR, &size) && size % ALIGNMENT == 0 && size >> 40 == 0
               && read_word(m, address - PAIR - size + sizeof size, &before) && (before & ~(uint64_t)FLAGS) == size);
}

/* A freed block that a thread keeps for its next call of malloc() counts as in use. */
static bool
is_cached(yagot_memory *m, uintptr_t address)
{
    uint64_t word;
    return m->cached != 0 && read_word(m, address + sizeof word, &word) && word == m->cached;
}

/* A chunk with a mapping of its own: nothing is before it. Its size is that of the mapping, from glibc 2.43 on without
 * the two words in front; then the word behind it counts as a part of it, as of any chunk. */
static bool
is_mapping(yagot_memory *m, uintptr_t address, uint64_t head, yagot_block *block)
{
    uint64_t before, size = head & ~(uint64_t)FLAGS;
    bool whole = size % PAGE == 0;
    *block = (yagot_block){address, size - (whole ? PAIR : sizeof size)};
    return (head & FLAGS) == MAPPED && (address - PAIR) % PAGE == 0 && (whole || (size + PAIR) % PAGE == 0)
           && read_word(m, address - PAIR, &before) && before == 0;
}

/* Does a chunk lie in the heap, or in an arena of threads', which begins with a description? */
static bool
is_in_arena(yagot_memory *m, uintptr_t address, uint64_t head)
{
    uint64_t arena, size;
    uintptr_t start = address & ~(MOST_OF_AN_ARENA - 1), end = address + (head & ~(uint64_t)FLAGS);
    if (!(head & OTHER_ARENA)) {
        return address - PAIR >= m->heap && end <= m->heap_end && is_chunk_of_heap(m, address - PAIR);
    }
    return read_word(m, start, &arena) && arena != 0 && read_word(m, start + 2 * sizeof size, &size)
           && size <= MOST_OF_AN_ARENA && end <= start + size;
}

static bool
chunk_of_malloc(yagot_memory *m, uintptr_t address, yagot_block *block)
{
    uint64_t head, next;
    if (address % ALIGNMENT != 0 || !read_word(m, address - 8, &head)) {
        return false;
    }
    uint64_t size = head & ~(uint64_t)FLAGS;
    if (size < 2 * PAIR || size % ALIGNMENT != 0 || size >> 40 != 0) {
        return false;
    }
    if (head & MAPPED) {
        return is_mapping(m, address, head, block);
    }
    *block = (yagot_block){address, size - 8};
    return is_in_arena(m, address, head) && agrees_with_previous(m, address, head)
           && read_word(m, address - 8 + size, &next) && next & IN_USE && !is_cached(m, address);
}

/* What is read here would be found in our own copy, too. */
static bool
is_ours(const yagot_memory *m, const yagot_block *block)
{
    return block->start == (uintptr_t)m || block->start == (uintptr_t)m->pages
           || block->start == (uintptr_t)m->pools;
}

bool
yagot_memory_block(yagot_memory *m, uintptr_t address, yagot_block *block)
{
    const pool *p = m->pool_size > 0 ? pool_of(m, address) : NULL;
    if (p != NULL && p->block_size > 0) {
        return block_of_pool(p, address, block);
    }
    if (address % ALIGNMENT != 0) {     /* SQLite, and C++ for arrays, put a word in front of what they give out */
        address -= 8;
    }
    return m->chunks && (chunk_of_malloc(m, address, block) || chunk_of_malloc(m, address - PAIR, block))
           && !is_ours(m, block);
}

/* -- opening it ------------------------------------------------------------------------------------ */

/* Are blocks found that are surely there, with their sizes? */
static void
learn_pools(yagot_memory *m)
{
    void *small = PyObject_Malloc(ALIGNMENT);
    static const size_t sizes[] = {1 << 14, 1 << 12};
    for (size_t i = 0; small != NULL && i < 2; i++) {
        yagot_block block;
        memset(m->pools, 0, POOLS * sizeof *m->pools);
        m->pool_size = sizes[i];
        if (yagot_memory_block(m, (uintptr_t)small, &block) && block.size <= 8 * ALIGNMENT) {
            break;
        }
        m->pool_size = 0;
    }
    PyObject_Free(small);
}

static void
find_heap(yagot_memory *m)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        char *end = NULL;
        if (strstr(line, "[heap]") != NULL) {
            m->heap = strtoul(line, &end, 16);
            m->heap_end = strtoul(end + 1, NULL, 16);
        }
    }
    if (maps != NULL) {
        (void)fclose(maps);
    }
}

/* Without the memory for it chunks are believed by their looks. */
static void
prepare_walk(yagot_memory *m)
{
    m->starts = m->heap != 0 ? PyMem_RawCalloc((m->heap_end - m->heap) / ALIGNMENT / 64 + 1, sizeof *m->starts) : NULL;
    m->walked = m->heap;
}

/* Two blocks that were freed just now lie in this thread's cache, and have the same mark. */
static void
learn_cached(yagot_memory *m)
{
    enum { SIZE = 104 };
    void *blocks[] = {malloc(SIZE), malloc(SIZE)};
    const uintptr_t addresses[] = {(uintptr_t)blocks[0], (uintptr_t)blocks[1]};
    uint64_t marks[2] = {0};
    free(blocks[0]);
    free(blocks[1]);
    for (size_t i = 0; i < 2; i++) {
        (void)yagot_memory_read(m, addresses[i] + sizeof *marks, &marks[i], sizeof *marks);
    }
    m->cached = marks[0] == marks[1] && marks[0] >> 48 != 0 ? marks[0] : 0;
}

static void
learn_chunks(yagot_memory *m)
{
    void *small = malloc(1000), *large = malloc((size_t)1 << 22);
    yagot_block first, second;
    find_heap(m);               /* it has grown by now */
    prepare_walk(m);
    m->chunks = small != NULL && large != NULL && chunk_of_malloc(m, (uintptr_t)small, &first)
                && chunk_of_malloc(m, (uintptr_t)large, &second) && first.size == malloc_usable_size(small)
                && second.size == malloc_usable_size(large);
    free(small);
    free(large);
}

yagot_memory *
yagot_memory_open(void)
{
    yagot_memory *m = PyMem_RawCalloc(1, sizeof *m);
    uint64_t word;
    if (m == NULL) {
        return NULL;
    }
    m->file = -1;
    m->pages = PyMem_RawMalloc(PAGES * sizeof *m->pages);
    m->pools = PyMem_RawCalloc(POOLS, sizeof *m->pools);
    if (m->pages == NULL || m->pools == NULL) {
        yagot_memory_close(m);
        return NULL;
    }
    m->process = getpid();
    if (yagot_memory_read(m, (uintptr_t)&word, &word, 1) == 0) {        /* a sandbox may not allow it */
        m->file = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    }
    if (yagot_memory_read(m, (uintptr_t)&word, &word, 1) == 0) {
        yagot_memory_close(m);
        return NULL;
    }
    learn_chunks(m);
    learn_cached(m);
    memset(m->tags, 0, sizeof m->tags);         /* pages have changed since */
    learn_pools(m);
    memset(m->tags, 0, sizeof m->tags);
    memset(m->pools, 0, POOLS * sizeof *m->pools);
    return m;
}

bool
yagot_memory_knows_malloc(const yagot_memory *m)
{
    return m->chunks;
}

void
yagot_memory_close(yagot_memory *m)
{
    if (m->file >= 0) {
        (void)close(m->file);
    }
    PyMem_RawFree(m->starts);
    PyMem_RawFree(m->pools);
    PyMem_RawFree(m->pages);
    PyMem_RawFree(m);
}
