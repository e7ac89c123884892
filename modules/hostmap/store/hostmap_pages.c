/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The layout of LMDB's files, read byte by byte: a meta page twice, then pages
 * of two B+trees (that of the entries, that of free pages) and runs of
 * overflow pages for values that do not fit into a leaf.
 */

#include <string.h>

#include "hostmap_pages.h"

#define META_MAGIC      0xBEEFC0DEu
#define META_VERSION    1
/** Flags of a tree, and FIXEDMAP; the tree of free pages has integer keys. */
#define META_FLAGS      0x7f
#define META_INTEGERKEY 0x08
#define HEADER_SIZE     16
#define NODE_SIZE       8
#define PAGE_SIZE_LEAST 512
#define PAGE_SIZE_MOST  0x8000
#define DEPTH_MOST      32      /* LMDB's cursors have no more */
#define KEY_MOST        511
#define NO_PAGE         (~(apr_uint64_t)0)

#define PAGE_BRANCH     0x01
#define PAGE_LEAF       0x02
#define PAGE_OVERFLOW   0x04
#define PAGE_META       0x08

#define NODE_BIGDATA    0x01

/** What the meta page says of a tree (MDB_db). */
typedef struct pages_db {
    apr_uint32_t pad;
    apr_uint16_t flags;
    apr_uint16_t depth;
    apr_uint64_t branch_pages;
    apr_uint64_t leaf_pages;
    apr_uint64_t overflow_pages;
    apr_uint64_t entries;
    apr_uint64_t root;
} pages_db;

/** MDB_meta */
typedef struct pages_meta {
    apr_uint32_t magic;
    apr_uint32_t version;
    apr_uint64_t address;
    apr_uint64_t mapsize;
    pages_db free;
    pages_db main;
    apr_uint64_t last_page;
    apr_uint64_t txnid;
} pages_meta;

/** MDB_page's header. */
typedef struct pages_header {
    apr_uint64_t number;
    apr_uint16_t pad;
    apr_uint16_t flags;
    apr_uint16_t lower;
    apr_uint16_t upper;
} pages_header;

/** MDB_node's header. */
typedef struct pages_node_header {
    apr_uint16_t low;
    apr_uint16_t high;
    apr_uint16_t flags;
    apr_uint16_t key_size;
} pages_node_header;

/** A key, or no bound at all (bytes NULL). */
typedef struct pages_key {
    const unsigned char *bytes;
    apr_size_t len;
} pages_key;

typedef struct pages_node {
    pages_key key;
    apr_uint16_t flags;
    apr_uint64_t child;         /* of a branch */
    const unsigned char *data;  /* of a leaf */
    apr_uint64_t data_size;
    apr_uint16_t offset;        /* in the page */
    apr_size_t size;
} pages_node;

typedef struct pages_check {
    hostmap_pages_fault *fault;
    const unsigned char *bytes;
    apr_size_t page_size;
    apr_uint64_t last_page;
    unsigned char *seen;        /* a bit for each page */
    apr_uint16_t *size_at;      /* of the node at each even offset of a page */
    /* of the tree that is walked */
    int is_free_tree;
    pages_db found;
} pages_check;

static int pages_bad(pages_check *check, apr_uint64_t page,
                     const char *reason)
{
    check->fault->page = page;
    check->fault->reason = reason;
    return 0;
}

static const unsigned char *pages_at(const pages_check *check,
                                     apr_uint64_t number)
{
    return check->bytes + number * check->page_size;
}

/** Notes that a page is used.  0: it does not exist or was used before. */
static int pages_use(pages_check *check, apr_uint64_t number)
{
    unsigned char bit = (unsigned char)(1u << (number & 7));

    if (number < 2 || number > check->last_page) {
        return pages_bad(check, number, "is named, and lies outside the file");
    }
    if (check->seen[number >> 3] & bit) {
        return pages_bad(check, number, "is used twice");
    }
    check->seen[number >> 3] |= bit;
    return 1;
}

/* ---- keys -------------------------------------------------------------- */

