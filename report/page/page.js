/* Puts the page together from the document in #report. */

function section(id, title, ...children) {
    return make("section", {id}, make("h2", {}, title), ...children);
}

/* The option's value, which is text. */
function option(run, name) {
    return run.options[name];
}

/* How far it came: what the options asked for beside what was done. */
function progress(run) {
    const {columns, rows} = run.metrics;
    const steps = Number(option(run, "steps"));
    if (!rows.length)
        return run.digest ? null : "begun; no evaluation yet";
    const done = rows[rows.length - 1][columns.indexOf("step")];
    return number(done) + " of " + number(steps) + " updates at the last evaluation";
}

function network(run) {
    const kind = option(run, "model");
    return (kind === "recurrent" ? option(run, "cell") : kind) + ", " + option(run, "layers") +
        (option(run, "layers") === "1" ? " layer of " : " layers of ") + option(run, "hidden") +
        (kind === "recurrent" ? ", credit " + option(run, "credit") : "");
}

/* What a run was: a few lines that answer the first questions. */
function summary(run) {
    const lines = [];
    const add = (name, value) => value !== null && value !== undefined && value !== "" && lines.push([name, value]);
    const {columns, rows} = run.metrics;
    add("task", option(run, "task"));
    add("network", network(run));
    add("weights", run.parameters && number(run.parameters) + " numbers");
    add("digest", run.digest && make("code", {}, run.digest));
    add("progress", progress(run));
    if (rows.length && columns.includes("seconds"))
        add("time", duration(rows[rows.length - 1][columns.indexOf("seconds")]));
    return table([{name: "run"}, {name: run.name}], lines);
}

/* A command line that a shell takes as it is. */
function command(run) {
    const word = text => /^[-\w./,:=+@%]+$/.test(text) ? text : "'" + text.replaceAll("'", "'\\''") + "'";
    const words = run.changed.filter(([name]) => !["task", "out"].includes(name)).map(([name, value]) => `--${name} ${word(value)}`);
    return ["sab train", word(option(run, "task")), ...words].join(" ");
}

/* What was understood of the data, as sab train and sab inspect say it. */
function understood(run) {
    const warnings = (run.warnings || []).map(text => make("p", {class: "warn"}, "Warning: ", sentence(text)));
    if ((!run.data || !run.data.length) && !warnings.length)
        return null;
    return [make("h3", {}, "What it learned from"), run.data && run.data.length ? table([{name: "data"}, {name: ""}], run.data) : null, ...warnings];
}

function figures(run) {
    const e = run.evaluation;
    if (!e)
        return make("p", {class: "warn"}, "Nothing was measured for this report: " + shown(run.note || "there is no model yet") + ".");
    const parts = [make("p", {class: "faint"}, `Measured for this report on ${number(e.scored)} positions of the ${e.split} part.`),
                   table([{name: "figure"}, {name: "value", number: true, digits: 5}, {name: "what it is"}],
                         e.figures.map(f => [f.name, f.value, f.help]))];
    if (e.outputs) {
        const ofQuantiles = ["level", "not_above", "pinball"]; /* the other figures are the target's, and stand with each of its quantiles */
        const names = [...new Set(e.outputs.flatMap(Object.keys))].filter(name => e.outputs.some(figures => Number.isFinite(figures[name])));
        const figuresOf = (title, first, chosen, every, nameOf) => {
            const rows = e.outputs.map((figures, o) => [nameOf(run, o), ...chosen.map(name => figures[name] ?? null)]);
            parts.push(make("h3", {}, title), table([{name: first}, ...chosen.map(name => ({name, number: true}))],
                                                    rows.filter((row, o) => o % every === 0), true));
        };
        figuresOf(isValues(run) ? "Target by target" : "Class by class", isValues(run) ? "target" : "class",
                  names.filter(name => !ofQuantiles.includes(name)), quantileCount(run), targetText);
        if (quantileCount(run) > 1)
            figuresOf("Quantile by quantile", "quantile", ofQuantiles.filter(name => names.includes(name)), 1, outputText);
    }
    if (e.confusion && e.confusion.length <= 40)
        parts.push(make("h3", {}, "Which class was taken for which"), confusion(run, e));
    return parts;
}

