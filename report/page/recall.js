/* The recall explorer: a sequence above the map of what each of its steps recalled.
 *
 * The map is drawn anew from the reads (reads.js) for what is in view, so no zoom level costs more than the reads it shows. */

const NARROW = 560; /* a phone, where a year that all times have is left out */
const MAP = {left: 58, times: 132, shortTimes: 92, right: 10, strip: 74, arcs: 90, gap: 8, map: 380, bottom: 30};

function recallExplorer(run) {
    const recall = run.recall;
    const hasTimes = recall.sequence.some(s => s.times);
    const M = {...MAP};
    const hasFlow = recall.layers.some(layer => layer.flow);
    const before = KEPT.explorers[run.name]; /* of a page that follows a run: what was looked at stays */
    const view = before && before.T === recall.T && (before.which === "all" || before.which < recall.sequences) ? before :
        {which: 0, layer: recall.layers.length - 1, value: "alpha", least: 0, rows: "all", x: [0, recall.T], y: [0, recall.T], t: null,
         T: recall.T};
    const isKept = view === before;
    KEPT.explorers[run.name] = view;
    const canvas = make("canvas", {tabindex: 0, role: "img", "aria-label": "map of what each step recalled; arrow keys go from step to step"});
    const list = make("div", {class: "recalled", "aria-live": "polite"});
    const root = make("div", {class: "explorer"});
    let pan = null, width = 0, reads = null, peak = 0;

    const length = () => view.which === "all" ? Math.max(...recall.lengths) : recall.lengths[view.which];
    const isShown = () => view.rows === "all" ? null : (b, t) => recall.sequence[b].scored[t - 1];
    const counts = t => view.which === "all" ? recall.sequence.some(s => t <= s.length && s.scored[t - 1])
                                             : recall.sequence[view.which].scored[t - 1];
    const rowVisible = t => view.rows === "all" || counts(t);

    /* ---- geometry: steps t from 1 have the range t-1..t on either axis ---- */
    const plotWidth = () => width - M.left - M.right;
    const toX = step => M.left + (step - view.x[0]) / (view.x[1] - view.x[0]) * plotWidth();
    const mapTop = () => M.strip + M.arcs + M.gap;
    const toY = step => mapTop() + (step - view.y[0]) / (view.y[1] - view.y[0]) * M.map;
    const fromX = px => view.x[0] + (px - M.left) / plotWidth() * (view.x[1] - view.x[0]);
    const fromY = py => view.y[0] + (py - mapTop()) / M.map * (view.y[1] - view.y[0]);

    /* With "scored" the rows are those steps only: the y axis counts rows, whose steps stand here. */
    let rowSteps = [];
    function choose(keepsZoom) {
        reads = readsOf(recall.layers[view.layer], recall, view.which);
        rowSteps = [];
        for (let t = 1; t <= length(); t++)
            if (rowVisible(t))
                rowSteps.push(t);
        if (keepsZoom !== true) {
            view.x = [0, length()];
            view.y = [0, Math.max(1, rowSteps.length)];
        }
        if (view.t !== null && (view.t > length() || !rowVisible(view.t)))
            view.t = null;
        draw();
    }
    const rowOf = t => {
        let [low, high] = [0, rowSteps.length];
        while (low < high) {
            const middle = (low + high) >> 1;
            if (rowSteps[middle] < t) low = middle + 1; else high = middle;
        }
        return low;
    };

    /* ---- drawing ---- */
    const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

    /* The cells of the map in view: sums per bin, a bin being a pixel or a step, whichever is larger. */
    function bins() {
        const columns = Math.max(1, Math.min(Math.round(plotWidth()), Math.ceil(view.x[1] - view.x[0])));
        const rows = Math.max(1, Math.min(M.map, Math.ceil(view.y[1] - view.y[0])));
        const cell = new Float64Array(rows * columns), seen = new Float64Array(rows);
        const shownOnly = isShown();
        const from = Math.max(0, Math.floor(view.y[0])), to = Math.min(rowSteps.length, Math.ceil(view.y[1]));
        for (let row = from; row < to; row++) {
            const r = Math.min(rows - 1, Math.max(0, Math.floor((row + 0.5 - view.y[0]) / (view.y[1] - view.y[0]) * rows)));
            seen[r]++;
            reads.each(rowSteps[row], shownOnly, (when, alpha, flow) => {
                const value = view.value === "alpha" ? alpha : flow;
                const c = Math.floor((when - 0.5 - view.x[0]) / (view.x[1] - view.x[0]) * columns);
                if (Math.abs(value) >= view.least && c >= 0 && c < columns && when > 0)
                    cell[r * columns + c] += value;
            });
        }
        for (let r = 0; r < rows; r++)
            for (let c = 0; c < columns; c++)
                cell[r * columns + c] /= seen[r] || 1;
        return {rows, columns, cell};
    }

    function drawMap(context) {
        const {rows, columns, cell} = bins();
        peak = 0;
        for (const value of cell)
            peak = Math.max(peak, Math.abs(value));
        const low = css("--heat-low").split(",").map(Number), high = css("--heat-high").split(",").map(Number);
        const image = new ImageData(columns, rows);
        for (let i = 0; i < cell.length; i++) {
            const share = peak > 0 ? Math.sqrt(Math.abs(cell[i]) / peak) : 0;
            for (let k = 0; k < 3; k++)
                image.data[4 * i + k] = low[k] + share * (high[k] - low[k]);
            image.data[4 * i + 3] = 255;
        }
        const picture = document.createElement("canvas");
        picture.width = columns;
        picture.height = rows;
        picture.getContext("2d").putImageData(image, 0, 0);
        context.imageSmoothingEnabled = false;
        context.drawImage(picture, M.left, mapTop(), plotWidth(), M.map);
        context.strokeStyle = css("--line");
        context.strokeRect(M.left - 0.5, mapTop() - 0.5, plotWidth() + 1, M.map + 1);
    }

    /* A step by its number, or by the time or row that it has in a table. */
    function stepName(t) {
        const times = view.which === "all" ? null : recall.sequence[view.which].times;
        if (!times || !times[t - 1])
            return number(t);
        const year = /^\d{4}-/.exec(times[0]), text = shown(times[t - 1]).slice(0, 19);
        return width < NARROW && year && times.every(time => !time || time.startsWith(year[0])) ? text.slice(5) : text;
    }

    /* Where ticks stand on the axes, with their text; of rows, those of the steps. */
    function xTicks() {
        const list = ticks(view.x[0], view.x[1], Math.max(hasTimes ? 2 : 3, plotWidth() / (hasTimes ? 160 : 90)), true).filter(v => v >= 1);
        if (list.length === 0) /* no round step has room: one in the middle */
            list.push(Math.max(1, Math.round((view.x[0] + view.x[1]) / 2)));
        return list.map(v => [v - 0.5, stepName(v)]);
    }
    function yTicks() {
        const first = rowSteps[0] || 1, last = rowSteps[rowSteps.length - 1] || 1;
        if (last - first + 1 === rowSteps.length) /* no step is left out */
            return ticks(view.y[0] + first, view.y[1] + first - 1, 8, true).map(t => [rowOf(t) + 0.5, stepName(t)]);
        return ticks(view.y[0], view.y[1], 8, true).filter(v => v < rowSteps.length).map(v => [v + 0.5, stepName(rowSteps[v])]);
    }

    function drawAxes(context) {
        context.fillStyle = css("--faint");
        context.font = "11px system-ui, sans-serif";
        context.textAlign = "center";
        for (const [at, text] of xTicks())
            context.fillText(text, toX(at), mapTop() + M.map + 13);
        context.fillText("step recalled", M.left + plotWidth() / 2, mapTop() + M.map + 27);
        context.textAlign = "right";
        for (const [at, text] of yTicks())
            context.fillText(text, M.left - 6, toY(at) + 4);
        context.save();
        context.translate(12, mapTop() + M.map / 2);
        context.rotate(-Math.PI / 2);
        context.textAlign = "center";
        context.fillText(view.rows === "all" ? "step" : "step with an answer", 0, 0);
        context.restore();
    }

    const drawStrip = sequenceStrip(run, recall, view, {M, toX, plotWidth, css});

    /* Arcs from the chosen step back to where its memories were written. */
    function drawArcs(context, entries) {
        const base = M.strip + M.arcs;
        const most = entries.length ? Math.abs(entries[0][view.value]) : 0;
        for (const entry of entries) {
            if (entry.when < 1)
                continue;
            const a = toX(entry.when - 0.5), b = toX(view.t - 0.5);
            context.globalAlpha = 0.25 + 0.75 * Math.abs(entry[view.value]) / (most || 1);
            context.strokeStyle = css("--accent");
            context.lineWidth = 0.6 + 3 * Math.abs(entry[view.value]) / (most || 1);
            context.beginPath();
            context.moveTo(b, base);
            context.bezierCurveTo(b, base - M.arcs * 1.15, a, base - M.arcs * 1.15, a, base);
            context.stroke();
        }
        context.globalAlpha = 1;
        context.lineWidth = 1;
        context.fillStyle = css("--accent");
        context.fillRect(toX(view.t - 1), M.strip - 4, Math.max(2, toX(view.t) - toX(view.t - 1)), 4);
        const y = toY(rowOf(view.t));
        context.strokeStyle = css("--accent");
        context.strokeRect(M.left - 0.5, y - 0.5, plotWidth() + 1, Math.max(2, toY(rowOf(view.t) + 1) - y) + 1);
    }

    const chosen = () => view.t === null ? [] : reads.list(view.t, isShown(), view.value).filter(e => Math.abs(e[view.value]) >= view.least);

    function draw() {
        const ratio = window.devicePixelRatio || 1;
        const height = mapTop() + M.map + M.bottom;
        width = Math.max(280, root.clientWidth || 800);
        M.left = !hasTimes ? MAP.left : width < NARROW ? MAP.shortTimes : MAP.times;
        canvas.width = width * ratio;
        canvas.height = height * ratio;
        canvas.style.height = height + "px";
        const context = canvas.getContext("2d");
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.clearRect(0, 0, width, height);
        context.save();
        context.beginPath();
        context.rect(M.left - 1, 0, plotWidth() + 2, height);
        context.clip();
        drawStrip(context);
        drawMap(context);
        const entries = chosen();
        if (view.t !== null)
            drawArcs(context, entries);
        context.restore();
        drawAxes(context);
        describe(entries);
    }

    /* Beside an image, which is marked. */
    let picture = null, pictured = null;
    function show(...children) {
        const sequence = view.which === "all" ? null : recall.sequence[view.which];
        if (!run.image || !sequence || sequence.length !== (run.image.by === "row" ? run.image.rows : run.image.rows * run.image.cols)) {
            list.replaceChildren(...children);
            return;
        }
        if (pictured !== sequence)
            [picture, pictured] = [pictureOf(run, sequence), sequence];
        picture.mark(view.t, view.t === null ? [] : chosen(), view.value);
        list.replaceChildren(make("div", {class: "beside"}, picture, make("div", {}, children)));
    }

    /* The numbers of the chosen step, for eyes and for screen readers. */
    function describe(entries) {
        if (view.t === null) {
            show(make("p", {class: "faint"}, "Point at a step, or use the arrow keys. The wheel with Ctrl, or two fingers, " +
                "zooms; dragging moves; a double click shows all. The stronger the colour, the more: full colour is " + number(peak, 3) + "."));
            return;
        }
        const one = view.which === "all" ? null : recall.sequence[view.which];
        const head = make("p", {}, make("strong", {}, "Step " + number(view.t)),
            one ? (stepText(run, one, view.t) ? " \u00b7 " + stepText(run, one, view.t) : "") : ", mean over the sequences that last so long");
        const rows = entries.slice(0, 12).map(e => [e.when < 1 ? "zeros" : e.when, e.when < 1 ? null : view.t - e.when,
            one && e.when > 0 ? stepText(run, one, e.when) : "", e.alpha, hasFlow ? e.flow : null]);
        const columns = [{name: "recalled step", number: true}, {name: "steps back", number: true}, {name: "what it held"},
                         {name: "weight", number: true}];
        if (hasFlow)
            columns.push({name: "gradient that came back", number: true, digits: 3});
        show(head, rows.length ? table(columns, rows) : make("p", {class: "faint"}, "It recalled nothing" +
            (view.least > 0 ? " of at least this weight." : ".")));
        if (entries.length > 12)
            list.lastChild.append(make("p", {class: "faint"}, "and " + (entries.length - 12) + " weaker ones"));
    }

    /* ---- by hand ---- */
    function point(t) {
        if (t !== view.t) {
            view.t = t;
            draw();
        }
    }
    const local = event => {
        const box = canvas.getBoundingClientRect();
        return [(event.clientX - box.left) / box.width * width, event.clientY - box.top];
    };
    function limit(range, most) {
        const size = Math.min(most, Math.max(Math.min(8, most), range[1] - range[0]));
        const begin = Math.min(most - size, Math.max(0, range[0]));
        return [begin, begin + size];
    }
    function zoomAt(px, py, factor) {
        const x = fromX(px), y = fromY(Math.max(mapTop(), py));
        view.x = limit([x - (x - view.x[0]) * factor, x + (view.x[1] - x) * factor], length());
        view.y = limit([y - (y - view.y[0]) * factor, y + (view.y[1] - y) * factor], Math.max(1, rowSteps.length));
        draw();
    }
    canvas.addEventListener("pointermove", event => {
        const [px, py] = local(event);
        if (pan) {
            view.x = limit(pan.x.map(v => v - (px - pan.px) / plotWidth() * (pan.x[1] - pan.x[0])), length());
            view.y = limit(pan.y.map(v => v - (py - pan.py) / M.map * (pan.y[1] - pan.y[0])), Math.max(1, rowSteps.length));
            draw();
        } else if (py >= mapTop() && py < mapTop() + M.map && px >= M.left && rowSteps.length) {
            point(rowSteps[Math.min(rowSteps.length - 1, Math.max(0, Math.floor(fromY(py))))]);
        } else if (py < M.strip && px >= M.left) {
            const t = Math.min(length(), Math.max(1, Math.ceil(fromX(px))));
            if (rowVisible(t))
                point(t);
        }
    });
    canvas.addEventListener("pointerdown", event => {
        if (event.pointerType === "mouse" && event.button === 0) {
            const [px, py] = local(event);
            pan = {px, py, x: [...view.x], y: [...view.y]};
            canvas.setPointerCapture(event.pointerId);
        }
    });
    canvas.addEventListener("pointerup", () => { pan = null; });
    canvas.addEventListener("dblclick", () => { choose(); });
    canvas.addEventListener("wheel", event => {
        if (event.ctrlKey || event.metaKey) {
            event.preventDefault();
            zoomAt(...local(event), Math.exp(Math.max(-50, Math.min(50, event.deltaY)) / 100));
        }
    }, {passive: false});
    canvas.addEventListener("keydown", event => {
        const move = {ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1}[event.key];
        if (move && rowSteps.length) {
            event.preventDefault();
            const at = view.t === null ? (move > 0 ? -1 : rowSteps.length) : rowOf(view.t);
            point(rowSteps[Math.min(rowSteps.length - 1, Math.max(0, at + move))]);
        } else if (event.key === "+" || event.key === "-") {
            zoomAt(M.left + plotWidth() / 2, mapTop() + M.map / 2, event.key === "+" ? 0.7 : 1.4);
        } else if (event.key === "Escape") {
            point(null);
        }
    });

    /* ---- what can be taken away ---- */
    function csv() {
        const lines = ["sequence,layer,t,when,alpha,flow"];
        const layer = recall.layers[view.layer];
        for (let b = 0; b < recall.sequences; b++)
            if (view.which === "all" || view.which === b)
                for (const t of rowSteps)
                    if (t <= recall.lengths[b] && rowOf(t) >= Math.floor(view.y[0]) && rowOf(t) < view.y[1])
                        for (let i = layer.first[b * recall.T + t - 1]; i < layer.first[b * recall.T + t]; i++)
                            if (Math.abs(view.value === "alpha" ? layer.alpha[i] : layer.flow[i]) >= view.least)
                                lines.push([b + 1, view.layer + 1, t, layer.when[i], layer.alpha[i], layer.flow ? layer.flow[i] : ""].join(","));
        return lines.join("\n") + "\n";
    }
    function svg() {
        const {rows, columns, cell} = bins();
        const escape = text => text.replace(/[&<>"]/g, c => ({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})[c]);
        const out = [`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${M.map + 60}" font-family="sans-serif" font-size="11">`,
                     `<rect width="100%" height="100%" fill="white"/>`, `<text x="${M.left}" y="14">${escape(shown(run.name))}</text>`];
        const top = 22 - mapTop();
        const [w, h] = [plotWidth() / columns, M.map / rows];
        for (let r = 0; r < rows; r++)
            for (let c = 0; c < columns; c++) {
                const share = peak > 0 ? Math.sqrt(Math.abs(cell[r * columns + c]) / peak) : 0;
                if (share > 0.02)
                    out.push(`<rect x="${(M.left + c * w).toFixed(2)}" y="${(22 + r * h).toFixed(2)}" width="${w.toFixed(2)}" ` +
                             `height="${h.toFixed(2)}" fill="rgb(11,72,122)" fill-opacity="${share.toFixed(3)}"/>`);
            }
        out.push(`<rect x="${M.left}" y="22" width="${plotWidth()}" height="${M.map}" fill="none" stroke="#888"/>`);
        for (const [at, text] of xTicks())
            out.push(`<text x="${toX(at).toFixed(1)}" y="${22 + M.map + 14}" text-anchor="middle">${text}</text>`);
        for (const [at, text] of yTicks())
            out.push(`<text x="${M.left - 6}" y="${(toY(at) + top + 4).toFixed(1)}" text-anchor="end">${text}</text>`);
        out.push(`<text x="${M.left + plotWidth() / 2}" y="${22 + M.map + 30}" text-anchor="middle">step recalled</text>`,
                 `<text transform="translate(12 ${22 + M.map / 2}) rotate(-90)" text-anchor="middle">` +
                 `${view.rows === "all" ? "step" : "step with an answer"}</text>`, "</svg>");
        return out.join("\n");
    }

    const option = (value, text) => make("option", {value}, text);
    const choice = (name, label, options, change) => make("label", {}, label + " ", make("select", {class: name, change}, options));
    const least = make("output", {}, "0");
    const bar = make("div", {class: "bar"},
        choice("which", "sequence", [...recall.sequence.map((s, b) => option(b, String(b + 1))),
               recall.sequences > 1 ? option("all", "mean of all " + recall.sequences) : null],
               e => { view.which = e.target.value === "all" ? "all" : Number(e.target.value); choose(); }),
        recall.layers.length > 1 ? choice("layer", "layer", recall.layers.map((l, i) => option(i, String(i + 1))),
               e => { view.layer = Number(e.target.value); choose(); }) : null,
        hasFlow ? choice("value", "colour", [option("alpha", "weight"), option("flow", "gradient")],
               e => { view.value = e.target.value; draw(); }) : null,
        choice("rows", "rows", [option("all", "all steps"), option("scored", "steps with an answer")],
               e => { view.rows = e.target.value; choose(); }),
        make("label", {}, "at least ", make("input", {type: "range", class: "least", min: 0, max: 100, value: 0, input: e => {
            const share = Number(e.target.value) / 100;
            view.least = share === 0 ? 0 : share * share * (view.value === "alpha" ? 1 : peak);
            least.textContent = number(view.least, 2);
            draw();
        }}), least),
        make("button", {type: "button", class: "save-svg", click: () => save("recall.svg", "image/svg+xml", svg())}, "SVG"),
        make("button", {type: "button", class: "save-csv", click: () => save("recall.csv", "text/csv", csv())}, "CSV"));
    for (const name of ["which", "layer", "value", "rows"])
        if (bar.querySelector("." + name))
            bar.querySelector("." + name).value = view[name];
    root.append(bar, canvas, list);
    root.redraw = draw;
    root.export = {svg, csv};
    if (recall.layers.some(layer => layer.kept))
        root.append(make("p", {class: "faint"}, "Of each read, the " + recall.layers.find(layer => layer.kept).kept +
            " strongest memories are in this file."));
    new ResizeObserver(() => root.clientWidth && Math.abs(root.clientWidth - width) > 1 && draw()).observe(root);
    choose(isKept);
    return root;
}
