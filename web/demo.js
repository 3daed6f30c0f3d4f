/* The page around demo.c: trains in small pieces, so that the page stays alive, and shows what is learned. base.js and curves.js are the report's. */

/* What is trained; learned in a minute. The command that does the same on a PC is made of it too. */
const OPTIONS = {T: 30, hidden: 32, "k-trunc": 10, lr: 0.02, schedule: "constant", warmup: 50, curriculum: 200, batch: 16};
const PIECE_MS = 30, LOOK_MS = 500, LENGTH = 10 /* symbols to be copied */, PERFECT_LOOKS = 4 /* until it has learned */;

/* The program in the page. Of a system it has a clock; everything else is refused. */
async function loadEngine() {
    const NOTHING = 52, NO_FILE = 8; /* of WASI's errors */
    const module = await WebAssembly.compile(unpack(WASM, Uint8Array));
    const imports = {};
    let memory = null;
    for (const {module: from, name} of WebAssembly.Module.imports(module))
        (imports[from] ??= {})[name] = () => name === "fd_prestat_get" ? NO_FILE : NOTHING;
    imports.wasi_snapshot_preview1.clock_time_get = (clock, precision, at) => {
        new DataView(memory.buffer).setBigUint64(at, BigInt(Math.round(performance.now() * 1e6)), true);
        return 0;
    };
    const engine = (await WebAssembly.instantiate(module, imports)).exports;
    memory = engine.memory;
    engine._initialize();
    return engine;
}

function textAt(engine, at) {
    const bytes = new Uint8Array(engine.memory.buffer, at);
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}

function begin(engine, seed) {
    const bytes = new TextEncoder().encode(`task=copy cpu=ref threads=1 seed=${seed}` +
        Object.entries(OPTIONS).map(([name, value]) => ` ${name}=${value}`).join("") + "\0");
    new Uint8Array(engine.memory.buffer, engine.sab_demo_text(), engine.sab_demo_text_cap()).set(bytes);
    check(engine, engine.sab_demo_begin());
}

function check(engine, status) {
    if (status !== 0)
        throw new Error(textAt(engine, engine.sab_demo_error()));
}

/* ---- what is seen ---- */

function symbolTable(engine) {
    const steps = engine.sab_demo_steps();
    const row = i => new Int32Array(engine.memory.buffer, engine.sab_demo_sequence(i), steps);
    const [read, asked, said] = [row(0), row(1), row(2)];
    const line = (name, list) => make("tr", {}, make("th", {scope: "row"}, name), list);
    const cells = (values, from, kind) => [...values.slice(from, from + LENGTH)].map((v, i) => make("td", {class: "number " + kind(from + i)}, String(v)));
    return make("table", {class: "symbols"},
        line("read", cells(read, 0, () => "")),
        line("said", cells(said, steps - LENGTH, t => said[t] === asked[t] ? "right" : "wrong")));
}

