// Two small charts of the last minute, one value a second.

const SECONDS = 60;
const FONT = '11px system-ui, sans-serif';
const LEFT = 34;
const BOTTOM = 18;
const TOP = 6;

// Draws `lines` (each {key, color, fill, width}) or, stacked, areas of them.
export function drawChart(canvas, seconds, lines, { stacked = false } = {}) {
  const area = prepare(canvas);
  const most = niceMost(Math.max(...seconds.map((second) => height(second, lines, stacked)), 0));
  const x = (second) => area.right - ((last(seconds) - second.number) * area.width) / (SECONDS - 1);
  const y = (value) => area.bottom - (value / most) * area.height;
  drawGrid(area, most, y);
  area.context.save();
  area.context.beginPath();
  area.context.rect(LEFT, 0, area.width + 2, area.bottom);
  area.context.clip();
  for (const part of unbroken(seconds)) {
    if (stacked) drawStack(area.context, part, lines, x, y);
    else lines.forEach((line) => drawLine(area, part, line, x, y));
  }
  area.context.restore();
}

function prepare(canvas) {
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: tall } = canvas;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(tall * ratio);
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const right = width - 2;
  const bottom = tall - BOTTOM;
  const style = getComputedStyle(canvas);
  return { context, style, right, bottom, width: right - LEFT, height: bottom - TOP };
}

function drawGrid({ context, style, right, bottom }, most, y) {
  context.font = FONT;
  context.lineWidth = 1;
  context.strokeStyle = style.getPropertyValue('--line');
  context.fillStyle = style.getPropertyValue('--quiet');
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  for (const value of [0, most / 2, most]) {
    const place = Math.round(y(value)) + 0.5;
    context.beginPath();
    context.moveTo(LEFT, place);
    context.lineTo(right, place);
    context.stroke();
    context.fillText(short(value), LEFT - 6, Math.max(place, 7));
  }
  context.textBaseline = 'alphabetic';
  context.textAlign = 'left';
  context.fillText('60 s ago', LEFT, bottom + 14);
  context.textAlign = 'right';
  context.fillText('now', right, bottom + 14);
}

function drawLine({ context, bottom }, part, { key, color, fill }, x, y) {
  context.beginPath();
  part.forEach((second) => context.lineTo(x(second), y(second[key])));
  context.strokeStyle = color;
  context.lineWidth = fill ? 2 : 1.25;
  context.lineJoin = 'round';
  context.stroke();
  if (!fill) return;
  context.lineTo(x(part.at(-1)), bottom);
  context.lineTo(x(part[0]), bottom);
  context.globalAlpha = 0.16;
  context.fillStyle = color;
  context.fill();
  context.globalAlpha = 1;
}

function drawStack(context, part, lines, x, y) {
  const below = part.map(() => 0);
  for (const { key, color } of lines) {
    const above = part.map((second, index) => below[index] + second[key]);
    context.beginPath();
    part.forEach((second, index) => context.lineTo(x(second), y(above[index])));
    for (let index = part.length - 1; index >= 0; index -= 1) {
      context.lineTo(x(part[index]), y(below[index]));
    }
    context.closePath();
    context.fillStyle = color;
    context.fill();
    below.splice(0, below.length, ...above);
  }
}

// Stretches without a second in which nothing came.
function unbroken(seconds) {
  const parts = [];
  let part = [];
  for (const second of seconds) {
    if (second.frames > 0) part.push(second);
    else if (part.length) {
      parts.push(part);
      part = [];
    }
  }
  return part.length ? [...parts, part] : parts;
}

function height(second, lines, stacked) {
  if (!second.frames) return 0;
  const values = lines.map(({ key }) => second[key]);
  return stacked ? values.reduce((sum, value) => sum + value, 0) : Math.max(...values);
}

function niceMost(value) {
  if (!(value > 0)) return 10;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function last(seconds) {
  return seconds.length ? seconds.at(-1).number : 0;
}

function short(value) {
  return value >= 10000 ? `${value / 1000}k` : `${Number(value.toPrecision(3))}`;
}
