/* What is to be learned, and how its data are read: the options of the groups "task" and "data". Each kind of task reads
 * its own struct, beside T and those that kinds share. */
#ifndef SAB_DATA_OPTIONS_H
#define SAB_DATA_OPTIONS_H

#include "base/option.h"
#include "base/shared.h"

/* Tasks that draw their sequences. */
struct sab_drawn_options {
    int64_t curriculum;   /* updates over which training sequences grow from T/10 to T; 0: always T */
    int64_t fixed;        /* 0: fresh data each update; N: cycle through a fixed set of N sequences */
    int classes;          /* cue: number of different events */
    int rewrite;          /* transduce: enum sab_rewrite */
    int symbols;          /* copy: enum sab_symbols */
};

/* All tasks that read files. */
struct sab_files_options {
    const char *data;       /* file or folder; "" for tasks that draw their data */
    const char *valid_data; /* "": taken from data, by split */
    const char *test_data;  /* "": taken from data, by split */
    const char *split;      /* "0.9,0.05,0.05": fractions of train, valid and test in the order of the file */
};

struct sab_image_options {
    int by;               /* enum sab_by */
    uint64_t permute;     /* pixels in the random order of this seed; 0: as they are */
    int grey;             /* colour images: 1 shows their grey only */
};

struct sab_text_options {
    int units;            /* enum sab_units, what a symbol is */
    int unknown;          /* characters seen fewer times are one symbol; 0: there is no such */
    const char *reset_at; /* documents end with this (escapes \n \t \r \\); "": never */
};

/* Arrays and tables of numbers. */
struct sab_values_options {
    int loss;             /* which of sab_loss_of: 0 as the answers suggest */
    int standardise;      /* 1: values are scaled to mean 0 and deviation 1 of the training part */
    const char *class_weights; /* "": each class counts the same in training; "balanced", or "1,20": class_weights.h */
};

struct sab_csv_options {
    int goal;             /* enum sab_goal */
    const char *horizon;  /* how many rows ahead is forecast: "6", or several, "1-24" or "1,6,24" */
    int64_t season;       /* rows of a cycle, by whose last value an evaluation compares; 0: none */
    int relative;         /* 1: what is forecast is the change from the present value */
    const char *inputs;   /* columns by name or number, "OT,2-4"; "": all that hold numbers */
    const char *categories; /* columns whose texts are inputs; "": none */
    const char *targets;  /* columns to forecast or of answers; "": to forecast, the inputs */
    const char *series;   /* the column that says which series a row belongs to; "": one series */
    int header;           /* enum sab_header */
    const char *separator; /* "auto", "comma", "semicolon", "tab", "pipe", "space", or one character */
    int skip_lines;       /* lines before the table */
    int decimal_comma;    /* 1: the decimal sign is a comma */
    int thousands;        /* 1: signs part the thousands of numbers */
    int missing;          /* enum sab_missing */
    const char *time;     /* the column of times; "": rows are in order, one step after the other */
    const char *time_format; /* "auto" or a pattern of strptime */
    int duplicates;       /* enum sab_duplicates */
    int gaps;             /* enum sab_gaps */
    const char *calendar; /* cycles that become inputs, such as "hour,weekday,month" */
};

struct sab_task_options {
    const char *task;     /* copy, adding, cue, transduce, ... */
    int T;                /* the task's length; copying sequences are T+20 steps long; of continuous data, a chunk */
    struct sab_drawn_options drawn;
    struct sab_files_options files;
    struct sab_image_options images;
    struct sab_text_options text;
    struct sab_values_options values;
    struct sab_csv_options csv;
};

/* The enum sab_loss that --loss asks for; -1: as the answers suggest. */
int sab_loss_of(const struct sab_values_options *options);

/* Whether it can be advised to take whole numbers for values (--loss mse): nobody asked for classes. */
int sab_loss_is_open(const struct sab_values_options *options);

/* The field is found from the start of struct sab_task_options. */
extern const struct sab_rows sab_task_rows;

#endif
