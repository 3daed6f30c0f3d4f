/* Curves of one figure over several runs: hover shows the numbers, dragging zooms in, a double click zooms out. */

const CURVE = {width: 360, height: 220, left: 52, right: 14, top: 8, bottom: 34};

/* series: [{name, colour, x: [...], y: [...]}]; view: {log, across: "updates"|"seconds"|"step"}, shared by all charts. */
function curveChart(title, series, view) {
    const {width, height, left, right, top, bottom} = CURVE;
    const svg = make("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": shown(title), width: "100%"});
    const note = make("div", {class: "note"});
    const figure = make("figure", {class: "curves", "data-name": title}, make("figcaption", {}, shown(title)), svg, note);
    let zoom = null, drag = null, scale = null;

    function points(s) {
        const list = [];
        const [xs, ys] = [s.x, s.y];
        for (let i = 0; i < xs.length; i++) {
            const [x, y] = [xs[i], ys[i]];
            if (Number.isFinite(x) && Number.isFinite(y) && (!view.log || y > 0) && (!zoom || x >= zoom[0] && x <= zoom[1]))
                list.push([x, y]);
        }
        return list;
    }

    function draw() {
        const lines = series.map(points);
        const all = lines.flat();
        svg.replaceChildren();
        note.replaceChildren();
        if (all.length === 0) {
            svg.append(make("text", {x: left, y: height / 2}, view.log ? "nothing above 0 to show" : "no numbers to show"));
            return;
        }
        let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
        for (const [x, y] of all) {
            x0 = Math.min(x0, x); x1 = Math.max(x1, x); y0 = Math.min(y0, y); y1 = Math.max(y1, y);
        }
        if (zoom)
            [x0, x1] = zoom;
        if (x0 === x1)
            [x0, x1] = [x0 - 0.5, x1 + 0.5];
        if (y0 === y1)
            [y0, y1] = view.log ? [y0 / 1.1, y1 * 1.1] : [y0 - Math.abs(y0) * 0.05 - 1e-9, y1 + Math.abs(y1) * 0.05 + 1e-9];
        const f = view.log ? Math.log : value => value;
        const toX = x => left + (x - x0) / (x1 - x0) * (width - left - right);
        const toY = y => height - bottom - (f(y) - f(y0)) / (f(y1) - f(y0)) * (height - top - bottom);
        scale = {toX, toY, x0, x1};
        for (const y of view.log ? logTicks(y0, y1) : ticks(y0, y1, 5))
            svg.append(make("line", {class: "axis", x1: left, x2: width - right, y1: toY(y), y2: toY(y)}),
                       make("text", {x: left - 5, y: toY(y) + 4, "text-anchor": "end"}, number(y, 3)));
        for (const x of ticks(x0, x1, 5, view.across !== "seconds"))
            svg.append(make("line", {class: "axis", x1: toX(x), x2: toX(x), y1: height - bottom, y2: height - bottom + 4}),
                       make("text", {x: toX(x), y: height - bottom + 16, "text-anchor": "middle"}, number(x, 3)));
        svg.append(make("text", {x: width - right, y: height - 3, "text-anchor": "end"}, view.across));
        series.forEach((s, i) => {
            if (s.bandTo) {
                const around = [...lines[i], ...points(s.bandTo).reverse()];
                svg.append(make("path", {class: "band", style: `fill: ${colour(s.colour)}`,
                    d: around.map(([x, y], k) => (k ? "L" : "M") + toX(x).toFixed(2) + " " + toY(y).toFixed(2)).join("") + "Z"}));
            }
        });
        lines.forEach((line, i) => {
            const style = `stroke: ${colour(series[i].colour)}`;
            if (line.length === 1)
                svg.append(make("circle", {cx: toX(line[0][0]), cy: toY(line[0][1]), r: 3, style: `fill: ${colour(series[i].colour)}`}));
            else if (line.length > 1)
                svg.append(make("path", {class: "curve", style, "stroke-dasharray": dashes(series[i].colour),
                    d: line.map(([x, y], k) => (k ? "L" : "M") + toX(x).toFixed(2) + " " + toY(y).toFixed(2)).join("")}));
        });
    }

    function place(event) {
        const box = svg.getBoundingClientRect();
        return {px: event.clientX - box.left, py: event.clientY - box.top,
                x: scale.x0 + ((event.clientX - box.left) / box.width * width - left) / (width - left - right) * (scale.x1 - scale.x0)};
    }

    function hover(event) {
        if (!scale)
            return;
        const at = place(event);
        svg.querySelectorAll(".mark").forEach(mark => mark.remove());
        if (drag !== null) {
            const [a, b] = [scale.toX(drag), scale.toX(at.x)];
            svg.append(make("rect", {class: "mark", x: Math.min(a, b), y: top, width: Math.abs(a - b), height: height - top - bottom,
                                     style: "fill: var(--accent); opacity: 0.15"}));
        }
        const rows = [];
        let near = null;
        for (const line of series.map(points))
            for (const [x] of line)
                if (near === null || Math.abs(x - at.x) < Math.abs(near - at.x))
                    near = x;
        series.forEach(s => {
            let best = null;
            for (const [x, y] of points(s))
                if (best === null || Math.abs(x - near) < Math.abs(best[0] - near))
                    best = [x, y];
            if (best && Math.abs(best[0] - near) < (scale.x1 - scale.x0) / 20) {
                svg.append(make("circle", {class: "mark", cx: scale.toX(best[0]), cy: scale.toY(best[1]), r: 3.5,
                                           style: `fill: ${colour(s.colour)}`}));
                rows.push(make("div", {}, make("span", {style: `color: ${colour(s.colour)}`}, "\u25cf "),
                               (series.length > 1 ? shown(s.name) + ": " : "") + number(best[1], 5) +
                               {updates: " at update ", step: " at step ", seconds: " after "}[view.across] +
                               (view.across === "seconds" ? duration(best[0]) : number(best[0]))));
            }
        });
        note.replaceChildren(...rows);
        note.style.top = at.py + 34 + "px";
        note.style.left = Math.min(at.px + 12, Math.max(0, svg.getBoundingClientRect().width - 210)) + "px";
    }

    svg.addEventListener("pointermove", hover);
    svg.addEventListener("pointerdown", event => {
        if (scale && event.button === 0 && event.pointerType === "mouse") {
            drag = place(event).x;
            svg.setPointerCapture(event.pointerId);
        }
        hover(event);
    });
    svg.addEventListener("pointerup", event => {
        if (drag !== null && scale) {
            const range = [drag, place(event).x].sort((a, b) => a - b);
            if (range[1] - range[0] > (scale.x1 - scale.x0) / 100) {
                zoom = range;
                draw();
            }
        }
        drag = null;
    });
    svg.addEventListener("pointerleave", () => {
        note.replaceChildren();
        svg.querySelectorAll(".mark").forEach(mark => mark.remove());
    });
    svg.addEventListener("dblclick", () => { zoom = null; draw(); });
    figure.redraw = fresh => { if (fresh) zoom = null; draw(); };
    draw();
    return figure;
}

