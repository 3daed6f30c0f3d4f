/* The sequence above the recall map, drawn on the explorer's canvas: place is where steps stand on it. */
function sequenceStrip(run, recall, view, place) {
    const {M, toX, plotWidth, css} = place;

    /* The sequence: symbols as coloured cells, with their names where there is room; values as curves. */
    function drawStrip(context) {
        const b = view.which === "all" ? 0 : view.which;
        const sequence = recall.sequence[b];
        const from = Math.max(0, Math.floor(view.x[0])), to = Math.min(sequence.length, Math.ceil(view.x[1]));
        const cellWidth = plotWidth() / (view.x[1] - view.x[0]);
        context.font = "12px ui-monospace, monospace";
        context.fillStyle = css("--faint");
        context.textAlign = "left";
        if (view.which === "all") {
            context.fillText("mean over " + recall.sequences + " sequences", M.left, 16);
            return;
        }
        if (sequence.ids) {
            const count = Math.max(1, run.shape.I);
            const stride = Math.max(1, Math.floor((view.x[1] - view.x[0]) / plotWidth()));
            context.textAlign = "center";
            for (let t = from; t < to; t += stride) {
                const id = sequence.ids[t];
                context.fillStyle = `hsl(${Math.round(id * 360 / count)} 55% ${document.documentElement.dataset.theme === "dark" ? 32 : 82}%)`;
                context.fillRect(toX(t), 22, Math.max(1, cellWidth * stride - (cellWidth > 5 ? 1 : 0)), 24);
                if (cellWidth >= 11) {
                    context.fillStyle = css("--ink");
                    context.fillText(symbolText(run, id).slice(0, Math.floor(cellWidth / 8)), toX(t + 0.5), 39);
                }
            }
            drawAnswers(context, sequence, from, to, cellWidth);
            return;
        }
        if (sequence.channels > 4)
            drawChannels(context, sequence, from, to);
        else if (sequence.values)
            drawValues(context, sequence, from, to);
    }

    /* A few values a step: curves, each over its own range. */
    function drawValues(context, sequence, from, to) {
        const channels = sequence.channels;
        for (let c = 0; c < channels; c++) {
            let [low, high] = [Infinity, -Infinity];
            for (let t = from; t < to; t++) {
                low = Math.min(low, sequence.values[t * channels + c]);
                high = Math.max(high, sequence.values[t * channels + c]);
            }
            context.strokeStyle = css("--s" + c);
            context.beginPath();
            const stride = Math.max(1, Math.floor((to - from) / (4 * plotWidth())));
            for (let t = from; t < to; t += stride) {
                const y = 62 - (high > low ? (sequence.values[t * channels + c] - low) / (high - low) : 0.5) * 56;
                if (t === from)
                    context.moveTo(toX(t + 0.5), y);
                else
                    context.lineTo(toX(t + 0.5), y);
            }
            context.stroke();
        }
    }

    /* Many values a step, such as the row of an image: a cell each, a column for a step. */
    function drawChannels(context, sequence, from, to) {
        const channels = sequence.channels, size = 64 / channels;
        let [low, high] = [Infinity, -Infinity];
        for (const value of sequence.values) {
            low = Math.min(low, value);
            high = Math.max(high, value);
        }
        const ends = [css("--heat-low"), css("--heat-high")].map(text => text.split(",").map(Number));
        const stride = Math.max(1, Math.floor((to - from) / plotWidth()));
        for (let t = from; t < to; t += stride)
            for (let c = 0; c < channels; c++) {
                const share = high > low ? (sequence.values[t * channels + c] - low) / (high - low) : 0;
                context.fillStyle = `rgb(${ends[0].map((v, k) => Math.round(v + share * (ends[1][k] - v))).join(",")})`;
                context.fillRect(toX(t), 2 + c * size, Math.max(1, toX(t + stride) - toX(t)), size);
            }
    }

    function drawAnswers(context, sequence, from, to, cellWidth) {
        if (!sequence.labels || cellWidth < 3)
            return;
        for (let t = from; t < to; t++)
            if (sequence.scored[t]) {
                context.fillStyle = css(sequence.answers[t] === sequence.labels[t] ? "--good" : "--warn");
                context.fillRect(toX(t), 50, Math.max(1, cellWidth - 1), 3);
                if (cellWidth >= 11)
                    context.fillText(className(run, sequence.answers[t]).slice(0, Math.floor(cellWidth / 8)), toX(t + 0.5), 66);
            }
    }

    return drawStrip;
}
