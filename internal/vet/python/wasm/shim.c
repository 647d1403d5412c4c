// What vet asks of tree-sitter, for a host that has nothing but linear memory:
// text in, one flat array of the syntax tree's nodes out.
#include <stdint.h>
#include <stdlib.h>
#include "tree_sitter/api.h"

const TSLanguage *tree_sitter_python(void);

typedef struct {
	uint32_t symbol; // grammar symbol; 1<<31 is "named", 1<<30 "missing"
	uint32_t field;  // field id within the parent, 0 is none
	uint32_t start, end; // bytes
	uint32_t row;    // of the start, from 0
	uint32_t depth;
} Node;

static TSParser *parser;
static Node *out;
static uint32_t count, room;

__attribute__((export_name("alloc"))) void *alloc(uint32_t n) { return malloc(n); }
__attribute__((export_name("dealloc"))) void dealloc(void *p) { free(p); }
__attribute__((export_name("nodes"))) Node *nodes(void) { return out; }
__attribute__((export_name("symname"))) const char *symname(uint32_t s) {
	return ts_language_symbol_name(tree_sitter_python(), (TSSymbol)s);
}
__attribute__((export_name("fieldname"))) const char *fieldname(uint32_t f) {
	return ts_language_field_name_for_id(tree_sitter_python(), (TSFieldId)f);
}

// parse returns how many nodes there are, in preorder, or 0 where there is no memory.
__attribute__((export_name("parse"))) uint32_t parse(const char *text, uint32_t n) {
	if (!parser) {
		parser = ts_parser_new();
		if (!parser || !ts_parser_set_language(parser, tree_sitter_python())) return 0;
	}
	ts_parser_reset(parser);
	TSTree *tree = ts_parser_parse_string(parser, NULL, text, n);
	if (!tree) return 0;
	count = 0;
	TSTreeCursor c = ts_tree_cursor_new(ts_tree_root_node(tree));
	uint32_t depth = 0;
	for (;;) {
		if (count == room) {
			uint32_t more = room ? room * 2 : 4096;
			Node *grown = realloc(out, (size_t)more * sizeof(Node));
			if (!grown) { count = 0; break; }
			out = grown;
			room = more;
		}
		TSNode node = ts_tree_cursor_current_node(&c);
		Node *o = &out[count++];
		o->symbol = ts_node_symbol(node) | (ts_node_is_named(node) ? 1u << 31 : 0) | (ts_node_is_missing(node) ? 1u << 30 : 0);
		o->field = ts_tree_cursor_current_field_id(&c);
		o->start = ts_node_start_byte(node);
		o->end = ts_node_end_byte(node);
		o->row = ts_node_start_point(node).row;
		o->depth = depth;
		if (ts_tree_cursor_goto_first_child(&c)) { depth++; continue; }
		while (!ts_tree_cursor_goto_next_sibling(&c)) {
			if (!ts_tree_cursor_goto_parent(&c)) goto done;
			depth--;
		}
	}
done:
	ts_tree_cursor_delete(&c);
	ts_tree_delete(tree);
	return count;
}
