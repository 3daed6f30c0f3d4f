/* A sequence of one's own, which the program that serves this page runs the model on. */

function ownSequence(run, number, show) {
    const isText = run.options.task === "text";
    const hint = isText ? "a text" : run.shape.input === "ids" ? "symbols, 0 to " + (run.shape.I - 1) + ", with blanks between them"
                                                               : run.shape.I + " numbers a step, steps apart by ;";
    const text = make("textarea", {rows: isText ? 4 : 2, maxlength: 20000, "aria-label": "a sequence of your own: " + hint, placeholder: hint});
    const note = make("span", {class: "warn", role: "status"});
    const ask = async () => {
        note.textContent = "";
        try {
            const answer = await fetch("sequence.json?run=" + number + "&text=" + encodeURIComponent(text.value));
            if (!answer.ok) {
                note.textContent = shown(await answer.text());
                return;
            }
            const own = {...run, ...await answer.json(), name: run.name + ", your sequence"};
            if (!own.recall) {
                note.textContent = shown(own.recallNote);
                return;
            }
            unpackRecall(own);
            show(own);
        } catch {
            note.textContent = "The program that serves this page has ended.";
        }
    };
    return make("form", {class: "own bar", submit: event => { event.preventDefault(); ask(); }}, text,
                make("button", {type: "submit"}, "What does it recall?"), note);
}