/* Rows: the steps with an answer; columns: the step recalled. The strongest colour is all of a step's weight. */
const MAP = {left: 46, right: 8, top: 6, bottom: 40, height: 230};
function drawMap(canvas, engine) {
    const steps = engine.sab_demo_steps(), first = steps - LENGTH;
    const map = new Float32Array(engine.memory.buffer, engine.sab_demo_map(), steps * steps);
    const style = getComputedStyle(document.documentElement), ratio = window.devicePixelRatio || 1;
    const width = canvas.parentNode.clientWidth, {left, right, top, bottom, height} = MAP;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.height = height + "px";
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const w = (width - left - right) / steps, h = (height - top - bottom) / LENGTH;
    context.fillStyle = `rgb(${style.getPropertyValue("--heat-high")})`;
    for (let i = 0; i < LENGTH; i++)
        for (let when = 0; when < steps; when++) {
            context.globalAlpha = Math.sqrt(Math.min(1, map[(first + i) * steps + when]));
            context.fillRect(left + when * w, top + i * h, w + 0.3, h + 0.3);
        }
    context.globalAlpha = 1;
    context.strokeStyle = style.getPropertyValue("--line");
    context.strokeRect(left, top, steps * w, LENGTH * h);
    context.strokeStyle = style.getPropertyValue("--s1"); /* where the symbol that is asked for was read */
    for (let i = 0; i < LENGTH; i++)
        context.strokeRect(left + i * w + 0.5, top + i * h + 0.5, w - 1, h - 1);
    context.fillStyle = style.getPropertyValue("--faint");
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "center";
    for (let t = 10; t <= steps; t += 10)
        context.fillText(t, left + (t - 0.5) * w, top + LENGTH * h + 14);
    context.fillText("step recalled", left + steps * w / 2, top + LENGTH * h + 30);
    context.textAlign = "right";
    for (let i = 0; i < LENGTH; i += 3)
        context.fillText(first + i + 1, left - 5, top + (i + 0.5) * h + 4);
    context.save();
    context.translate(11, top + LENGTH * h / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText("step that answers", 0, 0);
    context.restore();
}

/* ---- what is done ---- */

async function main() {
    const engine = await loadEngine();
    const state = window.demo = {running: false, seed: 1, digests: [], perfect: 0, spent: 0}; /* read by the tests */
    const loss = {name: "loss", colour: 0, x: [], y: []}, accuracy = {name: "accuracy", colour: 2, x: [], y: []};
    const view = {log: false, across: "updates"};
    const charts = [curveChart("accuracy of the ten answers", [accuracy], view), curveChart("loss, training", [loss], view)];
    const [facts, saying, digest, canvas] = [make("div", {class: "facts"}), make("div", {class: "wide"}), make("div"), make("canvas")];
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "map of what each answering step recalled");
    const go = make("button", {type: "button", class: "go", click: () => { state.running ? pause() : start(); }}, "Start");
    const seed = make("input", {type: "number", min: 0, max: 999999, value: 1, style: "width: 8em", change: () => reset()});

    function look() {
        check(engine, engine.sab_demo_look());
        const n = engine.sab_demo_updates();
        if (n === 0 || accuracy.x[accuracy.x.length - 1] !== n) {
            accuracy.x.push(n);
            accuracy.y.push(engine.sab_demo_accuracy());
        }
        state.updates = n;
        state.accuracy = engine.sab_demo_accuracy();
        state.perfect = state.accuracy === 1 ? state.perfect + 1 : 0;
        facts.replaceChildren(make("span", {}, "updates: ", make("strong", {}, number(n))),
            make("span", {}, "right answers: ", make("strong", {}, number(100 * state.accuracy, 3) + " %"), " (guessing: 12.5 %)"),
            make("span", {}, "a second: " + (n > 0 ? number(n / state.spent, 2) : "\u2013") + " updates"));
        saying.replaceChildren(symbolTable(engine));
        charts.forEach(chart => chart.redraw());
        drawMap(canvas, engine);
    }

    function showDigest() {
        const options = {...OPTIONS, steps: 1, "eval-every": 1, "eval-size": 16, out: "run"};
        const words = [`--seed ${state.seed}`, ...Object.entries(options).map(([name, value]) => `--${name} ${value}`), "--json"];
        digest.replaceChildren(
            make("p", {}, "Digest of all weights before the first update: ", make("code", {class: "digest-0"}, state.digests[0]),
                ", after it: ", make("code", {class: "digest-1"}, state.digests[1] || "(not done yet)"), "."),
            make("p", {}, "This is the library's own code with its plainest kernels, not a copy in JavaScript. On a PC the same update leaves the " +
                "same bits; this says so, as weights_digest:"),
            make("pre", {}, "sab train copy --cpu ref ", words.map(word => [make("span", {}, word), " "]).flat()));
    }

    function update() {
        const begun = performance.now();
        check(engine, engine.sab_demo_update());
        state.spent += (performance.now() - begun) / 1000;
        const n = engine.sab_demo_updates();
        loss.x.push(n);
        loss.y.push(engine.sab_demo_train_loss());
        if (n <= 5)
            state.digests.push(textAt(engine, engine.sab_demo_digest()));
        if (n === 1)
            showDigest();
    }

    function fail(error) {
        state.running = false;
        state.failed = String(error.message);
        go.textContent = "Start";
        facts.replaceChildren(make("p", {class: "warn"}, "Stopped: " + error.message));
    }

    let looked = 0;
    function piece() {
        if (!state.running)
            return;
        try {
            const until = performance.now() + PIECE_MS;
            do
                update();
            while (performance.now() < until);
            if (performance.now() - looked > LOOK_MS) {
                look();
                looked = performance.now();
                if (state.perfect === PERFECT_LOOKS) {
                    pause();
                    facts.append(make("span", {class: "learned"}, "It has learned. Go on, or try another seed."));
                    return;
                }
            }
            setTimeout(piece, 0);
        } catch (error) {
            fail(error);
        }
    }

    function start() {
        state.running = true;
        go.textContent = "Pause";
        setTimeout(piece, 0);
    }

    function pause() {
        state.running = false;
        go.textContent = "Go on";
        look();
    }

    function reset() {
        state.running = false;
        go.textContent = "Start";
        state.seed = Math.min(999999, Math.max(0, Math.floor(Number(seed.value)) || 0));
        seed.value = state.seed;
        for (const list of [loss.x, loss.y, accuracy.x, accuracy.y])
            list.length = 0;
        state.spent = state.perfect = 0;
        begin(engine, state.seed);
        state.digests = [textAt(engine, engine.sab_demo_digest())];
        look();
        showDigest();
    }

    const theme = make("button", {type: "button", class: "theme", click: () => {
        const root = document.documentElement;
        root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
        drawMap(canvas, engine);
    }}, "light / dark");
    document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    document.body.append(make("main", {},
        make("div", {class: "top"}, make("h1", {}, "A network learns to remember"), theme),
        make("p", {}, `It reads ten symbols, waits ${OPTIONS.T} steps and has to say them again. Its gradient runs back only ${OPTIONS["k-trunc"]} ` +
            "steps at a time; what it lacks beyond it learns through recall: at each step it is reminded of the five past states that " +
            "seem most useful, and the gradient goes straight back to these (Sparse Attentive Backtracking). Nothing leaves this page."),
        make("div", {class: "bar"}, go, make("button", {type: "button", class: "reset", click: () => reset()}, "Reset"),
            make("label", {}, "seed ", seed)),
        facts,
        make("h2", {}, "What it recalls while it answers"),
        make("p", {class: "faint"}, "A row is a step that answers, a column a past step; the stronger the colour, the more of it was recalled (mean of eight " +
            "sequences it does not learn from). The frames mark where the symbol that is asked for was read."),
        make("div", {}, canvas),
        make("h2", {}, "What it says"), saying,
        make("h2", {}, "How it learns"), make("div", {class: "charts"}, charts),
        make("h2", {}, "The same bits as on a PC"), digest,
        make("p", {class: "faint"}, "sab " + textAt(engine, engine.sab_demo_version()))));
    addEventListener("resize", () => drawMap(canvas, engine));
    reset();
}

main().catch(error => document.body.append(make("main", {}, make("p", {class: "warn"}, "This browser cannot run the page: " + error.message))));
