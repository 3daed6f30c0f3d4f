/* Sequences, and what their steps recalled.
 *
 * Of a layer: first [sequences * T + 1], where the reads of step t (from 0) of sequence b begin; when [n], the step (from 1) of
 * the memory recalled, the last of `stretch` steps where it covers several, 0 for a memory of zeros; alpha [n] and flow [n], its weight and the norm of the gradient that came back. */

/* Reads come as base64 in the page; the rest of the page takes typed arrays. */
function unpackRecall(run) {
    for (const sequence of run.sequences || []) {
        sequence.ids = unpack(sequence.ids, Int32Array);
        sequence.values = unpack(sequence.values, Float32Array);
        sequence.scored = unpack(sequence.scored, Uint8Array);
        sequence.labels = unpack(sequence.labels, Int32Array);
        sequence.answers = unpack(sequence.answers, Int32Array);
        sequence.targets = unpack(sequence.targets, Float32Array);
        sequence.outputs = unpack(sequence.outputs, Float32Array);
    }
    if (run.recall) {
        run.recall.sequence = run.sequences;
        run.recall.sequences = run.sequences.length;
        run.recall.lengths = run.sequences.map(s => s.length);
        for (const layer of run.recall.layers) {
            layer.first = unpack(layer.first, Uint32Array);
            layer.when = unpack(layer.when, Int32Array);
            layer.alpha = unpack(layer.alpha, Float32Array);
            layer.flow = unpack(layer.flow, Float32Array);
        }
    }
}

/* One sequence, or all of them averaged, as reads(t, visit). */
function readsOf(layer, recall, which) {
    const {T, sequences, lengths, stretch = 1} = recall;
    const chosen = which === "all" ? [...Array(sequences).keys()] : [which];
    return {
        T,
        /* visit(when, alpha, flow) for each step that step t, from 1, recalls; values are shares of a mean over the sequences that last so
         * long, in equal parts of the steps that a memory covers. */
        each(t, shown, visit) {
            let count = 0;
            for (const b of chosen)
                if (t <= lengths[b] && (!shown || shown(b, t)))
                    count++;
            for (const b of chosen)
                if (t <= lengths[b] && (!shown || shown(b, t)))
                    for (let i = layer.first[b * T + t - 1]; i < layer.first[b * T + t]; i++)
                        for (let k = layer.when[i] < stretch ? 1 : stretch, share = k * count; k > 0; k--)
                            visit(layer.when[i] - k + 1, layer.alpha[i] / share, layer.flow ? layer.flow[i] / share : 0);
            return count;
        },
        /* The same with one entry for each memory, the strongest first. */
        list(t, shown, value) {
            const sums = new Map();
            this.each(t, shown, (when, alpha, flow) => {
                const entry = sums.get(when) || {when, alpha: 0, flow: 0};
                entry.alpha += alpha;
                entry.flow += flow;
                sums.set(when, entry);
            });
            return [...sums.values()].sort((a, b) => b[value] - a[value]);
        },
    };
}

/* What a step of a sequence held, in words. */
function stepText(run, sequence, t) {
    const parts = [];
    if (sequence.times)
        parts.push(shown(sequence.times[t - 1]));
    if (sequence.ids)
        parts.push("input " + symbolText(run, sequence.ids[t - 1]));
    else if (sequence.values && (sequence.channels <= 8 || run.inputs)) /* what a pixel's row holds says nothing in numbers */
        parts.push([...Array(Math.min(sequence.channels, 6)).keys()].map(i => inputName(run, i) + " " +
            number(inUnits(run, i, sequence.values[(t - 1) * sequence.channels + i]))).join(", ") + (sequence.channels > 6 ? ", \u2026" : ""));
    if (sequence.scored[t - 1] || (sequence.answers && !sequence.labels))
        parts.push(answerText(run, sequence, t));
    return parts.join(" \u00b7 ");
}

/* An input as it stands in the data; models see it standardised. */
function inUnits(run, i, value) {
    return run.inputs && run.inputs[i] ? value * run.inputs[i][2] + run.inputs[i][1] : value;
}

/* Names of symbols and classes; those without one have their number. A blank is seen. */
function symbolText(run, id) {
    return nameOr(run.inputNames, id, String(id));
}

function className(run, id) {
    return nameOr(run.outputNames, id, String(id));
}

function inputName(run, i) {
    const name = run.inputs && run.inputs[i] && run.inputs[i][0];
    return name ? shown(name) : nameOr(run.inputNames, i, run.shape.I > 1 ? "input " + (i + 1) : "input");
}

function outputName(run, o) {
    return nameOr(run.outputNames, o, run.shape.O > 1 ? "output " + (o + 1) : "output");
}

function nameOr(names, i, otherwise) {
    const name = names && names[i];
    return name === undefined || name === null ? otherwise : {" ": "\u2423", "U+000A": "\u21b5"}[name] || shown(name);
}

function answerText(run, sequence, t) {
    if (sequence.answers && !sequence.labels) /* somebody's own sequence: nobody knows what would be right */
        return "answer " + className(run, sequence.answers[t - 1]);
    if (sequence.labels)
        return "answer " + className(run, sequence.answers[t - 1]) + (sequence.answers[t - 1] === sequence.labels[t - 1]
            ? ", right" : ", right would be " + className(run, sequence.labels[t - 1]));
    if (sequence.targets) {
        const O = sequence.targetCount;
        return [...Array(Math.min(O, 4)).keys()].map(o => outputName(run, o) + " " + number(sequence.outputs[(t - 1) * O + o]) +
            ", truth " + number(sequence.targets[(t - 1) * O + o])).join("; ");
    }
    return "";
}