/* Words for the columns of metrics.jsonl; others keep their name. */
const FIGURES = {
    loss: "loss, validation", train_loss: "loss, training", accuracy: "accuracy", base_accuracy: "accuracy of the commonest class",
    balanced_accuracy: "balanced accuracy", least_recall: "recall of the worst class", f1: "mean F1", auc: "AUC", mse: "mse", rmse: "rmse",
    mae: "mae", last_value_mse: "mse of the last value", bits: "bits per symbol", grad_norm: "norm of the gradient", lr: "learning rate",
};

function curvesSection(runs) {
    const names = [];
    for (const run of runs)
        for (const name of run.metrics.columns)
            if (!["step", "seconds"].includes(name) && !names.includes(name))
                names.push(name);
    const view = KEPT.curves;
    const column = (run, name) => {
        const i = run.metrics.columns.indexOf(name);
        return run.metrics.rows.map(row => i < 0 || row[i] === null ? NaN : row[i]);
    };
    const charts = names.map(name => {
        const series = runs.map((run, i) => ({name: run.name, colour: i, run}))
            .filter(s => s.run.metrics.columns.includes(name))
            .map(s => ({...s, y: column(s.run, name), get x() { return column(s.run, view.across === "seconds" ? "seconds" : "step"); }}));
        return curveChart(FIGURES[name] || name, series, view);
    });
    const timed = runs.filter(run => run.metrics.columns.includes("seconds") && run.metrics.rows.length > 0);
    const redraw = fresh => charts.forEach(chart => chart.redraw(fresh));
    const bar = make("div", {class: "bar"},
        make("label", {}, make("input", {type: "checkbox", class: "log", checked: view.log, change: e => { view.log = e.target.checked; redraw(false); }}),
             "logarithmic"),
        timed.length ? make("label", {}, "over ", make("select", {class: "across", change: e => { view.across = e.target.value; redraw(true); }},
             make("option", {value: "updates"}, "updates"), make("option", {value: "seconds"}, "seconds"))) : null,
        make("span", {class: "faint"}, "Hover for numbers; drag to zoom in, double click to zoom out."));
    if (bar.querySelector(".across"))
        bar.querySelector(".across").value = view.across;
    const key = runs.length > 1 ? make("ul", {class: "key"}, runs.map((run, i) => make("li", {},
        make("i", {style: `border-color: ${colour(i)}; border-top-style: ${dashes(i) ? "dashed" : "solid"}`}), shown(run.name)))) : null;
    return make("section", {id: "curves"}, make("h2", {}, "How it learned"),
        names.length ? [bar, key, make("div", {class: "charts"}, charts)].filter(Boolean)
                     : make("p", {class: "faint"}, "No evaluation has been made yet."));
}
