/* The tables that `sab reproduce` knows: what is trained, how it is measured, and what the paper has there. */
#ifndef SAB_LAB_REPRODUCE_TABLES_H
#define SAB_LAB_REPRODUCE_TABLES_H

/* What a cell shows. */
enum sab_measure { SAB_MEASURE_ACCURACY, SAB_MEASURE_MSE, SAB_MEASURE_BITS };

/* A figure that a figure of ours stands beside. Where tests are of several lengths, one part for each, "; 95 %; 83 %".
 * */
struct sab_paper {
    const char *text;     /* "" where there is none */
    const char *standing; /* "seen": read in a source; "recalled": from memory of the paper; "derived": computed */
};

/* What is drawn of a table: nothing; accuracy against updates, of one column; against the length of the test; against
 * processor seconds of training; what is recalled at three times; bits per character against processor seconds, of one column. */
enum sab_table_figure {
    SAB_FIGURE_NONE,
    SAB_FIGURE_CURVES,
    SAB_FIGURE_LENGTHS,
    SAB_FIGURE_COST,
    SAB_FIGURE_MAPS,
    SAB_FIGURE_SECONDS,
};

struct sab_table {
    const char *name;
    const char *title;    /* one line: what it shows */
    const char *options;  /* of every cell, as presets have them */
    const char *lengths;  /* T of the test sequences, "100,200"; "": that of the training */
    const char *note;     /* below the table; "": nothing */
    int measure;          /* enum sab_measure */
    int seeds;            /* how many unless told otherwise */
    int figure;           /* enum sab_table_figure */
    const char *column;   /* the one that SAB_FIGURE_CURVES and _SECONDS show */
    int is_chosen;        /* 1: what no row names is chosen from the data, as sab train does; 0: defaults */
    int shows_cost;       /* 1: cells say processor seconds and peak memory */
};

/* A cell is called "COLUMN ROW". Where its table has lengths, these are the columns, and column is "". */
struct sab_table_cell {
    const char *table, *column, *row;
    const char *options;  /* on top of the table's */
    struct sab_paper paper;
    int seeds;            /* 0: as the table has */
    const char *reason;   /* why it may not have been run; NULL: no reason */
};

/* Tables and their cells, as one file has them. */
struct sab_table_list {
    const struct sab_table *tables;
    int n_tables;
    const struct sab_table_cell *cells;
    int n_cells;
};

extern const struct sab_table_list sab_data_tables; /* of reproduce_data.c */

/* The i-th, or NULL past the last. Cells of a table stand together. */
const struct sab_table *sab_table_at(int i);
const struct sab_table_cell *sab_table_cell_at(int i);

#endif
