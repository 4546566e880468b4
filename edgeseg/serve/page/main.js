// The page: puts what comes over the connection in its places, and remembers what the viewer chose.

import { drawChart } from './charts.js';
import { connect } from './link.js';
import {
  buildLegend, deviceRows, fill, modelRows, runRows, sourceRows, updateLegend,
} from './panels.js';
import { Picture } from './picture.js';
import { age, milliseconds } from './words.js';

const KEPT_S = 60;
const LATE_S = 1;
const OLD_S = 3;
const NOTICES = {
  connected: '',
  paused: '',
  gone: 'No connection, trying again.',
  full: 'All places to watch are taken, trying again.',
  token: 'This run has a new token: open the address that edgeseg run has printed.',
};
const STATES = { paused: 'paused', gone: 'no connection', full: 'no place', token: 'new token' };

const at = (id) => document.getElementById(id);
const picture = new Picture(at('picture'));
const choices = remembered();
let seconds = [];
let status = null;
let linked = false;
let shown = null; // when the picture at hand was captured, and how old pictures get here

picture.mode = choices.mode;

connect({
  hello(first) {
    status = first;
    seconds = first.seconds;
    picture.alpha = choices.alpha ?? first.model.alpha;
    readClasses(first.classes);
    showChoices();
    update();
  },
  status(next) {
    status = next;
    seconds = [...seconds, ...next.seconds].slice(-KEPT_S);
    update();
  },
  async picture(buffer) {
    const header = await picture.show(buffer);
    const now = performance.now() / 1000;
    const usual = shown ? 0.9 * shown.usual + 0.1 * (now - shown.captured) : 0;
    shown = { captured: now - header.age, usual };
    showAge();
  },
  state(name) {
    linked = name === 'connected';
    at('notice').textContent = NOTICES[name];
    at('notice').hidden = !NOTICES[name];
    if (!linked) setState(STATES[name], name === 'paused' ? 'wait' : 'bad');
    showAge();
  },
});

function readClasses(classes) {
  choices.off = new Set(choices.off);
  picture.off = new Set(classes.filter(({ name }) => choices.off.has(name)).map((c) => c.index));
  picture.setColors(classes.map(({ color }) => color));
  buildLegend(at('classes'), classes, ({ index }) => !picture.off.has(index), turn);
}

function turn(index, on) {
  const { name } = status.classes[index];
  if (on) picture.off.delete(index);
  else picture.off.add(index);
  if (on) choices.off.delete(name);
  else choices.off.add(name);
  remember();
  picture.recolor();
}

function turnAll(on) {
  at('classes').querySelectorAll('input').forEach((box, index) => {
    box.checked = on;
    turn(index, on);
  });
}

function update() {
  const { run, source, model, viewers } = status;
  at('model-name').textContent = model.name;
  document.title = model.name ? `${model.name} · edgeseg` : 'edgeseg';
  at('fps').textContent = run.fps.toFixed(1);
  if (source) setState(source.state, source.state === 'live' ? 'good' : 'bad');
  else setState('running', 'good');
  updateLegend(at('classes'), status.classes);
  fill(at('source'), sourceRows(status));
  fill(at('run'), runRows(status));
  fill(at('device'), deviceRows(status));
  fill(at('model'), modelRows(status));
  at('viewers').textContent = `${viewers.now} of ${viewers.most} places to watch taken;`
    + ` edgeseg ${status.version}`;
  showCharts();
}

function setState(text, tone) {
  const pill = at('state');
  if (pill.textContent !== text) pill.textContent = text;
  pill.dataset.tone = tone;
}

function showCharts() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--series-${name}`);
  drawChart(at('chart-age'), seconds, [
    { key: 'age_ms', color: color('mean'), fill: true },
    { key: 'oldest_ms', color: color('most'), fill: false },
  ]);
  const stages = ['prepare', 'infer', 'decode'];
  const lines = stages.map((name) => ({ key: `${name}_ms`, color: color(name) }));
  drawChart(at('chart-stages'), seconds, lines, { stacked: true });
  const latest = seconds.at(-1) ?? {};
  at('age-mean').textContent = milliseconds(latest.age_ms);
  at('age-most').textContent = milliseconds(latest.oldest_ms);
  stages.forEach((name) => {
    at(`time-${name}`).textContent = milliseconds(latest[`${name}_ms`]);
  });
  at('chart-age').ariaLabel = `Frame age, mean of the last second: ${at('age-mean').textContent} ms`;
  at('chart-stages').ariaLabel = stages
    .map((name) => `${name} ${at(`time-${name}`).textContent} ms`).join(', ');
}

// The picture's age grows on its own; where pictures are slow to come, what is old is later.
function showAge() {
  if (!shown) return;
  const seconds = performance.now() / 1000 - shown.captured;
  const old = seconds > Math.max(OLD_S, 2.5 * shown.usual);
  const late = seconds > Math.max(LATE_S, 1.5 * shown.usual);
  at('age-text').textContent = age(seconds);
  at('age').dataset.tone = old ? 'bad' : late ? 'late' : 'good';
  at('figure').classList.toggle('old', old);
  const words = old ? 'This picture is old.' : '';
  if (at('stale').textContent !== words) at('stale').textContent = words;
}

function showChoices() {
  document.querySelector(`input[name=mode][value=${picture.mode}]`).checked = true;
  at('alpha').value = Math.round(picture.alpha * 100);
  at('alpha-text').textContent = `${at('alpha').value} %`;
  at('alpha').disabled = picture.mode !== 'overlay';
}

function remembered() {
  const plain = { mode: 'overlay', alpha: null, off: [] };
  try {
    return { ...plain, ...JSON.parse(localStorage.getItem('edgeseg') ?? '{}') };
  } catch {
    return plain;
  }
}

function remember() {
  try {
    localStorage.setItem('edgeseg', JSON.stringify({ ...choices, off: [...choices.off] }));
  } catch {
    // Storage is off: the choice lasts as long as the page.
  }
}

document.querySelectorAll('input[name=mode]').forEach((button) => {
  button.addEventListener('change', () => {
    picture.mode = button.value;
    choices.mode = button.value;
    remember();
    showChoices();
    picture.draw();
  });
});
at('alpha').addEventListener('input', () => {
  picture.alpha = at('alpha').value / 100;
  choices.alpha = picture.alpha;
  remember();
  showChoices();
  picture.draw();
});
at('all-on').addEventListener('click', () => turnAll(true));
at('all-off').addEventListener('click', () => turnAll(false));
at('picture').addEventListener('pointermove', (event) => {
  const index = picture.classAt(event.clientX, event.clientY);
  const name = index === null ? '' : status?.classes[index]?.name ?? '';
  at('under').textContent = name;
  at('under').hidden = !name;
});
at('picture').addEventListener('pointerleave', () => { at('under').hidden = true; });
at('fullscreen').hidden = !document.fullscreenEnabled;
at('fullscreen').addEventListener('click', () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else at('figure').requestFullscreen();
});
addEventListener('resize', () => status && showCharts());
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => status && showCharts());
if (location.hash) history.replaceState(null, '', '/');
setInterval(showAge, 200);
