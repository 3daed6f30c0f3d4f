/* What a program of one's own does with sab.h beyond sab train: updates in two parts, rates, states of trainers, runs that are
 * watched; numbers that are none, and enumerators out of range, change nothing. Uses the public headers only. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sab.h>
#include <sab_run.h>

static struct sab_error err;

static void must(int status)
{
    if (status != SAB_OK)
        fail_msg("status %d: %s", status, err.message);
}

struct setup {
    struct sab_options *options;
    struct sab_task *task;
    struct sab_model *model;
    struct sab_trainer *trainer;
};

static struct setup begin(const char *more)
{
    struct setup s;
    must(sab_options_create(&s.options, &err));
    must(sab_options_parse(s.options, "task=copy T=8 hidden=16 k-trunc=3 batch=16 steps=6 curriculum=0 eval-size=16 eval-every=2 threads=2",
                           &err));
    must(sab_options_parse(s.options, more, &err));
    must(sab_task_create(&s.task, s.options, NULL, &err));
    must(sab_model_create(&s.model, s.options, sab_task_shape(s.task), &err));
    must(sab_trainer_create(&s.trainer, s.model, s.options, &err));
    return s;
}

static void end(struct setup *s)
{
    sab_trainer_free(s->trainer);
    sab_model_free(s->model);
    sab_task_free(s->task);
    sab_options_free(s->options);
}

static struct sab_batch batch_of(struct setup *s)
{
    struct sab_batch batch = {.size = sizeof batch};
    must(sab_task_batch(s->task, SAB_TRAIN, sab_trainer_step(s->trainer), 16, &batch, &err));
    return batch;
}

static void update(struct setup *s, int n)
{
    for (int i = 0; i < n; i++) {
        struct sab_batch batch = batch_of(s);
        must(sab_trainer_update(s->trainer, &batch, NULL, &err));
    }
}

static void same_weights(const char *what, const struct setup *a, const struct setup *b)
{
    char x[33], y[33];
    sab_model_digest(a->model, x);
    sab_model_digest(b->model, y);
    if (strcmp(x, y) != 0)
        fail_msg("%s: weights %s, expected %s", what, y, x);
}

/* ---- updates ---- */

static void test_two_parts_are_an_update(void **unused)
{
    (void)unused;
    struct setup whole = begin("average=0.9"), parts = begin("average=0.9"), halves = begin("average=0.9");
    update(&whole, 3);
    for (int i = 0; i < 3; i++) {
        struct sab_batch batch = batch_of(&parts);
        struct sab_metrics metrics = {.size = sizeof metrics};
        double norm = 0;
        must(sab_trainer_gradient(parts.trainer, &batch, NULL, &metrics, &err));
        must(sab_trainer_apply(parts.trainer, &norm, &err));
        assert_true(norm > 0);
        /* half of it twice: a power of two, so exact */
        batch = batch_of(&halves);
        struct sab_request request = {.size = sizeof request, .total_weight = 2 * metrics.weight};
        must(sab_trainer_gradient(halves.trainer, &batch, &request, NULL, &err));
        request.add = 1;
        must(sab_trainer_gradient(halves.trainer, &batch, &request, NULL, &err));
        must(sab_trainer_apply(halves.trainer, NULL, &err));
    }
    same_weights("gradient and apply", &whole, &parts);
    same_weights("two halves", &whole, &halves);
    assert_int_equal(sab_trainer_step(parts.trainer), 3);
    end(&whole), end(&parts), end(&halves);
}

static void test_rate(void **unused)
{
    (void)unused;
    struct setup scheduled = begin("schedule=cosine"), set = begin("schedule=constant");
    for (int i = 0; i < 3; i++) {
        must(sab_trainer_set_rate(set.trainer, sab_trainer_rate(scheduled.trainer), &err));
        update(&scheduled, 1);
        update(&set, 1);
    }
    same_weights("rates by hand", &scheduled, &set);
    double rate = sab_trainer_rate(set.trainer);
    assert_int_equal(sab_trainer_set_rate(set.trainer, -1, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "-1"));
    assert_int_equal(sab_trainer_set_rate(set.trainer, NAN, &err), SAB_INVALID);
    assert_true(sab_trainer_rate(set.trainer) == rate);
    must(sab_trainer_set_rate(set.trainer, 0, &err));
    assert_true(sab_trainer_rate(set.trainer) != rate);
    end(&scheduled), end(&set);
}

