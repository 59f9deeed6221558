/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints one YAML file as JSON, every scalar as a text, for queries_live.py: Python's own library
 * reads no YAML. A helper, no test of its own.
 */
#include <stdio.h>
#include <stdlib.h>

#include <yaml.h>

static void print_text(const yaml_node_t *n)
{
    putchar('"');
    for (size_t i = 0; i < n->data.scalar.length; i++) {
        unsigned char c = n->data.scalar.value[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void print_node(yaml_document_t *d, int index)
{
    const yaml_node_t *n = yaml_document_get_node(d, index);
    if (n->type == YAML_SCALAR_NODE) {
        print_text(n);
    } else if (n->type == YAML_SEQUENCE_NODE) {
        const yaml_node_item_t *first = n->data.sequence.items.start, *i = first;
        putchar('[');
        for (; i < n->data.sequence.items.top; i++) {
            fputs(i == first ? "" : ",", stdout);
            print_node(d, *i);
        }
        putchar(']');
    } else {
        const yaml_node_pair_t *first = n->data.mapping.pairs.start, *p = first;
        putchar('{');
        for (; p < n->data.mapping.pairs.top; p++) {
            fputs(p == first ? "" : ",", stdout);
            print_node(d, p->key);
            putchar(':');
            print_node(d, p->value);
        }
        putchar('}');
    }
}

int main(int argc, char **argv)
{
    yaml_parser_t parser;
    yaml_document_t d;
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!f || !yaml_parser_initialize(&parser))
        return 2;
    yaml_parser_set_input_file(&parser, f);
    if (!yaml_parser_load(&parser, &d) || !yaml_document_get_root_node(&d)) {
        fprintf(stderr, "%s: no YAML\n", argv[1]);
        return 1;
    }
    print_node(&d, 1);
    putchar('\n');
    yaml_document_delete(&d);
    yaml_parser_delete(&parser);
    fclose(f);
    return 0;
}
