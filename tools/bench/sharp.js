// Answers one line of JSON with another: does the work and says how long it took.
const { readFileSync } = require("node:fs");
const { createInterface } = require("node:readline");
const sharp = require(process.argv[2]);

sharp.cache(false);
const files = new Map();

function read(path) {
  if (!files.has(path)) files.set(path, readFileSync(path));
  return files.get(path);
}

function coded(image, work) {
  if (work.format === "jpeg") return image.jpeg({ quality: work.quality, progressive: work.progressive });
  if (work.format === "png") return image.png();
  // The encoder's speed and chroma of the pipeline: at sharp's default effort, 4, it takes about ten times as long.
  if (work.format === "avif") return image.avif({ quality: work.quality, effort: 1, chromaSubsampling: "4:2:0" });
  return image[work.format]({ quality: work.quality });
}

function scaled(data, width) {
  return sharp(data).rotate().resize(width, width, { fit: "inside", withoutEnlargement: true });
}

// One image for all, as sharp's documentation of clone() has it.
async function responsiveSet(data, work) {
  const image = sharp(data).rotate();
  const made = work.widths.flatMap((width) => {
    const resized = image.clone().resize({ width, withoutEnlargement: true });
    return Object.entries(work.qualities).map(([format, quality]) =>
      coded(resized.clone(), { format, quality, progressive: true }).toBuffer());
  });
  return (await Promise.all(made)).reduce((bytes, body) => bytes + body.length, 0);
}

async function each(data, work) {
  let bytes = 0;
  for (const width of work.widths) bytes += (await coded(scaled(data, width), work).toBuffer()).length;
  return bytes;
}

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    const work = JSON.parse(line);
    sharp.concurrency(work.threads);
    if (work.pixels) {
      const file = readFileSync(work.file);
      const start = process.hrtime.bigint();
      const { data, info } = await scaled(file, work.widths[0]).raw().toBuffer({ resolveWithObject: true });
      const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;
      await sharp(data, { raw: info }).png({ compressionLevel: 0 }).toFile(work.pixels);
      console.log(JSON.stringify({ milliseconds, bytes: 0 }));
      continue;
    }
    const data = read(work.file);
    const start = process.hrtime.bigint();
    const bytes = await (work.qualities ? responsiveSet : each)(data, work);
    const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;
    console.log(JSON.stringify({ milliseconds, bytes }));
  }
}

main();
