/* What all parts of the page use: elements, numbers, axes. Text from runs only ever becomes text nodes and attributes. */

/* What somebody chose to look at, kept where a page follows runs and is drawn anew. */
const KEPT = {curves: {log: false, across: "updates"}, explorers: {}};

/* make("p", {class: "faint"}, "text", child, ...): an element with attributes (functions become listeners) and children. */
function make(tag, attributes, ...children) {
    const svg = ["svg", "path", "line", "rect", "text", "g", "circle", "title", "clipPath"].includes(tag);
    const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {}))
        if (typeof value === "function")
            element.addEventListener(name, value);
        else if (value !== null && value !== undefined && value !== false)
            element.setAttribute(name, value === true ? "" : value);
    element.append(...children.flat().filter(child => child !== null && child !== undefined));
    return element;
}

/* A name as people are shown it: control characters, which could turn or hide what follows, as U+XXXX. */
function shown(text) {
    return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
        c => "\u27e8U+" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0") + "\u27e9");
}

/* At most `digits` significant digits, without an exponent where that is short. */
function number(x, digits = 4) {
    if (x === null || x === undefined || Number.isNaN(x))
        return "\u2013";
    if (Number.isInteger(x) && Math.abs(x) < 1e15)
        return x.toLocaleString("en-US");
    const size = Math.abs(x);
    return size >= 1e6 || size < 1e-4 ? x.toExponential(digits - 1) : String(Number(x.toPrecision(digits)));
}

/* A name as parts that may stand on lines of their own: a_b_c. */
function breakable(name) {
    return shown(name).split("_").flatMap((part, i) => i ? ["_", make("wbr"), part] : [part]);
}

/* A sentence in which no line ends within --an-option. */
function sentence(text) {
    return shown(text).split(" ").flatMap((word, i) => [i ? " " : "", word.startsWith("--") ? make("span", {class: "option"}, word) : word]);
}

function duration(seconds) {
    const s = Math.round(seconds);
    if (seconds < 10)
        return number(seconds, 2) + " s";
    return s < 60 ? s + " s" : s < 3600 ? Math.floor(s / 60) + " min " + s % 60 + " s"
                                        : Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
}

/* Round numbers that cover low..high, about `count` of them. */
function ticks(low, high, count, whole) {
    if (!(high > low))
        return [low];
    let step = Math.pow(10, Math.floor(Math.log10((high - low) / count)));
    for (const factor of [1, 2, 5, 10])
        if ((high - low) / (step * factor) <= count) {
            step *= factor;
            break;
        }
    if (whole && step < 1)
        step = 1;
    const list = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
        list.push(Number((i * step).toPrecision(12)));
    return list;
}

/* Powers of ten, and 2 and 5 times these where that leaves few. */
function logTicks(low, high) {
    const list = [];
    const factors = Math.log10(high / low) > 3 ? [1] : [1, 2, 5];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
        for (const factor of factors)
            if (factor * 10 ** e >= low * 0.999 && factor * 10 ** e <= high * 1.001)
                list.push(Number((factor * 10 ** e).toPrecision(12)));
    return list.length > 1 ? list : ticks(low, high, 4);
}

/* The bytes of a typed array, written as base64 in the order of the least significant byte first. */
function unpack(text, type) {
    if (!text)
        return null;
    const raw = atob(text);
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++)
        bytes[i] = raw.charCodeAt(i);
    if (type.BYTES_PER_ELEMENT > 1 && new Uint8Array(new Uint16Array([1]).buffer)[0] === 0)
        for (let i = 0; i < bytes.length; i += type.BYTES_PER_ELEMENT)
            bytes.subarray(i, i + type.BYTES_PER_ELEMENT).reverse();
    return new type(bytes.buffer);
}

function colour(i) {
    return "var(--s" + i % 8 + ")";
}

/* Lines beyond the eighth repeat the colours, dashed. */
function dashes(i) {
    return i < 8 ? null : i < 16 ? "6 3" : "2 3";
}

function save(name, type, text) {
    const link = make("a", {href: URL.createObjectURL(new Blob([text], {type})), download: name});
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/* A table: columns [{name, number, sort}], rows of cells (text, numbers, elements). A click on a head sorts. */
function table(columns, rows, sortable) {
    const body = make("tbody");
    const isWord = value => typeof value === "string" && value.length <= 24 && !value.includes(" ");
    const cell = (value, column) => make("td", {class: column.number ? "number" : isWord(value) ? "word" : null},
        value instanceof Node ? value : typeof value === "number" ? number(value, column.digits || 4) : shown(value ?? "\u2013"));
    const fill = list => body.replaceChildren(...list.map(row => make("tr", {}, columns.map((c, i) => cell(row[i], c)))));
    const key = value => value instanceof Node ? value.textContent : value;
    const heads = columns.map((column, i) => {
        const head = make("th", {class: (column.number ? "number " : "") + (sortable ? "sortable" : ""), scope: "col",
                                 tabindex: sortable ? 0 : null}, breakable(column.name));
        const sort = () => {
            const down = head.getAttribute("aria-sort") === "ascending";
            heads.forEach(h => h.removeAttribute("aria-sort"));
            head.setAttribute("aria-sort", down ? "descending" : "ascending");
            const sorted = [...rows].sort((a, b) => {
                const [x, y] = [key(a[i]), key(b[i])];
                const empty = value => value === null || value === undefined || Number.isNaN(value);
                if (empty(x) || empty(y))
                    return empty(x) - empty(y);
                const order = typeof x === "number" && typeof y === "number" ? x - y
                                                                             : String(x).localeCompare(String(y), "en", {numeric: true});
                return down ? -order : order;
            });
            fill(sorted);
        };
        if (sortable) {
            head.addEventListener("click", sort);
            head.addEventListener("keydown", event => event.key === "Enter" && sort());
        }
        return head;
    });
    fill(rows);
    return make("div", {class: "wide"}, make("table", {}, make("thead", {}, make("tr", {}, heads)), body));
}