static void test_trainer_is_saved(void **unused)
{
    (void)unused;
    const char *path = "trainer.safetensors";
    struct setup on = begin("average=0.9"), again = begin("average=0.9"), other = begin("optimizer=sgd");
    update(&on, 3);
    must(sab_trainer_save(on.trainer, path, &err));
    update(&on, 3);
    must(sab_trainer_load(again.trainer, path, &err));
    assert_int_equal(sab_trainer_step(again.trainer), 3);
    update(&again, 3);
    same_weights("loaded", &on, &again);
    assert_int_equal(sab_trainer_load(other.trainer, path, &err), SAB_INVALID);
    assert_int_equal(sab_trainer_step(other.trainer), 0);
    remove(path);
    assert_int_equal(sab_trainer_load(again.trainer, path, &err), SAB_IO);
    end(&on), end(&again), end(&other);
}

/* ---- runs ---- */

struct watch {
    int stop_at, updates, evaluations;
};

static int watch(void *user, const struct sab_event *event)
{
    struct watch *w = user;
    *(event->evaluated ? &w->evaluations : &w->updates) += 1;
    assert_int_equal(event->steps, 6);
    return event->step == w->stop_at && event->evaluated == (event->step == event->steps);
}

static void clear_folder(const char *folder)
{
    static const char *const files[] = {"config.json", "metrics.jsonl", "model.safetensors", "state.safetensors", "lock"};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        remove(path);
    }
    rmdir(folder);
}

static void test_run_is_watched(void **unused)
{
    (void)unused;
    struct setup s = begin("out=library_run");
    struct sab_metrics best[2] = {{.size = sizeof *best}, {.size = sizeof *best}};
    struct watch w = {.stop_at = 3};
    clear_folder("library_run"), clear_folder("library_run_whole");
    const struct sab_watch watcher = {.size = sizeof watcher, .event = watch, .user = &w}, without = {.event = watch};
    struct sab_outcome outcome = {.size = sizeof outcome, .best = &best[0]};
    assert_int_equal(sab_train_watched(s.options, 0, &without, NULL, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "size = 0 of the watch"));
    assert_int_equal(sab_train_watched(s.options, 0, &watcher, NULL, &err), SAB_INTERRUPTED);
    assert_int_equal(w.updates, 3);
    w.stop_at = 6; /* when nothing is left to do */
    must(sab_train_watched(s.options, 1, &watcher, &outcome, &err));
    assert_int_equal(outcome.updates, 3);
    assert_int_equal(outcome.size, sizeof outcome);
    assert_int_equal(w.updates, 6);
    assert_int_equal(w.evaluations, 3);
    must(sab_options_set(s.options, "out", "library_run_whole", &err));
    must(sab_train(s.options, &best[1], &err));
    if (best[0].loss != best[1].loss)
        fail_msg("best loss %.17g, without a stop %.17g", best[0].loss, best[1].loss);
    clear_folder("library_run"), clear_folder("library_run_whole");
    end(&s);
}

struct lines {
    int n;
    double step, loss;
};

static int take_line(void *user, const struct sab_figure *figures, int n)
{
    struct lines *lines = user;
    lines->n++;
    for (int i = 0; i < n; i++)
        if (strcmp(figures[i].name, "step") == 0 && figures[i].is_count)
            lines->step = figures[i].value;
        else if (strcmp(figures[i].name, "loss") == 0)
            lines->loss = figures[i].value;
    return 0;
}

