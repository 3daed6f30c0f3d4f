/* An image as a picture, with the pixels of the steps that are looked at: of run.image {rows, cols, channels, by}, where a step is a row or
 * a pixel in its place. */

function pictureOf(run, sequence) {
    const {rows, cols, channels, by} = run.image;
    const canvas = make("canvas", {class: "picture", role: "img", "aria-label": "the image, with the steps that were recalled"});
    const zoom = Math.max(2, Math.floor(168 / Math.max(rows, cols)));
    canvas.width = cols * zoom;
    canvas.height = rows * zoom;
    canvas.style.width = canvas.width + "px";
    const pixels = make("canvas");
    pixels.width = cols;
    pixels.height = rows;
    let [low, high] = [Infinity, -Infinity];
    for (const value of sequence.values) {
        low = Math.min(low, value);
        high = Math.max(high, value);
    }
    const image = new ImageData(cols, rows);
    for (let p = 0; p < rows * cols; p++)
        for (let k = 0; k < 4; k++)
            image.data[4 * p + k] = k === 3 ? 255 :
                high > low ? 255 * (sequence.values[p * channels + k % channels] - low) / (high - low) : 127; /* by row or by pixel alike */
    pixels.getContext("2d").putImageData(image, 0, 0);

    /* The box of step t, from 1. */
    function outline(context, t, colour, width) {
        const [x, y, w] = by === "row" ? [0, t - 1, cols] : [(t - 1) % cols, Math.floor((t - 1) / cols), 1];
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.strokeRect(x * zoom + 0.5, y * zoom + 0.5, w * zoom - 1, zoom - 1);
    }

    /* entries: what step t recalled, the strongest first; value: the name of what makes it strong. */
    canvas.mark = (t, entries, value) => {
        const context = canvas.getContext("2d");
        const most = entries.length ? Math.abs(entries[0][value]) : 0;
        context.imageSmoothingEnabled = false;
        context.globalAlpha = 1;
        context.drawImage(pixels, 0, 0, canvas.width, canvas.height);
        for (const entry of entries)
            if (entry.when > 0 && most > 0) {
                context.globalAlpha = 0.2 + 0.8 * Math.abs(entry[value]) / most;
                outline(context, entry.when, "#ff8a2a", 2);
            }
        context.globalAlpha = 1;
        if (t !== null)
            outline(context, t, "#2aa3ff", 2);
    };
    return canvas;
}