static int pages_key_compare(const pages_check *check, pages_key a,
                             pages_key b)
{
    apr_size_t len = a.len < b.len ? a.len : b.len;
    apr_uint64_t x, y;
    int order;

    if (check->is_free_tree) {
        memcpy(&x, a.bytes, sizeof(x));
        memcpy(&y, b.bytes, sizeof(y));
        return (x > y) - (x < y);
    }
    order = memcmp(a.bytes, b.bytes, len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int pages_key_fits(const pages_check *check, pages_key key)
{
    return check->is_free_tree ? key.len == sizeof(apr_uint64_t)
                               : key.len >= 1 && key.len <= KEY_MOST;
}

/* ---- nodes ------------------------------------------------------------- */

/** The page of a run of overflow pages that a value lies in. */
static int pages_overflow(pages_check *check, pages_node *node)
{
    apr_uint64_t number, count, i;
    pages_header header;
    apr_uint32_t written;

    memcpy(&number, node->data, sizeof(number));
    count = (HEADER_SIZE - 1 + node->data_size) / check->page_size + 1;
    for (i = 0; i < count; i++) {
        if (!pages_use(check, number + i)) {
            return 0;
        }
    }
    memcpy(&header, pages_at(check, number), sizeof(header));
    memcpy(&written, pages_at(check, number) + 12, sizeof(written));
    if (header.number != number || header.flags != PAGE_OVERFLOW
        || written != count) {
        return pages_bad(check, number, "is no run of overflow pages of the "
                         "length that its value has");
    }
    node->data = pages_at(check, number) + HEADER_SIZE;
    check->found.overflow_pages += count;
    return 1;
}

/** Reads the node of an index; what it says lies within the page. */
static int pages_node_read(pages_check *check, pages_node *node,
                           const unsigned char *page, int is_leaf,
                           unsigned index)
{
    pages_node_header header;
    apr_uint16_t offset;
    apr_size_t left;

    memcpy(&offset, page + HEADER_SIZE + 2 * index, sizeof(offset));
    if (offset % 2 != 0 || offset > check->page_size - NODE_SIZE) {
        return 0;
    }
    memcpy(&header, page + offset, sizeof(header));
    left = check->page_size - offset - NODE_SIZE;
    if (header.key_size > left) {
        return 0;
    }
    left -= header.key_size;
    node->flags = header.flags;
    node->key.bytes = page + offset + NODE_SIZE;
    node->key.len = header.key_size;
    node->size = NODE_SIZE + header.key_size;
    if (!is_leaf) {
        node->child = header.low | (apr_uint64_t)header.high << 16
                      | (apr_uint64_t)header.flags << 32;
    }
    else {
        apr_size_t here;

        node->data = node->key.bytes + node->key.len;
        node->data_size = header.low | (apr_uint64_t)header.high << 16;
        here = header.flags & NODE_BIGDATA ? sizeof(apr_uint64_t)
                                           : (apr_size_t)node->data_size;
        if (header.flags & ~NODE_BIGDATA || here > left) {
            return 0;
        }
        node->size += here;
    }
    node->offset = offset;
    node->size += node->size % 2;
    return 1;
}

/** Each node lies in the page, and together they fill it from upper to its
 *  end, each byte once. */
static int pages_tiled(pages_check *check, apr_uint64_t number,
                       const pages_header *header, int is_leaf,
                       unsigned nodes)
{
    const unsigned char *page = pages_at(check, number);
    apr_size_t at = header->upper;
    unsigned i;

    for (i = 0; i < nodes; i++) {
        pages_node node;

        if (!pages_node_read(check, &node, page, is_leaf, i)) {
            return pages_bad(check, number, "has a node that leaves the page");
        }
        check->size_at[node.offset / 2] = (apr_uint16_t)node.size;
    }
    for (i = 0; i < nodes && at < check->page_size; i++) {
        apr_uint16_t size = check->size_at[at / 2];

        check->size_at[at / 2] = 0;
        if (size == 0) {
            break;
        }
        at += size;
    }
    if (i < nodes || at != check->page_size) {
        return pages_bad(check, number, "has nodes that overlap or leave "
                         "gaps");
    }
    return 1;
}

/* ---- the list of free pages -------------------------------------------- */

static int pages_free_list(pages_check *check, apr_uint64_t page,
                           const pages_node *node)
{
    apr_uint64_t count, i, number, last = NO_PAGE;

    if (node->data_size < sizeof(count)) {
        return pages_bad(check, page, "holds a list of free pages without "
                         "its length");
    }
    memcpy(&count, node->data, sizeof(count));
    if (count > node->data_size / sizeof(count) - 1) {
        return pages_bad(check, page, "holds a list of free pages that is "
                         "longer than its value");
    }
    for (i = 1; i <= count; i++) {
        memcpy(&number, node->data + i * sizeof(number), sizeof(number));
        if (number >= last) {
            return pages_bad(check, page, "holds a list of free pages out of "
                             "order");
        }
        if (!pages_use(check, number)) {
            return 0;
        }
        last = number;
    }
    return 1;
}

/* ---- trees ------------------------------------------------------------- */

static int pages_tree(pages_check *check, apr_uint64_t number, int depth,
                      pages_key low, pages_key high);

/** The value of a leaf's node. */
static int pages_value(pages_check *check, apr_uint64_t number,
                       pages_node *node)
{
    check->found.entries++;
    if ((node->flags & NODE_BIGDATA) && !pages_overflow(check, node)) {
        return 0;
    }
    return !check->is_free_tree || pages_free_list(check, number, node);
}

/** A key in its place: not below the one before it, below the next one.
 *  The first key of a branch means nothing: it stands for all that is below
 *  the second. */
static int pages_key_check(pages_check *check, apr_uint64_t number,
                           pages_key key, pages_key *low, pages_key bound)
{
    if (!pages_key_fits(check, key)) {
        return pages_bad(check, number, "has a key of a length that no key "
                         "has");
    }
    if (low->bytes && pages_key_compare(check, key, *low) < 0) {
        return pages_bad(check, number, "has a key below its bound");
    }
    if (bound.bytes && pages_key_compare(check, key, bound) >= 0) {
        return pages_bad(check, number, "has keys out of order");
    }
    *low = key;
    return 1;
}

/** The nodes of a page in the order of its index. */
static int pages_nodes(pages_check *check, apr_uint64_t number, int depth,
                       pages_key low, pages_key high)
{
    const unsigned char *page = pages_at(check, number);
    int is_leaf = depth == 1;
    pages_header header;
    pages_node node, next;
    unsigned nodes, i;

    memcpy(&header, page, sizeof(header));
    nodes = (header.lower - HEADER_SIZE) / 2u;
    if (!pages_tiled(check, number, &header, is_leaf, nodes)) {
        return 0;
    }
    pages_node_read(check, &next, page, is_leaf, 0);
    for (i = 0; i < nodes; i++) {
        pages_key bound = high;

        node = next;
        if (i + 1 < nodes) {
            pages_node_read(check, &next, page, is_leaf, i + 1);
            bound = next.key;
            if (!pages_key_fits(check, bound)) {
                return pages_bad(check, number, "has a key of a length that "
                                 "no key has");
            }
        }
        if ((is_leaf || i > 0)
            && !pages_key_check(check, number, node.key, &low, bound)) {
            return 0;
        }
        if (is_leaf ? !pages_value(check, number, &node)
                    : !pages_tree(check, node.child, depth - 1, low, bound)) {
            return 0;
        }
    }
    return 1;
}

/** A page and all below it.  depth: its level, 1 is a leaf. */
static int pages_tree(pages_check *check, apr_uint64_t number, int depth,
                      pages_key low, pages_key high)
{
    int is_leaf = depth == 1;
    pages_header header;
    unsigned nodes;

    if (!pages_use(check, number)) {
        return 0;
    }
    memcpy(&header, pages_at(check, number), sizeof(header));
    if (header.number != number) {
        return pages_bad(check, number, "has the number of another page");
    }
    if (header.flags != (is_leaf ? PAGE_LEAF : PAGE_BRANCH)) {
        return pages_bad(check, number, "is not of the kind that its place "
                         "in the tree wants");
    }
    if (header.lower < HEADER_SIZE || header.lower % 2 != 0
        || header.lower > header.upper || header.upper % 2 != 0
        || header.upper > check->page_size) {
        return pages_bad(check, number, "has bounds that no page has");
    }
    nodes = (header.lower - HEADER_SIZE) / 2u;
    if (nodes < (is_leaf ? 1u : 2u)) {
        return pages_bad(check, number, "has too few nodes");
    }
    *(is_leaf ? &check->found.leaf_pages : &check->found.branch_pages) += 1;
    return pages_nodes(check, number, depth, low, high);
}

static int pages_db_check(pages_check *check, const pages_db *db,
                          int is_free_tree)
{
    static const pages_key none = { NULL, 0 };

    memset(&check->found, 0, sizeof(check->found));
    check->is_free_tree = is_free_tree;
    if (db->root != NO_PAGE) {
        if (db->depth < 1 || db->depth > DEPTH_MOST) {
            return pages_bad(check, 0, "says that a tree has a depth that no "
                             "tree has");
        }
        if (!pages_tree(check, db->root, db->depth, none, none)) {
            return 0;
        }
    }
    if (check->found.branch_pages != db->branch_pages
        || check->found.leaf_pages != db->leaf_pages
        || check->found.overflow_pages != db->overflow_pages
        || check->found.entries != db->entries
        || (db->root == NO_PAGE && db->depth != 0)) {
        return pages_bad(check, 0, "counts other pages or entries than the "
                         "file holds");
    }
    return 1;
}

/* ---- the file ---------------------------------------------------------- */

/** Reads a meta page: 0 or 1.  The first one says where the second is. */
static int pages_meta_read(pages_check *check, pages_meta *meta,
                           unsigned number, apr_uint64_t size)
{
    apr_uint64_t offset = number * check->page_size;
    pages_header header;

    if (offset + HEADER_SIZE + sizeof(*meta) > size) {
        return pages_bad(check, number, "lies outside the file");
    }
    memcpy(&header, check->bytes + offset, sizeof(header));
    memcpy(meta, check->bytes + offset + HEADER_SIZE, sizeof(*meta));
    if (!(header.flags & PAGE_META) || meta->magic != META_MAGIC
        || meta->version != META_VERSION) {
        return pages_bad(check, number, "is no meta page of LMDB's");
    }
    return 1;
}

static int pages_meta_check(pages_check *check, pages_meta *meta,
                            apr_uint64_t size)
{
    pages_meta second;
    apr_size_t page_size;

    if (!pages_meta_read(check, meta, 0, size)) {
        return 0;
    }
    page_size = meta->free.pad;
    if (page_size < PAGE_SIZE_LEAST || page_size > PAGE_SIZE_MOST
        || (page_size & (page_size - 1)) != 0) {
        return pages_bad(check, 0, "names a page size that LMDB does not "
                         "have");
    }
    check->page_size = page_size;
    if (!pages_meta_read(check, &second, 1, size)) {
        return 0;
    }
    if (second.free.pad != page_size) {
        return pages_bad(check, 1, "names another page size than page 0");
    }
    if (second.txnid > meta->txnid) {
        *meta = second;
    }
    if ((meta->free.flags & META_FLAGS) != META_INTEGERKEY
        || meta->main.flags != 0) {
        return pages_bad(check, 0, "has flags that no map has");
    }
    if (meta->last_page < 1 || meta->last_page >= size / page_size) {
        return pages_bad(check, 0, "names more pages than the file has");
    }
    check->last_page = meta->last_page;
    return 1;
}

apr_size_t hostmap_pages_scratch(apr_uint64_t size)
{
    return PAGE_SIZE_MOST + (apr_size_t)(size / PAGE_SIZE_LEAST / 8) + 1;
}

apr_status_t hostmap_pages_check(hostmap_pages_fault *fault,
                                 const void *bytes, apr_uint64_t size,
                                 void *scratch)
{
    pages_check check;
    pages_meta meta;

    memset(&check, 0, sizeof(check));
    check.fault = fault;
    check.bytes = bytes;
    check.size_at = scratch;
    check.seen = (unsigned char *)scratch + PAGE_SIZE_MOST;
    memset(scratch, 0, hostmap_pages_scratch(size));
    /* the trees first: a free page is one that neither of them uses */
    return pages_meta_check(&check, &meta, size)
           && pages_db_check(&check, &meta.main, 0)
           && pages_db_check(&check, &meta.free, 1) ? APR_SUCCESS
                                                    : APR_EINVAL;
}