/* A run tells what it was told, what it measured and what it came to; the model that it kept measures the same again. */
static void test_run_is_read_back(void **unused)
{
    (void)unused;
    struct setup s = begin("out=library_run");
    struct sab_metrics final = {.size = sizeof final};
    struct sab_outcome outcome = {.size = sizeof outcome, .last = &final};
    struct sab_options *read;
    struct sab_model *model;
    struct sab_engine *engine;
    struct sab_evaluation *evaluation;
    struct sab_figure figures[SAB_FIGURES_CAP];
    struct lines all = {0}, last = {0};
    char folder[64], number[SAB_NUMBER_CAP];
    clear_folder("library_run");
    assert_int_equal(sab_run_history("library_run", 0, take_line, &all, &err), SAB_IO);
    assert_int_equal(sab_run_options(&read, "library_run", &err), SAB_IO);
    must(sab_train_watched(s.options, 0, NULL, &outcome, &err));
    must(sab_run_folder(s.options, folder, sizeof folder, &err));
    assert_string_equal(folder, "library_run");
    assert_int_equal(sab_run_folder(s.options, folder, 5, &err), SAB_INVALID);

    must(sab_run_options(&read, "library_run", &err));
    assert_true(sab_options_number(read, "hidden") == 16);
    assert_true(sab_options_number(read, "credit") == SAB_CREDIT_SAB);
    assert_true(isnan(sab_options_number(read, "task")) && isnan(sab_options_number(read, "absent")));
    assert_string_equal(sab_options_value(read, "task", number), "copy");
    assert_string_equal(sab_options_value(read, "k-trunc", number), "3");
    assert_null(sab_options_value(read, "absent", number));

    must(sab_run_history("library_run", 0, take_line, &all, &err));
    must(sab_run_history("library_run", 1, take_line, &last, &err));
    assert_int_equal(all.n, 3);
    assert_int_equal(last.n, 1);
    assert_true(all.step == 6 && last.step == 6 && all.loss == last.loss && last.loss == final.loss);

    must(sab_run_model(&model, "library_run", &err));
    must(sab_engine_create(&engine, model, 1, &err));
    must(sab_evaluation_create(&evaluation, engine, s.task, SAB_VALID, read, &err));
    for (int i = 0; sab_metric_at(i); i++) {
        double again = sab_evaluation_value(evaluation, i);
        if (again != outcome.best_values[i] && !(isnan(again) && isnan(outcome.best_values[i])))
            fail_msg("%s is %.17g, in training %.17g", sab_metric_at(i)->name, again, outcome.best_values[i]);
    }
    assert_string_equal(sab_metric_at(outcome.judged_by)->name, "accuracy");
    double counted = 0, told = 0;
    int O = sab_model_shape(model)->O;
    for (int o = 0; o < O; o++) {
        assert_int_equal(sab_evaluation_output(evaluation, o, figures), 6);
        assert_string_equal(figures[0].name, "count");
        counted += figures[0].value;
        for (int answer = 0; answer < O; answer++)
            told += (double)sab_evaluation_confusion(evaluation, o, answer);
    }
    assert_true(counted == (double)sab_evaluation_scored(evaluation) && told == counted && counted > 0);
    sab_evaluation_free(evaluation);
    sab_engine_free(engine);
    sab_model_free(model);
    sab_options_free(read);
    clear_folder("library_run");
    end(&s);
}

static void test_evaluation(void **unused)
{
    (void)unused;
    struct setup s = begin("");
    struct sab_metrics metrics[2] = {{.size = sizeof *metrics}, {.size = sizeof *metrics}};
    struct sab_batch batch = {.size = sizeof batch};
    for (int i = 0; i < 2; i++)
        must(sab_evaluate(sab_trainer_engine(s.trainer), s.task, SAB_VALID, s.options, &metrics[i], &err));
    assert_true(metrics[0].loss == metrics[1].loss && metrics[0].loss > 0);
    for (int split = -1; split <= 7; split += 4) {
        assert_int_equal(sab_evaluate(sab_trainer_engine(s.trainer), s.task, (enum sab_split)split, s.options, metrics, &err),
                         SAB_INVALID);
        assert_int_equal(sab_task_batch(s.task, (enum sab_split)split, 0, 4, &batch, &err), SAB_INVALID);
        assert_non_null(strstr(err.message, "split"));
        assert_int_equal(sab_task_batches(s.task, (enum sab_split)split, 4), 0);
    }
    end(&s);
}

/* ---- numbers that are none ---- */

enum { T = 6, B = 3, I = 2, O = 4 };

static struct sab_model *make_model(const char *more)
{
    struct sab_options *options;
    struct sab_model *model;
    must(sab_options_create(&options, &err));
    must(sab_options_parse(options, "hidden=12 layers=2 k-top=2 k-att=2 memory-slots=6 k-trunc=2", &err));
    must(sab_options_parse(options, more, &err));
    must(sab_model_create(&model, options, &(struct sab_shape){sizeof(struct sab_shape), SAB_INPUT_VALUES, I, SAB_LOSS_MSE, O}, &err));
    sab_options_free(options);
    return model;
}

static void fill(sab_real *x, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = (sab_real)sin(3 * i + 1);
}