function isValues(run) {
    return ["mse", "quantile"].includes(run.shape.loss);
}

function outputText(run, o) {
    return run.shape.loss === "cross_entropy" ? className(run, o) : outputName(run, o);
}

function quantileCount(run) {
    return run.shape.loss === "quantile" ? option(run, "quantiles").split(",").length : 1;
}

/* Of the first output of a target; where it has quantiles, without which of them. */
function targetText(run, o) {
    return quantileCount(run) > 1 ? outputText(run, o).replace(/_q[0-9.e-]+$/, "") : outputText(run, o);
}

function confusion(run, e) {
    const names = e.confusion.map((row, o) => className(run, o));
    const head = make("tr", {}, make("th", {}, "label \\ answer"), names.map(name => make("th", {}, name)));
    const body = e.confusion.map((row, i) => {
        const sum = row.reduce((a, b) => a + b, 0);
        return make("tr", {}, make("th", {scope: "row"}, names[i]), row.map((count, j) => {
            const share = sum ? Math.round(count / sum * 60) : 0;
            const style = count ? `background: color-mix(in srgb, var(--${i === j ? "good" : "warn"}) ${share}%, transparent)` : null;
            return make("td", {style, title: `${number(count / (sum || 1) * 100, 3)} % of ${number(sum)}`}, number(count));
        }));
    });
    return make("div", {class: "wide"}, make("table", {class: "confusion"}, make("thead", {}, head), make("tbody", {}, body)));
}

/* Forecasts beside the truth, for the sequence chosen: a chart for each value, in which its quantiles are lines, with a band from the lowest to the highest. */
function forecasts(run) {
    if (!run.sequences || !run.sequences.length || !run.sequences[0].targets)
        return null;
    const holder = make("div", {class: "charts"});
    const O = run.sequences[0].targetCount;
    const each = quantileCount(run);
    const draw = b => holder.replaceChildren(...[...Array(Math.min(Math.floor(O / each), 6)).keys()].map(k =>
        forecastChart(run, run.sequences[b], k * each, each)));
    draw(0);
    const choice = make("select", {change: e => draw(Number(e.target.value))},
                        run.sequences.map((s, b) => make("option", {value: b}, String(b + 1))));
    const line = (colour, text) => make("li", {}, make("i", {style: `border-color: var(${colour})`}), text);
    return [make("h3", {}, "Answers beside the truth"),
            make("div", {class: "bar"}, make("label", {}, "sequence ", choice),
                 make("ul", {class: "key"}, line("--s7", "truth"), line("--s0", each > 1 ? "quantiles" : "answer"))), holder];
}

function forecastChart(run, s, first, count) {
    const O = s.targetCount;
    const steps = [...Array(s.length).keys()].filter(t => s.scored[t]);
    const line = (name, colour, values, o) => ({name, colour, x: steps.map(t => t + 1), y: steps.map(t => values[t * O + o])});
    const answers = [...Array(count).keys()].map(i => line(count > 1 ? outputName(run, first + i) : "answer", 0, s.outputs, first + i));
    if (count > 1)
        answers[0].bandTo = answers[count - 1];
    return curveChart(targetText(run, first), [line("truth", 7, s.targets, first), ...answers],
                      {log: false, across: "step"});
}

function configuration(run) {
    const parts = [];
    parts.push(make("p", {}, "To train it again:"), make("pre", {class: "command"}, command(run).split(" ").flatMap((word, i) => [i ? " " : "", make("span", {}, shown(word))])));
    if (run.changed.length)
        parts.push(table([{name: "option"}, {name: "value"}, {name: "default"}, {name: "what it is"}], run.changed));
    else
        parts.push(make("p", {}, "Every option has its default."));
    return parts;
}

