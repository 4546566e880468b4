// Legend and cards: what is known as rows of names and values.

import { age, bytes, clock, count, length, percent } from './words.js';

// Builds the legend; `changed(index, on)` is called when a class is turned on or off.
export function buildLegend(list, classes, isOn, changed) {
  list.replaceChildren(...classes.map((entry) => legendRow(entry, isOn(entry), changed)));
}

function legendRow({ index, name, color }, on, changed) {
  const row = document.createElement('li');
  row.style.setProperty('--color', color);
  const label = row.appendChild(document.createElement('label'));
  const box = label.appendChild(document.createElement('input'));
  box.type = 'checkbox';
  box.checked = on;
  box.addEventListener('change', () => changed(index, box.checked));
  for (const kind of ['swatch', 'name', 'bar', 'share']) {
    label.appendChild(document.createElement('span')).className = kind;
  }
  label.querySelector('.name').textContent = name;
  label.querySelector('.bar').append(document.createElement('i'));
  return row;
}

export function updateLegend(list, classes) {
  classes.forEach(({ coverage }, index) => {
    const row = list.children[index];
    if (!row) return;
    row.querySelector('.share').textContent = coverage === null ? '–' : percent(coverage);
    row.querySelector('.bar i').style.setProperty('--share', coverage ?? 0);
  });
}

// Fills a list with [name, value, tone]; rows that stay are not made anew, so nothing flickers.
export function fill(list, rows) {
  const shown = rows.filter(([, value]) => value !== '' && value !== null && value !== undefined);
  const key = shown.map(([name]) => name).join('\n');
  if (list.dataset.rows !== key) {
    list.dataset.rows = key;
    list.replaceChildren(
      ...shown.map(([name]) => {
        const row = document.createElement('div');
        row.append(document.createElement('dt'), document.createElement('dd'));
        row.firstChild.textContent = name;
        return row;
      }),
    );
  }
  shown.forEach(([, value, tone], index) => {
    const cell = list.children[index].lastChild;
    if (cell.textContent !== `${value}`) cell.textContent = value;
    cell.dataset.tone = tone ?? '';
  });
}

export function sourceRows({ source, run, model }) {
  const size = run.size ? `${run.size[0]}x${run.size[1]}` : '';
  const name = model.setup.source ?? '';
  if (!source) return [['source', name], ['frames', size]];
  const bad = source.state === 'live' ? '' : 'bad';
  return [
    ['source', name],
    ['state', `${source.state} for ${length(source.for_s)}`, bad],
    ['last reason', source.reason || 'none', bad],
    ['retries', count(source.retries)],
    ['lost', source.losses === 1 ? 'once' : `${count(source.losses)} times`],
    ['mode', source.mode || size],
    ['same picture for', source.frozen_s > 0.5 ? length(source.frozen_s) : ''],
  ];
}

export function runRows({ run, source }) {
  const dropped = Object.entries(run.dropped);
  const missed = Object.entries(run.missed);
  return [
    ['running', length(run.running_s)],
    ['captured', source ? count(source.captured) : ''],
    ['masked', count(run.masked)],
    ...(dropped.length ? [] : [['dropped', '0']]),
    ...dropped.map(([why, number]) => [`dropped: ${why}`, count(number)]),
    ...missed.map(([name, number]) => [`missed by ${name}`, count(number)]),
  ];
}

export function modelRows({ model }) {
  const { head, setup } = model;
  const facts = Object.entries(setup).filter(([name]) => name !== 'source');
  return [
    ['name', model.name],
    ['network', [model.decoder, model.encoder].filter(Boolean).join(', ')],
    ['upsampling', model.upsampling],
    ['precision', model.precision],
    ['input', model.input_size.join('x')],
    ['output', `${head.kind.replace('_', ' ')}, stride ${head.stride}`],
    ['target', model.target],
    ...facts,
  ];
}

export function deviceRows({ device }) {
  const free = device.memory_available_bytes;
  const slow = device.throttled.join(', ');
  return [
    ['device', device.name],
    ['cores', `${device.cores}, ${device.machine}`],
    ['load', device.load1 === null ? '' : device.load1.toFixed(2)],
    ['memory free', free === null ? '' : `${bytes(free)} of ${bytes(device.memory_total_bytes)}`],
    ['this run uses', device.process_memory_bytes === null ? '' : bytes(device.process_memory_bytes)],
    ...temperatures(device.temperatures_c),
    ['clock', clock(device)],
    ['throttled', slow || 'no', slow ? 'bad' : ''],
    ['since boot', device.throttled_before.join(', '), 'late'],
  ];
}

function temperatures(zones) {
  const entries = Object.entries(zones);
  if (!entries.length) return [['temperature', 'not told']];
  return entries.map(([name, value]) => [
    entries.length === 1 ? 'temperature' : name,
    `${value.toFixed(1)} °C`,
    value >= 80 ? 'bad' : value >= 70 ? 'late' : '',
  ]);
}

export { age };