/* A weight, as all that compute with the model see it from now on. */
static void set_weight(struct sab_model *model, sab_real value)
{
    static const sab_real values[I];
    sab_model_tensor(model, 1)->data[5] = value;
    must(sab_model_evaluate(model, &(struct sab_batch){.size = sizeof(struct sab_batch), .T = 1, .B = 1,
                                                       .values = values}, 1, NULL, NULL, NULL, &err));
}

/* A stream that was given what is no number, or a weight that is none, goes on as one that was not. */
static void check_steps(const char *more)
{
    struct sab_model *model = make_model(more);
    struct sab_stream *good, *bad;
    sab_real values[B * I], y[2][B * O], weight = sab_model_tensor(model, 1)->data[5];
    must(sab_stream_create(&good, model, B, &err));
    must(sab_stream_create(&bad, model, B, &err));
    for (int t = 0; t < 9; t++) {
        fill(values, B * I);
        values[3] = (sab_real)cos(t);
        sab_real was = values[2];
        values[2] = t % 2 ? NAN : INFINITY;
        assert_int_equal(sab_stream_step(bad, NULL, values, y[1], &err), SAB_NUMERIC);
        assert_non_null(strstr(err.message, "input value 0 of sequence 1"));
        values[2] = was;
        set_weight(model, NAN);
        assert_int_equal(sab_stream_step(bad, NULL, values, y[1], &err), SAB_NUMERIC);
        assert_non_null(strstr(err.message, "state of sequence 0 in layer 0"));
        set_weight(model, weight);
        must(sab_stream_step(bad, NULL, values, y[1], &err));
        must(sab_stream_step(good, NULL, values, y[0], &err));
        assert_memory_equal(y[0], y[1], sizeof y[0]);
    }
    sab_stream_free(good), sab_stream_free(bad);
    sab_model_free(model);
}

static void test_stream_is_not_poisoned(void **unused)
{
    (void)unused;
    check_steps("cell=lstm");
    check_steps("cell=gru write=state");
    check_steps("cell=rnn k-top=0");
    check_steps("cell=lstm keep=used k-att=1 memory-slots=3");
    check_steps("cell=gru keep=surprise k-att=1 memory-slots=3 write=state");
    check_steps("cell=rnn keep=novel k-att=1 memory-slots=4");
    check_steps("cell=lstm keep=learned k-att=1 memory-slots=3");
    check_steps("cell=lstm keep=reservoir k-att=1 memory-slots=3");
    check_steps("cell=lstm pool=mean k-att=3");
    check_steps("cell=lstm segments=3 k-top=1 k-att=1 memory-slots=0");
    check_steps("cell=gru pool=attention k-att=4 write=state keep=surprise memory-slots=2");
}

/* Nor is the state that batches carry, by any of the ways that a batch can go. */
static void check_batches(const char *more, int way)
{
    struct sab_model *model = make_model(more);
    struct sab_tensor weight = *sab_model_tensor(model, 1);
    struct sab_engine *engine;
    struct sab_stream *good, *bad;
    struct sab_tape *tape = NULL;
    sab_real values[T * B * I], targets[T * B * O], y[2][T * B * O];
    struct sab_batch batch = {.size = sizeof batch, .T = T, .B = B, .values = values, .targets = targets};
    must(sab_engine_create(&engine, model, 1, &err));
    must(sab_stream_create(&good, model, B, &err));
    must(sab_stream_create(&bad, model, B, &err));
    fill(targets, T * B * O);
    for (int step = 0; step < 3; step++)
        for (int kind = 0; kind < 2; kind++) {
            fill(values, T * B * I);
            batch.state = bad;
            sab_real was = kind ? weight.data[5] : values[8];
            *(kind ? &weight.data[5] : &values[8]) = NAN;
            int status = way == 0   ? sab_engine_forward(engine, &batch, y[1], NULL, NULL, NULL, &err)
                         : way == 1 ? sab_engine_forward(engine, &batch, y[1], NULL, NULL, &tape, &err)
                                    : sab_engine_gradient(engine, &batch, NULL, NULL, &err);
            if (status != SAB_NUMERIC)
                fail_msg("%s, way %d, kind %d: status %d", more, way, kind, status);
            *(kind ? &weight.data[5] : &values[8]) = was;
            must(sab_engine_forward(engine, &batch, y[1], NULL, NULL, NULL, &err));
            batch.state = good;
            must(sab_engine_forward(engine, &batch, y[0], NULL, NULL, NULL, &err));
            assert_memory_equal(y[0], y[1], sizeof y[0]);
        }
    sab_stream_free(good), sab_stream_free(bad);
    sab_engine_free(engine);
    sab_model_free(model);
}