/* Several runs beside each other: results, and the options in which they differ. */
function comparison(runs) {
    const differing = [];
    for (const name of Object.keys(runs[0].options))
        if (name !== "out" && runs.some(run => run.options[name] !== runs[0].options[name]))
            differing.push(name);
    const last = run => {
        const values = {};
        run.metrics.columns.forEach((c, i) => { values[c] = run.metrics.rows.length ? run.metrics.rows[run.metrics.rows.length - 1][i] : null; });
        return values;
    };
    const columns = [...new Set(runs.flatMap(run => run.metrics.columns))].filter(c => !["lr", "grad_norm", "base_accuracy"].includes(c));
    const rows = runs.map(run => {
        const values = last(run);
        const own = differing.map(name => /^-?[0-9.]+(e[-+]?[0-9]+)?$/.test(run.options[name]) ? Number(run.options[name]) : run.options[name]);
        return [run.name, ...own, ...columns.map(c => values[c] ?? null), run.digest ? run.digest.slice(0, 8) : null];
    });
    return section("comparison", "The runs", make("p", {class: "faint"}, "Last evaluation of each; options in which they differ. A click on a head sorts."),
        table([{name: "run"}, ...differing.map(name => ({name, number: rows.every(r => typeof r[differing.indexOf(name) + 1] === "number")})),
               ...columns.map(name => ({name, number: true})), {name: "weights"}], rows, true));
}

function runSections(run, index, many, isServed) {
    const parts = [];
    if (many)
        parts.push(make("h2", {class: "run"}, shown(run.name)));
    parts.push(section(many ? null : "summary", "What it is", summary(run), understood(run)));
    parts.push(section(many ? null : "result", "How good it is", figures(run), forecasts(run)));
    if (run.recall) {
        const explorer = recallExplorer(run);
        const holder = make("div", {}, explorer);
        const showOwn = own => { const mine = recallExplorer(own); holder.replaceChildren(mine); mine.redraw(); };
        parts.push(section(many ? null : "recall", "What it recalls",
            make("p", {class: "faint"}, `A row is a step, a column the step whose state it recalled; sequences of the ${run.recall.split} part.`),
            isServed && (!(run.data && run.data.length) || option(run, "task") === "text") ? ownSequence(run, index, showOwn) : null, holder));
        setTimeout(() => explorer.redraw(), 0);
    } else if (run.recallNote) {
        parts.push(section(many ? null : "recall", "What it recalls", make("p", {class: "faint"}, shown(run.recallNote))));
    }
    parts.push(section(many ? null : "configuration", "How it was made", configuration(run)));
    return parts;
}

function setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    document.querySelectorAll(".explorer").forEach(explorer => explorer.redraw());
}

function page(report) {
    report.runs.forEach(unpackRecall);
    const many = report.runs.length > 1;
    const main = make("main", {},
        make("div", {class: "top"}, make("h1", {}, many ? report.runs.length + " runs" : shown(report.runs[0].name)),
             make("button", {type: "button", class: "theme", click: () =>
                 setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark")}, "light / dark")),
        make("p", {class: "faint"}, `Drawn by sab ${report.version}.`,
             report.stamp ? make("span", {id: "following"}, " It follows the run while it goes.") : null));
    document.body.replaceChildren(main);
    if (many)
        main.append(comparison(report.runs));
    main.append(curvesSection(report.runs));
    for (const run of report.runs)
        main.append(...runSections(run, report.runs.indexOf(run), many, Boolean(report.stamp)));
}

/* Asks for news as long as the program that serves the page is there. */
function follow(report) {
    const SECONDS = 2;
    let stamp = report.stamp;
    const ask = async () => {
        let answer;
        try {
            answer = await fetch("report.json?seen=" + stamp);
            if (answer.status === 200) {
                const news = await answer.json();
                stamp = news.stamp;
                const at = window.scrollY;
                page(news);
                window.scrollTo(0, at);
            } else if (answer.status !== 204) {
                document.getElementById("following").textContent = " It cannot be drawn anew: " + shown(await answer.text());
            }
        } catch {
            document.getElementById("following").textContent = " The program that served it has ended: this is what it last showed.";
            return;
        }
        setTimeout(ask, SECONDS * 1000);
    };
    setTimeout(ask, SECONDS * 1000);
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");
setTheme(dark.matches ? "dark" : "light");
dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
window.addEventListener("beforeprint", () => setTheme("light"));
const first = JSON.parse(document.getElementById("report").textContent);
page(first);
if (first.stamp)
    follow(first);