static void test_carried_state_is_not_poisoned(void **unused)
{
    (void)unused;
    for (int way = 0; way < 3; way++) {
        check_batches("cell=lstm", way);
        check_batches("cell=gru write=state", way);
        check_batches("cell=rnn k-top=0", way);
    }
}

static void test_version(void **unused)
{
    (void)unused;
    assert_string_equal(sab_version(), SAB_VERSION);
}

static void see(void *user, struct sab_task *task)
{
    *(int *)user += sab_task_steps(task);
}

/* A forecast knows the model without making it, and refuses what cannot be had. */
static void test_forecast(void **unused)
{
    (void)unused;
    struct setup s = begin("");
    struct sab_forecast forecast = {.size = sizeof forecast}, without = {0};
    int64_t parameters = 0;
    int steps = 0;
    double sequences, seconds;
    for (int i = 0; i < sab_model_tensor_count(s.model); i++)
        parameters += (int64_t)sab_model_tensor(s.model, i)->count;
    assert_int_equal(sab_forecast(s.options, NULL, NULL, &without, &err), SAB_INVALID);
    must(sab_forecast(s.options, see, &steps, &forecast, &err));
    assert_int_equal(forecast.parameters, parameters);
    assert_int_equal(forecast.sequence_steps, steps);
    assert_int_equal(forecast.size, sizeof forecast);
    assert_true(forecast.peak_nbytes > forecast.weights_nbytes && forecast.run_s > forecast.update_s && forecast.update_s > 0);
    must(sab_forecast_evaluation(s.options, s.task, SAB_VALID, &sequences, &seconds, &err));
    assert_true(sequences == 16 && seconds == 0);
    double nbytes[2], back;
    must(sab_forecast_training(s.options, s.task, &seconds, &err));
    assert_true(seconds == 0);
    for (int i = 0; i < 2; i++) {
        must(sab_forecast_batches(s.model, steps << 10 * i, 8, 1e9, 0, 1, &seconds, &nbytes[i], &err));
        must(sab_forecast_batches(s.model, steps << 10 * i, 8, 1e9, 1, 1, &back, &sequences, &err));
        assert_true(seconds > 0 && back > 0 && nbytes[i] > 0);
    }
    assert_true(nbytes[1] > nbytes[0]);
    must(sab_forecast_batches(s.model, steps, 8, 1, 0, 1, &seconds, &nbytes[0], &err));
    assert_true(seconds == 0); /* not worth a look */
    const int none[][2] = {{0, 8}, {8, 0}, {-1, 8}, {1 << 30, 8}, {8, 0x7fffffff}};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(sab_forecast_batches(s.model, none[i][0], none[i][1], 1, 0, 1, &seconds, &nbytes[0], &err), SAB_INVALID);
    must(sab_options_parse(s.options, "T=100000000 hidden=4096 batch=100000", &err));
    assert_int_equal(sab_forecast(s.options, NULL, NULL, &forecast, &err), SAB_NOMEM);
    assert_non_null(strstr(err.message, "GiB are free"));
    assert_int_equal(forecast.parameters, parameters);
    end(&s);
}

static void test_options_from_json(void **unused)
{
    (void)unused;
    struct setup s = begin("");
    const char good[] = "{\"k_top\": 7, \"credit\": \"tbptt\"}", bad[] = "{\"k_top\": 8, \"credits\": 1}";
    must(sab_options_from_json(s.options, good, sizeof good - 1, &err));
    assert_true(sab_options_number(s.options, "k-top") == 7 && sab_options_number(s.options, "credit") == SAB_CREDIT_TBPTT);
    assert_int_equal(sab_options_from_json(s.options, bad, sizeof bad - 1, &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "credits"));
    assert_true(sab_options_number(s.options, "k-top") == 7);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_parts_are_an_update), cmocka_unit_test(test_rate),
        cmocka_unit_test(test_trainer_is_saved),        cmocka_unit_test(test_run_is_watched),
        cmocka_unit_test(test_run_is_read_back),
        cmocka_unit_test(test_forecast),
        cmocka_unit_test(test_options_from_json),
        cmocka_unit_test(test_evaluation),              cmocka_unit_test(test_stream_is_not_poisoned),
        cmocka_unit_test(test_carried_state_is_not_poisoned), cmocka_unit_test(test_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
